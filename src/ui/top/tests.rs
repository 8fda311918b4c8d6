//! The screen at three sizes, and what keys do.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::{Ask, Key, Top, TypedAnswer, once};
use crate::model::{ApprovalId, Brake};
use crate::report::page::Tone;
use crate::report::tests::sample;
use crate::ui::Layout;

fn shown(top: &mut Top, (columns, lines): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| top.draw(frame.area(), frame.buffer_mut(), false)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..lines).map(|y| line(y).trim_end().to_owned() + "\n").collect()
}

fn top() -> Top {
    Top::new(sample::overview())
}

fn press(top: &mut Top, keys: &[Key]) -> Option<Ask> {
    keys.iter().fold(None, |_, key| top.press(*key))
}

fn typed(top: &mut Top, text: &str) {
    text.chars().for_each(|c| assert_eq!(top.press(Key::Char(c)), None));
}

#[test]
fn agents_at_three_sizes() {
    for size in [(80, 24), (120, 30), (60, 12)] {
        insta::assert_snapshot!(format!("agents_{}x{}", size.0, size.1), shown(&mut top(), size));
    }
}

#[test]
fn a_closer_look_questions_and_budgets() {
    let mut top = top();
    let ask = press(&mut top, &[Key::Char('/')]);
    assert_eq!(ask, None);
    typed(&mut top, "docu");
    assert_eq!(top.press(Key::Enter), None);
    let Some(Ask::Look(key)) = top.press(Key::Enter) else { panic!("an agent is looked at") };
    assert_eq!(key.agent.as_str(), "document");
    top.looks(key, sample::look());
    insta::assert_snapshot!("agent_80x40", shown(&mut top, (80, 40)));
    press(&mut top, &[Key::Esc, Key::Char('a')]);
    insta::assert_snapshot!("questions_80x24", shown(&mut top, (80, 24)));
    press(&mut top, &[Key::Char('b')]);
    insta::assert_snapshot!("budgets_80x40", shown(&mut top, (80, 40)));
    press(&mut top, &[Key::Char('?')]);
    insta::assert_snapshot!("help_80x24", shown(&mut top, (80, 24)));
}

#[test]
fn one_frame_is_plain_text_and_has_every_agent() {
    let text = once(&mut top(), Layout::plain(80));
    insta::assert_snapshot!(text);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn stop_and_kill_ask_first_and_pause_does_not() {
    for (key, brake) in [('k', Brake::Stop), ('x', Brake::Kill)] {
        let mut top = top();
        assert_eq!(top.press(Key::Char(key)), None);
        assert!(shown(&mut top, (80, 24)).contains("y does it"));
        assert_eq!(top.press(Key::Enter), None, "no key but y does it");
        assert!(shown(&mut top, (80, 24)).contains("not done"));
        assert_eq!(top.press(Key::Char('y')), None, "it was taken back");
        let ask = press(&mut top, &[Key::Char(key), Key::Char('y')]);
        assert_eq!(ask, Some(Ask::Brake { brake, run: "k3f9x27m1a".into() }));
    }
    let pause = Some(Ask::Brake { brake: Brake::Pause, run: "k3f9x27m1a".into() });
    assert_eq!(top().press(Key::Char('p')), pause);
    let mut other = top();
    press(&mut other, &[Key::Char('s'), Key::Home]);
    let Some(Ask::Brake { run, .. }) = other.press(Key::Char('c')) else { panic!("a run continues") };
    assert_eq!(run.as_str(), "k3e0000000aa", "the most expensive one is the first");
}

#[test]
fn a_question_is_answered_as_on_the_command_line_and_never_by_one_key() {
    let mut top = top();
    assert_eq!(press(&mut top, &[Key::Char('a'), Key::Char('y')]), None);
    assert_eq!(top.press(Key::Esc), None);
    assert_eq!(top.press(Key::Char('e')), None);
    typed(&mut top, "2usd");
    assert_eq!(top.press(Key::Enter), None);
    typed(&mut top, "the release");
    let answer = Ask::Answer {
        approval: ApprovalId(7),
        wanted: TypedAnswer::Extend("2usd".into()),
        reason: Some("the release".into()),
    };
    assert_eq!(top.press(Key::Enter), Some(answer));
    let plain = |wanted| Some(Ask::Answer { approval: ApprovalId(7), wanted, reason: None });
    for (key, wanted) in
        [('y', TypedAnswer::Approve), ('r', TypedAnswer::Route), ('n', TypedAnswer::Deny), ('x', TypedAnswer::Kill)]
    {
        assert_eq!(press(&mut top, &[Key::Char(key), Key::Enter]), plain(wanted));
    }
    assert_eq!(top.press(Key::Char('u')), None, "a limit is not allowed for a run");
    assert_eq!(top.press(Key::Char('k')), None, "nothing is stopped from here");
    assert!(!shown(&mut top, (80, 24)).contains("y does it"));
}

#[test]
fn names_cannot_drive_the_terminal_and_a_cut_screen_is_no_fault() {
    let mut overview = sample::overview();
    let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}b";
    for run in &mut overview.status.runs {
        run.info.attribution.team = Some(hostile.into());
        run.info.command = vec![hostile.into()];
        for agent in &mut run.live.agents {
            agent.agent = hostile.into();
            agent.because = Some(hostile.into());
        }
    }
    for row in &mut overview.waiting.rows {
        (row.approval.agent, row.approval.question) = (hostile.into(), hostile.into());
    }
    let mut top = Top::new(overview);
    for key in [Key::Esc, Key::Enter, Key::Char('a'), Key::Char('b'), Key::Char('?'), Key::Esc] {
        top.press(key);
        for size in [(80, 24), (1, 1), (3, 2), (300, 80)] {
            let screen = shown(&mut top, size);
            let drives = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!screen.contains(drives), "{key:?} {size:?}: {screen:?}");
        }
    }
    assert!(!once(&mut top, Layout::plain(80)).contains(['\u{1b}', '\u{9b}']));
}

#[test]
fn what_is_chosen_stays_chosen_where_lines_move_and_colours_only_repeat() {
    let mut top = top();
    press(&mut top, &[Key::Down, Key::Down]);
    let chosen = top.selected_agent();
    press(&mut top, &[Key::Char('s'), Key::Char('s')]);
    assert_eq!(top.selected_agent(), chosen);
    top.sees(sample::overview());
    assert_eq!(top.selected_agent(), chosen);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| top.draw(frame.area(), frame.buffer_mut(), true)).unwrap();
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().any(|cell| cell.fg == Color::Yellow));
    assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
    terminal.draw(|frame| top.draw(frame.area(), frame.buffer_mut(), false)).unwrap();
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.modifier.is_empty()));
}

#[test]
fn an_error_and_all_keys_are_read_whole_at_80_columns() {
    let mut top = top();
    let error = "error: the run `k3f9x27m1a` could not be told: its govern does not answer; caused by: the connection was \
                 refused; hint: `govern stop k3f9x27m1a` tries again, and `govern status` says what it does";
    top.say(error, Tone::Bad);
    let screen = shown(&mut top, (80, 24));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert!(words(&screen).contains(&words(error)), "{screen}");
    for key in ["q quit", "? help", "/ find", "s order", "b budgets", "p pause", "c continue", "k stop"] {
        assert!(screen.contains(key), "{key}: {screen}");
    }
    assert!(shown(&mut top, (80, 6)).contains("error: the run"), "a low screen has one line of it");
}

#[test]
fn nothing_runs() {
    let mut overview = sample::overview();
    overview.status.runs.clear();
    let mut top = Top::new(overview);
    assert!(!top.has_clock());
    assert!(shown(&mut top, (80, 24)).contains("Nothing runs here."));
    assert_eq!(press(&mut top, &[Key::Enter]), None);
    assert_eq!(press(&mut top, &[Key::Char('k'), Key::Char('y')]), None);
    assert_eq!(top.press(Key::Char('q')), Some(Ask::Quit));
    assert_eq!(top.press(Key::Interrupt), Some(Ask::Quit));
}
