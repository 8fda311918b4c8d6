//! A thread on which nothing more is asked, while its agent goes on: a sub-agent whose own limit is spent or whose
//! model is not allowed, or a person's thread until its model is switched back.

pub(super) mod barring;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{ThreadId, Timestamp};

use super::accounts::account::Account;
use super::accounts::ids::AccountId;

/// Why nothing more is asked on a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// For a person, and for the threads beside it.
    because: String,
    /// The limit that is spent; `None`: its model or its tier is not allowed.
    limit: Option<Spent>,
    /// Threads of its family that were told.
    told: BTreeSet<ThreadId>,
}

/// Why nothing more is asked on a thread, and who was told: what hooks without a supervisor leave to one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarTold {
    /// For a person, and for the threads beside it.
    pub because: String,
    /// Threads of its family that were told.
    pub told: BTreeSet<ThreadId>,
}

impl Bar {
    /// What another hook found: whether it still holds is for the thread's own hooks to say.
    pub(super) fn of_another_hook(bar: &BarTold) -> Self {
        Self { because: bar.because.clone(), limit: None, told: bar.told.clone() }
    }
}

/// A limit when a thread was barred by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spent {
    account: AccountId,
    limit: i64,
    spent: i64,
}

impl Spent {
    fn of(id: AccountId, account: &Account) -> Self {
        Self { account: id, limit: account.limit(), spent: account.spent }
    }

    /// It was lifted since, or its window has moved on.
    fn is_over(self, account: &Account, now: Timestamp) -> bool {
        account.limit() > self.limit || account.spent < self.spent || account.is_past(now)
    }
}
