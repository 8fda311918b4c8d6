//! Pure. Policy files become rules, every mistake told at once with its place.

pub mod rule;
pub mod verdict;
pub mod window;
