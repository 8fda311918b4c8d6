//! `govern report --results`: what the runs of a report committed and what became of it, row by row.

pub(super) mod pull_requests;
mod reflogs;
mod repository;
mod sessions;
mod shallow;
mod spend;
mod standing_lines;
mod tests_and_patches;
mod work_trees;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::TimeDelta;
use chrono_tz::Tz;

use self::pull_requests::Asker;
use self::reflogs::Logs;
use self::repository::{Asked, Made, NOT_ASKED};
use self::sessions::Sessions;
use self::spend::{Holder, Key, Spend, Whose};
use self::standing_lines::Findings;
use self::tests_and_patches::Times;
use self::work_trees::Tree;
use crate::clock;
use crate::clocks::RESULTS_WITHIN;
use crate::error::Result;
use crate::ledger::committed::{TestsTold, committed};
use crate::ledger::{Filter, Ledger, RunFilter};
use crate::model::event::GOVERNOR;
use crate::model::{AgentName, Commit, CommitId, RunId, ThreadId, Timestamp};
use crate::prepare::here::Here;
use crate::process::git::Repository;
use crate::report::By;
use crate::report::outputs::Outputs;
use crate::results::pull::Pull;
use crate::results::run_result::{DAY, Span, part};
use crate::results::totals::Amount;
use crate::results::{Fates, Results, TreeResult, Work};

/// Why nothing is known of what has no session and no work tree.
const NOBODYS: &str = "nothing is recorded of it";

/// What came of what the rows of a report cost. What git was asked for and cannot change any more is kept in the ledger.
pub(super) fn outputs(
    ledger: &Ledger,
    filter: &Filter,
    (by, zone, rows): (&[By], Tz, &[Key]),
    here: &Here<'_>,
    github: Option<&Asker>,
) -> Result<Outputs> {
    let sessions = Sessions::of(ledger, filter)?;
    let spends = spend::spends(ledger, filter, (by, zone), (&sessions, here))?;
    let until = clock::monotonic() + RESULTS_WITHIN;
    let mut all = Gathered::new(ledger, &spends, (&sessions, here), (filter, &mut Logs::new(until)))?;
    all.read_sessions(&spends, &sessions, until);
    all.follow(until);
    if let Some(github) = github {
        all.ask(github, until);
    }
    let mut sums: BTreeMap<&Key, Results> = rows.iter().map(|key| (key, Results::default())).collect();
    let mut totals = Results::default();
    let mut add = |row: Option<&Key>, part: &TreeResult| {
        if let Some(results) = row.and_then(|row| sums.get_mut(row)) {
            results.add(part);
        }
    };
    for group in all.groups(&spends) {
        let whole = all.whole(&group, until);
        totals.add(&whole);
        let places: BTreeSet<_> = group.members.iter().filter_map(|(_, spend)| spend.row()).collect();
        match places.len() {
            0 | 1 => add(places.first().copied(), &whole),
            _ => group.members.iter().for_each(|(whose, spend)| add(spend.row(), &all.apart(whose, spend))),
        }
    }
    all.keep()?;
    Ok(Outputs { rows: rows.iter().map(|key| sums.remove(key).unwrap_or_default()).collect(), totals })
}

/// Agents whose commits nobody can tell apart; most often one.
struct Group<'a> {
    members: Vec<(&'a Whose, &'a Spend)>,
    trees: Vec<usize>,
}

/// All that is known before rows are made of it.
struct Gathered<'a> {
    ledger: &'a Ledger,
    here: &'a Here<'a>,
    filter: &'a Filter,
    /// From when to when each run was; the second is `None` while it runs.
    spans: HashMap<RunId, (Timestamp, Option<Timestamp>)>,
    /// Threads that runs governed, where some of what is asked for was not governed.
    governed: Vec<(ThreadId, RunId)>,
    /// Those that are asked for; others matter only where they share a tree with these.
    wanted: BTreeSet<Holder>,
    trees: Vec<Tree>,
    /// Why one has no tree.
    without: HashMap<Holder, String>,
    fates: HashMap<String, std::result::Result<Fates, String>>,
    known: Findings<'a>,
    /// By repository; `None`: nobody asked.
    pulls: Option<HashMap<String, pull_requests::Of>>,
    told: HashMap<Whose, std::result::Result<TestsTold, String>>,
    new_told: tests_and_patches::New,
}

impl<'a> Gathered<'a> {
    fn new(
        ledger: &'a Ledger,
        spends: &BTreeMap<Whose, Spend>,
        (sessions, here): (&Sessions, &'a Here<'a>),
        (filter, logs): (&'a Filter, &mut Logs),
    ) -> Result<Self> {
        let mut trees = work_trees::recorded(committed(ledger)?);
        let recorded: BTreeSet<Holder> = trees.iter().map(|tree| tree.holder.clone()).collect();
        let wanted: BTreeSet<Holder> = spends.keys().map(|(holder, _)| holder.clone()).collect();
        let mut without = HashMap::new();
        let (mut spans, mut governed) = (HashMap::new(), Vec::new());
        for run in ledger.runs().list(&RunFilter::default())? {
            let holder = Holder::Run(run.id.clone());
            if !sessions.by_root.is_empty() {
                let threads = ledger.runs().threads(&run.id)?;
                governed.extend(threads.into_iter().map(|one| (one.thread, run.id.clone())));
            }
            if run.outcome.as_deref() == Some("refused") {
                // It worked nowhere: what others committed meanwhile is theirs.
                trees.retain(|tree| tree.holder != holder);
                without.insert(holder, "it was refused before it began".to_owned());
                continue;
            }
            spans.insert(run.id.clone(), (run.started, reflogs::ended(ledger, &run, here)?));
            if recorded.contains(&holder) {
                continue;
            }
            let agents = spends.keys().filter(|(of, _)| *of == holder);
            let agents: BTreeSet<AgentName> = agents.filter_map(|(_, agent)| agent.clone()).collect();
            match reflogs::of_run(ledger, &run, agents, (wanted.contains(&holder), here), logs)? {
                Ok(tree) => trees.push(tree),
                Err(why) => {
                    without.insert(holder, why);
                }
            }
        }
        for (root, session) in &sessions.by_root {
            match reflogs::of_session(root, session, logs) {
                Ok(tree) => trees.push(tree),
                Err(why) => {
                    without.insert(Holder::Session(root.clone()), why);
                }
            }
        }
        let known: RefCell<HashMap<Holder, HashSet<String>>> = RefCell::default();
        let announced = |holder: &Holder, commit: &CommitId| {
            let mut known = known.borrow_mut();
            let said = known
                .entry(holder.clone())
                .or_insert_with(|| tests_and_patches::announced(&files_of(ledger, holder, sessions)));
            said.iter().any(|short| commit.as_str().starts_with(short.as_str()))
        };
        work_trees::tell_apart(&mut trees, &announced);
        Ok(Self {
            ledger,
            here,
            filter,
            spans,
            governed,
            wanted,
            trees,
            without,
            fates: HashMap::new(),
            known: Findings::of(ledger),
            pulls: None,
            told: HashMap::new(),
            new_told: Vec::new(),
        })
    }

    fn read_sessions(&mut self, spends: &BTreeMap<Whose, Spend>, sessions: &Sessions, until: Instant) {
        for whose in spends.keys() {
            let (files, of) = match whose {
                (Holder::Run(run), Some(agent)) => {
                    (tests_and_patches::files(self.ledger, run, agent), format!("{run}/{agent}"))
                }
                (Holder::Run(_), None) => continue,
                (Holder::Session(root), _) => {
                    let files = sessions.by_root.get(root).map(|session| session.files.iter().cloned().collect());
                    (files.ok_or_else(|| "its session file is gone".to_owned()), root.to_string())
                }
            };
            let root = self.trees.iter().find(|tree| is_own(tree, whose)).map_or("", |tree| tree.root.as_str());
            let times = self.times(&whose.0, sessions);
            let told = match files {
                _ if clock::monotonic() >= until => Err(NOT_ASKED.to_owned()),
                Ok(files) => tests_and_patches::told(self.ledger, (of, &times), &files, root, &mut self.new_told),
                Err(why) => Err(why),
            };
            self.told.insert(whose.clone(), told);
        }
    }

    /// Asks GitHub of each repository once, for as long as there is time.
    fn ask(&mut self, github: &Asker, until: Instant) {
        let mut found = HashMap::new();
        for (common, commits) in by_repository(&self.trees, &self.wanted) {
            let pulls = match Path::new(common).parent() {
                _ if commits.is_empty() => Ok(HashMap::new()),
                Some(folder) if folder.exists() => github.of(folder, &commits, self.here, until),
                Some(_) | None => Err("its repository is gone".to_owned()),
            };
            found.insert(common.to_owned(), pulls);
        }
        self.pulls = Some(found);
    }

    /// The pull requests of these commits, in the repository of this tree.
    fn pulls_of(
        &self,
        tree: Option<&Tree>,
        commits: &std::result::Result<Vec<Commit>, String>,
    ) -> Option<std::result::Result<BTreeSet<Pull>, String>> {
        let all = self.pulls.as_ref()?;
        let found = |commits: &Vec<Commit>| match tree.and_then(|tree| all.get(&tree.repository)) {
            _ if commits.is_empty() => Ok(BTreeSet::new()),
            Some(Ok(of)) => Ok(commits.iter().filter_map(|commit| of.get(&commit.id)).flatten().cloned().collect()),
            Some(Err(why)) => Err(why.clone()),
            None => Err(NOBODYS.to_owned()),
        };
        Some(commits.as_ref().map_err(Clone::clone).and_then(found))
    }

    /// Which times of its threads are a run's own, as far as they are asked for.
    fn times(&self, holder: &Holder, sessions: &Sessions) -> Times {
        let (since, until) = (self.filter.since, self.filter.until);
        let mut times =
            Times { since, until: until.map(|until| until - TimeDelta::microseconds(1)), without: Vec::new() };
        match holder {
            Holder::Run(run) => {
                if let Some((began, ended)) = self.spans.get(run) {
                    times.since = times.since.max(Some(*began));
                    times.until = times.until.into_iter().chain(*ended).min();
                }
            }
            Holder::Session(root) => {
                let runs = self.governed.iter().filter(|(thread, _)| sessions.root(thread) == root);
                times.without = runs
                    .filter_map(|(_, run)| self.spans.get(run))
                    .filter_map(|(began, ended)| Some((*began, (*ended)?)))
                    .collect();
            }
        }
        times
    }

    /// Asks git of each repository once, for as long as there is time.
    fn follow(&mut self, until: Instant) {
        let mut by_repository: BTreeMap<&str, Vec<Made<'_>>> = BTreeMap::new();
        let holders: BTreeMap<&Holder, usize> =
            self.trees.iter().map(|tree| &tree.holder).collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
        for tree in &self.trees {
            let (run, wanted) =
                (holders.get(&tree.holder).copied().unwrap_or_default(), self.wanted.contains(&tree.holder));
            let own = tree.commits.iter().flatten().map(|commit| Made { commit, run, wanted });
            by_repository.entry(&tree.repository).or_default().extend(own);
        }
        let asked_for = |repository: &str| {
            self.trees.iter().any(|tree| tree.repository == repository && self.wanted.contains(&tree.holder))
        };
        by_repository.retain(|repository, _| asked_for(repository));
        let mut fates = HashMap::new();
        for (common, mut commits) in by_repository {
            let order = |made: &Made<'_>| (made.commit.at, made.commit.id.clone(), !made.wanted);
            commits.sort_by_key(order);
            commits.dedup_by(|one, other| one.commit.id == other.commit.id);
            let found = match self.repository(common, until) {
                _ if commits.iter().all(|made| !made.wanted) => Ok(Fates::default()),
                Some(repository) => {
                    let common = Path::new(common);
                    let asked = Asked { repository: &repository, common, commits: &commits, now: self.here.now };
                    repository::fates(&asked, &mut self.known)
                }
                None => Err("its repository is gone".to_owned()),
            };
            fates.insert(common.to_owned(), found);
        }
        self.fates = fates;
    }

    /// The repository whose work trees share this folder, from wherever one of them is there still.
    fn repository(&self, common: &str, until: Instant) -> Option<Repository> {
        let own = self.trees.iter().filter(|tree| tree.repository == common).map(|tree| PathBuf::from(&tree.root));
        let above = Path::new(common).parent().map(Path::to_owned);
        let folder = above.into_iter().chain(own).find(|folder| folder.join(".git").exists())?;
        Some(Repository::at(&folder, until.saturating_duration_since(clock::monotonic())))
    }

    fn groups<'s>(&self, spends: &'s BTreeMap<Whose, Spend>) -> Vec<Group<'s>> {
        let mut groups: BTreeMap<(&Holder, Vec<usize>, Option<&AgentName>), Group<'s>> = BTreeMap::new();
        for (whose, spend) in spends {
            let own = |place: &usize| self.trees.get(*place).is_some_and(|tree| is_own(tree, whose));
            let trees: Vec<usize> = (0..self.trees.len()).filter(own).collect();
            // Those who have no tree have nothing in common.
            let alone = if trees.is_empty() { whose.1.as_ref() } else { None };
            let key = (&whose.0, trees.clone(), alone);
            groups.entry(key).or_insert_with(|| Group { members: Vec::new(), trees }).members.push((whose, spend));
        }
        groups.into_values().collect()
    }

    /// What came of what all of a group spent.
    fn whole(&self, group: &Group<'_>, until: Instant) -> TreeResult {
        let mut spend = Spend::default();
        let (mut tests, mut changed) = (Ok((0_u64, 0_u64)), BTreeSet::new());
        let mut governor = true;
        for (whose, one) in &group.members {
            spend.cost.add(&one.cost);
            spend.at_stake.add(&one.at_stake);
            spend.wrote |= one.wrote;
            governor &= whose.1.as_ref().is_some_and(|agent| agent.as_str() == GOVERNOR);
            match (self.told.get(*whose), &mut tests) {
                (Some(Ok(told)), Ok((run, failed))) => {
                    *run = run.saturating_add(told.tests);
                    *failed = failed.saturating_add(told.failed);
                    changed.extend(told.changed.iter().cloned());
                }
                (Some(Err(why)), tests) => *tests = Err(why.as_str()),
                (None, tests) => *tests = Err(NOBODYS),
                (Some(Ok(_)), Err(_)) => {}
            }
        }
        let holder = group.members.first().map(|((holder, _), _)| holder);
        let trees: Vec<&Tree> = group.trees.iter().filter_map(|place| self.trees.get(*place)).collect();
        let commits = commits_of(&trees, || self.why_without(holder));
        let fates = match trees.first() {
            Some(tree) => {
                self.fates.get(&tree.repository).map_or(Err(NOT_ASKED), |found| found.as_ref().map_err(String::as_str))
            }
            None => Err(NOBODYS),
        };
        let ended = trees.iter().map(|tree| tree.ended).max();
        let ended = ended.unwrap_or_else(|| self.here.now.timestamp());
        if governor {
            // What a governor model was asked changes no files.
            let work = Work { tests: Ok((0, 0)), wrote: false, commits: Ok(&[]), ..nothing(&spend.cost, ended) };
            let mut part = part(&work, Ok(&Fates::default()), self.here.now.timestamp());
            part.pulls = self.pulls.as_ref().map(|_| Ok(BTreeSet::new()));
            return part;
        }
        spend.wrote |= !changed.is_empty();
        let never = commits.as_ref().is_ok_and(Vec::is_empty) && spend.wrote;
        let old = self.here.now.timestamp() >= ended.saturating_add(30 * DAY);
        let touched = match trees.first().filter(|_| never && old) {
            Some(tree) => self.touched(tree, &changed, until),
            None => Ok(false),
        };
        let work = Work {
            at_stake: spend.at_stake.clone(),
            wrote: spend.wrote,
            commits: commits.as_deref().map_err(String::as_str),
            tests,
            touched_since: touched.as_ref().copied().map_err(String::as_str),
            time: self.time(holder, ended),
            ..nothing(&spend.cost, ended)
        };
        let mut part = part(&work, fates, self.here.now.timestamp());
        part.pulls = self.pulls_of(trees.first().copied(), &commits);
        part
    }

    /// The time that is asked for. What a run committed after its last answer, or before its first one, counts with that.
    fn time(&self, holder: Option<&Holder>, ended: i64) -> Span {
        let (since, until) = (self.filter.since, self.filter.until);
        let of_run = |run: &RunId| {
            self.ledger.sums().span(&Filter { run: Some(run.clone()), ..Filter::default() }).ok().flatten()
        };
        let answers = match holder {
            Some(Holder::Run(run)) if since.is_some() || until.is_some() => of_run(run),
            _ => None,
        };
        let last = answers.map_or(ended, |(_, last)| last.timestamp());
        let goes_on = |until: &Timestamp| match answers {
            Some((_, last)) => last >= *until,
            None => last >= until.timestamp(),
        };
        let began_before = |since: &Timestamp| answers.is_none_or(|(first, _)| first < *since);
        Span {
            since: since.filter(began_before).map(|since| since.timestamp()),
            until: until.filter(goes_on).map(|until| until.timestamp()),
        }
    }

    fn why_without(&self, holder: Option<&Holder>) -> String {
        let known = holder.and_then(|holder| self.without.get(holder)).cloned();
        known.unwrap_or_else(|| "it worked in no repository".to_owned())
    }

    /// What is known of one of several whose commits nobody can tell apart.
    fn apart(&self, whose: &Whose, spend: &Spend) -> TreeResult {
        const SHARED: &str = "several agents worked in one work tree";
        let tests = match self.told.get(whose) {
            Some(Ok(told)) => Ok((told.tests, told.failed)),
            Some(Err(why)) => Err(why.as_str()),
            None => Err(NOBODYS),
        };
        let work = Work { tests, commits: Err(SHARED), ..nothing(&spend.cost, 0) };
        let mut part = part(&work, Err(SHARED), self.here.now.timestamp());
        part.pulls = self.pulls.as_ref().map(|_| Err(SHARED.to_owned()));
        part
    }

    /// Somebody has committed changes of the files that a run had changed.
    fn touched(&self, tree: &Tree, changed: &BTreeSet<String>, until: Instant) -> std::result::Result<bool, String> {
        let names: Vec<String> = changed.iter().filter(|name| !name.starts_with('/')).cloned().collect();
        if names.is_empty() {
            return Err("it committed nothing, and which files it changed is not known".to_owned());
        }
        let repository = self.repository(&tree.repository, until).ok_or("its repository is gone")?;
        let asked =
            Asked { repository: &repository, common: Path::new(&tree.repository), commits: &[], now: self.here.now };
        let span = (tree.began, tree.ended.saturating_add(30 * DAY));
        repository::touched(&asked, &names, span, tree.from.as_ref())
    }

    /// What was found out is kept for the next report, where the ledger can be written.
    fn keep(self) -> Result<()> {
        let (lines, told) = (self.known.into_new(), self.new_told);
        if lines.is_empty() && told.is_empty() {
            return Ok(());
        }
        // It is no mistake of a report that nothing can be kept.
        if let Ok(mut ledger) = Ledger::open_existing(&self.here.state_folder()?) {
            let _not_kept = standing_lines::keep(&mut ledger, &lines, self.here.now);
            let _not_kept = tests_and_patches::keep(&mut ledger, &told, self.here.now);
        }
        Ok(())
    }
}

/// What is wanted of each repository, each commit once.
fn by_repository<'t>(trees: &'t [Tree], wanted: &BTreeSet<Holder>) -> BTreeMap<&'t str, Vec<&'t Commit>> {
    let mut by_repository: BTreeMap<&str, Vec<&Commit>> = BTreeMap::new();
    for tree in trees.iter().filter(|tree| wanted.contains(&tree.holder)) {
        by_repository.entry(&tree.repository).or_default().extend(tree.commits.iter().flatten());
    }
    for commits in by_repository.values_mut() {
        commits.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        commits.dedup_by(|one, other| one.id == other.id);
    }
    by_repository
}

/// All session files of a run, or of a session that no run governed.
fn files_of(ledger: &Ledger, holder: &Holder, sessions: &Sessions) -> BTreeSet<PathBuf> {
    match holder {
        Holder::Run(run) => {
            let threads = ledger.runs().threads(run).unwrap_or_default();
            let agents: BTreeSet<AgentName> = threads.into_iter().filter_map(|thread| thread.agent).collect();
            agents.iter().filter_map(|agent| tests_and_patches::files(ledger, run, agent).ok()).flatten().collect()
        }
        Holder::Session(root) => {
            sessions.by_root.get(root).map(|one| one.files.iter().cloned().collect()).unwrap_or_default()
        }
    }
}

/// It is this one's work tree.
fn is_own(tree: &Tree, (holder, agent): &Whose) -> bool {
    tree.holder == *holder && agent.as_ref().is_none_or(|agent| tree.agents.contains(agent))
}

fn nothing<'w>(cost: &Amount, ended: i64) -> Work<'w> {
    Work {
        cost: cost.clone(),
        at_stake: Amount::default(),
        wrote: false,
        ended,
        commits: Err(NOBODYS),
        tests: Err(NOBODYS),
        touched_since: Ok(false),
        time: Span::default(),
    }
}

fn commits_of(trees: &[&Tree], why: impl Fn() -> String) -> std::result::Result<Vec<Commit>, String> {
    if trees.is_empty() {
        return Err(why());
    }
    let mut commits = Vec::new();
    for tree in trees {
        match &tree.commits {
            Ok(own) => commits.extend(own.iter().cloned()),
            Err(why) => return Err(why.clone()),
        }
    }
    Ok(commits)
}

#[cfg(test)]
mod tests;
