//! Pure. What OpenAI says was used, beside what was observed: its answers are read, and matched by model and tier.

pub mod compare;
pub mod costs;
pub mod thread;

pub use compare::{Comparison, Row, Stranger};
pub use thread::named;
