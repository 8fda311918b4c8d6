//! Money is conserved where a budget is divided.

use super::world::World;
use crate::decide::account::amount;
use crate::decide::agents::lifecycle::State;
use crate::model::AgentName;

/// What there was is spent, promised, in the pool or spoken for; nobody is promised what is not there.
pub(super) fn money_is_conserved(world: &World, said: &str) {
    let shelf = world.shelf.borrow();
    for pool in world.governor.allotments() {
        let (mut spent, mut promised, mut handed_out) = (0, 0, 0);
        for (name, share) in &pool.shares {
            let own = shelf.responses.iter().filter(|response| {
                response.agent.as_ref() == Some(name) && response.run.as_ref().is_some_and(|run| run.as_str() == "r1")
            });
            let own: i64 = own.map(|response| amount(response, pool.unit)).sum();
            assert_eq!(share.spent, own, "{name}: {said}");
            let part = share.allotted.map_or(0, |first| first + share.given - share.returned);
            assert!(part >= 0 && share.unspent() == (part - own).max(0), "{name}: {share:?}: {said}");
            let over = world.governor.agent(name).is_none_or(|agent| agent.state == State::Gone);
            assert!(!over || share.unspent() == 0, "{name} is gone, and keeps {share:?}: {said}");
            (spent, promised, handed_out) = (spent + own, promised + share.unspent(), handed_out + part);
        }
        // What is passed by an answer that nobody could foresee, the limit holds elsewhere.
        let passed = (spent + promised - pool.taken).max(0);
        assert_eq!(pool.taken + passed, spent + promised + pool.size + pool.spoken_for, "{pool:?}: {said}");
        assert!(pool.size >= 0 && pool.spoken_for >= 0 && handed_out <= pool.taken, "{pool:?}: {said}");
    }
    for account in world.governor.accounts().filter(|account| account.allotted) {
        let pool = world.governor.allotments().into_iter().find(|pool| pool.budget == account.key.budget).unwrap();
        let name = AgentName::new(account.values[0].clone().unwrap());
        assert_eq!(pool.shares[&name].unspent(), (account.limit() - account.spent).max(0), "{name}: {said}");
    }
}
