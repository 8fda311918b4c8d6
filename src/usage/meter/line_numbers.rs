//! The numbers of a file's lines. Codex counts those that it writes in its memory (about 0.151 to 0.171), so that
//! a line which another program appends has the number of one before it, or of the next one, or none.

/// How the numbers have gone on so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbering {
    last: Option<u64>,
    /// A line without a number has come since then. An older Codex, which goes on with the session, writes only such.
    gap: bool,
    broken_at: Option<u64>,
}

impl Numbering {
    /// The next line, which starts at byte `position`; whether it is one of this run.
    pub(super) fn passed(&mut self, ordinal: Option<u64>, position: u64, counts: bool) {
        let Some(ordinal) = ordinal else {
            self.gap |= counts && self.last.is_some();
            return;
        };
        let goes_on = !self.gap && self.last.is_none_or(|last| last < ordinal);
        if counts && !goes_on {
            self.broken_at = Some(position);
        }
        self.gap = false;
        self.last = Some(ordinal);
    }

    /// All lines come from the beginning once more.
    pub(super) fn rewind(&mut self) {
        (self.last, self.gap) = (None, false);
    }

    /// Where the last line of this run stands whose number does not go on from the one before.
    pub(super) fn broken_at(self) -> Option<u64> {
        self.broken_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_codex_did_not_write_is_known_by_its_number() {
        let broken = |ordinals: &[Option<u64>], from: usize| {
            let mut numbering = Numbering::default();
            for (nth, ordinal) in ordinals.iter().enumerate() {
                numbering.passed(*ordinal, 0, nth >= from);
            }
            numbering.broken_at().is_some()
        };
        for (ordinals, is_broken) in [
            (&[Some(0), Some(1), Some(2)][..], false),
            // Some lines cannot be read.
            (&[Some(0), Some(7), Some(9)], false),
            // A fork goes on from its parent's number; old versions have none, also where they go on with a new one's.
            (&[None, None, Some(40), Some(41)], false),
            (&[Some(0), Some(1), None, None], false),
            (&[Some(0), Some(1), Some(2), Some(2)], true),
            (&[Some(0), Some(1), Some(1), Some(2)], true),
            (&[Some(0), Some(1), Some(900), Some(2)], true),
            (&[Some(0), Some(1), None, Some(2)], true),
        ] {
            assert_eq!(broken(ordinals, 0), is_broken, "{ordinals:?}");
            assert!(!broken(ordinals, ordinals.len()), "before the run: {ordinals:?}");
        }
    }

    #[test]
    fn a_file_that_is_read_once_more_begins_once_more() {
        let mut numbering = Numbering::default();
        for ordinal in [0, 1, 2] {
            numbering.passed(Some(ordinal), 0, true);
        }
        numbering.rewind();
        numbering.passed(Some(0), 0, true);
        assert_eq!(numbering.broken_at(), None);
    }
}
