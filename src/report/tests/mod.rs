//! What the tests of reports show.

pub(crate) mod sample;
