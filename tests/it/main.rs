//! govern as a person meets it: the binary, the real Codex under it, and what is left afterwards.
//!
//! Each module is a topic. Codex talks to a fake server of the tests' own; what govern says about spend is held
//! against what that server served. `ground` needs no govern at all: it proves what the others stand on.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests start processes, and fail by panicking"
)]

#[path = "../support/mod.rs"]
pub mod support;

mod agents_sdk;
mod alerts;
mod allot;
mod app_server;
mod approvals;
mod ask;
mod at_reset;
mod audit;
mod bad_input;
mod brake;
mod budget;
mod cli;
mod code_mode;
mod codex_sdk;
mod concurrent;
mod cut_off;
mod demo;
mod estimates;
mod exceptions;
mod fleet;
mod fleet_crowd;
mod fleet_decides;
mod fleet_review;
mod gate;
mod gate_fails;
mod gate_screen;
mod gateway;
mod gateway_codex;
mod governor_model;
mod ground;
mod guard;
mod import;
mod in_force;
mod installed;
mod installed_alone;
mod installed_env;
mod installed_file;
mod installed_screen;
mod ledger_lost;
mod limits;
mod mail;
mod metrics;
mod models;
mod namespace;
mod notices;
mod old;
mod packages;
mod page;
mod paper;
mod plain;
mod policy_files;
mod policy_try;
mod prices;
mod programs;
mod proxied;
mod prune;
mod question;
mod reach;
mod readme;
mod reconcile;
mod remote;
mod report;
mod results;
mod resume;
mod route;
mod screen;
mod security;
mod session_file;
mod shim;
mod siblings;
mod signals;
mod slack;
mod slips;
mod slips_generated;
mod steer;
mod subagent;
mod suite;
mod switch;
mod terminal;
mod tier;
mod told;
mod tool_calls;
mod top;
mod unobserved;
mod unrecorded;
mod unseen;
mod who_answers;
mod work;
mod workflows;
mod wrap_up;

/// A tool that never ends by itself: an agent gets past it only if somebody ends it.
const ENDLESS: &str = "sleep 600";

/// A tool that takes a moment: a stop lets it end, because it is paid for.
const PAID: &str = "sleep 0.3; echo done >> paid.txt";
