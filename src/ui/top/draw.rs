//! The screen as it is to be: a head, the middle that scrolls, what needs somebody, a line to type on, the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::lines;
use super::state::{Mode, Top, View};
use crate::model::{RunId, WorkClass};
use crate::report::bars;
use crate::report::overview::AgentRow;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::status::{left_cell, rate_cell, spent_cell, tone, without_silent};
use crate::report::text::{between, clock, count, duration};
use crate::ui::Layout;
use crate::ui::layout::broken;

/// So many lines of what needs somebody stand below the agents, on a screen that has room for them.
const MOST_NOTES: usize = 5;

/// So many lines what came of the last deed may have, such as an error and what to do about it.
const MOST_SAID: usize = 4;

/// So many lines the keys may have, and one where the screen has fewer lines than this.
const MOST_KEYS: usize = 2;
const LOW: usize = 20;

/// The help, key by key.
const HELP: &[(&str, &str)] = &[
    ("↑ ↓ PgUp PgDn", "choose a line, or move a long text"),
    ("Enter", "look at the chosen agent more closely; Esc goes back"),
    ("/", "look for agents, models, states, teams, projects, commands; Esc shows all again"),
    ("s", "another order: state, spent, rate, left, name, run"),
    ("a", "the questions that wait, to answer them"),
    ("b", "budgets, their pace and forecast"),
    ("p  c", "pause the chosen run, let it continue"),
    ("k", "stop the chosen run at a safe point; asks first"),
    ("x", "kill it now; asks first"),
    ("?", "this"),
    ("q", "leave; what runs goes on"),
];

/// One frame of plain text, as long as what it shows.
pub fn once(top: &mut Top, look: Layout) -> String {
    let mut shown = head(top, look.width, look.colour);
    shown.extend(agents(top, look.width, look.colour, false));
    shown.extend(notes(top, look.width, look.colour));
    let text = |line: &Line<'_>| {
        let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
        format!("{}\n", text.trim_end())
    };
    shown.iter().map(text).collect()
}

impl Top {
    /// Draws all of it.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer, colour: bool) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let head = head(self, width, colour);
        let mut foot = match self.view {
            View::Agents => notes(self, width, colour),
            View::Agent | View::Questions | View::Budgets | View::Help => Vec::new(),
        };
        // The agents come first: what needs somebody may take a third of the screen.
        foot.truncate(MOST_NOTES.min(height / 3));
        let (mut said, mut keys) = (said(self, width, colour), keys(self, width, colour));
        said.truncate(MOST_SAID.min((height / 4).max(1)));
        keys.truncate(if height < LOW { 1 } else { MOST_KEYS });
        foot.extend(said);
        foot.extend(keys);
        let room = height.saturating_sub(head.len() + foot.len());
        let middle = middle(self, width, room, colour);
        let blank = room.saturating_sub(middle.len());
        let all = head.into_iter().chain(middle).chain(std::iter::repeat_n(Line::default(), blank)).chain(foot);
        for (line, y) in all.zip(area.top()..area.bottom()) {
            buffer.set_line(area.left(), y, &line, area.width);
        }
    }
}

/// What takes the middle, as many lines as there is room for.
fn middle(top: &mut Top, width: usize, room: usize, colour: bool) -> Vec<Line<'static>> {
    match top.view {
        View::Agents => {
            let mut lines = agents(top, width, colour, true);
            // The table's own head stays.
            let head: Vec<_> = lines.drain(..1.min(lines.len())).collect();
            let place = top.place().unwrap_or(0);
            let rows = around(lines, place, 1, room.saturating_sub(head.len()));
            head.into_iter().chain(rows).collect()
        }
        View::Questions => {
            let (lines, first, tall) = questions(top, width, colour);
            around(lines, first, tall, room)
        }
        View::Agent => {
            let page = closer(top, width);
            scrolled(top, lines::page(&page, width, colour), room)
        }
        View::Budgets => {
            let page = match &top.seen.budgets {
                Ok(report) => report.page(),
                Err(mistake) => Page::of_notes(mistake.lines()),
            };
            let mut lines = lines::page(&page, width, colour);
            lines.extend(spent(top, width, colour));
            scrolled(top, lines, room)
        }
        View::Help => {
            let items: Vec<Item> = HELP.iter().map(|(key, does)| Item::new(key, does, Tone::Strong)).collect();
            scrolled(top, lines::list(&items, width, colour), room)
        }
    }
}

/// So many lines, those at this place among them.
fn around(lines: Vec<Line<'static>>, place: usize, tall: usize, room: usize) -> Vec<Line<'static>> {
    let first = (place + tall).saturating_sub(room).min(place);
    lines.into_iter().skip(first).take(room).collect()
}

/// So many lines from where it was moved to, which is no further than its end.
fn scrolled(top: &mut Top, lines: Vec<Line<'static>>, room: usize) -> Vec<Line<'static>> {
    top.scroll = top.scroll.min(lines.len().saturating_sub(room));
    lines.into_iter().skip(top.scroll).take(room).collect()
}

fn head(top: &Top, width: usize, colour: bool) -> Vec<Line<'static>> {
    let seen = &top.seen;
    let strong = lines::style(Tone::Strong, colour);
    let left = format!("govern  {}", seen.running());
    // Where nothing runs no clock goes on.
    let time = if top.has_clock() { format!("  {}", clock(top.now, seen.zone)) } else { String::new() };
    let right = format!("today {}  month {}{time}", seen.today.short(), seen.month.short());
    let gap = width.saturating_sub(left.width() + right.width()).max(2);
    let mut first = vec![Span::styled(left, strong), Span::raw(" ".repeat(gap)), Span::raw(right)];
    if first.iter().map(Span::width).sum::<usize>() > width {
        first.truncate(1);
    }
    let filter = if top.filter.is_empty() { String::new() } else { format!("  looking for: {}", shown(&top.filter)) };
    let second = Line::styled(format!("by {}{filter}", top.order.as_str()), lines::style(Tone::Quiet, colour));
    vec![Line::from(first), second]
}

/// What somebody typed may hold anything that a terminal hands on.
fn shown(text: &str) -> String {
    crate::report::text::printable(text)
}

/// The agents with a head, one line each; the chosen one is marked on a screen.
fn agents(top: &Top, width: usize, colour: bool, marked: bool) -> Vec<Line<'static>> {
    let rows = top.rows();
    if rows.is_empty() {
        let said = if top.filter.is_empty() { "Nothing runs here." } else { "Nothing here fits what is looked for." };
        return vec![Line::raw(said)];
    }
    let chosen = top.place().filter(|_| marked);
    let mut before: Option<&RunId> = None;
    let mut cells = Vec::new();
    for row in &rows {
        let id = &row.run.info.id;
        let is_same = before == Some(id);
        before = Some(id);
        cells.push(cells_of(row, top, if is_same { "" } else { id.as_str() }));
    }
    let columns = vec![
        Column::word("run"),
        Column::name("agent", 8),
        Column::name("team", 6).spare(),
        Column::word("state"),
        Column::figure("for").spare(),
        Column::name("model", 8).useful(),
        Column::word("work").spare(),
        Column::word("used").spare(),
        Column::figure("spent"),
        Column::figure("rate").useful(),
        Column::figure("left").useful(),
    ];
    let table = without_silent(Table { columns, rows: cells, totals: None });
    let indent = if marked { 2 } else { 0 };
    let lines = lines::table(&table, width.saturating_sub(indent), colour);
    if !marked {
        return lines;
    }
    let mark = |(place, mut line): (usize, Line<'static>)| {
        let is_chosen = chosen.is_some_and(|chosen| place == chosen + 1);
        line.spans.insert(0, Span::raw(if is_chosen { "▸ " } else { "  " }));
        let style = if is_chosen && colour { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        line.patch_style(style)
    };
    lines.into_iter().enumerate().map(mark).collect()
}

fn cells_of(row: &AgentRow<'_>, top: &Top, id: &str) -> Vec<Cell> {
    let Some(agent) = row.agent else {
        let rest = std::iter::repeat_n(Cell::unknown(), 10);
        return std::iter::once(Cell::new(id)).chain(rest).collect();
    };
    let own = row.run.own_limit(agent);
    vec![
        Cell::new(id),
        Cell::new(agent.agent.as_str()),
        Cell::or_unknown(row.run.info.attribution.team.as_deref()),
        Cell::toned(agent.state.as_str(), tone(agent.state)),
        Cell::toned(duration(between(agent.since, top.now)), Tone::Quiet),
        Cell::or_unknown(agent.model.as_ref().map(|model| model.as_str())),
        Cell::or_unknown(agent.work.map(WorkClass::as_str)),
        own.map_or_else(Cell::unknown, bars::bar),
        spent_cell(agent.cost_usd, own),
        rate_cell(agent),
        left_cell(agent.state, agent.limit.as_ref()),
    ]
}

/// What needs somebody: why the chosen agent stands, questions, budgets that end, runs that say nothing of themselves.
fn notes(top: &Top, width: usize, colour: bool) -> Vec<Line<'static>> {
    let seen = &top.seen;
    let mut items = Vec::new();
    if let Some(first) = seen.waiting.rows.first() {
        let approval = &first.approval;
        let left = approval.deadline.map(|at| format!(", {} left", duration(between(top.now, at)))).unwrap_or_default();
        let many = count(seen.waiting.rows.len() as u64, "question waits", "questions wait");
        let text = format!("{many}: {} `{}`: {}{left}", approval.id, approval.agent, approval.question);
        items.push(Item::new("asks", text, Tone::Warn));
    }
    items.extend(seen.alarms());
    items.extend(seen.status.notes().into_iter().filter(|item| item.lead != "held"));
    lines::list(&items, width, colour)
}

/// The questions, and where the chosen one begins and how many lines it has.
fn questions(top: &Top, width: usize, colour: bool) -> (Vec<Line<'static>>, usize, usize) {
    let report = &top.seen.waiting;
    if report.rows.is_empty() {
        return (vec![Line::raw("Nothing waits for an answer.")], 0, 1);
    }
    let (mut all, mut first, mut tall) = (Vec::new(), 0, 1);
    for (place, row) in report.rows.iter().enumerate() {
        let is_chosen = top.question_place() == Some(place);
        let mark = if is_chosen { "▸" } else { " " };
        let items = report.question_in_full(row, top.now);
        let title =
            format!("{mark} question {}: agent `{}` of run {}", row.approval.id, row.approval.agent, row.approval.run);
        let start = all.len();
        all.push(Line::styled(shown(&title), lines::style(Tone::Strong, colour)));
        for line in lines::list(&items, width.saturating_sub(4), colour) {
            all.push(Line::from_iter(std::iter::once(Span::raw("    ")).chain(line.spans)));
        }
        if is_chosen {
            (first, tall) = (start, all.len() - start);
        }
        all.push(Line::default());
    }
    (all, first, tall)
}

fn closer(top: &Top, width: usize) -> Page {
    let rows = top.rows();
    let Some(row) = top.place().and_then(|place| rows.get(place)) else {
        return Page::of_notes(["It is over: `govern report` has what became of it."]);
    };
    let mut page = Page::default();
    page.title(format!("{} of run {}", row.agent.map_or("agent", |agent| agent.agent.as_str()), row.run.info.id));
    let look = top.look.as_ref().filter(|(key, _)| Some(key) == top.selected_agent().as_ref());
    match look {
        Some((_, look)) => page.blocks.extend(look.page(row, top.now, top.seen.zone, width).blocks),
        None => page.list(vec![Item::note("…")]),
    }
    page
}

/// Today's and this month's spend by team, project and model.
fn spent(top: &Top, width: usize, colour: bool) -> Vec<Line<'static>> {
    let mut page = Page::default();
    for (name, spent) in [("today", &top.seen.today), ("this month", &top.seen.month)] {
        if spent.total.responses == 0 {
            continue;
        }
        for (title, parts) in [("team", &spent.teams), ("project", &spent.projects), ("model", &spent.models)] {
            page.title(format!("Spent {name} by {title}"));
            page.table(spent.table(title, parts, 5));
        }
        page.list(spent.notes());
    }
    let mut lines = vec![Line::default()];
    lines.extend(lines::page(&page, width, colour));
    lines
}

/// What is typed or asked, else what came of the last deed; one line at least.
fn said(top: &Top, width: usize, colour: bool) -> Vec<Line<'static>> {
    let styled = |text: &str, tone| -> Vec<Line<'static>> {
        broken(text, width).into_iter().map(|line| Line::styled(line, lines::style(tone, colour))).collect()
    };
    match (&top.mode, &top.said) {
        (Mode::Types(typing), _) => {
            let text = format!("{}{}█", typing.prompt(), shown(&typing.text));
            // The end of a long line is what is being typed.
            let cut = text.chars().rev().scan(0, |wide, c| {
                *wide += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
                (*wide <= width).then_some(c)
            });
            let end: String = cut.collect();
            vec![Line::raw(end.chars().rev().collect::<String>())]
        }
        (Mode::Confirms(_, words), _) => styled(&format!("{}? y does it", shown(words)), Tone::Bad),
        (Mode::Looks, Some(item)) => styled(&item.text, item.tone),
        (Mode::Looks, None) => vec![Line::default()],
    }
}

/// What the keys do here.
fn keys(top: &Top, width: usize, colour: bool) -> Vec<Line<'static>> {
    let text = match (&top.mode, top.view) {
        (Mode::Types(_), _) => "Enter done  Esc not",
        (Mode::Confirms(..), _) => "y yes  any other key: no",
        (Mode::Looks, View::Agents) => {
            "q quit  ? help  / find  s order  Enter closer  a answer  b budgets  p pause  c continue  k stop"
        }
        (Mode::Looks, View::Agent) => "q quit  Esc back  ↑↓ move  p pause  c continue  k stop  x kill",
        (Mode::Looks, View::Questions) => {
            "Esc back  y approve  e extend by  r route  u for the run  n deny  x deny, end it now"
        }
        (Mode::Looks, View::Budgets | View::Help) => "q quit  Esc back  ↑↓ move",
    };
    // A key and what it does are not torn apart.
    let mut found: Vec<String> = Vec::new();
    for words in text.split("  ") {
        match found.last_mut().filter(|line| line.width() + 2 + words.width() <= width) {
            Some(line) => *line += &format!("  {words}"),
            None => found.push(words.to_owned()),
        }
    }
    found.into_iter().map(|line| Line::styled(line, lines::style(Tone::Quiet, colour))).collect()
}
