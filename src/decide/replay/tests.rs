//! Small histories, and what policies would have made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{Outline, PastRun, Replay, Reply};
use crate::model::event::{Answer, Decision};
use crate::model::trial::{Deed, Spend, Trial, TriedRun};
use crate::model::{
    Attribution, Basis, Billing, ModelId, Response, ResponseKey, RunId, ServiceTier, ThreadId, Timestamp, Tokens,
};
use crate::policy::layers::{FlagRules, load};
use crate::policy::mistake::LayerText;
use crate::policy::rule::{Layer, Policy};
use crate::usage::price::PriceTable;

/// A hundred thousand output tokens are a dollar.
const SOL: &str = "gpt-6.1-sol";
/// Half of that.
const TERRA: &str = "gpt-6.1-terra";

fn policy(text: &str) -> Policy {
    let text = format!(
        "version = 1\n{text}\n[models]\nladder = [\"{SOL}\", \"{TERRA}\"]\nallow = [\"gpt-6*\", \"mystery\"]\n"
    );
    loaded(text)
}

fn loaded(text: String) -> Policy {
    match load(vec![LayerText { layer: Layer::User, path: Some(PathBuf::from("p.toml")), text }], FlagRules::default())
    {
        Ok(loaded) => loaded.policy,
        Err(mistakes) => panic!("{}", crate::policy::diagnostic::render(&mistakes, false)),
    }
}

fn budget(name: &str, per: &str, limit: &str, more: &str) -> String {
    format!("[[budget]]\nname = \"{name}\"\nper = \"{per}\"\nlimit = \"{limit}\"\n{more}\n")
}

/// A response of so many cents at this minute of the day, with [`SOL`]; a run that begins with `-` is imported.
fn says(run: &str, minute: i64, cents: u64) -> Response {
    says_in(run, "root", minute, cents)
}

fn says_in(run: &str, thread: &str, minute: i64, cents: u64) -> Response {
    let at = "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap() + chrono::TimeDelta::minutes(minute);
    let tokens = Tokens { output: cents * 1_000, ..Tokens::default() };
    let imported = run.starts_with('-');
    Response {
        run: (!imported).then(|| RunId::new(run)),
        agent: (!imported).then(|| "codex".into()),
        thread: ThreadId::new(format!("{run}/{thread}")),
        root: ThreadId::new(format!("{run}/root")),
        key: ResponseKey::new(format!("{minute}/{cents}")),
        at,
        model: Some(SOL.into()),
        provider: None,
        tier: ServiceTier::Standard,
        tokens,
        cost: PriceTable::embedded().quote(&SOL.into(), &ServiceTier::Standard, at, &tokens).cost,
        basis: Basis::Observed,
        billing: Billing::Api,
        attribution: Attribution { team: Some("web".to_owned()), ..Attribution::default() },
        source: crate::model::Source::Record,
        work: None,
    }
}

fn by(model: &str, response: Response) -> Response {
    let model = ModelId::new(model);
    let cost = PriceTable::embedded().quote(&model, &response.tier, response.at, &response.tokens).cost;
    Response { model: Some(model), cost, ..response }
}

fn tried_with(policy: Policy, reply: Reply, mut history: Vec<Response>) -> Trial {
    history.sort_by_key(|response| response.at);
    let mut outline = Outline::default();
    let mut begun: BTreeMap<RunId, Timestamp> = BTreeMap::new();
    for response in &history {
        outline.add(response.run.clone(), response.agent.clone(), response.thread.clone(), 1);
        if let Some(run) = &response.run {
            begun.entry(run.clone()).or_insert(response.at);
        }
    }
    for (run, started) in begun {
        let attribution = Attribution { team: Some("web".to_owned()), ..Attribution::default() };
        outline.add_run(run, PastRun { started, attribution, restartable: true, cut: None });
    }
    let prices = PriceTable::embedded().with_overrides(&policy.prices);
    let mut replay = Replay::new(std::sync::Arc::new(policy), prices, reply, outline, None);
    history.into_iter().for_each(|response| replay.answered(response));
    replay.finish()
}

fn tried(text: &str, history: Vec<Response>) -> Trial {
    tried_with(policy(text), Reply::Nobody, history)
}

/// `r1 $4.00 → $2.00: 00:02 warn 50%`, one line a run.
fn told(trial: &Trial) -> String {
    let lines: Vec<String> = trial.runs.iter().map(told_run).collect();
    lines.join("\n")
}

fn told_run(run: &TriedRun) -> String {
    let steps: Vec<String> = run
        .steps
        .iter()
        .map(|step| {
            let deed = match &step.deed {
                Deed::Decided(Decision { verb, to, would, budget, .. }) => {
                    let would = if *would { "would " } else { "" };
                    let to = to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
                    format!("{would}{verb}{to} by {budget}")
                }
                Deed::Routed { to } => format!("goes on with {to}"),
                Deed::Answered(Answer::Extend { .. }) => "extended".to_owned(),
                Deed::Answered(answer) => format!("answered {answer:?}"),
                Deed::Released => "released".to_owned(),
                Deed::Ended { because } => format!("ended: {because}"),
                Deed::Refused { .. } => "refused".to_owned(),
            };
            format!("{} {deed}", step.at.format("%H:%M"))
        })
        .collect();
    let name = run.origin.as_str();
    format!("{name} {} → {}: {}", run.actual.cost, run.would.cost, steps.join(", "))
}

const STEPS: &str = "steps = [{ at = \"50%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }]";

#[test]
fn a_run_is_stopped_where_its_next_request_would_have_passed_the_limit() {
    let history = (1..=6).map(|minute| says("r1", minute, 100)).collect();
    let trial = tried(&budget("each", "run", "3 usd", STEPS), history);
    assert_eq!(told(&trial), "r1 $6.00 → $3.00: 00:02 warn by each, 00:03 stop by each");
}

#[test]
fn each_run_is_by_itself_and_a_familys_threads_are_one_run() {
    let history = vec![
        says_in("-a", "root", 1, 100),
        says_in("-a", "sub", 2, 100),
        says_in("-b", "root", 3, 100),
        says_in("-a", "root", 4, 100),
    ];
    let trial = tried(&budget("each", "run", "2 usd", "steps = [{ at = \"100%\", do = \"stop\" }]"), history);
    assert_eq!(told(&trial), "-a/root $3.00 → $1.00: 00:02 stop by each", "its second thread is taken to be as dear");
    assert_eq!((trial.untouched, trial.imported), (1, 2));
}

#[test]
fn the_last_word_of_a_run_is_not_stopped() {
    let trial = tried(&budget("each", "run", "1 usd", STEPS), vec![says("r1", 1, 300)]);
    assert_eq!(told(&trial), "", "as live: a run that ends by itself is left alone, and the stop outranks the warning");
}

#[test]
fn what_is_saved_makes_room_for_others_in_a_shared_budget_and_a_spent_one_refuses_them() {
    let day = budget("day", "team", "5 usd", "window = \"day\"\nsteps = [{ at = \"100%\", do = \"stop\" }]");
    let each = budget("each", "run", "2 usd", "steps = [{ at = \"100%\", do = \"stop\" }]");
    let history: Vec<Response> = ["r1", "r2", "r3"]
        .iter()
        .zip([0, 10, 20])
        .flat_map(|(run, from)| (1..=4).map(move |m| says(run, from + m, 100)))
        .collect();
    assert_eq!(
        told(&tried(&format!("{day}{each}"), history.clone())),
        "r1 $4.00 → $2.00: 00:02 stop by each\nr2 $4.00 → $2.00: 00:12 stop by each\nr3 $4.00 → $1.00: 00:21 stop by day"
    );
    assert_eq!(
        told(&tried(&day, history)),
        "r2 $4.00 → $1.00: 00:11 stop by day\nr3 $4.00 → $0.00: 00:21 refused",
        "without the first budget nothing is left for the third run"
    );
}

#[test]
fn what_a_run_beside_it_is_about_to_spend_is_reserved() {
    let day = budget("day", "team", "4.5 usd", "window = \"day\"\nsteps = [{ at = \"100%\", do = \"stop\" }]");
    let beside = |minute: i64| {
        let history = vec![says("r1", 1, 200), says("r2", minute, 50), says("r2", minute + 1, 50), says("r1", 300, 50)];
        told(&tried(&day, history))
    };
    assert_eq!(
        beside(2),
        "r2 $1.00 → $0.50: 00:02 stop by day",
        "r1 may ask for two more dollars at any moment, so that r2 has no room; without r2 there is enough for r1"
    );
    assert_eq!(beside(30), "r1 $2.50 → $2.00: 05:00 stop by day", "r1 had been silent for so long that it rested");
}

#[test]
fn after_a_route_the_same_tokens_cost_what_the_cheaper_model_takes() {
    let steps = "steps = [{ at = \"50%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }]";
    let history = vec![says("r1", 1, 200), says("r1", 2, 100), says("r1", 3, 100), by(TERRA, says("r1", 4, 100))];
    let trial = tried(&budget("each", "run", "4 usd", steps), history);
    assert_eq!(
        told(&trial),
        "r1 $4.50 → $3.50: 00:01 route to gpt-6.1-terra by each, 00:01 goes on with gpt-6.1-terra"
    );
}

#[test]
fn nobody_answers_so_that_the_else_applies_and_with_approvals_the_limit_is_lifted() {
    let ask = |otherwise: &str| {
        let steps = format!("steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"{otherwise}\" }}]");
        policy(&budget("each", "run", "2 usd", &steps))
    };
    let history: Vec<Response> = (1..=4).map(|minute| says("r1", minute, 100)).collect();
    let told = |policy, reply| told(&tried_with(policy, reply, history.clone()));
    assert_eq!(told(ask("stop"), Reply::Nobody), "r1 $4.00 → $2.00: 00:02 ask by each, 00:32 answered Stop");
    assert_eq!(told(ask("kill"), Reply::Nobody), "r1 $4.00 → $2.00: 00:02 ask by each, 00:32 answered Kill");
    assert_eq!(
        told(ask("stop"), Reply::Approve),
        "r1 $4.00 → $4.00: 00:02 ask by each, 00:02 extended, 00:03 ask by each, 00:03 extended"
    );
}

#[test]
fn a_hold_ends_with_its_window_and_what_follows_is_so_much_later() {
    let steps = "window = \"day\"\nsteps = [{ at = \"100%\", do = \"ask\", wait = \"2h\", else = \"stop\" }]";
    let late = 24 * 60 - 60;
    let history = vec![says("r1", late, 200), says("r1", late + 1, 100), says("r1", late + 2, 100)];
    let trial = tried(&budget("day", "team", "2 usd", steps), history);
    assert_eq!(
        told(&trial),
        "r1 $4.00 → $3.00: 23:00 ask by day, 00:00 released, 00:01 ask by day, 02:01 answered Stop",
        "the new day has room for one more, but not for one as large as the largest"
    );
}

#[test]
fn minutes_pass_between_responses_and_not_while_imported_history_is_silent() {
    let time = budget("time", "run", "60 minutes", STEPS);
    let history = |run: &str| vec![says(run, 0, 1), says(run, 14, 1), says(run, 90, 1), says(run, 91, 1)];
    assert_eq!(told(&tried(&time, history("r1"))), "r1 $0.04 → $0.02: 00:30 warn by time, 01:00 stop by time");
    // 14 minutes, 15 of the 76 that were silent, one more.
    let longer: Vec<Response> = history("-a").into_iter().chain([says("-a", 92, 1)]).collect();
    assert_eq!(told(&tried(&time, longer)), "-a/root $0.05 → $0.05: 01:31 warn by time");
}

#[test]
fn a_model_that_is_not_allowed_or_has_no_price_is_stopped_at_its_first_answer() {
    let each = budget("each", "run", "9 usd", STEPS);
    let stranger = vec![by("gpt-5.6-sol", says("r1", 1, 100)), says("r1", 2, 100)];
    assert_eq!(
        told(&tried(&each, stranger)),
        "r1 $3.00 → $2.00: 00:01 ended: `gpt-5.6-sol` is not among the models that the policy allows"
    );
    let mystery = || vec![by("mystery", says("r1", 1, 100)), by("mystery", says("r1", 2, 100))];
    assert_eq!(
        told(&tried(&each, mystery())),
        "r1 $0.00 → $0.00: 00:01 ended: `mystery` has no price: under a limit in money it is stopped"
    );
    let trial = tried(&budget("each", "run", "9M tok", STEPS), mystery());
    assert_eq!((told(&trial).as_str(), trial.actual.unpriced), ("", 2));
}

#[test]
fn what_has_no_price_is_counted_as_the_policy_says() {
    let text = format!("version = 1\n{}[models]\nunpriced = \"as:{SOL}\"\n", budget("each", "run", "2 usd", STEPS));
    let history = (1..=4).map(|minute| by("mystery", says("r1", minute, 100))).collect();
    let trial = tried_with(loaded(text), Reply::Nobody, history);
    assert_eq!(told(&trial), "r1 $4.00 → $2.00: 00:01 warn by each, 00:02 stop by each");
    assert_eq!(trial.repriced, 4);
}

#[test]
fn a_policy_that_observes_would_do_it_and_saves_nothing() {
    let text = budget("each", "run", "2 usd", &format!("mode = \"observe\"\n{STEPS}"));
    let trial = tried(&text, (1..=4).map(|minute| says("r1", minute, 100)).collect());
    assert_eq!(told(&trial), "r1 $4.00 → $4.00: 00:01 would warn by each, 00:02 would stop by each");
}

#[test]
fn runs_that_had_begun_before_are_left_as_they_were_but_count() {
    let day = policy(&budget("day", "team", "2 usd", "window = \"day\"\nsteps = [{ at = \"100%\", do = \"stop\" }]"));
    let mut outline = Outline::default();
    let since: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    for response in [says("old", 1, 200), says("new", 2, 100)] {
        outline.add(response.run, response.agent, response.thread, 1);
    }
    let known = PastRun {
        started: says("new", 2, 1).at,
        attribution: says("new", 2, 1).attribution,
        restartable: true,
        cut: None,
    };
    outline.add_run("new".into(), known);
    let mut replay =
        Replay::new(std::sync::Arc::new(day), PriceTable::embedded().clone(), Reply::Nobody, outline, Some(since));
    replay.answered(says("old", 1, 200));
    replay.answered(says("new", 2, 100));
    let trial = replay.finish();
    assert_eq!(told(&trial), "new $1.00 → $0.00: 00:02 refused");
    assert_eq!((trial.earlier, trial.earlier_spend.cost), (1, says("old", 1, 200).cost.money().unwrap()));
}

#[test]
fn a_question_whose_route_leads_to_another_limit_ends_when_nobody_answers_it_twice() {
    let asks = |wait: &str, then: &str| {
        format!("steps = [{{ at = \"100%\", do = \"ask\", wait = \"{wait}\", else = \"{then}\" }}]")
    };
    let run = budget("run", "run", "16 usd", &asks("20m", "route"));
    let models = budget("models", "model", "3 usd", &format!("window = \"total\"\n{}", asks("40m", "stop")));
    let astra = |minute, cents| by("gpt-6-astra", says_in("-a", "sub", minute, cents));
    let history = vec![
        by(TERRA, says("r1", 1, 170)),
        by(TERRA, says("r1", 2, 165)),
        by(TERRA, says_in("-a", "sub", 2, 5)),
        says_in("-a", "root", 3, 2),
        astra(3, 261),
        astra(900, 261),
    ];
    assert_eq!(
        told(&tried_with(policy(&format!("{run}{models}")), Reply::Nobody, history)),
        "-a/root $26.15 → $13.10: 00:03 ask by run, 00:23 answered Route, 00:23 ask by models, 01:03 ask by run, 01:23 \
         answered Stop"
    );
}

/// Three runs of two threads each, two of them imported, at any time of two days.
fn histories() -> impl Strategy<Value = Vec<Response>> {
    let one = (0_usize..3, 0_usize..2, 0_i64..2_880, 1_u64..300, 0_usize..4);
    proptest::collection::vec(one, 0..60).prop_map(|acts| {
        let one = |(index, (run, thread, minute, cents, model)): (usize, (usize, usize, i64, u64, usize))| {
            let model = [SOL, TERRA, "gpt-6-astra", "mystery"][model];
            let mut response = by(model, says_in(["r1", "-a", "-b"][run], ["root", "sub"][thread], minute, cents));
            response.key = ResponseKey::new(index.to_string());
            response
        };
        acts.into_iter().enumerate().map(one).collect()
    })
}

const STEP: [&str; 6] = [
    "{ at = \"30%\", do = \"warn\" }",
    "{ at = \"50%\", do = \"route\" }",
    "{ at = \"100%\", do = \"ask\", wait = \"40m\", else = \"stop\" }",
    "{ at = \"100%\", do = \"ask\", wait = \"20m\", else = \"route\" }",
    "{ at = \"100%\", do = \"stop\" }",
    "{ at = \"1 usd left\", do = \"kill\" }",
];

const SCOPE: [(&str, &str); 6] = [
    ("run", ""),
    ("thread", ""),
    ("team", "window = \"day\"\n"),
    ("everything", "window = \"2h\"\n"),
    ("model", "window = \"total\"\n"),
    ("user", "window = \"month\"\n"),
];

fn budgets() -> impl Strategy<Value = String> {
    let one = (0_usize..SCOPE.len(), 2_u32..30, proptest::bool::ANY, proptest::bool::ANY, 2_usize..STEP.len(), 0_u8..8);
    proptest::collection::vec(one, 1..4).prop_map(|budgets| {
        let one =
            |(index, (scope, limit, warns, routes, last, observe)): (usize, (usize, u32, bool, bool, usize, u8))| {
                let (per, window) = SCOPE[scope];
                let mode = if observe == 0 { "mode = \"observe\"\n" } else { "" };
                let steps = [warns.then_some(STEP[0]), routes.then_some(STEP[1]), Some(STEP[last])];
                let steps: Vec<&str> = steps.into_iter().flatten().collect();
                let more = format!("{window}{mode}steps = [{}]", steps.join(", "));
                budget(&format!("b{index}"), per, &format!("{limit} usd"), &more)
            };
        budgets.into_iter().enumerate().map(one).collect()
    })
}

fn adds_up(trial: &Trial, history: &[Response]) {
    let mut actual = Spend::default();
    history.iter().for_each(|response| actual.add(response));
    assert_eq!((trial.actual.responses, trial.actual.unpriced), (actual.responses, actual.unpriced));
    assert_eq!(trial.actual.cost, actual.cost);
    let mut saved = Spend::default();
    for run in &trial.runs {
        saved.add_all(&run.actual.less(&run.would));
        assert!(run.would.cost <= run.actual.cost && run.would.responses <= run.actual.responses, "{}", told_run(run));
        let routed = run.steps.iter().any(|step| matches!(step.deed, Deed::Routed { .. }));
        assert!(routed || run.would.responses < run.actual.responses || run.would == run.actual, "{}", told_run(run));
    }
    assert_eq!(trial.would.cost + saved.cost, trial.actual.cost);
    assert_eq!(trial.would.responses + saved.responses, trial.actual.responses);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_would_have_been_spent_and_what_was_saved_is_what_was_spent(
        history in histories(), budgets in budgets(), approve in proptest::bool::ANY,
    ) {
        let reply = if approve { Reply::Approve } else { Reply::Nobody };
        adds_up(&tried_with(policy(&budgets), reply, history.clone()), &history);
    }

    #[test]
    fn without_a_rule_nothing_happens(history in histories()) {
        let trial = tried_with(loaded("version = 1\n".to_owned()), Reply::Nobody, history.clone());
        prop_assert_eq!(trial.runs.len(), 0);
        prop_assert_eq!(trial.would, trial.actual);
    }
}

proptest! {
    // Reading a policy takes longer than trying it.
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn the_projects_own_policies_can_be_tried(history in histories()) {
        for text in [include_str!("../../../policies/solo.toml"), include_str!("../../../policies/team.toml"), include_str!("../../../policies/ci.toml")] {
            let trial = tried_with(loaded(text.to_owned()), Reply::Nobody, history.clone());
            prop_assert_eq!(trial.actual.responses, history.len() as u64);
            prop_assert!(trial.would.cost <= trial.actual.cost);
        }
    }
}

#[test]
fn the_governor_chooses_by_what_history_knows_and_a_pool_is_each_runs_own() {
    let allot = "steps = [{ at = \"100%\", do = \"stop\" }]\nallot = { by = \"equal\", reserve = \"50%\" }";
    // Two dollars are allotted; nothing is known of progress, so that it is given as much again, and then routed.
    let history = |run: &str| (1..=9).map(|minute| says(run, minute, 50)).collect::<Vec<_>>();
    let both = history("r1").into_iter().chain(history("r2")).collect();
    let trial = tried(&budget("pie", "run", "4 usd", allot), both);
    let chosen = |run: &TriedRun| {
        let chose = run.steps.iter().filter_map(|step| match &step.deed {
            Deed::Decided(Decision { chosen: Some(chosen), .. }) => {
                Some(chosen.rationale.split(':').next().unwrap_or_default().to_owned())
            }
            _ => None,
        });
        chose.collect::<Vec<_>>().join(", ")
    };
    let [one, two] = trial.runs.as_slice() else { panic!("{}", told(&trial)) };
    assert_eq!(chosen(one), chosen(two));
    insta::assert_snapshot!(format!("{}\n{}", chosen(one), told(&trial)));
}
