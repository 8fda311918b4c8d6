//! Pure. Stand-in until the real one lands.
use super::rule::Window;
use crate::model::Timestamp;
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
/// Window bounds.
pub struct Bounds {
    /// Start.
    pub start: Option<Timestamp>,
    /// End.
    pub end: Option<Timestamp>,
}
impl Window {
    /// Bounds.
    pub fn bounds(&self, _at: Timestamp, _tz: chrono_tz::Tz) -> Bounds {
        Bounds::default()
    }
}
