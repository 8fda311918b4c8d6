//! Which gates a tool call meets, and what that comes to.

use globset::GlobMatcher;

use super::rule::{Gate, GateVerb, Refusal};
use super::{command, duration, patch};
use crate::model::{Dimension, GateName, Money};
use crate::shell::{CommandLine, Reading};

/// What an agent is about to do.
pub struct ToolCall<'a> {
    /// The tool as the hook names it: `Bash`, `apply_patch`, `collaborationspawn_agent`, `mcp__server__tool`.
    pub tool: &'a str,
    /// What it would run, or the patch that it would apply: the `command` of the hook's `tool_input`.
    pub command: Option<CommandLine<'a>>,
    /// More files that it would touch, where something else than its patch names them.
    pub paths: &'a [String],
    /// The model that calls it.
    pub model: Option<&'a str>,
    /// Where the agent belongs; `None` is "unknown", and meets no condition.
    pub value: &'a dyn Fn(&Dimension) -> Option<String>,
    /// What the next request is likely to cost; `None` where nobody can say.
    pub next_cost: Option<Money>,
}

/// What a request is likely to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// So much.
    Costs(Money),
    /// Its model has no price.
    Unpriced,
    /// Nothing is known of this agent: it was never answered, nor in an earlier run.
    Unknown,
}

/// What an agent is about to ask its model.
pub struct Request<'a> {
    /// Which model.
    pub model: Option<&'a str>,
    /// Where the agent belongs; `None` is "unknown", and meets no condition.
    pub value: &'a dyn Fn(&Dimension) -> Option<String>,
    /// What it is likely to cost.
    pub likely: Likely,
}

/// The most severe of the gates that a request meets. One of which nothing is known meets none: it could never be
/// learnt.
pub fn judge_request(rules: &[Gate], request: &Request<'_>) -> Option<GateVerdict> {
    let next_cost = match request.likely {
        Likely::Costs(cost) => Some(cost),
        Likely::Unpriced => None,
        Likely::Unknown => return None,
    };
    let Request { model, value, .. } = request;
    let call = ToolCall { tool: "", command: None, paths: &[], model: *model, value: *value, next_cost };
    let on_requests = rules.iter().filter(|gate| gate.is_on_requests());
    verdict(on_requests.filter_map(|gate| Some((gate, reason(gate, &call, None)?))).collect())
}

/// What the gates say to a call that meets one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateVerdict {
    /// The gate that decides.
    pub gate: GateName,
    /// What it does.
    pub verb: GateVerb,
    /// Each gate that the call meets, with its reason, the one that decides first. Parts of the command are quoted:
    /// secrets are to be blanked before it is written anywhere.
    pub because: Vec<String>,
    /// Only gates that observe are met: nothing is done.
    pub observe: bool,
}

/// The tool that patches files.
const PATCH: &str = "apply_patch";

/// The most severe of the gates that a call meets, with the reasons of all. What is enforced goes before what is only
/// observed, `deny` before `ask`; of two questions the one with the more severe end, then the shorter wait decides.
pub fn judge(rules: &[Gate], call: &ToolCall<'_>) -> Option<GateVerdict> {
    let reading = call.command.filter(|_| call.tool != PATCH).map(Reading::of);
    let on_tools = rules.iter().filter(|gate| !gate.is_on_requests());
    verdict(on_tools.filter_map(|gate| Some((gate, reason(gate, call, reading.as_ref())?))).collect())
}

/// Some gate that is enforced is about calls of this tool, whatever they would do.
pub fn concerns(rules: &[Gate], tool: &str, value: &dyn Fn(&Dimension) -> Option<String>) -> bool {
    let is_about = |gate: &Gate| {
        let meets = |pattern: &GlobMatcher| pattern.is_match(tool) || pattern.is_match(own_name(tool));
        let has_commands = tool != PATCH || !gate.is_on_commands();
        has_commands && (gate.tools.is_empty() || gate.tools.iter().any(meets))
    };
    let enforced = rules.iter().filter(|gate| !gate.observe && !gate.is_on_requests());
    enforced.filter(|gate| is_about(gate)).any(|gate| gate.only.matches(value))
}

fn verdict(mut met: Vec<(&Gate, String)>) -> Option<GateVerdict> {
    met.sort_by_key(|(gate, _)| (gate.observe, std::cmp::Reverse(severity(gate.verb))));
    let (first, _) = met.first()?;
    Some(GateVerdict {
        gate: first.name.clone(),
        verb: first.verb,
        because: met.iter().map(|(gate, reason)| in_words(gate, reason, first.observe)).collect(),
        observe: first.observe,
    })
}

fn severity(verb: GateVerb) -> (u8, Refusal, std::cmp::Reverse<std::time::Duration>) {
    match verb {
        GateVerb::Ask { wait, otherwise } => (0, otherwise, std::cmp::Reverse(wait)),
        GateVerb::Deny => (1, Refusal::Deny, std::cmp::Reverse(std::time::Duration::ZERO)),
    }
}

fn in_words(gate: &Gate, reason: &str, all_observe: bool) -> String {
    let observed = if gate.observe && !all_observe { " (only observed)" } else { "" };
    format!("`{}`{observed}: {reason}", gate.name)
}

/// Why a call meets a gate; `None` where one of its conditions does not hold.
fn reason(gate: &Gate, call: &ToolCall<'_>, reading: Option<&Reading>) -> Option<String> {
    // A patch may also be given to a shell, which hands it on.
    let hands_on = reading.is_some_and(|reading| reading.runs(PATCH));
    let is_meant = |tool: &str| gate.tools.is_empty() || gate.tools.iter().any(|pattern| pattern.is_match(tool));
    let handed_on = hands_on.then_some(PATCH);
    if !(is_meant(call.tool) || is_meant(own_name(call.tool)) || handed_on.is_some_and(is_meant)) {
        return None;
    }
    if !gate.models.is_empty() && !call.model.is_some_and(|model| gate.models.iter().any(|m| m.is_match(model))) {
        return None;
    }
    if !gate.only.matches(call.value) {
        return None;
    }
    let mut reasons = Vec::new();
    if gate.is_on_commands() {
        reasons.push(command::because(reading?, &gate.wanted, &gate.arguments, gate.exceptions())?);
    }
    if !gate.paths.is_empty() {
        reasons.push(touched(gate, call, hands_on || call.tool == PATCH)?);
    }
    if let Some(most) = gate.cost_above {
        match call.next_cost {
            Some(cost) if cost <= most => return None,
            Some(cost) => reasons.push(format!("the next request is likely to cost {cost}, more than {most}")),
            None => reasons.push(format!("the next request has no price, and may cost more than {most}")),
        }
    }
    if reasons.is_empty() {
        reasons.push(format!("a call of {}", call.tool));
    }
    Some(reasons.join("; "))
}

/// A tool's name without that of the group that Codex has put before it, with nothing between them: 0.169 calls
/// `spawn_agent` `collaborationspawn_agent`.
fn own_name(tool: &str) -> &str {
    let own = [
        ONE_SUB_AGENT,
        MANY_SUB_AGENTS,
        "send_message",
        "followup_task",
        "interrupt_agent",
        "list_agents",
        "wait_agent",
    ];
    own.into_iter().find(|own| tool.ends_with(own) && !tool.starts_with("mcp__")).unwrap_or(tool)
}

/// The tool that starts one sub-agent.
const ONE_SUB_AGENT: &str = "spawn_agent";

/// The tool that starts one for each row of a file: in 0.118 and 0.135 with the feature `enable_fanout`, and in none from
/// 0.169 on. Those sub-agents name neither parent nor depth.
const MANY_SUB_AGENTS: &str = "spawn_agents_on_csv";

/// What a tool starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// A sub-agent.
    One,
    /// As many as the rows of a file that the call names, by a tool of this name.
    Many(&'static str),
}

/// It starts sub-agents, under any of the names that Codex gives the tool: alone, with that of its group before it, or
/// behind a dot.
pub fn starts_sub_agents(tool: &str) -> Option<Starts> {
    match own_name(tool) {
        ONE_SUB_AGENT => Some(Starts::One),
        MANY_SUB_AGENTS => Some(Starts::Many(MANY_SUB_AGENTS)),
        _ => None,
    }
}

/// The first file that matches. A pattern may match from any folder of a path on; one that begins with `/`, the whole.
fn touched(gate: &Gate, call: &ToolCall<'_>, patches: bool) -> Option<String> {
    let named = match call.command {
        Some(CommandLine::Text(text)) if patches => patch::paths(text),
        Some(CommandLine::Words(words)) if patches => words.iter().flat_map(|word| patch::paths(word)).collect(),
        Some(_) | None => Vec::new(),
    };
    call.paths.iter().chain(&named).find_map(|path| {
        let path = patch::resolved(path);
        let tails = path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..));
        let mut tails = std::iter::once(path.as_str()).chain(tails);
        tails
            .any(|tail| gate.paths.iter().any(|pattern| pattern.is_match(tail)))
            .then(|| format!("it touches `{path}`"))
    })
}

/// `ask, after 15m deny`, `deny`.
pub fn verb_in_words(verb: GateVerb) -> String {
    match verb {
        GateVerb::Ask { wait, otherwise } => format!("ask, after {} {otherwise}", duration::show(wait)),
        GateVerb::Deny => "deny".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::layers::{FlagRules, load};
    use crate::policy::mistake::LayerText;
    use crate::policy::rule::Layer;

    fn gates(text: &str) -> Vec<Gate> {
        let layer = LayerText { layer: Layer::User, path: None, text: format!("version = 1\n{text}") };
        load(vec![layer], FlagRules::default()).unwrap().policy.gates
    }

    fn on_main(dimension: &Dimension) -> Option<String> {
        (*dimension == Dimension::Branch).then(|| "main".to_owned())
    }

    fn call<'a>(tool: &'a str, command: Option<&'a str>, paths: &'a [String]) -> ToolCall<'a> {
        let command = command.map(CommandLine::Text);
        let next_cost = Money::parse_decimal("0.10");
        ToolCall { tool, command, paths, model: Some("gpt-6.1-sol"), value: &on_main, next_cost }
    }

    fn because(rule: &str, call: &ToolCall<'_>) -> Option<String> {
        let verdict = judge(&gates(&format!("[[gate]]\nname = \"g\"\ndo = \"ask\"\n{rule}\n")), call)?;
        let [because] = verdict.because.as_slice() else { panic!("{verdict:?}") };
        Some(because.clone())
    }

    #[test]
    fn every_condition_of_a_gate_must_hold() {
        let bash = call("Bash", Some("git push"), &[]);
        for (rule, reason) in [
            ("", Some("`g`: a call of Bash")),
            ("tool = \"Bash\"", Some("`g`: a call of Bash")),
            ("tool = [\"mcp__*\", \"Ba*\"]", Some("`g`: a call of Bash")),
            ("tool = \"apply_patch\"", None),
            ("match = \"git push*\"", Some("`g`: `git push` matches `git push*`")),
            ("match = \"git pull*\"", None),
            ("not = \"git push*\"", None),
            ("match = \"git push*\"\nargs = \"-f\"", None),
            ("match = \"git push*\"\nargs = [\"-f\", \"--force*\"]", None),
            ("model = \"gpt-6*\"", Some("`g`: a call of Bash")),
            ("model = \"o3\"", None),
            ("only = { branch = \"main\" }", Some("`g`: a call of Bash")),
            ("only = { branch = \"x\" }", None),
            ("only = { team = \"*\" }", None),
            ("tool = \"Bash\"\ncost_above = \"0.10 usd\"", None),
            (
                "tool = \"Bash\"\ncost_above = \"0.09 usd\"",
                Some("`g`: the next request is likely to cost $0.10, more than $0.09"),
            ),
            // Alone, it is a gate on requests.
            ("cost_above = \"0.09 usd\"", None),
            (
                "match = \"git*\"\ncost_above = \"0.09 usd\"",
                Some("`g`: `git push` matches `git*`; the next request is likely to cost $0.10, more than $0.09"),
            ),
        ] {
            assert_eq!(because(rule, &bash).as_deref(), reason, "{rule}");
        }
        let unpriced = ToolCall { next_cost: None, ..call("Bash", None, &[]) };
        let reason = because("tool = \"*\"\ncost_above = \"1 usd\"", &unpriced);
        assert_eq!(reason.as_deref(), Some("`g`: the next request has no price, and may cost more than $1.00"));
        let nameless = ToolCall { model: None, ..call("Bash", None, &[]) };
        assert_eq!(because("model = \"*\"", &nameless), None);
    }

    #[test]
    fn arguments_are_looked_for_wherever_they_stand() {
        let rule = "match = \"git push*\"\nargs = [\"-f\", \"+*\", [\"--delete\", \"origin\"]]";
        for (line, reason) in [
            ("git push origin main -f", Some("`g`: `git push origin main -f` matches `git push*` with `-f`")),
            ("git push -uf", Some("`g`: `git push -uf` matches `git push*` with `-f`")),
            ("git push x +main", Some("`g`: `git push x +main` matches `git push*` with `+*`")),
            (
                "git push --delete x origin",
                Some("`g`: `git push --delete x origin` matches `git push*` with `--delete and origin`"),
            ),
            ("git push $x", Some("`g`: `git push …` may be `git push*` with `-f`")),
            ("git push --delete x", None),
            ("git push origin main", None),
            ("git commit -f && git push", None),
            ("eval \"$x\"", Some("`g`: what `eval` is given cannot be read: it may be `git push*`")),
        ] {
            assert_eq!(because(rule, &call("Bash", Some(line), &[])).as_deref(), reason, "{line}");
        }
        assert_eq!(
            because("args = [\"--no-verify\"]", &call("Bash", Some("git commit --no-verify"), &[])).as_deref(),
            Some("`g`: `git commit --no-verify` with `--no-verify`")
        );
    }

    #[test]
    fn what_surely_has_an_argument_may_be_let_past() {
        let push = "match = \"git push*\"\nnot_args = [\"--dry-run\", [\"-n\", \"origin\"]]";
        let both = "match = \"*publish*\"\nnot = \"cargo *\"\nnot_args = \"--dry-run\"";
        let all = "not_args = \"--help\"";
        for (rule, line, met) in [
            (push, "git push origin main", true),
            (push, "git push origin main --dry-run", false),
            (push, "git push origin -n", false),
            (push, "git push -n origin", true),
            (push, "git push -n other", true),
            (push, "git push --dry-run $x", true),
            (push, "git push --dry-run && git push", true),
            (push, "git push --dry-run && eval \"$x\"", true),
            (both, "cargo publish --dry-run", false),
            (both, "cargo publish", true),
            (both, "npm publish --dry-run", true),
            (all, "git push --help", false),
            (all, "ls", true),
        ] {
            assert_eq!(because(rule, &call("Bash", Some(line), &[])).is_some(), met, "{rule}: {line}");
        }
    }

    #[test]
    fn a_gate_concerns_the_tools_that_it_names() {
        for (rule, tool, expected) in [
            ("tool = \"Bash\"\nmatch = \"git push*\"", "Bash", true),
            ("match = \"git push*\"", "Bash", true),
            ("match = \"git push*\"", "apply_patch", false),
            ("paths = \"src/*\"", "apply_patch", true),
            ("tool = \"mcp__*\"", "Bash", false),
            ("tool = \"spawn_agent\"", "collaborationspawn_agent", true),
            ("cost_above = \"1 usd\"", "Bash", false),
            ("tool = \"Bash\"\nmode = \"observe\"", "Bash", false),
            ("only = { branch = \"main\" }", "Bash", true),
            ("only = { branch = \"other\" }", "Bash", false),
        ] {
            let rules = gates(&format!("[[gate]]\nname = \"g\"\ndo = \"deny\"\n{rule}\n"));
            assert_eq!(concerns(&rules, tool, &on_main), expected, "{rule} {tool}");
        }
    }

    #[test]
    fn a_gate_on_what_the_next_request_costs_alone_is_one_on_requests() {
        let rules = gates("[[gate]]\nname = \"g\"\ndo = \"deny\"\nmodel = \"gpt-6*\"\ncost_above = \"0.10 usd\"\n");
        let met = |model: &str, likely| {
            let request = Request { model: Some(model), value: &on_main, likely };
            judge_request(&rules, &request).map(|verdict| verdict.because.join("; "))
        };
        let cost = |text: &str| Likely::Costs(Money::parse_decimal(text).unwrap());
        for (model, likely, because) in [
            ("gpt-6-luna", cost("0.10"), None),
            ("gpt-6-luna", cost("0.11"), Some("`g`: the next request is likely to cost $0.11, more than $0.10")),
            ("o3", cost("0.11"), None),
            ("gpt-6-luna", Likely::Unpriced, Some("`g`: the next request has no price, and may cost more than $0.10")),
            ("gpt-6-luna", Likely::Unknown, None),
        ] {
            assert_eq!(met(model, likely).as_deref(), because, "{model} {likely:?}");
        }
    }

    #[test]
    fn paths_match_from_any_folder_on() {
        let rule = |pattern: &str| format!("paths = \"{pattern}\"");
        for (pattern, path, met) in [
            (".github/*", ".github/workflows/ci.yml", true),
            (".github/*", "/home/u/repo/.github/x", true),
            (".github/*", "src/../.github/x", true),
            (".github/*", "src/github/x", false),
            ("*.rs", "src/a.rs", true),
            ("/etc/*", "/etc/passwd", true),
            ("/etc/*", "/w/../etc/passwd", true),
            ("/etc/*", "etc/passwd", false),
            ("Dockerfile", "a/Dockerfile", true),
            ("Dockerfile", "a/MyDockerfile", false),
        ] {
            let paths = [path.to_owned()];
            let because = because(&rule(pattern), &call("apply_patch", None, &paths));
            assert_eq!(because.is_some(), met, "{pattern} on {path}: {because:?}");
        }
        assert_eq!(because(&rule("*"), &call("Bash", Some("touch x"), &[])), None);
    }

    #[test]
    fn a_patch_names_its_files_and_is_no_command() {
        let patch = call("apply_patch", Some("*** Begin Patch\n*** Add File: a.txt\n+git push\n*** End Patch"), &[]);
        assert_eq!(because("paths = \"*.txt\"", &patch).as_deref(), Some("`g`: it touches `a.txt`"));
        assert_eq!(because("match = \"*\"", &patch), None);
    }

    #[test]
    fn a_tool_is_known_by_its_own_name_whatever_group_stands_before_it() {
        for tool in ["spawn_agent", "collaborationspawn_agent", "multi_agent_v1spawn_agent"] {
            assert!(because("tool = \"spawn_agent\"", &call(tool, None, &[])).is_some(), "{tool}");
        }
        assert!(because("tool = \"spawn_agent\"", &call("mcp__x__spawn_agent", None, &[])).is_none());
    }

    #[test]
    fn a_patch_that_a_shell_hands_on_is_a_patch() {
        let text = "apply_patch <<'E'\n*** Begin Patch\n*** Delete File: .git/config\n*** End Patch\nE";
        let rule = "tool = \"apply_patch\"\npaths = \".git/*\"";
        let reason = because(rule, &call("Bash", Some(text), &[]));
        assert_eq!(reason.as_deref(), Some("`g`: it touches `.git/config`"));
        assert_eq!(because(rule, &call("Bash", Some("cat <<'E'\n*** Delete File: .git/config\nE"), &[])), None);
    }

    #[test]
    fn the_most_severe_gate_decides_and_all_reasons_are_kept() {
        let text = "
            [[gate]]\nname = \"a\"\ndo = \"ask\"\nwait = \"1h\"\n
            [[gate]]\nname = \"b\"\ndo = \"ask\"\nwait = \"1m\"\n
            [[gate]]\nname = \"c\"\ndo = \"ask\"\nwait = \"2h\"\nelse = \"kill\"\n
            [[gate]]\nname = \"d\"\ndo = \"deny\"\nmode = \"observe\"\n
            [[gate]]\nname = \"e\"\ndo = \"deny\"\nmatch = \"rm*\"\n";
        let order = |command: &str| {
            let verdict = judge(&gates(text), &call("Bash", Some(command), &[])).unwrap();
            let names: String = verdict.because.iter().filter_map(|because| because.chars().nth(1)).collect();
            (verdict.gate.to_string(), verdict.verb, verdict.observe, names)
        };
        let kill = GateVerb::Ask { wait: Duration::from_secs(7_200), otherwise: Refusal::Kill };
        assert_eq!(order("ls"), ("c".to_owned(), kill, false, "cbad".to_owned()));
        assert_eq!(order("rm x"), ("e".to_owned(), GateVerb::Deny, false, "ecbad".to_owned()));
    }

    #[test]
    fn what_is_only_observed_says_so() {
        let text = "[[gate]]\nname = \"a\"\ndo = \"ask\"\n[[gate]]\nname = \"b\"\ndo = \"deny\"\nmode = \"observe\"\n";
        let both = judge(&gates(text), &call("Bash", None, &[])).unwrap();
        assert_eq!(both.because, ["`a`: a call of Bash", "`b` (only observed): a call of Bash"]);
        let observed = judge(gates(text).get(1..).unwrap(), &call("Bash", None, &[])).unwrap();
        assert!(observed.observe);
        assert_eq!(observed.because, ["`b`: a call of Bash"]);
    }
}
