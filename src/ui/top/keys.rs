//! What keys do: they move through what is shown, or ask for something that others carry out.

use super::ask::{Ask, Key, TypedAnswer};
use super::state::{Mode, Top, Typing, View, What};
use crate::model::{Brake, Subject};

impl Top {
    /// What a key does here, and what it asks of others.
    pub fn press(&mut self, key: Key) -> Option<Ask> {
        if key == Key::Interrupt {
            return Some(Ask::Quit);
        }
        self.said = None;
        match std::mem::take(&mut self.mode) {
            Mode::Looks => self.pressed(key),
            Mode::Types(typing) => self.typed(typing, key),
            Mode::Confirms(ask, words) => {
                if matches!(key, Key::Char('y' | 'Y')) {
                    return Some(ask);
                }
                self.say_quietly(format!("not done: {words}"));
                None
            }
        }
    }

    fn pressed(&mut self, key: Key) -> Option<Ask> {
        match key {
            Key::Char('q') => return Some(Ask::Quit),
            Key::Esc if self.view != View::Agents => self.show(View::Agents),
            Key::Esc => self.filter.clear(),
            Key::Char('?') => self.switch(View::Help),
            Key::Char('a') => self.switch(View::Questions),
            Key::Char('b') => self.switch(View::Budgets),
            Key::Up => self.step(-1),
            Key::Down => self.step(1),
            Key::PageUp => self.step(-10),
            Key::PageDown => self.step(10),
            Key::Home => self.step(isize::MIN),
            Key::End => self.step(isize::MAX),
            key => return self.pressed_in_view(key),
        }
        self.settle();
        None
    }

    /// Shows it, or goes back.
    fn switch(&mut self, view: View) {
        self.show(if self.view == view { View::Agents } else { view });
    }

    fn pressed_in_view(&mut self, key: Key) -> Option<Ask> {
        let brake = |top: &Self, brake| top.selected_run().map(|run| Ask::Brake { brake, run });
        match (self.view, key) {
            (View::Questions, key) => self.pressed_at_question(key),
            (View::Budgets | View::Help, _) => {}
            (View::Agents, Key::Char('/')) => self.mode = Mode::Types(Typing::filter(&self.filter)),
            (View::Agents, Key::Char('s')) => self.order = self.order.next(),
            (View::Agents, Key::Enter) if self.selected_agent().is_some() => {
                self.show(View::Agent);
                return self.selected_agent().map(Ask::Look);
            }
            (_, Key::Char('p')) => return brake(self, Brake::Pause),
            (_, Key::Char('c')) => return brake(self, Brake::Continue),
            (_, Key::Char('k')) => self.confirm_brake(Brake::Stop, "stop", "at a safe point"),
            (_, Key::Char('x')) => self.confirm_brake(Brake::Kill, "kill", "now: what is under way is lost"),
            (View::Agents | View::Agent, _) => {}
        }
        None
    }

    fn confirm_brake(&mut self, brake: Brake, word: &str, how: &str) {
        let Some(run) = self.selected_run() else { return };
        let words = format!("{word} run {run} and all its agents {how}");
        self.mode = Mode::Confirms(Ask::Brake { brake, run }, words);
    }

    fn pressed_at_question(&mut self, key: Key) {
        let Some((id, about)) = self.selected_question() else { return };
        let wanted = match (key, about) {
            (Key::Char('y') | Key::Enter, _) => TypedAnswer::Approve,
            (Key::Char('e'), Subject::Limit | Subject::Step | Subject::Ahead) => {
                self.mode = Mode::Types(Typing::amount(id));
                return;
            }
            (Key::Char('r'), Subject::Limit | Subject::Step) => TypedAnswer::Route,
            (Key::Char('u'), Subject::Call) => TypedAnswer::Run,
            (Key::Char('n'), _) => TypedAnswer::Deny,
            (Key::Char('x'), _) => TypedAnswer::Kill,
            _ => return,
        };
        self.mode = Mode::Types(Typing::reason(id, wanted));
    }

    fn typed(&mut self, mut typing: Typing, key: Key) -> Option<Ask> {
        match key {
            Key::Esc if typing.is_filter() => {
                self.filter.clear();
                self.settle();
                return None;
            }
            Key::Esc => {
                self.say_quietly("nothing was sent".to_owned());
                return None;
            }
            Key::Enter => return self.finished(typing),
            Key::Char(c) if !c.is_control() && typing.text.chars().count() < Typing::MOST => typing.text.push(c),
            Key::Backspace => {
                typing.text.pop();
            }
            Key::Char(_)
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Interrupt => {}
        }
        if typing.is_filter() {
            self.filter.clone_from(&typing.text);
            self.settle();
        }
        self.mode = Mode::Types(typing);
        None
    }

    fn finished(&mut self, typing: Typing) -> Option<Ask> {
        let text = typing.text.trim().to_owned();
        match typing.what {
            What::Filter => None,
            What::Amount(id) if text.is_empty() => {
                self.mode = Mode::Types(Typing::amount(id));
                None
            }
            What::Amount(id) => {
                self.mode = Mode::Types(Typing::reason(id, TypedAnswer::Extend(text)));
                None
            }
            What::Reason(approval, wanted) => {
                Some(Ask::Answer { approval, wanted, reason: (!text.is_empty()).then_some(text) })
            }
        }
    }
}
