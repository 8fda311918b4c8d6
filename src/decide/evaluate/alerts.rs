//! The alerts that a governor looks at.

use std::ops::Index;
use std::sync::Arc;

use crate::policy::rule::Alert;

/// The policy's alerts, as far as this governor looks at any.
#[derive(Clone, Debug, Default)]
pub(in crate::decide) struct Alerts(Arc<[Alert]>);

/// One of them: made by [`Alerts`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertId(usize);

impl Alerts {
    pub(in crate::decide) fn iter(&self) -> std::slice::Iter<'_, Alert> {
        self.0.iter()
    }

    pub(in crate::decide) fn with_ids(&self) -> impl Iterator<Item = (AlertId, &Alert)> {
        self.0.iter().enumerate().map(|(place, alert)| (AlertId(place), alert))
    }

    /// The one that is written next: steps of one budget over a plan's limit stand behind each other.
    pub(in crate::decide) fn after(&self, AlertId(place): AlertId) -> Option<&Alert> {
        self.0.get(place + 1)
    }
}

impl FromIterator<Alert> for Alerts {
    fn from_iter<T: IntoIterator<Item = Alert>>(alerts: T) -> Self {
        Self(alerts.into_iter().collect())
    }
}

impl Index<AlertId> for Alerts {
    type Output = Alert;

    fn index(&self, AlertId(place): AlertId) -> &Alert {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of an alert that is looked at, and none is taken away after that"
        )]
        &self.0[place]
    }
}
