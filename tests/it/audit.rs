//! The trail of the audit, and that the recipe of the manual proves it without govern.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

const MANUAL: &str = include_str!("../../docs/history.md");

#[test]
fn the_recipe_of_the_manual_proves_a_ledger_and_finds_what_was_changed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let recipe = MANUAL.split("```python\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    world.write("check.py", recipe);
    world.policy("[[gate]]\nname = \"no push\"\nmatch = [\"git push*\"]\ndo = \"deny\"\n");
    world.server.script(Select::root(), [Reply::exec("git push"), Reply::exec("echo é"), Reply::message("done")]);
    let end = world.run_governed(&["--agent", "fixer"], &["codex", "exec", "do it"]).expect_code(0);
    let trail = world.govern(&["audit", "--format", "jsonl"]).expect_code(0).out();
    let check = |text: &str| {
        world.write("trail.jsonl", text);
        let command = format!("python3 {} < {}", world.path("check.py").display(), world.path("trail.jsonl").display());
        world.run("sh", &["-c", &command])
    };
    let whole = check(&trail).expect_code(0).out();
    assert_eq!(whole, "2 chains are whole\n", "a run's and the ledger's");
    let lines: Vec<&str> = trail.lines().collect();
    for number in [2, lines.len() / 2, lines.len() - 1] {
        let mut fewer = lines.clone();
        fewer.remove(number);
        // Of the last one only the ledger's own head tells, as with `audit verify`.
        let code = i32::from(number + 1 < lines.len());
        check(&(fewer.join("\n") + "\n")).expect_code(code);
    }
    check(&trail.replace("\\\"short\\\":\\\"git push\\\"", "\\\"short\\\":\\\"git pull\\\"")).expect_code(1);

    let denied = world.govern(&["audit", "--run", &end.id(), "--tool", "bash", "--matched"]).expect_code(0).out();
    assert!(denied.contains("denied") && denied.contains("`no push`") && denied.contains("git push"), "{denied}");
    assert!(!denied.contains("echo"), "{denied}");
    let listed = world.govern(&["runs"]).expect_code(0).out();
    assert!(listed.contains(&end.id()) && listed.contains("$0.06"), "{listed}");
}
