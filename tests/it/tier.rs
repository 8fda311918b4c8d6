//! What a run declares: the tier that it starts on, and the command that a fleet file makes of a prompt.

use crate::support::codex::{CURRENT, OLDER, Version};
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::{CHEAPER, MODEL, World};

const TIERS: &str = "[models]\ntiers = { cheap = \"gpt-6.1-terra\" }\n";

#[test]
fn a_run_starts_on_the_model_of_its_tier_and_goes_on_with_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!("{TIERS}[[budget]]\nname = \"few\"\nper = \"run\"\nlimit = \"2 responses\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n"));
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let flags = ["--model-tier", "cheap", "--expect", "2usd", "--expect", "20 minutes"];
    let end =
        world.run_governed(&flags, &["codex", "exec", "-c", "model_verbosity=\"high\"", "do it"]).expect_code(124);
    world.govern(&["resume", &end.id(), "--extend", "5 responses"]).expect_code(0);
    let models: Vec<String> = world.server.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, [CHEAPER; 3]);
}

#[test]
fn a_tier_that_cannot_be_kept_to_is_refused_before_anything_is_spent() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(TIERS);
    let refused = |flags: &[&str], command: &[&str], said: &str| {
        world.run_governed(flags, command).expect_code(123).expect_outcome("refused").expect_said(said);
    };
    let cheap = ["--model-tier", "cheap"];
    refused(&cheap, &["codex", "exec", "-m", MODEL, "do it"], "its command line asks for `gpt-6.1-sol` already");
    refused(&cheap, &["sh", "-c", "codex exec 'do it'"], "`sh` is not Codex itself");
    refused(&["--model-tier", "cheep"], &["codex", "exec", "do it"], "did you mean `cheap`?");
    assert!(world.server.requests().is_empty());
    world.govern(&["run", "--expect", "a lot", "--", "codex"]).expect_code(2).expect_said("is not a quantity");
}

#[test]
fn a_prompt_behind_two_dashes_is_one_to_old_and_new_codexes() {
    for version in [CURRENT, OLDER, Version("0.45.0")] {
        let Some(world) = World::with_codex(version) else { continue };
        world.server.always(Select::any(), Reply::message("all is done"));
        for prompt in ["review", "--yolo"] {
            let image = ["codex", "exec", "-m", CHEAPER, "--skip-git-repo-check", "--", prompt];
            world.run_governed(&[], &image).expect_code(0);
        }
        let requests = world.server.requests();
        assert_eq!(requests.len(), 2, "{version:?}");
        for (request, prompt) in requests.iter().zip(["review", "--yolo"]) {
            assert!(request.body.contains(&format!("\"text\":\"{prompt}\"")), "{}", request.body);
            assert_eq!(request.model, CHEAPER);
        }
    }
}
