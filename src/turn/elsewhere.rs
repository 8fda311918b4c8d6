//! Whoever keeps budgets elsewhere, for many machines.

use crate::decide::message::{Amount, RequestId, Reservation, Used};

/// Keeps budgets elsewhere. Neither of these waits for anything: what is to be done is handed over, and an answer that
/// takes time is an input when it comes.
pub(crate) trait Elsewhere {
    /// Is to reserve these amounts, all or none; says what is known of that at once.
    fn reserve(&mut self, request: RequestId, amounts: &[Amount]) -> Option<Reservation>;
    /// Is to free what was reserved by this try, and to post what became of it.
    fn release(&mut self, request: RequestId, used: &Used);
}

/// Nobody keeps any: whoever asks all the same gets no grant.
#[derive(Debug, Default)]
pub(crate) struct Nobody;

impl Elsewhere for Nobody {
    fn reserve(&mut self, _: RequestId, _: &[Amount]) -> Option<Reservation> {
        Some(Reservation::Away)
    }

    fn release(&mut self, _: RequestId, _: &Used) {}
}
