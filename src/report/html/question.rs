//! The page of a question, for whoever has the token of the letter that put it or is known to a proxy: what is
//! asked, and a form that answers.

use super::document::{Frame, document};
use super::markup::{Html, tag};
use super::of_facts;
use crate::model::notice::NoticeQuestion;
use crate::model::{Notice, Whence};

/// A question as its page shows it.
#[derive(Clone, Debug)]
pub struct QuestionPage {
    /// The notice that put it.
    pub notice: Notice,
    /// The question in it.
    pub asked: NoticeQuestion,
    /// Whose answer it will be.
    pub reader: String,
    /// Where it was asked.
    pub whence: Whence,
    /// Until when it waits, in words.
    pub until: Option<String>,
}

/// The page as it is sent. `token` goes back with the form, where the reader came by one; `wrong` is why the last try was not taken.
pub fn page(shown: &QuestionPage, token: Option<&str>, wrong: Option<&str>) -> String {
    let id = shown.asked.id;
    let mut header = tag("h1").text("govern");
    header.add(tag("p").text(format!("question {id}, to {}", shown.reader)));
    let mut main = tag("h2").text(&shown.asked.asks);
    if let Some(wrong) = wrong {
        main.add(
            tag("p").class("trouble").attr("role", "alert").with(Html::sentence(&format!("Not answered: {wrong}"))),
        );
    }
    main.add(facts(shown));
    main.add(form(shown, token));
    framed(id, header, main)
}

/// What has become of it; it `waits` still, where one yes is not enough.
pub fn answered(id: i64, text: &str, waits: bool) -> String {
    let what = if waits { "waits for others, too" } else { "is answered" };
    let mut main = tag("h2").text(format!("Question {id} {what}"));
    main.add(tag("p").attr("role", "status").with(Html::sentence(text)));
    framed(id, tag("h1").text("govern"), main)
}

/// A sentence in the place of the question.
pub fn told(id: i64, sentence: &str) -> String {
    framed(id, tag("h1").text("govern"), tag("p").with(Html::sentence(sentence)))
}

fn framed(id: i64, header: Html, main: Html) -> String {
    let title = format!("question {id} — govern");
    document(Frame { title: &title, style: "/page.css", script: None }, header, main)
}

fn facts(shown: &QuestionPage) -> Html {
    let QuestionPage { notice, asked, whence, .. } = shown;
    let budget = notice.budget.as_ref();
    let spent = budget.and_then(|budget| budget.spent_usd.as_ref().zip(budget.limit_usd.as_ref()));
    let facts = [
        ("agent", notice.agent.clone()),
        ("run", notice.run.clone()),
        ("team", notice.team.clone()),
        ("project", notice.project.clone()),
        ("budget", budget.map(|budget| budget.name.clone())),
        ("spent", spent.map(|(spent, limit)| format!("${spent} of ${limit}, list price"))),
        ("a yes", asked.allows.clone()),
        ("unanswered", asked.otherwise.clone()),
        ("wait", shown.until.clone()),
        ("command", whence.command.clone()),
        ("folder", whence.folder.clone()),
        ("account", Some(format!("{} on {}", whence.account, whence.machine))),
    ];
    of_facts(facts)
}

fn form(QuestionPage { asked, .. }: &QuestionPage, token: Option<&str>) -> Html {
    let has = |word: &str| asked.options.iter().any(|option| option == word);
    let button = |value: &str, text: String| tag("button").attr("name", "answer").attr("value", value).text(text);
    let hidden = |token| tag("input").attr("type", "hidden").attr("name", "token").attr("value", token).void();
    let reason = tag("input").attr("name", "reason").attr("maxlength", "500").attr("autocomplete", "off").void();
    // Return in a field would press the first button: this one does nothing.
    let mut inside = tag("button").attr("disabled", "").attr("hidden", "").with(Html::default());
    token.map(hidden).into_iter().for_each(|token| inside.add(token));
    inside.add(tag("label").with([Html::text("Reason"), reason].into_iter().collect()));
    let allows = asked.allows.as_deref().map(|allows| format!(": {allows}")).unwrap_or_default();
    inside.add(tag("p").with(button("approve", format!("Approve{allows}"))));
    if has("extend") {
        let offer = asked.offer.as_deref().unwrap_or_default();
        let amount = tag("input").attr("name", "amount").attr("value", offer).attr("maxlength", "40").void();
        let label = tag("label").with([Html::text("Extend by"), amount].into_iter().collect());
        inside.add(tag("p").with([label, button("extend", "Extend".to_owned())].into_iter().collect()));
    }
    if has("route") {
        let model = asked.route_to.as_deref().unwrap_or("the next cheaper model");
        inside.add(tag("p").with(button("route", format!("Go on with {model}"))));
    }
    if has("for") {
        inside.add(tag("p").with(button("for", "Approve for an hour".to_owned())));
    }
    if has("run") {
        inside.add(tag("p").with(button("run", "Approve in this run".to_owned())));
    }
    inside.add(tag("p").with(button("deny", "Deny".to_owned())));
    if has("kill") {
        inside.add(tag("p").with(button("kill", "End the agent now".to_owned())));
    }
    tag("form").class("question").attr("method", "post").attr("action", format!("/questions/{}", asked.id)).with(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NoticeKind;
    use crate::model::notice::NOTICE_SCHEMA;

    fn shown(asks: &str) -> QuestionPage {
        let asked = NoticeQuestion {
            id: 7,
            asks: asks.to_owned(),
            options: ["approve", "extend", "deny", "kill", "route"].map(str::to_owned).to_vec(),
            allows: Some("1 usd more".to_owned()),
            offer: Some("1 usd".to_owned()),
            route_to: Some("gpt-6.1-terra".to_owned()),
            otherwise: Some("stop".to_owned()),
            ..NoticeQuestion::default()
        };
        let notice = Notice {
            schema: NOTICE_SCHEMA.to_owned(),
            id: "msg_1".to_owned(),
            time: crate::report::tests::sample::at("2026-11-22T14:00:00Z"),
            kind: NoticeKind::Question,
            run: Some("k3f9x27m1a".to_owned()),
            agent: Some(asks.to_owned()),
            team: None,
            project: None,
            text: asks.to_owned(),
            budget: None,
            question: Some(asked.clone()),
            decision: None,
            progress: None,
            alert: None,
        };
        let whence = Whence {
            machine: "build-3".to_owned(),
            account: "sam".to_owned(),
            folder: Some("/home/sam/shop".to_owned()),
            command: Some("codex exec …".to_owned()),
        };
        QuestionPage { notice, asked, reader: "alice".to_owned(), whence, until: Some("until 14:30".to_owned()) }
    }

    #[test]
    fn a_question_is_a_form_that_answers() {
        insta::assert_snapshot!(page(&shown("$4.93 of $5.00"), Some("nq7c"), None).replace("><", ">\n<"));
    }

    #[test]
    fn what_an_agent_names_is_text_there() {
        let text = page(&shown("\"><script>alert(1)</script>"), Some("\"><x"), Some("`<b>`"));
        assert!(!text.contains("<script") && !text.contains("<x") && !text.contains("<b>"), "{text}");
    }
}
