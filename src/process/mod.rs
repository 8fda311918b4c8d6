//! Owns processes: starting, finding, signalling and reaping them; the guard; the terminal.
//!
//! `govern run` forks a small **guard** before it has a thread ([`guard`], [`keeper`]). The guard
//! starts the agents, adopts their orphans and does to them what govern orders ([`wire`]). When
//! either of the two dies, the other ends what is left, so an agent never goes on alone.

pub mod apart;
pub mod ask;
mod converse;
pub mod descriptors;
pub mod error;
pub mod git;
pub mod guard;
pub mod inbox;
pub mod inspect;
pub mod own;
pub mod terminal;
pub mod tree;
pub mod watch;
pub mod wire;

mod agent;
mod asked_to_end;
mod evidence;
mod fault;
mod freeze;
mod growth;
mod held;
mod keeper;
mod launch;
mod marks;
mod other_end;
mod peer;
mod reading;
mod show;
mod standing;
mod standstill;
mod ungoverned;
mod visitor;

pub use apart::{Holder, Place, go_apart, start_apart};
pub use ask::{ask, ask_git, carry_out, end_questions, is_asked};
pub use asked_to_end::AskedToEnd;
pub use converse::converse;
pub use descriptors::{SessionFile, path_seen_by, session_files_open_in, writer_of, writes};
pub use error::ProcessError;
pub use evidence::{cannot_write_in, has_connection};
pub use fault::{be_told_of_file_limits, fail_where_files_are_cut};
pub use freeze::interrupt;
pub use growth::cannot_grow;
pub use guard::{Guard, GuardHandle, release_stdin};
pub use inbox::{Arrived, Inbox};
pub use inspect::{
    Role, age, codex_above, codex_command_line, codex_processes, codexes_above, command_line, environ_var, is_agents,
    is_codex, is_nested_codex, tell, terminal_of, waits_for_input,
};
pub use own::{
    account_home, has_posix_shell, has_terminal, is_log_in, machine_name, own_identity, own_program, own_uid,
    stay_in_foreground, uid_of, user_name,
};
pub use peer::{is_outside, is_own_supervisor, is_supervisor_of, listens, peer_of};
pub use reading::{open_to_append, open_to_read, read_at_most, write_whole};
pub use show::show;
pub use standing::{Standing, own_standing};
pub use terminal::{Lent, Terminal, window_lines};
pub use tree::{
    Process, State, alive, descendants, identity_of, is_descendant_of, is_governed, last_number, lineage,
    supervisor_above,
};
pub use ungoverned::ungoverned_codexes;
pub use visitor::{holder_below, visitor, visitor_of};
pub use watch::{Parent, Woken, output_of};
pub use wire::{
    How, Launch, LaunchFailure, Leftovers, Missing, Order, Output, Refusal, Report, Session, Status, Stdin,
};
