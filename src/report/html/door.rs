//! What stands at the door of a page: a form for the key, and what is said to whoever is not let in.

use super::document::{Frame, document};
use super::markup::{Html, tag};

/// A page of one sentence.
pub fn told(sentence: &str) -> String {
    around(tag("p").with(Html::sentence(sentence)))
}

/// What went wrong, as it is said.
pub fn trouble(text: &str) -> String {
    around(tag("p").class("trouble").text(text))
}

/// A form for the key, and a sentence above it.
pub fn key(sentence: &str) -> String {
    let mut html = tag("p").with(Html::sentence(sentence));
    let field = tag("input").attr("name", "key").attr("type", "password").attr("autocomplete", "off");
    let field = field.attr("required", "").attr("autofocus", "").void();
    let label = tag("label").with([Html::text("Key"), field].into_iter().collect());
    let form = tag("form").attr("method", "post").attr("action", "/enter");
    html.add(form.with([label, tag("button").text("Enter")].into_iter().collect()));
    around(html)
}

fn around(main: Html) -> String {
    let frame = Frame { title: "govern", style: "/page.css", script: None };
    document(frame, tag("h1").with(tag("a").attr("href", "/").text("govern")), main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_says_what_it_wants() {
        insta::assert_snapshot!(key("Bring the <key>.").replace("><", ">\n<"));
    }
}
