//! What a careful lead would do near a limit: a written rule, the same for the same facts.
//!
//! The rule looks at the agent first. It is **stuck** where a command failed [`FAILED`] times in a row or was run
//! [`REPEATED`] times without a change of the work tree; it **advances** where files, commits or tests came in the
//! last [`LATELY`]; else nothing is known. It **strains** where it spends half as much again as it declared, or where
//! its requests have grown [`GROWN`] times and are hardly cached. Then, of what the policy lets it choose, the first:
//!
//! | | below the limit | at the limit, where the next request would pass it |
//! |---|---|---|
//! | stuck | steer, ask, go on | ask, stop, kill |
//! | strains, and nobody knows what for | throttle, route, steer, go on | route, ask, stop, kill |
//! | strains and advances | throttle, route, extend, steer, go on | route, extend, ask, stop, kill |
//! | neither | extend, route, steer, go on | extend, route, ask, stop, kill |
//!
//! A route must save something, and at the limit make the next request fit. An extension comes from the pool alone. An
//! agent that matters less than others, and that nobody waits for, gets no more than half of the pool; one of which
//! nothing is known no more than it was allotted at the start. Nobody is asked where nobody can answer. What was chosen
//! before is the least: severity never falls by itself.

use std::time::Duration;

use crate::model::event::{Chosen, Course};
use crate::model::{ModelId, Priority, Progress, Streak, Unit, Verb};
use crate::policy::rule::May;

use crate::decide::agents::trend::Growth;

/// So long ago is lately.
pub const LATELY: Duration = Duration::from_secs(5 * 60);

/// A command that fails so often in a row is not about to do well.
pub const FAILED: u32 = 3;

/// A command that is run so often while nothing changes tells nothing new.
pub const REPEATED: u32 = 5;

/// Requests that have grown so many times cost too much, unless they are cached.
pub const GROWN: u64 = 4;

/// What a route must save, in thousandths.
pub const SAVES: u32 = 100;

/// All that a choice is made from. Amounts are in the unit's smallest part.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is counted.
    pub unit: Unit,
    /// The limit itself would be passed by the next request.
    pub strict: bool,
    /// By how much the allotment must rise for this step to lie ahead, and at the limit for the next request to fit.
    pub needed: i64,
    /// What an extension adds where nothing keeps it from it.
    pub offer: i64,
    /// What there is to extend from; `None`: this is no allotment.
    pub pool: Option<Stock>,
    /// Spent in a minute, lately.
    pub rate: Option<i64>,
    /// What it declared to spend in a minute.
    pub declared: Option<i64>,
    /// What it has to show.
    pub progress: Progress,
    /// The moment, on the clock of `progress`.
    pub uptime: Duration,
    /// How its requests grow.
    pub growth: Option<Growth>,
    /// The next model down; `None` where it cannot go on with one.
    pub cheaper: Option<Cheaper>,
    /// How much it matters.
    pub priority: Priority,
    /// Agents that wait for it.
    pub waiting: usize,
    /// Somebody can be asked.
    pub askable: bool,
    /// Its requests can be slowed down.
    pub slowable: bool,
    /// What was chosen before and is in force, or is being done.
    pub floor: Option<Verb>,
}

/// What an allotment can be raised from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// What the pool can give.
    pub size: i64,
    /// What the agent was allotted at the start.
    pub allotted: i64,
    /// What it was given since.
    pub given: i64,
}

/// The next model of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cheaper {
    /// Which.
    pub model: ModelId,
    /// How much less its last responses would have cost, in thousandths.
    pub saves: u32,
    /// With it the next request fits.
    pub fits: bool,
}

/// How the agent looks.
enum Health {
    Stuck(String),
    Advances(String),
    Unknown(Option<String>),
}

/// Chooses among what the policy allows. The rationale is one sentence with the figures.
pub fn choose(facts: &Facts, may: &May) -> Chosen {
    let health = health(facts);
    let strain = strain(facts);
    let options: &[Option<Verb>] = order(&health, strain.is_some(), facts.strict);
    let extension = extension(facts, may, &health);
    let can = |option: &&Option<Verb>| match option {
        None => extension.is_ok(),
        Some(verb) => may.has(*verb) && facts.floor.is_none_or(|floor| *verb >= floor) && facts.allows(*verb),
    };
    let mut sound = options.iter().filter(can);
    let first = sound.next();
    let what = match first {
        Some(None) => Course::Extend { amount: extension.as_ref().copied().unwrap_or(0) },
        Some(Some(verb)) => Course::Act { verb: *verb },
        // At the limit something must be done: the mildest of what keeps the request from being started.
        None if facts.strict => Course::Act { verb: facts.last_resort(may) },
        None => Course::GoOn,
    };
    let unsure = matches!(health, Health::Unknown(_)) || strain.is_some();
    let mut because: Vec<String> = Vec::new();
    match health {
        Health::Stuck(why) | Health::Advances(why) | Health::Unknown(Some(why)) => because.push(why),
        Health::Unknown(None) => because.push("nothing is known of its progress".to_owned()),
    }
    because.extend(facts.pace());
    because.extend(strain.filter(|why| !because.contains(why)));
    match (&extension, what) {
        (Ok(_), _) | (Err(None), _) => {}
        (Err(Some(why)), _) => because.push(why.clone()),
    }
    because.extend(facts.model(what));
    because.extend(facts.others());
    let rationale = format!("{}: {}", facts.head(what), because.join(", "));
    let open = unsure && (sound.next().is_some() || (first.is_some() && !facts.strict));
    Chosen { what, rationale, open, advice: None }
}

/// What comes first; `None` is an extension.
fn order(health: &Health, strains: bool, strict: bool) -> &'static [Option<Verb>] {
    use Verb::{Ask, Kill, Route, Steer, Stop, Throttle};
    match (health, strains, strict) {
        (Health::Stuck(_), _, false) => &[Some(Steer), Some(Ask)],
        (Health::Stuck(_), _, true) => &[Some(Ask), Some(Stop), Some(Kill)],
        (Health::Unknown(_), true, false) => &[Some(Throttle), Some(Route), Some(Steer)],
        (Health::Unknown(_), true, true) => &[Some(Route), Some(Ask), Some(Stop), Some(Kill)],
        (Health::Advances(_), true, false) => &[Some(Throttle), Some(Route), None, Some(Steer)],
        (Health::Advances(_), true, true) => &[Some(Route), None, Some(Ask), Some(Stop), Some(Kill)],
        (Health::Advances(_) | Health::Unknown(_), false, false) => &[None, Some(Route), Some(Steer)],
        (Health::Advances(_) | Health::Unknown(_), false, true) => {
            &[None, Some(Route), Some(Ask), Some(Stop), Some(Kill)]
        }
    }
}

fn health(facts: &Facts) -> Health {
    let Progress { failing, repeated, commits, tested_at, commands, .. } = &facts.progress;
    let often = |streak: &Option<Streak>, most: u32| streak.clone().filter(|streak| streak.times >= most);
    if let Some(Streak { command, times }) = often(failing, FAILED) {
        return Health::Stuck(format!("`{command}` failed {times} times in a row"));
    }
    if let Some(Streak { command, times }) = often(repeated, REPEATED) {
        return Health::Stuck(format!("`{command}` was run {times} times and nothing changed"));
    }
    let lately = facts.uptime.saturating_sub(LATELY);
    let minutes = LATELY.as_secs() / 60;
    let files = facts.progress.files_changed_since(lately);
    let is_late = |at: Option<Duration>| at.is_some_and(|at| at >= lately);
    if files > 0 {
        return Health::Advances(format!("{} changed in the last {minutes} minutes", counted(files, "file", "files")));
    }
    if is_late(facts.progress.committed_at) {
        let commits = usize::try_from(*commits).unwrap_or(usize::MAX);
        let commits = counted(commits, "commit", "commits");
        return Health::Advances(format!("{commits}, the last one in the last {minutes} minutes"));
    }
    if is_late(*tested_at) {
        return Health::Advances(format!("tests were run in the last {minutes} minutes"));
    }
    let silent = facts.progress.changed_at().map(|at| facts.uptime.saturating_sub(at).as_secs() / 60);
    Health::Unknown(match silent {
        Some(silent) => Some(format!("no file changed in the last {silent} minutes")),
        None if *commands > 0 => Some("no file was changed so far".to_owned()),
        None => None,
    })
}

/// It spends more than it said, or its requests cost more and more.
fn strain(facts: &Facts) -> Option<String> {
    if let (Some(rate), Some(declared)) = (facts.rate, facts.declared)
        && rate > declared.saturating_add(declared / 2)
    {
        return facts.pace();
    }
    let growth = facts.growth?;
    let grown = growth.first > 0 && growth.last >= growth.first.saturating_mul(GROWN) && growth.cached < 500;
    grown.then(|| {
        let tokens = |count: u64| Unit::Tok.show(i64::try_from(count).unwrap_or(i64::MAX));
        let cached = growth.cached / 10;
        format!("a request reads {}, at first {}, {cached}% of it cached", tokens(growth.last), tokens(growth.first))
    })
}

/// By how much the allotment can rise; else why it can't, where that is worth a word.
fn extension(facts: &Facts, may: &May, health: &Health) -> Result<i64, Option<String>> {
    let Some(stock) = facts.pool.filter(|_| may.extend) else { return Err(None) };
    let show = |amount: i64| facts.unit.show(amount);
    if stock.size <= 0 {
        return Err(Some("the pool is empty".to_owned()));
    }
    let minor = facts.priority < Priority::default() && facts.waiting == 0;
    let part = if minor { stock.size / 2 } else { stock.size };
    let trusted = match health {
        Health::Stuck(_) => return Err(Some(format!("{} stay in the pool", show(stock.size)))),
        Health::Advances(_) => i64::MAX,
        Health::Unknown(_) => stock.allotted.saturating_sub(stock.given),
    };
    let most = may.max_extend.map_or(i64::MAX, |most| most.amount);
    let cap = part.min(trusted).min(most);
    if cap >= facts.needed {
        return Ok(facts.offer.max(facts.needed).min(cap));
    }
    let needed = show(facts.needed);
    Err(Some(if part < facts.needed {
        let whose = if minor { " for it" } else { "" };
        format!("the pool has {}{whose} and {needed} is needed", show(part))
    } else if most < facts.needed {
        format!("{needed} is needed and {} is the most that may be given at once", show(most))
    } else {
        format!(
            "it was given {} beside the {} allotted (more only with progress)",
            show(stock.given),
            show(stock.allotted)
        )
    }))
}

impl Facts {
    /// Such a step can do something here.
    pub(in crate::decide) fn allows(&self, verb: Verb) -> bool {
        match verb {
            Verb::Ask => self.askable,
            Verb::Throttle => self.slowable,
            Verb::Route => self
                .cheaper
                .as_ref()
                .is_some_and(|cheaper| if self.strict { cheaper.fits } else { cheaper.saves >= SAVES }),
            Verb::Warn | Verb::Steer | Verb::Stop | Verb::Kill => true,
        }
    }

    /// The mildest of what keeps a request from being started, whatever else speaks against it.
    fn last_resort(&self, may: &May) -> Verb {
        let hard = || may.verbs.iter().copied().filter(|verb| verb.is_hard());
        hard().find(|verb| *verb != Verb::Ask || self.askable).or_else(|| hard().next()).unwrap_or(Verb::Stop)
    }

    pub(in crate::decide) fn head(&self, what: Course) -> String {
        match what {
            Course::GoOn => "goes on".to_owned(),
            Course::Extend { amount } => format!("extended by {} from the pool", self.unit.show(amount)),
            Course::Act { verb: Verb::Route } => match &self.cheaper {
                Some(cheaper) => format!("routed to {}", cheaper.model),
                None => "routed".to_owned(),
            },
            Course::Act { verb: Verb::Ask } => "a person is asked".to_owned(),
            Course::Act { verb } => verb.past().to_owned(),
        }
    }

    fn pace(&self) -> Option<String> {
        let rate = self.unit.show(self.rate?);
        Some(match self.declared {
            Some(declared) => format!("{rate}/min against {}/min declared", self.unit.show(declared)),
            None => format!("{rate}/min"),
        })
    }

    /// What the next model down has to do with it.
    fn model(&self, what: Course) -> Option<String> {
        let cheaper = self.cheaper.as_ref()?;
        let saves = cheaper.saves / 10;
        let less = format!("would have cost {saves}% less for the same tokens");
        match what {
            Course::Act { verb: Verb::Route } => Some(format!("it {less}")),
            Course::Act { verb } if verb.is_hard() && self.strict && !cheaper.fits => {
                Some(format!("the next request would not fit with {} either", cheaper.model))
            }
            Course::Act { .. } | Course::Extend { .. } | Course::GoOn => None,
        }
    }

    /// Who waits for it, and how much it matters.
    fn others(&self) -> Vec<String> {
        let waiting = match self.waiting {
            0 => None,
            1 => Some("1 agent waits for this one".to_owned()),
            count => Some(format!("{count} agents wait for this one")),
        };
        let priority = (self.priority != Priority::default()).then(|| format!("its priority is {}", self.priority));
        waiting.into_iter().chain(priority).collect()
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests;
