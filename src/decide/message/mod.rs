//! What the governor is told, and what it wants done: a leaf, which knows no component of it.

mod consult;
mod effect;
mod hook;
mod ids;
mod input;
mod question;
mod reserve;

pub use consult::{Consult, NoAdvice, Prompt};
pub(super) use effect::Effects;
pub use effect::{Effect, Ending};
pub use hook::{Asked, Asks, Gone, Hook, Judged, ToolCall, Wants};
pub use ids::{ConsultId, HookId, RequestId};
pub use input::{Classed, Input, Interrupt, Moment, News, Phase, Settled, Timer, Works};
pub use question::{About, Question};
pub use reserve::{Amount, Reservation, Used};
