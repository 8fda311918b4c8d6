//! What a thread does between its responses.

use super::*;

/// The phase after each record of a file, without repetition.
fn phases(name: &str) -> Vec<Phase> {
    let mut meter = Meter::new(None, all());
    let mut phases = vec![meter.phase()];
    for (position, record) in records(&fs::read_to_string(files(name).first().unwrap()).unwrap()) {
        meter.push(position, &record);
        phases.push(meter.phase());
    }
    phases.dedup();
    phases
}

#[test]
fn tools_are_seen_to_run_between_a_response_and_the_next_request() {
    use Phase::{Idle, InFlight, Tools};
    let turn = [Idle, InFlight, Tools, InFlight];
    for (name, expected) in [
        ("0.118-resume", [&turn[..], &turn[..], &[Idle]].concat()),
        ("0.169-resume", [&turn[..], &turn[..], &[Idle]].concat()),
        ("0.118-interrupt", [&turn[..], &[Idle]].concat()),
        ("0.169-interrupt", [&turn[..], &[Idle]].concat()),
        // Its counts come late: the first tools can't be told from a response under way.
        ("0.135-resume", vec![Idle, InFlight, Idle, InFlight, Tools, InFlight, Idle]),
        ("0.135-interrupt", vec![Idle, InFlight, Idle]),
    ] {
        assert_eq!(phases(name), expected, "{name}");
    }
}

#[test]
fn a_response_that_asks_for_tools_says_so() {
    for name in ["0.80-resume", "0.118-resume", "0.135-resume", "0.169-resume"] {
        let asks: Vec<_> = folder(name, true).1.iter().map(|answer| answer.has_tool_calls).collect();
        assert_eq!(asks, [true, false, true, false], "{name}");
    }
}
