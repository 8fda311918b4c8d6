//! Every page at every width, and what holds of all tables.

mod pages;
pub(crate) mod table_checks;

use super::wants_colour;

#[test]
fn colour_is_for_terminals_and_can_be_told() {
    for (terminal, no_color, force, term, colour) in [
        (true, None, None, Some("xterm"), true),
        (false, None, None, Some("xterm"), false),
        (true, None, None, Some("dumb"), false),
        (true, Some("1"), None, Some("xterm"), false),
        (false, None, Some("1"), None, true),
        (false, None, Some("0"), None, false),
        (true, Some("1"), Some("1"), Some("xterm"), false),
    ] {
        assert_eq!(wants_colour(terminal, no_color, force, term), colour);
    }
}
