//! The question at the prompt, and what may be answered.

use std::time::Duration;

use super::Layout;
use super::layout::{elided, paint, wrapped};
use crate::decide::message::About;
use crate::model::event::Answer;
use crate::model::{AgentName, ApprovalId, ModelId, Money, Quantity};
use crate::policy::duration::parse as parse_duration;
use crate::report::page::Tone;
use crate::report::text::{duration, printable};

/// A question as the prompt puts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptQuestion {
    /// Its number: `govern approve 7` answers it from elsewhere.
    pub approval: ApprovalId,
    /// The agent that is held.
    pub agent: AgentName,
    /// What is asked, such as `$4.93 + $0.21 reserved of $5.00 (each run)`.
    pub standing: String,
    /// What the agent's responses cost so far, as far as they have a price.
    pub cost: Money,
    /// What a plain `e` extends by.
    pub extend: Quantity,
    /// The most that may be extended by, in the same unit.
    pub most: Option<Quantity>,
    /// Where `r` goes; `None` at the bottom of the ladder, or where the agent cannot be started again.
    pub route: Option<ModelId>,
    /// How long an answer is waited for; `None`: for ever.
    pub left: Option<Duration>,
    /// What happens when nobody answers, as a word.
    pub otherwise: &'static str,
    /// What it is about.
    pub about: About,
}

impl PromptQuestion {
    /// The question, its lines ended, with a cursor behind the last: `? `. `others` are open, too.
    pub fn draw(&self, look: Layout, others: &[String]) -> String {
        let width = look.width;
        let mut text = others.iter().map(|other| format!("{}\n", elided(other, width))).collect::<String>();
        let (standing, agent) = (printable(&self.standing), printable(self.agent.as_str()));
        let is = if self.about == About::Review { "is done" } else { "is held" };
        let headline = format!("govern: {standing} — agent `{agent}`, {} so far, {is}", self.cost);
        let route = self.route.as_ref().map(|model| format!(" · [r]oute to {}", printable(model.as_str())));
        let choices = match self.about {
            About::Limit if self.extend.amount == 0 => format!("[s]top · [k]ill{}", route.unwrap_or_default()),
            About::Limit => format!("[e]xtend by {}{} · [s]top · [k]ill", self.extend, route.unwrap_or_default()),
            About::Ahead => format!("[e]xtend by {} · [n]o", self.extend),
            About::Review => "[y]es, what needs it starts · [n]o".to_owned(),
            About::Step { .. } if self.extend.amount == 0 => {
                format!("[g]o on to the next step{} · [s]top · [k]ill", route.unwrap_or_default())
            }
            About::Step { .. } => {
                let route = route.unwrap_or_default();
                format!("[g]o on to the next step · [e]xtend by {}{route} · [s]top · [k]ill", self.extend)
            }
            About::Alert => format!("[g]o on{} · [s]top · [k]ill", route.unwrap_or_default()),
            About::Call(_) | About::Request(_) => {
                "[o]nce · again in this [r]un · [f]or 1h · [s] refuse it · [k]ill the agent".to_owned()
            }
        };
        let otherwise = match self.left {
            Some(left) => format!("else {} in {}; ", self.otherwise, duration(left)),
            None => String::new(),
        };
        let aside = format!("({otherwise}also: govern approve {})", self.approval);
        for line in wrapped(&headline, width) {
            text += &format!("{}\n", paint(&line, Tone::Strong, look));
        }
        let whole = format!("{choices}   {aside}");
        if whole.chars().count() <= width {
            text += &format!("{whole}\n");
        } else {
            for line in wrapped(&choices, width).into_iter().chain(wrapped(&aside, width)) {
                text += &format!("{line}\n");
            }
        }
        text + "? "
    }

    /// One line for where another question stands last.
    pub fn in_a_line(&self) -> String {
        let (standing, agent) = (printable(&self.standing), printable(self.agent.as_str()));
        format!("also open: govern approve {} — agent `{agent}`: {standing}", self.approval)
    }

    /// Reads an answer; what is wrong with it is said so that it can be asked again.
    pub fn parse(&self, line: &str) -> Result<Answer, String> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        let alone = |answer| if rest.is_empty() { Ok(answer) } else { Err(format!("`{word}` takes nothing after it")) };
        let about_call = self.about.at_gate().is_some();
        match word.to_lowercase().as_str() {
            "o" | "once" if about_call => alone(Answer::Once),
            "r" | "run" if about_call => alone(Answer::Allow { seconds: None }),
            "f" | "for" if about_call => time(rest),
            "s" | "stop" | "refuse" if about_call => alone(Answer::Refuse),
            "y" | "yes" if self.about == About::Review => alone(Answer::Once),
            "n" | "no" if self.about == About::Review => alone(Answer::Refuse),
            _ if self.about == About::Review => Err(format!("`{}` is no answer: {}", printable(line), self.letters())),
            "n" | "no" if self.about == About::Ahead => alone(Answer::Refuse),
            "e" | "extend" | "route" if about_call => Err(format!("there is no limit to lift: {}", self.letters())),
            "g" | "go" | "next_step" if self.goes_on().is_some() => alone(self.goes_on().unwrap_or(Answer::Once)),
            "e" | "extend" if self.about == About::Alert => {
                Err(format!("there is no limit to lift: {}", self.letters()))
            }
            "" => Err(format!("please answer {}", self.letters())),
            "e" | "extend" if self.extend.amount == 0 => {
                Err(format!("answers have extended it by all that they may: {}", self.letters()))
            }
            "e" | "extend" => self.extension(rest),
            "r" | "route" if self.route.is_none() => Err("there is no cheaper model to route to".to_owned()),
            "r" | "route" => alone(Answer::Route),
            "s" | "stop" => alone(Answer::Stop),
            "k" | "kill" => alone(Answer::Kill),
            _ => Err(format!("`{}` is no answer: {}", printable(line), self.letters())),
        }
    }

    /// The answer that lets the agent go on and lifts nothing.
    fn goes_on(&self) -> Option<Answer> {
        match self.about {
            About::Step { past, .. } => Some(Answer::NextStep { past }),
            About::Alert => Some(Answer::Once),
            About::Limit | About::Call(_) | About::Request(_) | About::Ahead | About::Review => None,
        }
    }

    fn letters(&self) -> String {
        let route = if self.route.is_some() { "r, " } else { "" };
        match self.about {
            About::Limit if self.extend.amount == 0 => format!("{route}s or k"),
            About::Limit => format!("e, `e {}`, {route}s or k", self.extend),
            About::Step { .. } => format!("g, e, `e {}`, {route}s or k", self.extend),
            About::Alert => format!("g, {route}s or k"),
            About::Ahead => format!("e, `e {}` or n", self.extend),
            About::Review => "y or n".to_owned(),
            About::Call(_) | About::Request(_) => "o, r, `f 1h`, s or k".to_owned(),
        }
    }

    fn extension(&self, by: &str) -> Result<Answer, String> {
        let by = by.strip_prefix("by ").unwrap_or(by);
        let quantity = if by.is_empty() {
            self.extend
        } else {
            Quantity::parse(by).map_err(|error| format!("`{}` {error}: write `e {}`", printable(by), self.extend))?
        };
        if quantity.unit != self.extend.unit {
            return Err(format!("this budget is not in that unit: write `e {}`", self.extend));
        }
        match self.most {
            Some(most) if quantity.amount > most.amount => {
                Err(format!("the policy lets nobody extend by more than {most}"))
            }
            _ => Ok(Answer::Extend { amount: quantity.amount }),
        }
    }
}

/// For how long a call may run again; an hour where nothing is said.
fn time(text: &str) -> Result<Answer, String> {
    let text = if text.is_empty() { "1h" } else { text };
    let time = parse_duration(text).map_err(|error| format!("`{}` {error}: write `f 1h`", printable(text)))?;
    Ok(Answer::Allow { seconds: Some(time.as_secs()) })
}

#[cfg(test)]
pub(super) fn sample() -> PromptQuestion {
    PromptQuestion {
        approval: ApprovalId(7),
        agent: "codex".into(),
        standing: "$4.93 + $0.21 reserved of $5.00 (each run)".to_owned(),
        cost: Money::from_nanos(4_930_000_000),
        extend: Quantity::parse("1 usd").unwrap(),
        most: Some(Quantity::parse("20 usd").unwrap()),
        route: Some("gpt-6.1-terra".into()),
        left: Some(Duration::from_secs(29 * 60 + 30)),
        otherwise: "stop",
        about: About::Limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule::Refusal;

    fn drawn(question: &PromptQuestion, width: usize) -> String {
        question.draw(Layout::plain(width), &[])
    }

    #[test]
    fn it_is_bold_where_there_is_colour_and_what_else_is_open_stands_above_it() {
        let other = PromptQuestion { approval: ApprovalId(8), agent: "docs".into(), ..sample() }.in_a_line();
        let text = sample().draw(Layout { width: 60, colour: true }, &[other]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "also open: govern approve 8 —…1 reserved of $5.00 (each run)");
        assert!(lines[1].starts_with("\u{1b}[1mgovern: $4.93") && lines[2].starts_with("\u{1b}[1m"), "{text}");
        assert!(text.ends_with("\n? "), "{text}");
    }

    #[test]
    fn the_question_at_both_widths() {
        insta::assert_snapshot!(format!("{}\n\n{}", drawn(&sample(), 120), drawn(&sample(), 80)), @r"
        govern: $4.93 + $0.21 reserved of $5.00 (each run) — agent `codex`, $4.93 so far, is held
        [e]xtend by $1.00 · [r]oute to gpt-6.1-terra · [s]top · [k]ill   (else stop in 29 min; also: govern approve 7)
        ? 

        govern: $4.93 + $0.21 reserved of $5.00 (each run) — agent `codex`, $4.93 so
        far, is held
        [e]xtend by $1.00 · [r]oute to gpt-6.1-terra · [s]top · [k]ill
        (else stop in 29 min; also: govern approve 7)
        ? 
        ");
    }

    #[test]
    fn every_answer_is_read_and_every_mistake_explained() {
        let extend = |usd: i64| Ok(Answer::Extend { amount: usd * 1_000_000_000 });
        for (line, answer) in [
            ("e", extend(1)),
            (" E \n", extend(1)),
            ("e 2usd", extend(2)),
            ("e $2", extend(2)),
            ("extend by 2 usd", extend(2)),
            ("r", Ok(Answer::Route)),
            ("stop", Ok(Answer::Stop)),
            ("k", Ok(Answer::Kill)),
            ("", Err("please answer e, `e $1.00`, r, s or k")),
            ("yes", Err("`yes` is no answer: e, `e $1.00`, r, s or k")),
            ("k now", Err("`k` takes nothing after it")),
            ("e lots", Err("`lots` is not a quantity: write `e $1.00`")),
            ("e -1usd", Err("`-1usd` is less than nothing: write `e $1.00`")),
            ("e 5k tok", Err("this budget is not in that unit: write `e $1.00`")),
            ("e 21usd", Err("the policy lets nobody extend by more than $20.00")),
        ] {
            assert_eq!(sample().parse(line), answer.map_err(str::to_owned), "{line}");
        }
    }

    #[test]
    fn without_a_cheaper_model_there_is_no_route() {
        let question = PromptQuestion { route: None, ..sample() };
        assert_eq!(question.parse("r"), Err("there is no cheaper model to route to".to_owned()));
        assert!(!drawn(&question, 80).contains("oute"));
    }

    fn about_call() -> PromptQuestion {
        let standing = "`leaves`: `git push`: Bash: git push".to_owned();
        let extend = Quantity::parse("1 tool calls").unwrap();
        PromptQuestion {
            standing,
            extend,
            most: None,
            route: None,
            otherwise: "deny",
            about: About::Call(Refusal::Deny),
            ..sample()
        }
    }

    #[test]
    fn a_tool_may_run_once_or_again_in_this_run_or_for_a_time() {
        insta::assert_snapshot!(drawn(&about_call(), 80), @r"
        govern: `leaves`: `git push`: Bash: git push — agent `codex`, $4.93 so far, is
        held
        [o]nce · again in this [r]un · [f]or 1h · [s] refuse it · [k]ill the agent
        (else deny in 29 min; also: govern approve 7)
        ? 
        ");
        let again = |seconds| Ok(Answer::Allow { seconds });
        for (line, answer) in [
            ("o", Ok(Answer::Once)),
            ("Once", Ok(Answer::Once)),
            ("r", again(None)),
            ("run", again(None)),
            ("f", again(Some(3_600))),
            ("for 20m", again(Some(1_200))),
            ("s", Ok(Answer::Refuse)),
            ("k", Ok(Answer::Kill)),
            ("f ever", Err("`ever` is not a duration: write `f 1h`")),
            ("e", Err("there is no limit to lift: o, r, `f 1h`, s or k")),
            ("", Err("please answer o, r, `f 1h`, s or k")),
            ("run now", Err("`run` takes nothing after it")),
        ] {
            assert_eq!(about_call().parse(line), answer.map_err(str::to_owned), "{line}");
        }
    }
}
