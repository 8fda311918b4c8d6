//! Owned processes, for real: shells, orphans, sessions of their own, and the deaths of either
//! keeper.

#![expect(clippy::disallowed_methods, reason = "these tests start and signal processes, and wait for them")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test without the standard harness is not known as one"
)]

mod command;
mod death;
mod end;
mod freeze;
mod signals;
mod stand_in;
mod standstill;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "be-govern") {
        return stand_in::be_govern(arguments.next().expect("a socket").as_ref());
    }
    let trials = [command::TESTS, death::TESTS, end::TESTS, freeze::TESTS, signals::TESTS, standstill::TESTS]
        .concat()
        .into_iter()
        .map(|(name, test)| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A test's name and itself.
type Test = (&'static str, fn());

/// Lists tests under their own names.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), $name)),*];
    };
}
use tests;
