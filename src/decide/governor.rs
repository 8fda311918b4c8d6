//! The governor: `handle(now, input) → effects`. It owns the state that a run is decided by, and hands each input to
//! the components that it is for, in a written order; they say by their parameters what of the state they touch.

mod setup;
mod view;

use std::rc::Rc;
use std::time::Duration;

use crate::model::{AgentName, Braked};

use super::accounts::account::Books;
use super::accounts::{Accounts, Recorded, Spenders, minutes, tool_calls};
use super::agents::ids::AgentId;
use super::agents::lifecycle::Happening;
use super::agents::{Agents, Begins};
use super::context::{Context, Fixed};
use super::join::{self, Joined};
use super::message::{Effect, Effects, Input, Moment, Timer};
use super::starting::{self, Starting};
use super::{action_ids, examined, other_runs, processes, responses, snapshot, transition};
use crate::decide::discretion::advisor::advice;
use crate::decide::discretion::offering;
use crate::decide::evaluate::alerts::Alerts;
use crate::decide::evaluate::{budgets, progress};
use crate::decide::gate::{admit, drain, outcomes};
use crate::decide::headroom::{queue, waiting};
use crate::decide::observe::watching;
use crate::decide::people::lift::Lifting;
use crate::decide::people::{approvals, brake, compose, numbered, pause};
use crate::decide::reserving::answers;

pub use super::context::Quoter;
pub use setup::Setup;

/// Decides for one run. Holds no clock, no file, no process.
pub struct Governor {
    /// What the run is given, and never changes while an input is handled.
    pub(super) fixed: Rc<Fixed>,
    starting: Starting,
    lifting: Lifting,
    pub(super) agents: Agents,
    pub(super) accounts: Accounts,
    effects: Effects,
    /// Questions to the governor model that had no answer before the run went on.
    unanswered: u32,
}

impl Governor {
    /// Takes one input and says what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Moment, input: Input, books: &dyn Books) -> Vec<Effect> {
        let fixed = Rc::clone(&self.fixed);
        let cx = &fixed.at(now, books);
        tool_calls::recount_waiting(&mut self.accounts, cx, &Spenders::of(cx.fixed, &self.agents));
        if let Input::Phase { agent, thread, root, phase, by_answer: true } = input {
            // What it spent is known in a moment: until then nobody else is let through for it.
            self.of(&agent, |agents, _, _, who| {
                responses::stands(agents, who, thread, root, phase);
            });
            return Vec::new();
        }
        other_runs::regranted(cx, &mut self.agents, &mut self.accounts, &mut self.effects, false);
        self.take(cx, input);
        self.settle(cx);
        let Self { starting, agents, accounts, effects, .. } = self;
        starting::schedule(cx, starting, agents, accounts, effects);
        if accounts.take_freed() {
            offering::offer_to_held(cx, agents, accounts, effects);
            self.settle(cx);
        }
        if queue::settle_room(cx, &mut self.agents, &mut self.accounts, &mut self.effects) {
            self.settle(cx);
        }
        let Self { agents, accounts, effects, .. } = self;
        if accounts.take_lifted_time() {
            minutes::arm(accounts, cx, &Spenders::of(cx.fixed, agents), effects);
        }
        accounts.settle_pools(cx, &Spenders::of(cx.fixed, agents));
        snapshot::note_standings(agents, now);
        effects.take()
    }

    /// Joins a session that is under way: see [`Joined`].
    pub fn join(&mut self, now: Moment, joined: Joined, books: &dyn Books) {
        let fixed = Rc::clone(&self.fixed);
        join::join(&fixed.at(now, books), &mut self.agents, &mut self.accounts, &mut self.effects, joined);
        // What goes wrong and what was said of it, only one who stays with the agent can know.
        Rc::make_mut(&mut self.fixed).alerts = Alerts::default();
    }

    /// Others have counted how long an agent was active, until now.
    pub fn was_active(&mut self, now: Moment, name: &AgentName, active: Duration) {
        self.of(name, |agents, _, _, who| agents[who].has_been_active(active, now.uptime));
    }

    /// What is told of an agent; where it is none of this run's, nothing comes of it.
    fn of(&mut self, name: &AgentName, then: impl FnOnce(&mut Agents, &mut Accounts, &mut Effects, AgentId)) {
        if let Some(who) = self.agents.id(name) {
            then(&mut self.agents, &mut self.accounts, &mut self.effects, who);
        }
    }

    fn take(&mut self, cx: &Context<'_>, input: Input) {
        match input {
            Input::Begin => starting::begin(
                cx,
                &mut self.starting,
                &mut self.lifting,
                &mut self.agents,
                &mut self.accounts,
                &mut self.effects,
            ),
            Input::Launched(agent) => {
                let Some(who) = self.agents.id(&agent) else { return };
                let Self { lifting, agents, accounts, effects, .. } = self;
                processes::launched(cx, lifting, agents, accounts, effects, who);
            }
            Input::Responded(response) => responses::responded(
                cx,
                &mut self.agents,
                &mut self.accounts,
                &mut self.effects,
                &response,
                Recorded::Here,
            ),
            Input::Taken { response, recorded } => {
                responses::responded(
                    cx,
                    &mut self.agents,
                    &mut self.accounts,
                    &mut self.effects,
                    &response,
                    Recorded::Elsewhere(&recorded),
                );
            }
            Input::Classed { agent, classed } => self.of(&agent, |agents, accounts, effects, who| {
                responses::classed(cx, agents, accounts, effects, who, &classed)
            }),
            Input::Failed { agent, thread, cut_off } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    outcomes::request_failed(cx, agents, accounts, effects, (who, &thread), cut_off)
                });
            }
            Input::Unanswered { agent, thread } => {
                self.of(&agent, |agents, _, _, who| outcomes::unanswered(agents, who, &thread))
            }
            Input::Untold { agent, thread } => self.of(&agent, |agents, accounts, effects, who| {
                outcomes::answered_untold(cx, agents, accounts, effects, who, &thread)
            }),
            Input::Phase { agent, thread, root, phase, .. } => self.of(&agent, |agents, accounts, effects, who| {
                if responses::stands(agents, who, thread, root, phase) {
                    agents[who].watch.heard(cx.now.uptime);
                    budgets::evaluate(cx, agents, accounts, effects, who);
                }
            }),
            Input::Elsewhere(news) => {
                other_runs::elsewhere(cx, &mut self.agents, &mut self.accounts, &mut self.effects, news)
            }
            Input::Granted => other_runs::regranted(cx, &mut self.agents, &mut self.accounts, &mut self.effects, true),
            Input::Recount => other_runs::recount(cx, &mut self.agents, &mut self.accounts, &mut self.effects),
            Input::Frozen(agent) => {
                self.of(&agent, |agents, accounts, effects, who| processes::frozen(cx, agents, accounts, effects, who))
            }
            Input::Ended(agent) => self.of(&agent, |agents, accounts, effects, who| {
                watching::unobserved_at_end(cx, agents, accounts, effects, who);
                action_ids::outcome(agents, effects, who, true, "");
                transition::happen(cx, agents, accounts, effects, who, Happening::Ended);
            }),
            Input::Braked { brake, team, by, reason } => {
                brake::braked(
                    cx,
                    &mut self.lifting,
                    &mut self.agents,
                    &mut self.accounts,
                    &mut self.effects,
                    (brake, team.as_deref()),
                    &Braked { by, reason, at: cx.now.wall },
                );
            }
            Input::Paused(pause) => {
                brake::paused(cx, &mut self.agents, &mut self.accounts, &mut self.effects, pause.as_ref())
            }
            Input::GateFailed(agent) => {
                self.of(&agent, |agents, accounts, effects, who| admit::gate_failed(cx, agents, accounts, effects, who))
            }
            Input::Exited { agent, leftover, ok } => {
                let Some(who) = self.agents.id(&agent) else { return };
                let Self { starting, agents, accounts, effects, .. } = self;
                processes::exited(cx, starting, agents, accounts, effects, who, (leftover, ok));
            }
            Input::Examined { agent, examined: work, said } => {
                let Some(who) = self.agents.id(&agent) else { return };
                let Self { starting, agents, accounts, effects, .. } = self;
                examined::examined(cx, starting, agents, accounts, effects, who, (work, &said));
            }
            Input::NotLaunched { agent, because } => self.of(&agent, |agents, accounts, effects, who| {
                starting::not_launched(cx, agents, accounts, effects, who, because)
            }),
            Input::Interrupted { how, because } => starting::interrupt(
                cx,
                &mut self.starting,
                &mut self.lifting,
                &mut self.agents,
                &mut self.accounts,
                &mut self.effects,
                (how, &because),
            ),
            Input::AskedAhead { agent, budget, by_amount, reason } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    compose::ask_ahead(cx, agents, accounts, effects, who, (budget.as_ref(), by_amount), &reason);
                })
            }
            Input::Asked { agent, approval, left } => self.of(&agent, |agents, accounts, effects, who| {
                numbered::asked(cx, agents, accounts, effects, who, (approval, left))
            }),
            Input::Answered { approval, answer, by, reason } => {
                let by = cx.policy.approvals.by_all(&by);
                approvals::answered(
                    cx,
                    &mut self.agents,
                    &mut self.accounts,
                    &mut self.effects,
                    approval,
                    &answer,
                    (&by, reason.as_deref()),
                );
            }
            Input::Reserved { request, answer } => {
                let Self { agents, accounts, effects, .. } = self;
                answers::answered(cx, agents, accounts, effects, request, answer);
            }
            Input::Stranger { agent, codex, thread } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    watching::stranger(cx, agents, accounts, effects, who, codex, &thread)
                });
            }
            Input::AskedNothing(agent) => self.of(&agent, |agents, _, _, who| watching::asked_nothing(agents, who)),
            Input::CodexHides { agent, codex, what } => self.of(&agent, |agents, accounts, effects, who| {
                watching::hides(cx, agents, accounts, effects, who, codex, what)
            }),
            Input::Blind { agent, what } => self.of(&agent, |agents, accounts, effects, who| {
                watching::unobservable(cx, agents, accounts, effects, who, what)
            }),
            Input::Uncounted { agent, what } => self.of(&agent, |agents, accounts, effects, who| {
                watching::uncounted(cx, agents, accounts, effects, who, &what)
            }),
            Input::Altered { agent, what } => self.of(&agent, |agents, accounts, effects, who| {
                watching::altered(cx, agents, accounts, effects, who, what)
            }),
            Input::Ran { agent, thread, tool, call, hooked } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    outcomes::ran(cx, agents, accounts, effects, (who, &thread), (&tool, &call), hooked)
                });
            }
            Input::RanOtherwise { agent, thread, tool, call, judged } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    outcomes::ran_otherwise(
                        cx,
                        agents,
                        accounts,
                        effects,
                        (who, &thread),
                        (&tool, &call),
                        judged.as_ref(),
                    )
                });
            }
            Input::GiveUp { agent, because } => {
                let Some(who) = self.agents.id(&agent) else { return };
                let what = format!("{because} while the agent was held");
                let Self { lifting, agents, accounts, effects, .. } = self;
                brake::ended_by_signal(cx, lifting, agents, accounts, effects, who, what);
            }
            Input::CodexSeen { agent, process, ephemeral, tells, works } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    watching::codex_seen(cx, agents, accounts, effects, who, (process, works), (ephemeral, tells))
                });
            }
            Input::CodexBegins { agent, process, model, thread } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    watching::codex_begins(cx, agents, accounts, effects, who, Begins { process, model, thread });
                });
            }
            Input::CodexObserved { agent, process } => {
                self.of(&agent, |agents, accounts, effects, who| {
                    watching::codex_observed(cx, agents, accounts, effects, who, process)
                });
            }
            Input::Advised { consult, answer } => {
                advice::consulted(cx, &mut self.agents, &mut self.accounts, &mut self.effects, consult, answer)
            }
            Input::Progress { agent, progress } => self.of(&agent, |agents, accounts, effects, who| {
                progress::progressed(cx, agents, accounts, effects, who, *progress)
            }),
            Input::Plan { agent, windows } => self.of(&agent, |agents, accounts, effects, who| {
                progress::plan_said(cx, agents, accounts, effects, who, windows)
            }),
            Input::Due(timer) => self.due(cx, timer),
            Input::Hook(hook) => self.of(&hook.agent.clone(), |agents, accounts, effects, who| {
                admit::at_gate(cx, agents, accounts, effects, who, *hook)
            }),
            Input::HookGone { hook, why } => {
                admit::left_gate(cx, &mut self.agents, &mut self.accounts, &mut self.effects, hook, why)
            }
        }
    }

    fn due(&mut self, cx: &Context<'_>, timer: Timer) {
        match timer {
            Timer::Deadline(approval) => {
                approvals::deadline(cx, &mut self.agents, &mut self.accounts, &mut self.effects, approval)
            }
            Timer::Observe(agent, process) => {
                self.of(&agent, |agents, accounts, effects, who| {
                    watching::observation_is_late(cx, agents, accounts, effects, who, process)
                });
            }
            Timer::Gate(agent) => self
                .of(&agent, |agents, accounts, effects, who| pause::expect_at_gate(cx, agents, accounts, effects, who)),
            Timer::Drain(agent) => {
                self.of(&agent, |agents, _, effects, who| drain::drain_is_late(agents, effects, who))
            }
            Timer::Advice(consult) => {
                advice::advice_is_late(cx, &mut self.agents, &mut self.accounts, &mut self.effects, consult)
            }
            Timer::Minutes => {
                minutes::arm(&mut self.accounts, cx, &Spenders::of(cx.fixed, &self.agents), &mut self.effects);
                for who in self.agents.ids() {
                    budgets::evaluate_one(cx, &mut self.agents, &mut self.accounts, &mut self.effects, who);
                }
            }
            Timer::WindowEnd => {
                approvals::release_who_fits(cx, &mut self.agents, &mut self.accounts, &mut self.effects)
            }
            Timer::Record(hook) => {
                outcomes::record_is_late(cx, &mut self.agents, &mut self.accounts, &mut self.effects, hook)
            }
            Timer::Idle(agent) => self
                .of(&agent, |agents, accounts, effects, who| budgets::evaluate_one(cx, agents, accounts, effects, who)),
            Timer::PlanReset(agent) => self
                .of(&agent, |agents, accounts, effects, who| progress::plan_reset(cx, agents, accounts, effects, who)),
            Timer::Room(agent) => {
                self.of(&agent, |agents, _, effects, who| waiting::look_for_room(agents, effects, who))
            }
            Timer::Reserving(request) => {
                answers::is_due(cx, &mut self.agents, &mut self.accounts, &mut self.effects, request)
            }
            // Who may go on is looked at after every input.
            Timer::Pace(_) => {}
        }
    }
    /// After every input: what waits and may go on, goes on.
    fn settle(&mut self, cx: &Context<'_>) {
        let Self { agents, accounts, effects, .. } = self;
        advice::keep_for_advice(cx, agents, accounts, effects);
        for who in agents.ids() {
            pause::keep_paused(cx, agents, accounts, effects, who);
            admit::settle_gate(cx, agents, accounts, effects, who);
        }
    }
}
