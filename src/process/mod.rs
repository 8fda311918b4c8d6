//! Processes: starting, finding, signalling and reaping them; the guard; the terminal.
//!
//! `govern run` forks a small **guard** before it has a thread ([`guard`], [`keeper`]). The guard
//! starts the agents, adopts their orphans and does to them what govern orders ([`wire`]). When
//! either of the two dies, the other ends what is left, so an agent never goes on alone.

pub mod descriptors;
pub mod detached;
mod dialogue;
pub mod error;
pub mod git;
pub mod guard;
pub mod hook_wait;
pub mod output_of;
pub mod proc_fs;
pub mod signals;
pub mod terminal;
pub mod this_process;
pub mod tree;
pub mod wire;

mod agent;
mod asked_to_end;
mod environment_marks;
mod evidence;
mod file_limits;
mod file_signals;
mod freeze;
mod governor_stopped;
mod guard_process;
mod inside_agent;
mod launch;
mod peer;
mod peer_before_6_5;
mod pidfd;
mod reading;
mod show;
mod tcp_peer;
mod ungoverned;

pub use asked_to_end::AskedToEnd;
pub use descriptors::{SessionFile, path_seen_by, session_files_open_in, writer_of, writes};
pub use detached::{Holder, Place, go_apart, start_apart};
pub use dialogue::converse;
pub use error::ProcessError;
pub use evidence::{cannot_write_in, has_connection};
pub use file_limits::cannot_grow;
pub use file_signals::{be_told_of_file_limits, fail_where_files_are_cut};
pub use freeze::interrupt;
pub use guard::{Guard, GuardHandle, release_stdin};
pub use hook_wait::{Parent, Woken, output_of};
pub use inside_agent::{CalledFrom, own_standing};
pub use output_of::{ask, ask_git, carry_out, end_questions, is_asked};
pub use peer::{is_outside, is_own_supervisor, is_supervisor_of, listens, peer_of};
pub use proc_fs::{
    Role, age, codex_above, codex_command_line, codex_processes, codexes_above, command_line, environ_var, is_agents,
    is_codex, is_nested_codex, tell, terminal_of, waits_for_input,
};
pub use reading::{open_to_append, open_to_read, read_at_most, write_whole};
pub use show::show;
pub use signals::{Arrived, Inbox};
pub use tcp_peer::{holder_below, visitor, visitor_of};
pub use terminal::{Lent, Terminal, window_lines};
pub use this_process::{
    account_home, has_posix_shell, has_terminal, is_log_in, machine_name, own_identity, own_program, own_uid,
    stay_in_foreground, uid_of, user_name,
};
pub use tree::{
    Process, State, alive, descendants, identity_of, is_descendant_of, is_governed, last_number, lineage,
    supervisor_above,
};
pub use ungoverned::ungoverned_codexes;
pub use wire::{
    How, Launch, LaunchFailure, Leftovers, Missing, Order, Output, Refusal, Report, Status, Stdin, TerminalSession,
};
