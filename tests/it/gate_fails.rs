//! The gate where something fails: a request, or the hook that asks about it.

use std::time::Duration;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::World;

#[test]
fn after_a_request_that_failed_the_later_ones_go_on_at_once() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let tools = std::iter::repeat_n(Reply::exec("true"), 6);
    let replies = [Reply::exec("true"), Reply::refuse(500)].into_iter().chain(tools).chain([Reply::message("done")]);
    world.server.script(Select::root(), replies);
    let command = ["codex", "exec", "-c", "model_providers.mock.stream_max_retries=2", "do it"];
    let end = world.run_governed(&["--budget", "9usd"], &command).expect_code(0);
    let requests = world.server.requests();
    assert_eq!(requests.len(), 9, "{requests:?}");
    let after: Vec<_> = requests[2..].windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    // What waits for a record that does not come waits 250 ms each time.
    assert!(after.iter().min() < Some(&Duration::from_millis(250)), "{after:?}");
    ledger::expect_all_served(&world, &end.id());
}
