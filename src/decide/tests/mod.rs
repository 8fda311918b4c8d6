//! Pure. The governor's stories: what happens goes in, a transcript of what it wants done comes out.

mod alert;
mod allot;
mod ask;
mod brake;
mod calls;
mod conserved;
mod consult;
mod gate;
mod headroom;
mod join;
mod limits;
mod live;
mod plan;
mod properties;
mod refusals;
mod route;
mod schedule;
mod scopes;
mod shared;
mod show;
mod steer;
mod still;
mod tally;
mod throttle;
mod time;
pub(super) mod world;
