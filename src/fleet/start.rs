//! What each agent starts with: its command, its model, its place; and whether the policy lets it.

use std::ffi::OsString;
use std::path::Path;

use crate::codex::{AskedModel, Invocation, Kind, Prompt, Start};
use crate::model::{AgentName, ModelId, Registration};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::Policy;
use crate::policy::suggest;
use crate::policy::table::Placed;
use crate::usage::price::PriceTable;

use super::agent::{AgentDraft, Settings, StartModel, Work, WrittenFolder};
use super::around::Around;
use super::refusal::{Refusal, has_price, has_stand_in, refusal};
use super::{FleetAgent, Ground, Workplace, tier};

/// What agents are checked against.
pub(super) struct Rules<'a> {
    /// The policy, the fleet's own budget included; `None` where it has mistakes of its own.
    pub(super) policy: Option<&'a Policy>,
    /// Prices, the policy's own included.
    pub(super) prices: &'a PriceTable,
    /// What else is known.
    pub(super) around: &'a Around<'a>,
}

impl Rules<'_> {
    /// The agent, if all of it is right.
    pub(super) fn agent(&self, draft: &AgentDraft, notes: &mut Notes) -> Option<FleetAgent> {
        let workplace = self.workplace(&draft.settings, notes);
        let wanted = self.wanted(&draft.settings, notes);
        let command = draft.work.as_ref().and_then(|work| self.command(work, &draft.settings, wanted.as_ref(), notes));
        let registration = registration(&draft.settings);
        let review = draft.review.as_ref().map(|review| review.under(self.policy, notes));
        let (command, model) = command?;
        Some(FleetAgent {
            name: draft.name.as_ref()?.value.clone(),
            command,
            workplace: workplace?,
            attribution: draft.settings.belongs.clone(),
            needs: draft.needs.iter().map(|need| AgentName::new(need.value.as_str())).collect(),
            retries: draft.settings.retries.unwrap_or_default(),
            check: draft.check.clone(),
            review,
            done: None,
            registration,
            model,
        })
    }

    /// The model that it is to start on, where one is named and may be.
    fn wanted(&self, settings: &Settings, notes: &mut Notes) -> Option<Placed<ModelId>> {
        let wanted = settings.model.as_ref()?;
        let span = wanted.span.clone();
        let model = match &wanted.value {
            StartModel::Model(model) => model.clone(),
            StartModel::Tier(name) => match tier::model_of(name, &self.policy?.models) {
                Ok(model) => model.clone(),
                Err(error) => {
                    notes.refuse(&span, error.to_string(), error.hint());
                    return None;
                }
            },
        };
        Some(Placed { value: model, span })
    }

    /// The whole command and the model that it names.
    fn command(
        &self,
        work: &Work,
        settings: &Settings,
        wanted: Option<&Placed<ModelId>>,
        notes: &mut Notes,
    ) -> Option<(Vec<OsString>, Option<ModelId>)> {
        let (command, span) = match work {
            Work::Prompt(prompt) => (exec(prompt, settings, notes)?, codex_span(settings, prompt)),
            Work::Command(words) => (words.value.iter().map(OsString::from).collect(), words.span.clone()),
        };
        let mut about_model = span.clone();
        let mut command: Vec<OsString> = command;
        if let Some(model) = wanted {
            about_model = model.span.clone();
            match tier::on_model(&command, &model.value) {
                Ok(with_model) => command = with_model,
                Err(error) => {
                    notes.refuse(&model.span, error.to_string(), error.hint());
                    return None;
                }
            }
        }
        let Some(invocation) = Invocation::parse(&command) else {
            self.stranger(&command, &span, notes);
            return Some((command, None));
        };
        self.judge(&invocation, &span, &about_model, notes);
        let model = match invocation.asked() {
            AskedModel::Model(model) => Some(model),
            AskedModel::Local(model) => model,
            AskedModel::Profile(_) | AskedModel::Configured => None,
        };
        Some((invocation.argv(), model))
    }

    /// A command that is not Codex: no hook reaches it.
    fn stranger(&self, command: &[OsString], span: &Span, notes: &mut Notes) {
        let Some(policy) = self.policy else { return };
        if let Some(refusal) = refusal(None, policy, self.prices, self.around.now, self.around.tells) {
            notes.refuse(span, refusal.to_string(), refusal.hint());
        } else if policy.binds_money() {
            let program = command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
            let message =
                format!("`{program}` is not Codex itself: no hook keeps a request of its agents from being sent");
            let hint = "they are metered and stopped by signals; start Codex itself (`codex …`) to be strict";
            notes.warn(span, message, hint);
        }
    }

    /// What the policy says about a Codex.
    fn judge(&self, invocation: &Invocation, span: &Span, about_model: &Span, notes: &mut Notes) {
        let Some(policy) = self.policy else { return };
        match refusal(Some(invocation), policy, self.prices, self.around.now, self.around.tells) {
            Some(refusal) => {
                let (span, hint) = match &refusal {
                    Refusal::ModelUnpriced(model) => match self.meant(model) {
                        Some(meant) => (about_model, format!("did you mean `{meant}`?")),
                        None => (about_model, refusal.hint()),
                    },
                    Refusal::ModelNotAllowed(_) => (about_model, refusal.hint()),
                    Refusal::Unobserved(_)
                    | Refusal::WithoutHooks(_)
                    | Refusal::CallsUncounted
                    | Refusal::SubAgentsUncounted => (span, refusal.hint()),
                };
                notes.refuse(span, refusal.to_string(), hint);
            }
            None => {
                if let AskedModel::Model(model) = invocation.asked()
                    && !has_stand_in(policy, self.prices, self.around.now)
                    && !has_price(&model, self.prices, self.around.now)
                {
                    let hint = match self.meant(&model) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => "what it spends will be counted in tokens alone; `govern prices` lists what is known"
                            .to_owned(),
                    };
                    notes.warn(about_model, format!("the price table does not know `{model}`"), hint);
                }
            }
        }
    }

    /// The known model whose name is nearest.
    fn meant(&self, model: &ModelId) -> Option<&str> {
        suggest::nearest(model.as_str(), self.prices.models().map(|known| known.name.as_str()))
    }

    fn workplace(&self, settings: &Settings, notes: &mut Notes) -> Option<Workplace> {
        let base = self.around.base;
        let Some(said) = &settings.workplace else { return Some(Workplace::Folder(base.to_owned())) };
        match &said.value {
            WrittenFolder::Folder(folder) => {
                let folder = base.join(folder);
                let wrong = match (self.around.ground)(&folder) {
                    Ground::Folder { .. } => return Some(Workplace::Folder(tidy(&folder))),
                    Ground::NoFolder => "is no folder",
                    Ground::Nothing => "is not there",
                };
                let hint = "a relative folder begins where the fleet file lies; make it, or name another";
                notes.refuse(&said.span, format!("`{}` {wrong}", tidy(&folder).display()), hint);
                None
            }
            WrittenFolder::Worktree(branch) => match (self.around.ground)(base) {
                Ground::Folder { repository: Some(repository) } => {
                    Some(Workplace::Worktree { repository, branch: branch.clone() })
                }
                Ground::Folder { repository: None } | Ground::NoFolder | Ground::Nothing => {
                    let message =
                        format!("`{}` is not in a git repository, so that it has no worktrees", base.display());
                    notes.refuse(&said.span, message, "write `folder`, or move the fleet file into the repository");
                    None
                }
            },
        }
    }
}

/// The path without what stands still: `./` and a trailing `/.`.
fn tidy(path: &Path) -> std::path::PathBuf {
    path.components().collect()
}

fn codex_span(settings: &Settings, prompt: &Placed<String>) -> Span {
    settings.codex.as_ref().map_or_else(|| prompt.span.clone(), |flags| flags.span.clone())
}

/// `codex exec FLAGS -- PROMPT`: behind `--` no prompt is taken for a flag, a command or a flag's value.
fn exec(prompt: &Placed<String>, settings: &Settings, notes: &mut Notes) -> Option<Vec<OsString>> {
    let flags = settings.codex.as_ref().map(|flags| flags.value.as_slice()).unwrap_or_default();
    let words = ["codex", "exec"].into_iter().chain(flags.iter().map(String::as_str)).chain(["--", &prompt.value]);
    let command: Vec<OsString> = words.map(OsString::from).collect();
    let invocation = Invocation::parse(&command)?;
    let as_meant = invocation.kind() == Kind::Exec(Start::New)
        && invocation.prompt() == Prompt::Text(prompt.value.as_ref())
        && flags.iter().all(|flag| flag != "--");
    if !as_meant {
        let hint =
            "an option that govern does not know must have its value attached, `--option=value`; else write `command`";
        notes.refuse(&codex_span(settings, prompt), "`codex` holds more than flags of `codex exec`", hint);
    }
    as_meant.then_some(command)
}

fn registration(settings: &Settings) -> Registration {
    let tier = settings.model.as_ref().and_then(|wanted| match &wanted.value {
        StartModel::Tier(name) => Some(name.clone()),
        StartModel::Model(_) => None,
    });
    Registration {
        spend: settings.spend.as_ref().map(|said| said.value),
        responses: settings.responses.as_ref().map(|said| said.value),
        minutes: settings.minutes.as_ref().map(|said| said.value),
        tier,
        priority: settings.priority.unwrap_or_default(),
    }
}
