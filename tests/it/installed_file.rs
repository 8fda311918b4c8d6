//! Installed hooks and a session file that the agent writes to as well: each hook is a process of its own, and what is
//! done to the file between two of them passes no limit, and counts no response twice.

use std::sync::Mutex;

use crate::support::codex::{CURRENT, PREVIOUS, Version};
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

const EXEC: &[&str] = &["exec", "do it"];

/// A response of $0.05.
const FIVE_CENTS: Usage = Usage { input: 20_000, cached: 0, cache_write: 0, output: 1_000, reasoning: 0 };

/// What may come of a deed under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Nothing more is asked, and why is said.
    Stopped,
    /// It is noticed if a hook has read what is gone; else the hooks tell of it, up to the limit.
    ToldByHooks,
    /// A forged response counts as spend, and nobody let it through.
    Forged,
    /// The file is only called otherwise: it is metered on, up to the limit.
    AtTheLimit,
}
use Ends::{AtTheLimit, Forged, Stopped, ToldByHooks};

/// What an agent's tool does to `$f`, the session file, below `$s`, and how that ends.
const DEEDS: &[(&str, &str, Ends)] = &[
    ("sed -i", "sed -i s/zzzz/y/ $f", Stopped),
    ("cp and mv", "cp $f $f.new && mv $f.new $f", Stopped),
    ("its end cut off", "truncate -s -200 $f", ToldByHooks),
    ("cut in half", "truncate -s $(($(stat -c %s $f) / 2)) $f", Stopped),
    ("cut and filled up past its old size", "truncate -s 100 $f; yes '{}' | head -c 300000 >> $f", Stopped),
    ("emptied", ": > $f", Stopped),
    ("rm and touch", "rm $f; touch $f", Stopped),
    ("all sessions removed", "rm -r $s", Stopped),
    ("moved", "mv $f $s/other", AtTheLimit),
    ("a link to a copy in its place", "cp $f $f.l; rm $f; ln -s $f.l $f", Stopped),
    ("a link to itself in its place", "mv $f $f.l; ln -s $f.l $f", AtTheLimit),
    (
        "a forged response",
        "grep token_usage_record $f | tail -n 1 | sed 's/\"response_id\":\"[^\"]*\"/\"response_id\":\"forged\"/' >> $f",
        Forged,
    ),
];

fn installed(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    Some(world)
}

fn a_day(world: &World, limit: &str, verb: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"{limit}\"\n\
         steps = [{{ at = \"100%\", do = \"{verb}\" }}]\n"
    ));
}

fn tool(world: &World, deed: &str) -> Reply {
    let sessions = world.path("codex/sessions").display().to_string();
    Reply::exec(&format!("s={sessions}; f=$(find $s -name 'rollout-*.jsonl' | head -n 1); d=$(dirname $f); {deed}"))
        .usage(FIVE_CENTS)
}

#[test]
fn nothing_that_is_done_to_a_session_file_between_two_hooks_passes_a_limit() {
    let failed = Mutex::new(Vec::new());
    // 0.169 records a response before its hook, and its hooks name none.
    let older = DEEDS.iter().filter(|(what, ..)| ["sed -i", "cut in half", "its end cut off", "moved"].contains(what));
    let all: Vec<_> = DEEDS.iter().map(|deed| (CURRENT, deed)).chain(older.map(|deed| (PREVIOUS, deed))).collect();
    let next = Mutex::new(all.iter());
    let work = || {
        while let Some((version, (what, deed, ends))) = { next.lock().unwrap().next() } {
            let Some(world) = installed(*version) else { return };
            // The third would be the one past it.
            a_day(&world, "0.12 usd", "stop");
            world.server.script(Select::root(), [tool(&world, deed)]);
            world.server.always(Select::root(), Reply::exec("true").usage(FIVE_CENTS));
            let done = world.run("codex", EXEC);
            let served = world.server.requests().len() as u64;
            let counted = ledger::report(&world, &[])["totals"]["responses"].as_u64().unwrap();
            let as_expected = match ends {
                Stopped => (served, counted) == (1, 1) && done.stderr.contains("while Codex writes it"),
                ToldByHooks => served <= 2 && counted == served,
                Forged => (served, counted) == (1, 2) && done.stderr.contains("govern: stop: "),
                AtTheLimit => (served, counted) == (2, 2) && done.stderr.contains("reserved of $0.12 (a day)"),
            };
            if !as_expected || done.code() != 1 {
                failed.lock().unwrap().push(format!("{what} {version:?}: {served} served, {counted} counted: {done}"));
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
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), all.len(), failed.join("\n"));
}

#[test]
fn where_nothing_is_stopped_each_response_counts_once_whatever_is_done_to_the_file_and_that_is_marked() {
    let Some(world) = installed(CURRENT) else { return };
    a_day(&world, "5 usd", "warn");
    // One after the other, on whatever has the name by then.
    let deeds = [
        "truncate -s -200 $f",
        "truncate -s 100 $f; yes '{}' | head -c 300000 >> $f",
        "mv $f $f.old; cp $f.old $f",
        "sed -i 2d $f",
        "rm $f; touch $f",
        "mv $d $d.old; mkdir $d",
        "rm -r $s; touch $s",
    ];
    world.server.script(Select::root(), deeds.map(|deed| tool(&world, deed)));
    let done = world.run("codex", EXEC).expect_code(0);
    assert_eq!(world.server.requests().len(), deeds.len() + 1, "{done}");
    let rows = ledger::report(&world, &["--by", "run"]);
    let run = rows["rows"][0]["run"].as_str().unwrap_or_else(|| panic!("{rows}")).to_owned();
    ledger::expect_all_served(&world, &run);
    for how in ["was cut or written over", "was replaced by another file", "was removed or hidden"] {
        let is_it = |event: &serde_json::Value| event["what"].as_str().is_some_and(|what| what.contains(how));
        assert_eq!(ledger::events(&world, "marked").iter().filter(|event| is_it(event)).count(), 1, "{how}: {done}");
    }
}

#[test]
fn what_the_record_and_the_hook_do_not_agree_about_is_told_with_both_counts_and_the_first_counts() {
    let Some(world) = installed(CURRENT) else { return };
    a_day(&world, "5 usd", "warn");
    // The hook has told of 21,000 tokens when the tool begins; the record is read at the next request.
    let deed = "until grep -q '\"total_tokens\":21000' $f; do sleep 0.02; done; \
                t=$(sed 's/\"input_tokens\":20000/\"input_tokens\":30000/g; s/\"total_tokens\":21000/\"total_tokens\":31000/g' $f); \
                printf '%s\\n' \"$t\" 1<> $f";
    world.server.script(Select::root(), [tool(&world, deed), Reply::message("done").usage(FIVE_CENTS)]);
    let done = world.run("codex", EXEC).expect_code(0);
    let differ = ledger::events(&world, "differed");
    assert_eq!(differ.len(), 1, "{differ:?}: {done}");
    assert_eq!(
        (&differ[0]["record"]["input"], &differ[0]["hook"]["input"]),
        (&30_000.into(), &20_000.into()),
        "{differ:?}"
    );
    let totals = ledger::report(&world, &[])["totals"].clone();
    assert_eq!((&totals["responses"], &totals["cost_usd"]), (&2.into(), &"0.10".into()), "{totals}");
    let run = ledger::report(&world, &["--by", "run"])["rows"][0]["run"].as_str().unwrap().to_owned();
    let told = world.govern(&["report", "--run", &run]).expect_code(0);
    let told = String::from_utf8_lossy(&told.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("31,000 tokens in its session file, 21,000 by what Codex told after the request"), "{told}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn without_a_policy_what_codex_has_open_is_metered_whatever_has_its_name() {
    for (deed, said) in [
        ("mv $f $f.old; cp $f.old $f", Some("was replaced by another file while Codex writes it")),
        ("rm $f", Some("was removed or hidden while Codex writes it")),
        ("mv $f $s/other", None),
    ] {
        let Some(world) = installed(CURRENT) else { return };
        world.server.script(Select::root(), [tool(&world, deed)]);
        let done = world.run("codex", EXEC).expect_code(0);
        let counted = ledger::report(&world, &[])["totals"]["responses"].as_u64();
        assert_eq!((world.server.requests().len(), counted), (2, Some(2)), "{deed}: {done}");
        match said {
            Some(said) => done.expect_said(said),
            None => done.expect_not_said("while Codex writes it"),
        };
    }
}

#[test]
fn a_session_that_its_user_changes_archives_and_restores_between_two_codexes_goes_on() {
    let Some(world) = installed(CURRENT) else { return };
    a_day(&world, "5 usd", "stop");
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("one"), Reply::exec("true")]);
    world.server.always(Select::root(), Reply::message("done"));
    let sessions = world.path("codex/sessions").display().to_string();
    let script = format!(
        "set -e; codex exec one; f=$(find {sessions} -name '*.jsonl'); id=${{f%.jsonl}}; id=${{id: -36}}; \
         sed -i s/zzzz/y/ $f; codex archive $id; codex unarchive $id; codex exec resume $id two; \
         f=$(find {sessions} -name '*.jsonl'); cp $f $f.new; mv $f.new $f; codex exec resume $id three"
    );
    let done = world.run("bash", &["-c", &script]).expect_code(0);
    assert_eq!(world.server.requests().len(), 5, "{done}");
    let rows = ledger::report(&world, &["--by", "run"]);
    let run = rows["rows"][0]["run"].as_str().unwrap_or_else(|| panic!("{rows}")).to_owned();
    ledger::expect_all_served(&world, &run);
    done.expect_not_said("while Codex writes it");
    world.wait_for_no_survivors(LONG);
    world.govern(&["audit", "verify"]).expect_code(0);
}
