//! Pure. Policy files become rules, every mistake told at once with its place.

pub mod rule;
