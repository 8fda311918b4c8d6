//! All layers together: rules only add up, and what an outer layer says, a nearer one cannot loosen.

mod alert;
mod channels;
mod flags;
mod gateway;
mod governor;
mod named;
mod persons;
mod reconcile;
mod serve;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use toml::de::DeTable;

pub use flags::FlagRules;
pub use named::without_known;

use super::check::{self, BudgetDraft, BudgetRule, Draft, GateDraft, TierDraft};
use super::file;
use super::mistake::{Also, LayerText, Mistake, Notes, Severity, Span};
use super::plan::PlanBudget;
use super::rule::{Approvals, Budget, FreshLedger, Gate, Layer, Models, Policy, Rung, Source, SpawnLimit, Unpriced};
use super::table::{Placed, Table};
use crate::model::{ModelId, Quantity, Unit};
use crate::work::Own;

/// A policy that can be obeyed.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// All layers together.
    pub policy: Policy,
    /// What can be obeyed, but cannot be meant.
    pub warnings: Vec<Mistake>,
    /// The files of the layers, outermost first.
    pub files: Vec<Arc<LayerText>>,
}

/// Reads all layers and joins them. No layer at all is a policy without budgets.
///
/// # Errors
///
/// All mistakes of all layers, warnings among them, if any of them is an error.
pub fn load(mut layers: Vec<LayerText>, flags: FlagRules) -> Result<Loaded, Vec<Mistake>> {
    layers.sort_by_key(|layer| layer.layer);
    let digest = digest(&layers, &flags);
    let files: Vec<Arc<LayerText>> = layers.into_iter().map(Arc::new).collect();
    let mut notes: Vec<Notes> = files.iter().map(|file| Notes::new(Arc::clone(file))).collect();
    let texts: Vec<Cow<'_, str>> = files.iter().zip(&mut notes).map(|(file, notes)| readable(file, notes)).collect();
    let trees: Vec<DeTable<'_>> = texts.iter().map(|text| DeTable::parse_recoverable(text).0.into_inner()).collect();
    let roots: Vec<Table<'_>> = trees.iter().map(|tree| Table::new(tree, 0..0)).collect();

    let mut join = Join { files: &files, mistakes: Vec::new() };
    let zones = roots.iter().zip(&mut notes).map(|(root, notes)| check::timezone(root, notes)).collect();
    let timezone = join.outermost("timezone", zones).unwrap_or(Tz::UTC);
    let drafts = roots.iter().zip(&mut notes).map(|(root, notes)| rules(root, timezone, notes)).collect();
    let policy = join.policy(drafts, timezone, &flags, digest);
    join.names(notes.iter_mut().map(Notes::take_named).collect(), &policy.prices);

    let mut mistakes = join.mistakes;
    mistakes.extend(notes.into_iter().flat_map(Notes::into_found));
    mistakes.sort_by_key(|mistake| (mistake.file.layer, mistake.span.start, mistake.severity));
    if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
        return Err(mistakes);
    }
    Ok(Loaded { policy, warnings: mistakes, files })
}

/// What of a layer can be read. What is wrong with a fleet file is told by those who read all of it.
fn readable<'f>(file: &'f LayerText, notes: &mut Notes) -> Cow<'f, str> {
    match file.layer {
        Layer::Fleet => file::readable(&file.text, &mut notes.silent()),
        Layer::System | Layer::User | Layer::Repository | Layer::Given | Layer::Flags => {
            file::readable(&file.text, notes)
        }
    }
}

fn rules(root: &Table<'_>, timezone: Tz, notes: &mut Notes) -> Draft {
    match notes.layer() {
        Layer::Fleet => check::fleet(root, notes),
        Layer::System | Layer::User | Layer::Repository | Layer::Given | Layer::Flags => {
            check::file(root, timezone, notes)
        }
    }
}

/// SHA-256 over the layers' names and texts and the flags, each with its length before it, hex.
fn digest(layers: &[LayerText], flags: &FlagRules) -> String {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update(text.len().to_be_bytes());
        hasher.update(text);
    };
    for layer in layers {
        add(&layer.layer.to_string());
        add(&layer.text);
    }
    let plans = flags.plans.iter().map(|(typed, _)| typed);
    let spawns = flags.spawns.iter().map(|(typed, _)| typed);
    for typed in flags.budgets.iter().map(|(typed, _)| typed).chain(plans).chain(spawns) {
        add("--budget");
        add(typed);
    }
    if let Some(verb) = flags.at_limit {
        add("--at-limit");
        add(verb.as_str());
    }
    if flags.observe {
        add("--observe");
    }
    if let Some(class) = flags.work {
        add("--work");
        add(class.as_str());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What each file says becomes what holds; the files stand outermost first.
struct Join<'f> {
    files: &'f [Arc<LayerText>],
    mistakes: Vec<Mistake>,
}

impl Join<'_> {
    fn policy(&mut self, mut drafts: Vec<Draft>, timezone: Tz, flags: &FlagRules, digest: String) -> Policy {
        let mut take = |field: fn(&mut Draft) -> Vec<BudgetDraft>| drafts.iter_mut().map(field).collect::<Vec<_>>();
        let kept = self.kept_budgets(take(|draft| std::mem::take(&mut draft.budgets)));
        let in_money = |draft: &BudgetDraft| draft.rule.as_ref().is_some_and(BudgetRule::limits_money);
        let money = kept.iter().any(|(_, draft)| in_money(draft)) || flags.limit_money();
        let models = self.models(&mut drafts, flags, money);
        self.needs_ladder(&kept, &models.ladder);
        let gates = self.gates(&mut drafts);
        let (mut budgets, mut plan_budgets, mut spawn_limits) = by_what_they_count(kept);
        let mut alerts = self.alerts(&mut drafts, (&budgets, &plan_budgets), &models.ladder);
        let files_observe = drafts.iter().any(|draft| draft.observe.is_some())
            && drafts.iter().all(|draft| draft.observe.unwrap_or(true))
            && budgets.iter().all(|budget| budget.observe)
            && gates.iter().all(|gate| gate.observe)
            && alerts.iter().all(|alert| alert.observe)
            && plan_budgets.iter().all(|budget| budget.observe)
            && spawn_limits.iter().all(|limit| limit.observe)
            && !flags.limit();
        budgets.extend(flags::budgets(flags));
        plan_budgets.extend(flags::plan_budgets(flags));
        spawn_limits.extend(flags::spawn_limits(flags));
        alerts.extend(plan_budgets.iter().flat_map(PlanBudget::alerts));
        let governor = governor::governor(self, &mut drafts, &models, &budgets);
        let units: Vec<Unit> = budgets.iter().map(Budget::unit).collect();
        let fresh_ledger = if drafts.iter().any(|draft| draft.fresh == Some(FreshLedger::Refuse)) {
            FreshLedger::Refuse
        } else {
            FreshLedger::Warn
        };
        // The nearest file's rules stand first: the first that fits counts.
        let work = drafts.iter_mut().rev().flat_map(|draft| std::mem::take(&mut draft.work)).collect();
        Policy {
            budgets: budgets.into_iter().map(Arc::new).collect(),
            plan_budgets,
            spawn_limits,
            gates,
            alerts,
            models,
            approvals: self.approvals(&mut drafts, &units),
            notify: channels::notify(self, &mut drafts),
            serve: serve::serve(self, &mut drafts),
            gateway: gateway::gateway(self, &mut drafts),
            reconcile: reconcile::reconcile(self, &mut drafts),
            prices: self.prices(&mut drafts),
            work: Arc::new(Own { rules: work, said: flags.work }),
            attribute: drafts.into_iter().flat_map(|draft| draft.attribute).collect(),
            timezone,
            observe: flags.observe || files_observe,
            governor,
            fresh_ledger,
            sources: self.sources(flags),
            digest,
        }
    }

    fn sources(&self, flags: &FlagRules) -> Vec<Source> {
        let mut sources: Vec<Source> =
            self.files.iter().map(|file| Source { layer: file.layer, path: file.path.clone() }).collect();
        if *flags != FlagRules::default() {
            sources.push(Source { layer: Layer::Flags, path: None });
        }
        sources
    }

    /// A nearer budget replaces an outer one of its name only if that one allows it.
    fn kept_budgets(&mut self, layers: Vec<Vec<BudgetDraft>>) -> Vec<(usize, BudgetDraft)> {
        let mut kept: Vec<(usize, BudgetDraft)> = Vec::new();
        for (index, drafts) in layers.into_iter().enumerate() {
            for draft in drafts {
                let outer = kept.iter().position(|(_, other)| other.name.value == draft.name.value);
                match outer.and_then(|position| kept.get(position).map(|outer| (position, outer))) {
                    Some((_, (outer_index, outer))) if outer.overridable && self.disarms(index, &draft, outer) => {
                        let outer = (*outer_index, outer.name.span.clone());
                        self.only_observes(index, &draft, outer);
                        continue;
                    }
                    Some((position, (_, outer))) if outer.overridable => {
                        kept.remove(position);
                    }
                    Some((_, (outer_index, outer))) => {
                        let outer = (*outer_index, outer.name.span.clone());
                        self.replaces(index, &draft, outer);
                        continue;
                    }
                    None => {}
                }
                kept.push((index, draft));
            }
        }
        kept
    }

    /// A repository may say another number, but not that nothing is done.
    fn disarms(&self, index: usize, draft: &BudgetDraft, outer: &BudgetDraft) -> bool {
        let observes = |draft: &BudgetDraft| draft.rule.as_ref().is_some_and(BudgetRule::observes);
        let of_repository = self.files.get(index).is_some_and(|file| file.layer == Layer::Repository);
        of_repository && observes(draft) && !observes(outer)
    }

    fn only_observes(&mut self, index: usize, draft: &BudgetDraft, (outer_index, outer_span): (usize, Span)) {
        let Some(outer) = self.files.get(outer_index) else { return };
        let message = format!(
            "`{}` would only observe, in place of a budget of {} that is enforced",
            draft.name.value,
            outer.name()
        );
        let hint = "write `mode = \"enforce\"` into it, or give it another name: then both apply";
        let also = Also { file: Arc::clone(outer), span: outer_span, label: "enforced here" };
        self.add(index, &draft.name.span, Severity::Error, message, hint, Some(also));
    }

    fn replaces(&mut self, index: usize, draft: &BudgetDraft, (outer_index, outer_span): (usize, Span)) {
        let Some(outer) = self.files.get(outer_index) else { return };
        let message = format!("`{}` is a budget of {} already", draft.name.value, outer.name());
        let hint = "give it another name: rules add up; or write `overridable = true` in the outer budget";
        let also = Also { file: Arc::clone(outer), span: outer_span, label: "named here, not `overridable`" };
        self.add(index, &draft.name.span, Severity::Error, message, hint, Some(also));
    }

    /// Gates only add up: a name that an outer file has is no way to replace its gate.
    fn gates(&mut self, drafts: &mut [Draft]) -> Vec<Gate> {
        let mut kept: Vec<(usize, GateDraft)> = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            for gate in std::mem::take(&mut draft.gates) {
                let outer = kept.iter().find(|(_, other)| other.name.value == gate.name.value);
                let outer = outer.and_then(|(outer, other)| Some((self.files.get(*outer)?, other.name.span.clone())));
                let Some((file, span)) = outer else {
                    kept.push((index, gate));
                    continue;
                };
                let message = format!("`{}` is a gate of {} already", gate.name.value, file.name());
                let also = Also { file: Arc::clone(file), span, label: "named here" };
                let hint = "give it another name: gates add up";
                self.add(index, &gate.name.span, Severity::Error, message, hint, Some(also));
            }
        }
        kept.into_iter().filter_map(|(_, draft)| draft.gate).collect()
    }

    /// `money`: some budget counts it.
    fn models(&mut self, drafts: &mut [Draft], flags: &FlagRules, money: bool) -> Models {
        let allow = self.narrowing(drafts, flags, "allow", |draft| draft.allow.take());
        let service_tiers = self.narrowing(drafts, flags, "service_tiers", |draft| draft.service_tiers.take());
        let stand_in = self.strictest_unpriced(drafts);
        let unpriced = stand_in.as_ref().map_or(Unpriced::Refuse, |(_, said)| said.value.clone());
        let places = drafts.iter().enumerate().find_map(|(index, draft)| {
            let rungs = draft.ladder.as_ref()?;
            Some((index, rungs.value.iter().map(|rung| rung.span.clone()).collect::<Vec<_>>()))
        });
        let without_places = |ladder: Placed<Vec<Placed<Rung>>>| Placed {
            value: ladder.value.into_iter().map(|rung| rung.value).collect::<Vec<_>>(),
            span: ladder.span,
        };
        let said = drafts.iter_mut().map(|draft| draft.ladder.take().map(without_places)).collect();
        let ladder: Vec<Rung> = self.outermost("ladder", said).unwrap_or_default();
        let tiers = self.tiers(drafts);
        let by_name: BTreeMap<String, ModelId> =
            tiers.iter().map(|(_, tier)| (tier.name.clone(), tier.model.clone())).collect();
        let models = Models { ladder, allow, service_tiers, tiers: by_name, unpriced };
        let (index, spans) = places.unwrap_or_default();
        let own: Vec<_> = drafts.iter().flat_map(|draft| &draft.prices).map(|price| price.value.clone()).collect();
        self.goes_down(&models.ladder, (index, &spans), &own);
        if money && models.unpriced == Unpriced::Refuse {
            self.are_priced(&models.ladder, (index, &spans), &own);
        }
        if let Some((index, Placed { value: Unpriced::As(model), span })) = stand_in {
            self.stands_in(&model, (index, &span), &own);
        }
        for (rung, span) in models.ladder.iter().zip(spans) {
            if !models.allows(rung.model.as_str()) {
                let message = format!("`route` can never take `{}`: `allow` leaves it out", rung.model);
                let hint = "add it to `allow`, or take it off the ladder";
                self.add(index, &span, Severity::Warning, message, hint, None);
            }
        }
        for (index, tier) in tiers {
            if !models.allows(tier.model.as_str()) {
                let message = format!("no agent can start on `{}`: `allow` leaves `{}` out", tier.name, tier.model);
                let hint = "add it to `allow`, or take another model for the tier";
                self.add(index, &tier.span, Severity::Warning, message, hint, None);
            }
        }
        models
    }

    /// The outermost file that names a tier says which model it stands for.
    fn tiers(&mut self, drafts: &mut [Draft]) -> Vec<(usize, TierDraft)> {
        let mut said: Vec<(usize, TierDraft)> = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            for tier in std::mem::take(&mut draft.tiers) {
                match said.iter().find(|(_, outer)| outer.name == tier.name) {
                    None => said.push((index, tier)),
                    Some((_, outer)) if outer.model == tier.model => {}
                    Some((_, outer)) => {
                        let message =
                            format!("the tier `{}` is `{}` in an outer file, and stays so", tier.name, outer.model);
                        let hint = "what an outer file says, a nearer one cannot change";
                        self.add(index, &tier.span, Severity::Warning, message, hint, None);
                    }
                }
            }
        }
        said
    }

    /// One list a layer. A file that only observes refuses nothing, unless all others observe too.
    fn narrowing<T>(
        &mut self,
        drafts: &mut [Draft],
        flags: &FlagRules,
        key: &str,
        take: fn(&mut Draft) -> Option<Placed<Vec<T>>>,
    ) -> Vec<Vec<T>> {
        let all_observe = drafts.iter().all(|draft| draft.observe.unwrap_or(true)) && !flags.limit();
        let mut lists = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            let Some(said) = take(draft) else { continue };
            if draft.observe == Some(true) && !all_observe {
                let message = format!("`{key}` is left out: this file only observes, while other rules are enforced");
                let hint = "write it into a file that enforces, or observe everything with `--observe`";
                self.add(index, &said.span, Severity::Warning, message, hint, None);
            } else {
                lists.push(said.value);
            }
        }
        lists
    }

    fn strictest_unpriced(&mut self, drafts: &mut [Draft]) -> Option<(usize, Placed<Unpriced>)> {
        let mut strictest: Option<(usize, Placed<Unpriced>)> = None;
        for (index, draft) in drafts.iter_mut().enumerate() {
            let Some(said) = draft.unpriced.take() else { continue };
            match &strictest {
                Some((_, outer)) if rank(&said.value) >= rank(&outer.value) => {
                    if said.value != outer.value {
                        let message = "`unpriced` is stricter in an outer file, and stays so".to_owned();
                        let hint = "what an outer file says, a nearer one cannot loosen";
                        self.add(index, &said.span, Severity::Warning, message, hint, None);
                    }
                }
                Some(_) | None => strictest = Some((index, said)),
            }
        }
        strictest
    }

    /// `units` are those that budgets count in.
    fn approvals(&mut self, drafts: &mut [Draft], units: &[Unit]) -> Approvals {
        let persons = persons::persons(self, drafts);
        // What one file asks for, none takes back.
        let not_self = drafts.iter().any(|draft| draft.not_self.is_some());
        let approvers = drafts.iter_mut().map(|draft| draft.approvers.take()).collect();
        let approvers = self.outermost("approvers", approvers).unwrap_or_default();
        let max_extend = self.smallest("max_extend", drafts, units, |draft| draft.max_extend.take());
        let max_grant = self.smallest("max_grant", drafts, units, |draft| draft.max_grant.take());
        let mut quorums = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            let Some(said) = draft.quorum.take() else { continue };
            if let Some(above) = said.value.above.filter(|above| !units.is_empty() && !units.contains(&above.unit)) {
                let message = format!("`quorum` is about more than {above}, and no budget counts in that");
                let hint = "write it in the unit of the budgets that are asked about";
                self.add(index, &said.span, Severity::Warning, message, hint, None);
            }
            quorums.push(said.value);
        }
        // To wait is never less than to go on, so that any file may say so.
        let wait_for_nobody = drafts.iter().any(|draft| draft.wait_for_nobody);
        Approvals { approvers, max_extend, max_grant, wait_for_nobody, not_self, quorums, persons, only: Vec::new() }
    }

    /// What an outer file says, a nearer one only narrows, in the same unit.
    fn smallest(
        &mut self,
        key: &str,
        drafts: &mut [Draft],
        units: &[Unit],
        take: impl Fn(&mut Draft) -> Option<Placed<Quantity>>,
    ) -> Option<Quantity> {
        let mut smallest: Option<Quantity> = None;
        for (index, draft) in drafts.iter_mut().enumerate() {
            let Some(said) = take(draft) else { continue };
            if !units.is_empty() && !units.contains(&said.value.unit) {
                let message = format!("`{key}` is {}, and no budget counts in that", said.value);
                let hint = "write it in the unit of the budgets that are asked about";
                self.add(index, &said.span, Severity::Warning, message, hint, None);
            }
            match smallest {
                Some(outer) if outer.unit == said.value.unit && said.value.amount <= outer.amount => {
                    smallest = Some(said.value);
                }
                Some(outer) => {
                    let message = format!("`{key}` is {outer} in an outer file, and stays so");
                    let hint = "what an outer file says, a nearer one can only narrow, in the same unit";
                    self.add(index, &said.span, Severity::Warning, message, hint, None);
                }
                None => smallest = Some(said.value),
            }
        }
        smallest
    }

    fn prices(&mut self, drafts: &mut [Draft]) -> Vec<crate::usage::price::PriceOverride> {
        let mut prices: Vec<crate::usage::price::PriceOverride> = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            for said in std::mem::take(&mut draft.prices) {
                match prices.iter().find(|outer| outer.model == said.value.model) {
                    None => prices.push(said.value),
                    Some(outer) if *outer == said.value => {}
                    Some(outer) => {
                        let message = format!("an outer file has a price for `{}` already, which stays", outer.model);
                        let hint = "what an outer file says, a nearer one cannot change";
                        self.add(index, &said.span, Severity::Warning, message, hint, None);
                    }
                }
            }
        }
        prices
    }

    /// The outermost file that says it wins; nearer ones that say otherwise are warned.
    fn outermost<T: PartialEq>(&mut self, key: &str, said: Vec<Option<Placed<T>>>) -> Option<T> {
        let mut winner: Option<(usize, Placed<T>)> = None;
        for (index, said) in said.into_iter().enumerate() {
            let Some(said) = said else { continue };
            let Some((outer_index, outer)) = &winner else {
                winner = Some((index, said));
                continue;
            };
            if said.value != outer.value
                && let Some(file) = self.files.get(*outer_index)
            {
                let message = format!("`{key}` is set by {} already, and stays so", file.name());
                let also = Also { file: Arc::clone(file), span: outer.span.clone(), label: "set here" };
                let hint = "what an outer file says, a nearer one cannot change";
                self.add(index, &said.span, Severity::Warning, message, hint, Some(also));
            }
        }
        winner.map(|(_, said)| said.value)
    }

    /// `route` needs a model to go down to.
    fn needs_ladder(&mut self, kept: &[(usize, BudgetDraft)], ladder: &[Rung]) {
        for (index, draft) in kept {
            self.has_a_ladder(*index, &draft.routes, ladder);
        }
    }

    fn has_a_ladder(&mut self, index: usize, routes: &[Span], ladder: &[Rung]) {
        for span in routes.iter().filter(|_| ladder.len() < 2) {
            let message = "`route` has nowhere to go: there is no ladder of two or more models".to_owned();
            let hint = "add `ladder = [\"gpt-6.2-astra\", \"gpt-6-luna\"]` to `[models]`, from expensive to cheap";
            self.add(index, span, Severity::Warning, message, hint, None);
        }
    }

    fn add(&mut self, index: usize, span: &Span, severity: Severity, message: String, hint: &str, also: Option<Also>) {
        let Some(file) = self.files.get(index).map(Arc::clone) else { return };
        self.mistakes.push(Mistake {
            file,
            span: span.clone(),
            severity,
            message,
            hint: hint.to_owned(),
            also,
            unless_priced: None,
        });
    }
}

/// From strict to lax.
fn rank(unpriced: &Unpriced) -> u8 {
    match unpriced {
        Unpriced::Refuse => 0,
        Unpriced::Dearest => 1,
        Unpriced::As(_) => 2,
    }
}

/// Those over what responses add up to, those over what a plan's own limit is used, and those over sub-agents.
fn by_what_they_count(kept: Vec<(usize, BudgetDraft)>) -> (Vec<Budget>, Vec<PlanBudget>, Vec<SpawnLimit>) {
    let (mut counted, mut of_plan, mut of_spawns) = (Vec::new(), Vec::new(), Vec::new());
    for rule in kept.into_iter().filter_map(|(_, draft)| draft.rule) {
        match rule {
            BudgetRule::Counted(budget) => counted.push(budget),
            BudgetRule::OfPlan(budget) => of_plan.push(budget),
            BudgetRule::OfSpawns(limit) => of_spawns.push(limit),
        }
    }
    (counted, of_plan, of_spawns)
}
