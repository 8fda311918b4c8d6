//! Budgets that other runs spend from, too.

use insta::assert_snapshot;

use super::world::{CODEX, Plan, cents, response};
use crate::decide::Input;
use crate::decide::message::News;
use crate::model::{AgentName, Attribution, Response, ResponseKey, RunId};

const TEAM: &str = "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
    steps = [{ at = \"100%\", do = \"ask\" }]\n";

#[test]
fn what_others_spend_counts_here() {
    let mut world = Plan::of(TEAM).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 1_000).started();
    world.works(1_000);
    world.elsewhere("dear", 1_000);
    assert_eq!(world.spent("team"), cents(300));
    world.elsewhere("dear", 1_500);
    assert_snapshot!(world.told());
}

#[test]
fn what_others_have_reserved_counts_here() {
    let mut world = Plan::of(TEAM).started();
    world.works(1_000);
    world.shelf.get_mut().others.insert("team".to_owned(), cents(250));
    assert!(!world.told().contains("FREEZE"));
    world.works(1_000);
    assert!(world.told().contains("$2.00 + $3.50 reserved of $5.00"));
}

#[test]
fn spend_of_another_team_or_day_does_not_count_here() {
    let mut world = Plan::of(TEAM).started();
    let mut infra = response("other", "t", "dear", 9_000, world.now.wall);
    infra.attribution.team = Some("infra".to_owned());
    let mut old = response("other", "t", "dear", 9_000, "2026-11-23T23:59:59Z".parse().unwrap());
    old.run = Some(RunId::new("r2"));
    world.feed(Input::Elsewhere(News { responses: vec![infra, old], ..News::default() }));
    world.works(10);
    assert_eq!(world.spent("team"), cents(1));
}

#[test]
fn an_extension_elsewhere_releases_who_fits_again() {
    let mut world = Plan::of(TEAM).started();
    world.works(3_000);
    world.skip();
    let key = world.governor.accounts().next().unwrap().key.clone();
    world.feed(Input::Elsewhere(News { extensions: vec![(key.clone(), cents(50))], ..News::default() }));
    world.feed(Input::Elsewhere(News { extensions: vec![(key, cents(50))], ..News::default() }));
    assert_snapshot!(world.told());
}

#[test]
fn a_claim_is_given_back_while_it_is_held_and_at_the_end() {
    let mut world = Plan::of(TEAM).started();
    world.works(1_000);
    assert_eq!(world.claimed(), cents(100));
    world.works(2_500);
    assert_eq!(world.claimed(), 0);
    world.extends(1, cents(1_000));
    assert_eq!(world.claimed(), cents(250));
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    assert_eq!(world.claimed(), 0);
    world.asks("root"); // Read after the end.
    assert_eq!(world.claimed(), 0);
}

#[test]
fn what_others_spend_and_lift_may_be_counted_again_instead_of_told() {
    let [mut told, mut counted, mut summed] = [(); 3].map(|()| Plan::of(TEAM).started());
    for (cents_more, tokens) in [(0, 1_000), (300, 1_500), (0, 2_500), (900, 10)] {
        for world in [&mut told, &mut counted, &mut summed] {
            world.works(1_000);
        }
        let key = told.governor.accounts().next().unwrap().key.clone();
        let mut other = response("other", "elsewhere", "dear", tokens, told.now.wall);
        other.run = Some(RunId::new("r2"));
        for world in [&mut told, &mut counted, &mut summed] {
            world.shelf.get_mut().responses.push(other.clone());
            *world.shelf.get_mut().extended.entry(key.clone()).or_default() += cents(cents_more);
        }
        let extensions = if cents_more > 0 { vec![(key, cents(cents_more))] } else { Vec::new() };
        let news = News { extensions, ..News::default() };
        told.feed(Input::Elsewhere(News { responses: vec![other], ..news.clone() }));
        counted.feed(Input::Recount);
        summed.feed(Input::Elsewhere(News { many: true, ..news }));
        assert_eq!((counted.spent("team"), summed.spent("team")), (told.spent("team"), told.spent("team")));
        let state = |world: &super::world::World| world.governor.agent(&AgentName::new(CODEX)).unwrap().state;
        assert_eq!((state(&counted), state(&summed)), (state(&told), state(&told)));
    }
    assert!(counted.told().contains("FREEZE"), "somebody was held on the way");
}

#[test]
fn what_an_import_took_first_counts_for_the_run_and_was_counted_for_everybody() {
    let policy = "[[budget]]\nname = \"run\"\nper = \"run\"\nlimit = \"10 responses\"\n\
        [[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"10 responses\"\n";
    let mut world = Plan::of(policy).started();
    world.answers("root", 10);
    let mut taken = response(CODEX, "root", "dear", 10, world.now.wall);
    taken.key = ResponseKey::new("taken");
    world.shelf.get_mut().responses.push(Response { run: None, agent: None, ..taken.clone() });
    world.feed(Input::Elsewhere(News { responses: vec![Response { run: None, ..taken.clone() }], ..News::default() }));
    assert_eq!((world.spent("run"), world.spent("team")), (1, 2));
    let recorded = Box::new(Response { run: None, agent: None, ..taken.clone() });
    world.feed(Input::Taken { response: Box::new(taken.clone()), recorded });
    assert_eq!((world.spent("run"), world.spent("team")), (2, 2));
    // One that was recorded for another team counts for this one as well, and stays when the ledger is asked again.
    let attribution = Attribution { team: Some("other".to_owned()), ..Attribution::default() };
    let recorded = Box::new(Response { run: Some("r2".into()), attribution, ..taken.clone() });
    world.feed(Input::Taken { response: Box::new(taken), recorded });
    assert_eq!((world.spent("run"), world.spent("team")), (3, 3));
    world.feed(Input::Elsewhere(News { many: true, ..News::default() }));
    assert_eq!((world.spent("run"), world.spent("team")), (3, 3));
}
