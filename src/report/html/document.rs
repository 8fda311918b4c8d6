//! A whole document around what a page shows.

use super::markup::{Html, sheet, tag};

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

/// A document that stands alone, in one file: it asks nobody for anything, and has no script.
#[derive(Clone, Copy, Debug)]
pub struct Alone<'a> {
    /// The window's title.
    pub title: &'a str,
    /// What stands at the foot of each printed page.
    pub foot: &'a str,
}

/// What a document that stands alone adds to the sheet of all pages.
const ALONE: &str = include_str!("report.css");

/// A browser that looks for more than is in the file is told that there is none.
const NOTHING_ELSE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A document that stands alone.
pub fn alone(frame: Alone<'_>, header: Html, main: Html) -> String {
    let mut head = tag("meta").attr("charset", "utf-8").void();
    let policy = tag("meta").attr("http-equiv", "Content-Security-Policy").attr("content", NOTHING_ELSE);
    head.add(policy.void());
    head.add(tag("meta").attr("name", "viewport").attr("content", "width=device-width, initial-scale=1").void());
    head.add(tag("meta").attr("name", "color-scheme").attr("content", "light dark").void());
    head.add(tag("title").text(frame.title));
    // Without one a browser would ask the server of the file for an icon.
    head.add(tag("link").attr("rel", "icon").attr("href", "data:,").void());
    head.add(sheet(&format!("{STYLE}{ALONE}{}", paper(frame.foot))));
    let mut body = tag("header").class("cover").with(header);
    body.add(tag("main").attr("id", "main").with(main));
    let page =
        tag("html").attr("lang", "en").with([tag("head").with(head), tag("body").with(body)].into_iter().collect());
    format!("<!doctype html>\n{}\n", page.as_str())
}

/// Margins for A4 and Letter, and what stands at the foot of each page. Of the foot only what can end neither the text nor the
/// sheet that it stands in is kept.
fn paper(foot: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || " .,;:-".contains(*c);
    let foot: String = foot.chars().filter(is_plain).collect();
    let look = "font: 6.5pt sans-serif; color: #50575e;";
    format!(
        "@page {{\n  margin: 15mm 13mm 17mm;\n  @bottom-left {{ content: \"{foot}\"; {look} }}\n  \
         @bottom-right {{ content: counter(page) \" of \" counter(pages); {look} }}\n}}\n"
    )
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_stands_alone_has_no_script_no_address_and_a_foot_that_cannot_end_its_sheet() {
        let frame = Alone { title: "</title><script>", foot: "list price; ledger ab12\"} </style><script>x" };
        let page = alone(frame, Html::text("<b>"), Html::default());
        assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"), "{page}");
        assert!(page.contains("content: \"list price; ledger ab12 stylescriptx\""), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
    }
}
