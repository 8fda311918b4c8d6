//! govern puts a budget in front of Codex.
//!
//! The modules stand in the order in which data flows: bytes of session files become lines
//! ([`tail`]), lines become records ([`rollout`]), records become priced responses ([`usage`]),
//! command lines are read for what they would run ([`shell`]), turns get the class of their work ([`work`]), commits are followed ([`results`]), runs stand beside others like them ([`compare`]),
//! responses and commands meet the rules ([`policy`]), the governor turns verdicts into effects ([`decide`]),
//! effects are recorded ([`ledger`]) and then performed on processes ([`process`]), on those who
//! wait at the socket ([`gate`]) and for people ([`report`], [`ui`]); programs read them as [`metrics`], over [`web`]. [`supervise`] is the one loop that
//! joins them; [`standalone`] does the same for one hook of a Codex that no govern started, and both do it by [`turn`]. [`serve`] sends by [`notify`] what waits to be told and shows all of it on a page, [`import`] reads what was recorded before; [`prepare`] makes the plan of a run, and [`cli`] is how a person asks for it. [`codex`] knows Codex's own command
//! line, [`bill`] what OpenAI says was used, [`proxy`] is the gateway that other programs' requests pass, [`fleet`] the file that names several agents, [`place`] the folder that an agent works in, [`net`] the way to other
//! machines.
//!
//! A folder is pure, or owns exactly one outside thing; its first line says which.

pub mod clock;
pub mod clocks;
pub mod error;
pub mod exit;

pub mod model;

pub mod tail;

pub mod rollout;

pub mod usage;

pub mod shell;

pub mod work;

pub mod results;

pub mod compare;

pub mod policy;

pub mod decide;

pub mod ledger;

pub mod codex;

pub mod bill;

pub mod fleet;

pub mod process;

pub mod gate;

pub mod net;

pub mod notify;

pub mod proxy;

pub mod place;

pub mod turn;

pub mod standalone;

pub mod supervise;

pub mod import;

pub mod prepare;

pub mod serve;

pub mod report;

pub mod metrics;

pub mod web;

pub mod ui;

pub mod cli;
