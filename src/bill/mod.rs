//! What OpenAI says was used, beside what was observed: its answers are read, and matched by model and tier.

pub mod comparison;
pub mod costs;
pub mod thread;

pub use comparison::{Comparison, Row, Stranger};
pub use thread::named;
