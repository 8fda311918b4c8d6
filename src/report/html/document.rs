//! Pure. A whole document around what a page shows.

use super::markup::{Html, tag};

/// What stands around the body.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The window's title.
    pub title: &'a str,
    /// Where the style sheet is.
    pub style: &'static str,
    /// Where the script is, if it has one.
    pub script: Option<&'static str>,
}

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("page.css");

/// A document; the body is all that is between header and footer.
pub fn document(frame: Frame<'_>, header: Html, main: Html) -> String {
    let mut head = tag("meta").attr("charset", "utf-8").void();
    head.add(tag("meta").attr("name", "viewport").attr("content", "width=device-width, initial-scale=1").void());
    head.add(tag("meta").attr("name", "color-scheme").attr("content", "light dark").void());
    head.add(tag("title").text(frame.title));
    head.add(tag("link").attr("rel", "icon").attr("type", "image/svg+xml").attr("href", "/icon.svg").void());
    head.add(tag("link").attr("rel", "stylesheet").attr("href", frame.style).void());
    if let Some(script) = frame.script {
        head.add(tag("script").attr("src", script).attr("defer", "").with(Html::default()));
    }
    let mut body = tag("a").class("skip").attr("href", "#main").text("Skip to what is shown");
    body.add(tag("header").with(header));
    body.add(tag("main").attr("id", "main").with(main));
    let page =
        tag("html").attr("lang", "en").with([tag("head").with(head), tag("body").with(body)].into_iter().collect());
    format!("<!doctype html>\n{}\n", page.as_str())
}
