//! Fleets that can be started.

use proptest::prelude::*;

use super::*;
use crate::model::{AgentName, Priority, Quantity};

const PIPELINE: &str = r#"
name = "shop"
concurrency = 3
policy = "policy.toml"
[budget]
limit = "10 usd"
[agents]
team = "web"
codex = ["--sandbox", "workspace-write"]
labels = { stage = "build", cost-center = "12" }
expect = { minutes = "20 minutes" }
[[agent]]
name = "plan"
prompt = "Write PLAN.md."
tier = "frontier"
expect = { spend = "1 usd", responses = 1_0 }
[[agent]]
name = "implement"
prompt = """
Implement what PLAN.md says.
Run the tests."""
worktree = "feature/x"
needs = ["plan"]
retries = 1
priority = 7
task = "WEB-12"
labels = { stage = "code" }
[[agent]]
name = "lint"
command = ["make", "lint"]
codex = []
folder = "app/./"
needs = ["plan"]
"#;

#[test]
fn a_pipeline_becomes_commands_places_and_declarations() {
    let text = PIPELINE
        .replace("codex = []\n", "")
        .replace("command = [\"make\", \"lint\"]", "command = [\"codex\", \"exec\", \"lint\"]\nmodel = \"gpt-6-luna\"");
    let Loaded { fleet, policy, .. } = accepted(&text);
    assert_eq!((fleet.name.as_str(), fleet.concurrency.map(usize::from)), ("shop", Some(3)));
    assert_eq!(fleet.order, [0, 1, 2]);
    let commands: Vec<String> = fleet.agents.iter().map(command).collect();
    assert_eq!(
        commands,
        [
            "codex exec -m gpt-6-astra --sandbox workspace-write -- Write PLAN.md.",
            "codex exec --sandbox workspace-write -- Implement what PLAN.md says.\nRun the tests.",
            "codex exec -m gpt-6-luna lint",
        ]
    );
    let folders: Vec<PathBuf> = fleet.agents.iter().map(|agent| agent.workplace.folder()).collect();
    assert_eq!(folders, ["/work/shop", "/work/shop.worktrees/feature/x", "/work/shop/app"].map(PathBuf::from));
    let [plan, implement, lint] = fleet.agents.as_slice() else { panic!("{:?}", fleet.agents) };
    assert_eq!((plan.retries, implement.retries), (0, 1));
    assert_eq!(implement.needs, [AgentName::from("plan")]);
    assert_eq!(plan.registration.spend, Quantity::parse("1 usd").ok());
    assert_eq!((plan.registration.responses, plan.registration.minutes), (Some(10), Quantity::parse("20 min").ok()));
    assert_eq!(plan.registration.tier.as_deref(), Some("frontier"));
    assert_eq!(lint.model.as_ref().map(crate::model::ModelId::as_str), Some("gpt-6-luna"));
    assert_eq!(implement.registration.priority, Priority::new(7).unwrap());
    assert_eq!(implement.attribution.team.as_deref(), Some("web"));
    assert_eq!(implement.attribution.task.as_deref(), Some("WEB-12"));
    let labels: Vec<_> = implement.attribution.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(labels, ["cost-center=12", "stage=code"]);
    let budgets: Vec<_> = policy.budgets.iter().map(|budget| (budget.name.as_str(), budget.layer)).collect();
    assert_eq!(budgets, [("fleet", Layer::Fleet)]);
    assert_eq!(fleet.budget.and_then(|budget| budget.limit), Quantity::parse("10 usd").ok());
}

#[test]
fn the_digest_covers_the_fleet_file() {
    let one = accepted(&agent("a", ""));
    let other = accepted(&agent("b", ""));
    assert_ne!(one.policy.digest, other.policy.digest);
    assert_eq!(one.fleet.name, "pipeline", "by its file");
}

#[test]
fn what_matters_more_starts_first_and_nobody_before_those_it_needs() {
    let text = [
        agent("report", "needs = [\"test\", \"review\"]\npriority = 9"),
        agent("review", "needs = [\"code\"]"),
        agent("test", "needs = [\"code\"]\npriority = 6"),
        agent("code", "priority = 0"),
        agent("other", ""),
    ]
    .concat();
    let fleet = accepted(&text).fleet;
    let order: Vec<&str> = fleet.order.iter().map(|place| fleet.agents[*place].name.as_str()).collect();
    assert_eq!(order, ["other", "code", "test", "review", "report"]);
}

#[test]
fn a_prompt_is_never_taken_for_anything_else() {
    for prompt in ["--yolo", "resume", "review", "-m x", "--"] {
        let fleet = accepted(&format!(
            "[[agent]]\nname = \"a\"\ncodex = [\"-i\", \"a.png\"]\nmodel = \"gpt-6-luna\"\nprompt = \"{prompt}\""
        ))
        .fleet;
        assert_eq!(command(&fleet.agents[0]), format!("codex exec -m gpt-6-luna -i a.png -- {prompt}"));
    }
}

#[test]
fn a_fleet_s_own_budget_may_be_of_sub_agents() {
    for (limit, rest) in [("20 sub-agents", ""), ("3 deep", "name = \"flat\"\nper = \"run\"\nmode = \"observe\"\n")] {
        let Loaded { fleet, policy, .. } =
            accepted(&format!("[budget]\nlimit = \"{limit}\"\n{rest}{}", agent("a", "")));
        assert!(fleet.budget.is_none() && policy.budgets.is_empty());
        let [spawns] = policy.spawn_limits.as_slice() else { panic!("{:?}", policy.spawn_limits) };
        assert_eq!((spawns.cap.to_string().as_str(), spawns.layer), (limit, Layer::Fleet));
        assert_eq!(spawns.observe, rest.contains("observe"));
        assert_eq!(policy.limits_spawns(), !spawns.observe);
    }
}

#[test]
fn a_fleet_without_a_budget_changes_nothing_of_the_policy() {
    let observing = format!("{POLICY}[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"1 usd\"\n");
    let observing = format!("mode = \"observe\"\n{observing}");
    let fleet = format!("version = 1\n{}", agent("a", ""));
    let policy = read_in("/work/shop", &observing, &fleet).unwrap().policy;
    assert!(policy.observe);
    let bound = format!("version = 1\n[budget]\nlimit = \"1 usd\"\n{}", agent("a", ""));
    assert!(!read_in("/work/shop", &observing, &bound).unwrap().policy.observe);
    assert!(!read_in("/work/shop", "version = 1", &fleet).unwrap().policy.observe);
}

fn damaged() -> impl Strategy<Value = String> {
    let damage = (any::<prop::sample::Index>(), "[\\[\\]{}\"'=#%,.\n\u{1b}ä0-9a-z -]{0,4}", 0_usize..12);
    prop::collection::vec(damage, 1..6).prop_map(|damages| {
        let mut text = format!("version = 1\n{PIPELINE}");
        for (place, inserted, removed) in damages {
            let start = text.floor_char_boundary(place.index(text.len().max(1)));
            let end = text.ceil_char_boundary((start + removed).min(text.len()));
            text.replace_range(start..end, &inserted);
        }
        text
    })
}

/// Any agents with any needs, by number.
fn some_needs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0_usize..9, 0..4), 1..9)
}

proptest! {
    #[test]
    fn arbitrary_text_never_makes_govern_panic(text in "(\\PC|\n){0,200}") {
        let mistakes = read(&text).map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
        let _ = render(&mistakes, true);
    }

    #[test]
    fn a_damaged_fleet_is_read_or_refused_with_a_reason(text in damaged()) {
        match read_in("/work/shop", POLICY, &text) {
            Ok(loaded) => prop_assert_eq!(loaded.fleet.order.len(), loaded.fleet.agents.len()),
            Err(mistakes) => {
                let rendered = render(&mistakes, false);
                prop_assert!(rendered.contains("error"), "{}", rendered);
                prop_assert_eq!(rendered.find('\u{1b}'), None);
            }
        }
    }

    #[test]
    fn needs_are_ordered_or_refused(needs in some_needs()) {
        let agents = needs.iter().enumerate().map(|(number, needs)| {
            let needs: Vec<String> = needs.iter().map(|need| format!("\"a{need}\"")).collect();
            agent(&format!("a{number}"), &format!("needs = [{}]", needs.join(", ")))
        });
        if let Ok(Loaded { fleet, .. }) = read(&agents.collect::<String>()) {
            prop_assert_eq!(fleet.order.len(), needs.len());
            for (at, place) in fleet.order.iter().enumerate() {
                let before: Vec<&AgentName> = fleet.order[..at].iter().map(|place| &fleet.agents[*place].name).collect();
                for need in &fleet.agents[*place].needs {
                    prop_assert!(before.contains(&need), "{:?}", fleet.order);
                }
            }
        }
    }
}

#[test]
fn what_agents_write_is_kept_unless_nothing_is_to_be() {
    for (line, keeps) in [("", true), ("output = \"files\"\n", true), ("output = \"none\"\n", false)] {
        let text = format!("{line}[[agent]]\nname = \"a\"\nprompt = \"do it\"\n");
        assert_eq!(accepted(&text).fleet.keeps_output, keeps, "{line}");
    }
}
