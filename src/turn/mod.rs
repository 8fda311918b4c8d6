//! What a turn of a governor takes, in a live run and in an installed hook: the ledger as its books, what is written, what
//! a hook asks, and whose answer is taken.

pub(crate) mod answers;
pub(crate) mod books;
pub(crate) mod configured;
pub(crate) mod elsewhere;
mod folding;
pub(crate) mod hook;
pub(crate) mod is_live;
pub(crate) mod login;
pub(crate) mod notices;
pub(crate) mod record;
pub(crate) mod refused_answer;
pub(crate) mod timers;
pub(crate) mod tokens;
pub(crate) mod wanted_answer;
