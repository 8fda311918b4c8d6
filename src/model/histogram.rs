//! How long many things took: counts by bounds, and the sum.

use std::time::Duration;

/// Up to where a hook's answer is counted, in microseconds: from what govern takes to what a person would notice.
pub const HOOK_BOUNDS: &[u64] =
    &[1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000];

/// The same of a person's answer: from ten seconds to a day.
pub const WAIT_BOUNDS: &[u64] = &[
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
];

/// Times, by the least bound that holds each. Every addition saturates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last is of what is longer than all of them.
    counts: Vec<u64>,
    micros: u64,
}

impl Histogram {
    /// Without any.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len().saturating_add(1)], micros: 0 }
    }

    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.add_counted(micros, 1);
        self.add_sum(micros);
    }

    /// Adds so many of which only a time is known that they did not take longer than. Their sum is added apart.
    pub fn add_counted(&mut self, micros: u64, times: u64) {
        let place = self.bounds.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(times);
        }
    }

    /// Adds to the sum of all.
    pub fn add_sum(&mut self, micros: u64) {
        self.micros = self.micros.saturating_add(micros);
    }

    /// Each bound that has any, in microseconds, and how many; what is longer than all bounds has none.
    pub fn counted(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Each bound in microseconds, and how many took no longer.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let sum = |sum: &mut u64, count: &u64| {
            *sum = sum.saturating_add(*count);
            Some(*sum)
        };
        self.bounds.iter().copied().zip(self.counts.iter().scan(0_u64, sum))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What they took together.
    pub fn micros(&self) -> u64 {
        self.micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_by_the_least_bound_that_holds_it() {
        let mut histogram = Histogram::new(&[1_000, 5_000]);
        for micros in [0, 1_000, 1_001, 5_000, 5_001] {
            histogram.add(Duration::from_micros(micros));
        }
        histogram.add(Duration::MAX);
        assert_eq!(histogram.counted().collect::<Vec<_>>(), [(Some(1_000), 2), (Some(5_000), 2), (None, 2)]);
        assert_eq!(histogram.up_to().collect::<Vec<_>>(), [(1_000, 2), (5_000, 4)]);
        assert_eq!((histogram.count(), histogram.micros()), (6, u64::MAX));
    }

    #[test]
    fn what_was_counted_is_counted_again_as_it_was() {
        let mut histogram = Histogram::new(HOOK_BOUNDS);
        for micros in [3, 900_000, 9_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut again = Histogram::new(HOOK_BOUNDS);
        for (bound, times) in histogram.counted() {
            again.add_counted(bound.unwrap_or(u64::MAX), times);
        }
        again.add_sum(histogram.micros());
        assert_eq!(again, histogram);
    }
}
