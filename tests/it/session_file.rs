//! The session file lies where the agent can write, too: whatever it does to it, nothing passes a limit and each response
//! counts once.

use std::sync::Mutex;

use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::{UNKNOWN, World};

/// What tells the reader's trouble from the file's: four responses, whatever they cost.
const LIMIT: &[&str] = &["--budget", "4 responses", "--at-limit", "kill"];

const EXEC: &[&str] = &["codex", "exec", "do it"];

/// What may come of a deed under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The agent is ended before it asks again, and told why. (What of a removed file and a new one in its place was seen
    /// first, is chance.)
    Stopped,
    /// The file is only called otherwise: it is metered on, up to the limit.
    AtTheLimit,
    /// Likewise, or its Codex is found before to have no folder that it could write to: what was seen first is chance.
    NoLater,
}
use Ends::{AtTheLimit, NoLater, Stopped};

/// What an agent's tool does to `$f`, the session file, in the folder `$d` below `$s`, and how that ends.
const DEEDS: &[(&str, &str, Ends)] = &[
    ("sed -i", "sed -i s/zzzz/y/ $f", Stopped),
    ("cp and mv", "cp $f $f.new && mv $f.new $f", Stopped),
    ("an editor's save", "cp $f $f~ && rm $f && cp $f~ $f", Stopped),
    ("mv and cp", "mv $f $f.old; cp $f.old $f", Stopped),
    ("rm", "rm $f", Stopped),
    ("rm and touch", "rm $f; touch $f", Stopped),
    ("emptied", ": > $f", Stopped),
    ("cut", "truncate -s -200 $f", Stopped),
    ("written over, as long as it was", "n=$(stat -c %s $f); head -c $n /dev/zero > $f", Stopped),
    ("written over, longer", "head -c 300000 /dev/zero > $f", Stopped),
    ("moved", "mv $f $s/other", AtTheLimit),
    ("the folder of the day moved", "mv $d $d.old", AtTheLimit),
    ("sessions moved", "mv $s $s.old", AtTheLimit),
    ("sessions removed", "rm -r $s", Stopped),
    ("a file in the place of sessions", "rm -r $s; touch $s", Stopped),
    ("a circle of links in the place of sessions", "mv $s $s.old; ln -s sessions $s", NoLater),
    ("a hard link, and a copy in its place", "ln $f $f.l; rm $f; cp $f.l $f", Stopped),
    ("a link to itself in its place", "mv $f $f.l; ln -s $f.l $f", AtTheLimit),
    ("a link to a copy in its place", "cp $f $f.l; rm $f; ln -s $f.l $f", Stopped),
    ("not readable", "chmod 000 $f", AtTheLimit),
];

fn tool(world: &World, deed: &str) -> Reply {
    let sessions = world.path("codex/sessions").display().to_string();
    // Codex writes the file beside its tools: on a busy machine it may not be there yet.
    let found = "while f=$(find $s -name 'rollout-*.jsonl' | head -n 1); [ -z \"$f\" ]; do sleep 0.02; done";
    Reply::exec(&format!("s={sessions}; {found}; d=$(dirname $f); {deed}"))
}

#[test]
fn nothing_that_is_done_to_a_session_file_passes_a_limit() {
    let failed = Mutex::new(Vec::new());
    let next = Mutex::new(DEEDS.iter());
    let work = || {
        while let Some((what, deed, ends)) = { next.lock().unwrap().next() } {
            let Some(world) = World::with_codex(CURRENT) else { return };
            world.server.script(Select::root(), [tool(&world, deed)]);
            world.server.always(Select::root(), Reply::exec("true"));
            let end = world.run_governed(LIMIT, EXEC);
            let served = world.server.requests().len();
            let counted = ledger::report(&world, &[])["totals"]["responses"].as_u64();
            let as_expected = match ends {
                Stopped => served == 1 && end.finished.stderr.contains("while Codex writes it"),
                AtTheLimit => served == 4,
                NoLater => served == 4 || end.finished.stderr.contains("cannot write session files"),
            };
            if !as_expected || served > 4 || end.finished.code() != 124 || counted != u64::try_from(served).ok() {
                failed.lock().unwrap().push(format!("{what}: {served} served, {counted:?} counted: {}", end.finished));
            }
        }
    };
    std::thread::scope(|scope| {
        for nth in 0..3 {
            let name = format!("session files {nth}");
            std::thread::Builder::new().name(name).spawn_scoped(scope, work).unwrap();
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), DEEDS.len(), failed.join("\n"));
}

#[test]
fn without_a_limit_each_response_counts_whatever_is_done_to_the_file_and_that_is_said() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        // One after the other, on whatever has the name by then.
        let deeds = [
            "truncate -s -200 $f",
            "mv $f $f.old; cp $f.old $f",
            "sed -i 2d $f",
            "rm $f; touch $f",
            "mv $d $d.old; mkdir $d",
            "rm -r $s; touch $s",
        ];
        world.server.script(Select::root(), deeds.map(|deed| tool(&world, deed)));
        let end = world.run_governed(&[], EXEC).expect_code(0).expect_said("what is written to it is counted");
        assert_eq!(world.server.requests().len(), deeds.len() + 1, "{version:?}");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_file_that_nobody_writes_any_more_may_be_changed_and_gone_on_with() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("one"), Reply::exec("true")]);
    world.server.always(Select::root(), Reply::message("done"));
    let sessions = world.path("codex/sessions").display().to_string();
    let script = format!(
        "codex exec one; f=$(find {sessions} -name '*.jsonl'); id=${{f%.jsonl}}; id=${{id: -36}}; sed -i s/zzzz/y/ $f; \
         codex archive $id && codex unarchive $id && codex exec resume $id two; rm -r {sessions}"
    );
    let flags = ["--budget", "9 responses", "--at-limit", "kill"];
    let end = world.run_governed(&flags, &["bash", "-c", &script]).expect_code(0);
    assert_eq!(world.server.requests().len(), 4, "{}", end.finished);
    ledger::expect_all_served(&world, &end.id());
    assert!(!end.finished.stderr.contains("while Codex writes it"), "{}", end.finished);
}

/// One of each kind.
const SOME: &[&str] = &[
    "sed -i s/zzzz/y/ $f",
    "mv $f $f.old; cp $f.old $f",
    "rm $f; touch $f",
    "truncate -s -200 $f",
    "rm -r $s; touch $s",
];

#[test]
fn what_is_done_to_the_file_of_a_codex_that_does_not_ask_first_passes_no_limit() {
    for version in [OLD, OLDER] {
        for deed in SOME {
            let Some(world) = World::with_codex(version) else { return };
            world.server.script(Select::root(), [tool(&world, deed)]);
            world.server.always(Select::root(), Reply::exec("sleep 0.2"));
            let end = world.run_governed(LIMIT, EXEC);
            let served = world.server.requests().len();
            let spent = ledger::report(&world, &[])["totals"]["responses"].as_u64().unwrap();
            assert_eq!(end.finished.code(), 124, "{version:?}: {deed}: {}", end.finished);
            assert!(served <= 5, "{version:?}: {deed}: {served}: {}", end.finished);
            // One that was asked for as its agent was ended may be on no record, and then it is told.
            let said = |text: &str| end.finished.stderr.contains(text);
            let told = said("perhaps served") || said("could not be observed: all sums are the least");
            let counted = usize::try_from(spent).unwrap();
            let is_right = counted == served || counted + 1 == served && told;
            assert!(is_right, "{version:?}: {deed}: {counted} of {served}: {}", end.finished);
        }
    }
}

#[test]
fn what_a_sub_agent_does_to_its_own_file_or_its_parents_passes_no_limit() {
    for version in [CURRENT, PREVIOUS] {
        // Whose file: the youngest is the sub-agent's own.
        for whose in ["tail", "head"] {
            for deed in ["sed -i s/zzzz/y/ $f", "rm $f; touch $f"] {
                let Some(world) = World::with_codex(version) else { return };
                let sessions = world.path("codex/sessions").display().to_string();
                let tool = format!("f=$(find {sessions} -name 'rollout-*.jsonl' | sort | {whose} -n1); {deed}");
                // Codex offers sub-agents with models that its catalogue does not know.
                world.policy("[models]\nunpriced = \"dearest\"\n");
                world.server.script(Select::root(), [Reply::spawn_agent("go on")]);
                world.server.script(Select::subagent(), [Reply::exec(&tool)]);
                world.server.always(Select::subagent(), Reply::exec("true"));
                world.server.always(Select::root(), Reply::exec("sleep 0.2"));
                let flags = ["--budget", "9 responses", "--at-limit", "kill"];
                let end = world.run_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]);
                let served = world.server.requests().len();
                assert_eq!(end.finished.code(), 124, "{version:?}: {deed}: {}", end.finished);
                assert!(served <= 9, "{version:?}: {deed}: {served}: {}", end.finished);
                assert!(end.finished.stderr.contains("while Codex writes it"), "{version:?}: {deed}: {}", end.finished);
            }
        }
    }
}

#[test]
fn what_is_done_to_the_file_of_a_codex_in_a_script_passes_no_limit() {
    for deed in SOME {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [tool(&world, deed)]);
        world.server.always(Select::root(), Reply::exec("sleep 0.2"));
        let end = world.run_governed(LIMIT, &["sh", "-c", "codex exec 'do it'; codex exec again"]);
        let served = world.server.requests().len();
        assert_eq!(end.finished.code(), 124, "{deed}: {}", end.finished);
        assert!(served <= 5, "{deed}: {served}: {}", end.finished);
        assert!(!end.finished.stderr.contains("0 % used"), "{deed}: {}", end.finished);
    }
}

/// Codex goes on without a file that it can write no further.
#[test]
fn a_session_file_that_can_grow_no_more_ends_a_limited_run_whatever_started_its_codex() {
    let deed = "f=$(find \"$CODEX_HOME/sessions\" -name '*.jsonl'); most=$(($(stat -c %s \"$f\") + 200)); p=$$; \
                while [ $p -gt 1 ]; do [ \"$(cat /proc/$p/comm)\" = codex ] && prlimit --pid $p --fsize=$most; \
                p=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$p/stat); done; sleep 0.3";
    // The script that npm installs gives its child signals as they are by default, and the bound would end it.
    let native = "P=$(dirname \"$(readlink -f \"$(command -v codex)\")\")/..; \
                  N=$(find \"$P/..\" -path '*/bin/codex' -size +32M | head -n 1); test -n \"$N\" || exit 9; trap '' XFSZ; ";
    for ends in ["\"$N\" exec 'do it'; true", "exec \"$N\" exec 'do it'"] {
        let command = ["sh", "-c", &format!("{native}{ends}")];
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(deed)]);
        world.server.always(Select::root(), Reply::exec("true"));
        let end = world.run_governed(&["--budget", "9 responses", "--at-limit", "stop"], &command).expect_code(124);
        assert!(end.finished.stderr.contains("can grow no more"), "{command:?} {}", end.finished);
        assert!(world.server.requests().len() <= 4, "{command:?} {}", end.finished);
    }
    // Without a limit it is looked for less often; then it is said, and nothing passes for all that was spent.
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec(deed), Reply::exec("sleep 5"), Reply::message("done")]);
    let end = world.run_governed(&[], &["sh", "-c", &format!("{native}\"$N\" exec 'do it'")]).expect_code(0);
    assert!(end.finished.stderr.contains("can grow no more"), "{}", end.finished);
    assert_eq!(ledger::report(&world, &["--run", &end.id()])["totals"]["unobserved"], true);
}

/// What an agent's tool appends to `$f`, its own session file, to make what follows cheap: with the number of the next
/// line, with the number of one before it, and with none.
fn appended(number: &str, record: &str) -> String {
    format!(
        "n=$(tail -n 1 $f | sed 's/.*\"ordinal\":\\([0-9]*\\),.*/\\1/'); \
         printf '{{\"timestamp\":\"2026-11-29T03:39:01.590Z\",{number}{record}}}\\n' $((n + 1)) >>$f"
    )
}

const NEXT: &str = r#"\"ordinal\":%d,"#;
const BEFORE: &str = r#"\"ordinal\":1%.0s,"#;
const NONE: &str = "%.0s";

const CHEAP: &str = r#"\"type\":\"turn_context\",\"payload\":{\"model\":\"gpt-6-luna\"}"#;
const FLEX: &str = r#"\"type\":\"event_msg\",\"payload\":{\"type\":\"thread_settings_applied\",\"thread_settings\":{\"service_tier\":\"flex\"}}"#;

#[test]
fn a_line_that_another_program_appends_to_a_session_file_ends_a_limited_run() {
    for (number, record) in [(NEXT, CHEAP), (BEFORE, FLEX), (NONE, CHEAP), (NEXT, FLEX)] {
        for command in [EXEC, &["sh", "-c", "codex exec 'do it'; true"][..]] {
            let Some(world) = World::with_codex(CURRENT) else { return };
            world.server.script(Select::root(), [Reply::exec("true"), tool(&world, &appended(number, record))]);
            world.server.always(Select::root(), Reply::exec("sleep 0.2"));
            let flags = ["--budget", "9 responses", "--at-limit", "stop"];
            let end = world.run_governed(&flags, command).expect_code(124);
            end.finished.expect_said("was written to by another program while Codex writes it");
            let served = world.server.requests().len();
            assert!(served <= 4, "{number} {record} {command:?}: {served} served");
        }
    }
}

#[test]
fn without_a_limit_a_line_that_another_program_appends_is_told_of() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [tool(&world, &appended(NEXT, CHEAP)), Reply::exec("true")]);
    let end = world.run_governed(&[], EXEC).expect_code(0);
    end.finished.expect_said("was written to by another program while Codex writes it");
}
