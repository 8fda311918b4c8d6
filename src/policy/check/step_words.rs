//! Words of a step that stand for more than themselves: verbs, units, rates.

use crate::model::{Unit, Verb};
use crate::policy::mistake::Notes;
use crate::policy::rate::Rate;
use crate::policy::table::{Table, Text};

/// What a step does, from mild to severe.
pub(super) const VERBS: [Verb; 7] =
    [Verb::Warn, Verb::Steer, Verb::Throttle, Verb::Route, Verb::Ask, Verb::Stop, Verb::Kill];

/// A unit as policies write it.
pub(super) fn unit_in_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Usd => "`usd`",
        Unit::Credits => "`credits`",
        Unit::Tok => "`tok`",
        Unit::AllTok => "`all tok`",
        Unit::Responses => "`responses`",
        Unit::ToolCalls => "`tool calls`",
        Unit::Minutes => "`minutes`",
    }
}

/// How fast a throttled agent may go on, as `this` step or alert says it.
pub(super) fn rate(table: &Table<'_>, this: &str, text: Option<Text<'_>>, notes: &mut Notes) -> Option<Rate> {
    const HINT: &str = "write a rate of responses or tokens, such as `4 responses/m` or `20k tok/m`";
    let Some(text) = text else {
        if table.get("to").is_none() {
            let message = format!("{this} does not say what it throttles `to`");
            notes.refuse(&table.span, message, "add `to = \"4 responses/m\"`");
        }
        return None;
    };
    let message = match Rate::parse(text.value) {
        Ok(rate) => match rate.quantity.unit {
            Unit::Responses | Unit::Tok | Unit::AllTok => return Some(rate),
            Unit::Usd | Unit::Credits | Unit::ToolCalls | Unit::Minutes => {
                format!("`{}` is no rate of responses or tokens", text.value)
            }
        },
        Err(error) => format!("`{}` {error}", text.value),
    };
    notes.refuse(&text.span, message, HINT);
    None
}
