//! Policy files become rules, every mistake told at once with its place.
//!
//! Each layer's text is read into a tree that knows where everything stands ([`file`]), checked piece
//! by piece ([`check`]), and joined with the other layers into one [`rule::Policy`] ([`layers::load`]).
//! What is wrong comes back as [`mistake::Mistake`]s, which [`diagnostic::render`] shows with line and caret.

pub mod address;
pub mod alert;
pub mod approvals;
pub mod attribute;
pub(crate) mod check;
pub mod command;
pub mod cost;
pub mod diagnostic;
pub mod duration;
pub mod edit;
pub(crate) mod file;
pub mod gate;
pub mod gateway;
mod governor;
pub mod layer;
pub mod layers;
pub mod limit_key;
mod masked;
pub mod misspelt;
pub mod mistake;
mod models;
mod not_toml;
pub mod notify;
pub mod patch;
mod percent;
pub mod plan;
pub mod plan_share;
pub mod rate;
pub mod reconcile;
pub mod rule;
pub mod scope;
pub mod serve;
pub mod show;
pub mod spawn;
pub mod step;
pub(crate) mod suggest;
pub(crate) mod table;
pub mod template;
#[cfg(test)]
mod tests;
pub mod url;
pub mod verdict;
pub mod window;
pub mod zone;
