//! What govern does with an agent, which goes on then.

use std::time::{Duration, Instant};

use govern::supervise::GO_ON;

use super::support::codex::Version;
use super::support::fake_responses::{Reply, Select};
use super::support::ledger;
use super::support::process::LONG;
use super::support::world::{CHEAPER, GovernedEnd, MODEL, World};
use super::way::{Way, pending};
use super::{ENDLESS, asks_before_requests, calls_hooks, later};

/// What is done with an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Goes on with a cheaper model.
    Route,
    /// Is held at its limit until somebody extends that.
    Ask,
    /// A tool of it is held until somebody allows that.
    HoldTool,
    /// Its requests are slowed down.
    Throttle,
    /// Is told what is left.
    Steer,
    /// Is paused, and goes on.
    Pause,
    /// Was stopped, and goes on in a run of its own.
    Resume,
    /// Is given more by the governor.
    Extend,
}

impl Act {
    pub(crate) const ALL: [Self; 8] =
        [Self::Route, Self::Ask, Self::HoldTool, Self::Throttle, Self::Steer, Self::Pause, Self::Resume, Self::Extend];

    /// It can be done with such an agent.
    pub(crate) fn works(self, version: Version, way: Way) -> bool {
        let hooks = calls_hooks(version) && way != Way::Script;
        match self {
            // What govern did not start itself it cannot start again.
            Self::Route | Self::Resume => matches!(way, Way::Run | Way::Fleet),
            Self::HoldTool => hooks,
            // Older ones say what a response cost when its tools have run: they are told with the one after the next.
            Self::Throttle | Self::Steer => hooks && asks_before_requests(version),
            // Parts of a budget are a fleet's.
            Self::Extend => way == Way::Fleet,
            Self::Ask | Self::Pause => hooks || way != Way::Installed,
        }
    }

    /// Does it, and waits for the agent's end, long after.
    pub(crate) fn try_out(self, version: Version, way: Way) {
        let Some(world) = way.world(version) else { return };
        match self {
            Self::Route => route(&world, way),
            Self::Ask => ask(&world, way),
            Self::HoldTool => hold_tool(&world, way),
            Self::Throttle => throttle(&world, way),
            Self::Steer => steer(&world, way),
            Self::Pause => pause(&world, way),
            Self::Resume => resume(&world, way),
            Self::Extend => extend(&world),
        }
    }
}

/// A tool that outlasts every clock, and the last word.
fn goes_on() -> [Reply; 2] {
    [Reply::exec(&format!("sleep {}", later())), Reply::message("all is done")]
}

fn then_goes_on(first: impl IntoIterator<Item = Reply>) -> Vec<Reply> {
    first.into_iter().chain(goes_on()).collect()
}

/// A budget of the run.
fn purse(world: &World, limit: &str, steps: &str) {
    world.policy(&format!(
        "[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n\
         [[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"{limit}\"\nsteps = [{steps}]\n"
    ));
}

/// The agent ended by itself, and all that was served was counted.
#[track_caller]
fn expect_ended(world: &World, end: GovernedEnd) -> GovernedEnd {
    let end = end.expect_code(0);
    ledger::expect_all_served(world, &end.id());
    end
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing may become of an agent that waits, either.
fn wait_for_all_clocks() {
    std::thread::sleep(Duration::from_secs(later()));
}

#[track_caller]
fn approve(world: &World, flags: &[&str]) {
    wait_until("somebody is asked", || !pending(world).is_empty());
    wait_for_all_clocks();
    let id = pending(world).remove(0);
    world.govern(&[&["approve", &id], flags].concat()).expect_code(0);
}

fn route(world: &World, way: Way) {
    purse(world, "0.1 usd", r#"{ at = "15%", do = "route" }, { at = "100%", do = "stop" }"#);
    let endless = Reply::exec(ENDLESS);
    world.server.script(Select::root().model(MODEL), [Reply::exec("true"), endless.clone(), endless]);
    world.server.script(Select::root().model(CHEAPER), goes_on());
    expect_ended(world, way.start(world).finish());
    let models: Vec<String> = world.server.served().into_iter().map(|request| request.model).collect();
    assert_eq!(models.iter().filter(|model| *model == CHEAPER).count(), 2, "{models:?}");
}

fn ask(world: &World, way: Way) {
    purse(world, "0.05 usd", r#"{ at = "100%", do = "ask", wait = "30m", else = "stop" }"#);
    world.server.script(Select::root(), then_goes_on([Reply::exec("true"), Reply::exec("sleep 1")]));
    let governed = way.start(world);
    approve(world, &["--extend", "1usd"]);
    expect_ended(world, governed.finish());
    assert_eq!(world.server.served().len(), 4);
}

fn hold_tool(world: &World, way: Way) {
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"5 usd\"\n\
         [[gate]]\nname = \"held\"\nmatch = [\"touch held*\"]\ndo = \"ask\"\nwait = \"30m\"\n",
    );
    world.server.script(Select::root(), then_goes_on([Reply::exec("touch held")]));
    let governed = way.start(world);
    approve(world, &[]);
    expect_ended(world, governed.finish());
    assert!(world.path("work/held").exists());
}

fn throttle(world: &World, way: Way) {
    let to = format!("1 response/{}s", later());
    purse(
        world,
        "1M all tok",
        &format!("{{ at = \"1%\", do = \"throttle\", to = \"{to}\" }}, {{ at = \"100%\", do = \"stop\" }}"),
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
    expect_ended(world, way.start(world).finish()).expect_said("requests wait their turn");
    assert_eq!(world.server.served().len(), 2);
}

fn steer(world: &World, way: Way) {
    const SAID: &str = "Commit what works.";
    purse(
        world,
        "1M all tok",
        &format!("{{ at = \"1%\", do = \"steer\", say = \"{SAID}\" }}, {{ at = \"100%\", do = \"stop\" }}"),
    );
    world.server.script(Select::root(), then_goes_on([Reply::exec("true")]));
    expect_ended(world, way.start(world).finish());
    assert!(world.server.requests().last().unwrap().body.contains(SAID));
}

fn pause(world: &World, way: Way) {
    purse(world, "5 usd", r#"{ at = "100%", do = "stop" }"#);
    let tool = "touch started; while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), then_goes_on([Reply::exec(tool)]));
    let governed = way.start(world);
    wait_until("the tool runs", || world.path("work/started").exists());
    world.govern(&["pause", "--all"]).expect_code(0);
    world.write("work/go", "");
    wait_for_all_clocks();
    assert_eq!(world.server.requests().len(), 1);
    world.govern(&["continue", "--all"]).expect_code(0);
    expect_ended(world, governed.finish());
    assert_eq!(world.server.served().len(), 3);
}

fn resume(world: &World, way: Way) {
    purse(world, "0.05 usd", r#"{ at = "100%", do = "stop" }"#);
    world.server.script(Select::root().containing(GO_ON), goes_on());
    // Older ones are stopped a response later.
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("sleep 1"), Reply::exec(ENDLESS)]);
    let stopped = way.start(world).finish().expect_code(124);
    let before = world.server.served().len();
    world.govern(&["resume", &stopped.id(), "--extend", "1usd"]).expect_code(0);
    world.expect_no_survivors();
    let report = ledger::report(world, &["--by", "thread"]);
    assert_eq!(report["totals"]["responses"], before + 2, "{report}");
}

fn extend(world: &World) {
    let text = "[budget]\nname = \"pie\"\nlimit = \"1 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n\
        [budget.allot]\nby = \"expected\"\nsteps = [{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"] }]\n\
        [[agent]]\nname = \"one\"\nprompt = \"do it\"\nexpect = { spend = \"0.05 usd\" }\nworktree = \"one\"\n";
    let patch =
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a\n+new\n*** Add File: b\n+new\n*** End Patch\nEOF\n";
    world.server.script(Select::root(), then_goes_on([Reply::exec(patch), Reply::exec("true")]));
    let end = expect_ended(world, world.start_fleet(&[], text).finish());
    end.expect_said("extended by");
}
