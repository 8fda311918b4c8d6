//! The marks that an agent's processes carry in their environment: they tell of one that has outlived its run, when
//! nothing of govern's is above it any more.

use std::path::Path;

use super::tree;
use crate::model::ProcessIdentity;

/// What govern and Codex set for all that an agent starts.
const MARKS: [&[u8]; 2] = [OF_RUN, b"CODEX_THREAD_ID="];
const OF_RUN: &[u8] = b"GOVERN_RUN=";

/// One of these processes was started with an agent's mark, of whichever run. Where the environment of one may not be read
/// (another user's, a log-in service's), it carries none: what is above a person's shell is of that kind.
pub(super) fn any_is_marked(lineage: &[ProcessIdentity]) -> bool {
    any(lineage, is_marked)
}

/// One of these processes was started with the mark of this run.
pub(super) fn any_is_of(lineage: &[ProcessIdentity], run: &str) -> bool {
    any(lineage, |environment| is_of(environment, run))
}

fn any(lineage: &[ProcessIdentity], says: impl Fn(&[u8]) -> bool) -> bool {
    let mut bytes = Vec::new();
    lineage.iter().any(|process| {
        tree::slurp(Path::new(&format!("/proc/{}/environ", process.pid)), &mut bytes);
        says(&bytes)
    })
}

fn is_of(environment: &[u8], run: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|pair| pair.strip_prefix(OF_RUN) == Some(run.as_bytes()))
}

fn is_marked(environment: &[u8]) -> bool {
    environment.split(|byte| *byte == 0).any(|pair| MARKS.iter().any(|mark| pair.starts_with(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_mark_is_a_variable_of_its_whole_name() {
        for (environment, marked) in [
            ("", false),
            ("PATH=/bin\0HOME=/h\0", false),
            ("PATH=/bin\0GOVERN_RUN=d20\0", true),
            ("CODEX_THREAD_ID=1\0PATH=/bin", true),
            ("GOVERN_RUN=\0", true),
            ("GOVERN_RUNS=1\0MY_GOVERN_RUN=1\0GOVERN_AGENT=web\0X=GOVERN_RUN=1\0", false),
        ] {
            assert_eq!(is_marked(environment.as_bytes()), marked, "{environment:?}");
        }
        assert!(is_of(b"A=1\0GOVERN_RUN=d20\0", "d20"));
        assert!(!is_of(b"A=1\0GOVERN_RUN=d20\0", "d2") && !is_of(b"GOVERN_RUN=d20", "d208"));
    }
}
