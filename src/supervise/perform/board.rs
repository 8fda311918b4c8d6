//! When the lines of a fleet are drawn again: soon after something happened, and seldom where only time passes.

use std::time::{Duration, Instant};

use crate::clock;
use crate::model::Live;
use crate::process;
use crate::report::bars;
use crate::ui::Layout;

use crate::supervise::journal::Journal;

/// As often as anybody can read it.
const OFTEN: Duration = Duration::from_millis(250);

/// Rates and what is left at them change by themselves while somebody spends.
const SELDOM: Duration = Duration::from_secs(5);

/// What stays free of a window above the lines.
const ABOVE: usize = 3;

/// How many lines a window has where nobody says.
const UNKNOWN_LINES: usize = 24;

/// When to draw how a fleet stands.
#[derive(Debug, Default)]
pub(in crate::supervise) struct Board {
    due: Option<Instant>,
    last: Option<Instant>,
}

impl Board {
    /// Something may have changed.
    fn want(&mut self, now: Instant) {
        let soon = self.last.map_or(now, |last| now.max(last + OFTEN));
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }

    /// It is drawn; `moves`: time alone will change it.
    fn drawn(&mut self, now: Instant, moves: bool) {
        (self.last, self.due) = (Some(now), moves.then(|| now + SELDOM));
    }

    /// When to look again; `None`: not before something happens.
    pub(in crate::supervise) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// After all that happens: a question has the screen to itself, else the lines are drawn soon.
    pub(in crate::supervise) fn tend(&mut self, is_asking: bool, journal: &mut Journal) {
        if !journal.notices().has_board() {
            return;
        }
        if is_asking {
            journal.notices().clear();
            self.due = None;
        } else {
            self.want(clock::monotonic());
        }
    }

    /// Draws how the fleet stands.
    pub(in crate::supervise) fn draw(&mut self, live: &Live, journal: &mut Journal) {
        let lines = process::window_lines().unwrap_or(UNKNOWN_LINES).saturating_sub(ABOVE);
        let look = Layout::stderr();
        // The last column of a terminal is left free: not every one waits there before it breaks the line.
        let look = Layout { width: look.width.saturating_sub(1), ..look };
        journal.notices().draw(look.rows(&bars::table(live, lines)));
        self.drawn(clock::monotonic(), spends(live));
    }
}

fn spends(live: &Live) -> bool {
    let moves = |agent: &crate::model::LiveAgent| agent.cost_usd_per_minute.is_some_and(|rate| rate.nanos() > 0);
    live.agents.iter().any(moves) || live.limits.iter().any(|limit| limit.per_minute > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_drawn_at_once_then_four_times_a_second_at_most_and_not_at_all_where_nothing_moves() {
        let begun = clock::monotonic();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut redraw = Board::default();
        assert_eq!(redraw.due(), None);
        redraw.want(at(0));
        assert_eq!(redraw.due(), Some(at(0)));
        redraw.drawn(at(1), false);
        assert_eq!(redraw.due(), None);
        for soon in [2, 100, 240] {
            redraw.want(at(soon));
            assert_eq!(redraw.due(), Some(at(251)), "{soon}");
        }
        redraw.drawn(at(251), true);
        assert_eq!(redraw.due(), Some(at(5_251)));
        redraw.want(at(4_000));
        assert_eq!(redraw.due(), Some(at(4_000)));
    }
}
