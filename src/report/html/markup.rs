//! Markup: a text becomes HTML here and nowhere else, and only escaped.

use std::fmt::Write;

/// HTML that may be sent as it stands: whatever text is in it was escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

/// The start of an element: its name and its attributes.
#[derive(Clone, Debug)]
pub struct Tag {
    name: &'static str,
    open: String,
}

/// Begins an element. Names are the program's own.
pub fn tag(name: &'static str) -> Tag {
    Tag { name, open: format!("<{name}") }
}

impl Tag {
    /// Adds an attribute; its value may be anything, but no address that somebody else has written.
    #[must_use]
    pub fn attr(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        // A `String` takes all that is written.
        let _never_fails = write!(self.open, " {name}=\"{}\"", escaped(value.as_ref()));
        self
    }

    /// Adds classes, unless there are none.
    #[must_use]
    pub fn class(self, names: &str) -> Self {
        if names.is_empty() { self } else { self.attr("class", names) }
    }

    /// The element with this in it.
    pub fn with(self, inside: Html) -> Html {
        Html(format!("{}>{}</{}>", self.open, inside.0, self.name))
    }

    /// The element with this text in it.
    pub fn text(self, text: impl AsRef<str>) -> Html {
        self.with(Html::text(text))
    }

    /// An element that has no inside, such as `<input>`.
    pub fn void(self) -> Html {
        Html(format!("{}>", self.open))
    }
}

impl Html {
    /// A text as it is.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self(escaped(text.as_ref()))
    }

    /// A sentence: what stands between backticks is code, if they are paired.
    pub fn sentence(text: &str) -> Self {
        if !text.matches('`').count().is_multiple_of(2) {
            return Self::text(text);
        }
        let mut html = Self::default();
        for (place, part) in text.split('`').enumerate() {
            html.add(if place % 2 == 1 { tag("code").text(part) } else { Self::text(part) });
        }
        html
    }

    /// Adds what follows.
    pub fn add(&mut self, next: Self) {
        self.0.push_str(&next.0);
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        let mut html = Self::default();
        parts.into_iter().for_each(|part| html.add(part));
        html
    }
}

/// A style sheet of the program's own. What somebody else wrote has no place in it: nothing of it is escaped.
pub(super) fn sheet(rules: &str) -> Html {
    Html(format!("<style>\n{rules}</style>\n"))
}

/// A text that means itself, inside an element and inside a quoted attribute. What turns the direction of reading, and
/// what no page may hold, becomes `�`.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => {
                shown.push('\u{fffd}');
            }
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_text_is_markup() {
        for (text, shown) in [
            ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
            ("a & b", "a &amp; b"),
            ("\" onclick='x'", "&quot; onclick=&#39;x&#39;"),
            ("\u{202e}gpj.exe\u{1b}[31m\0", "\u{fffd}gpj.exe\u{fffd}[31m\u{fffd}"),
            ("two\nlines", "two\nlines"),
        ] {
            assert_eq!(Html::text(text).as_str(), shown);
            assert_eq!(tag("a").attr("title", text).void().as_str(), format!("<a title=\"{shown}\">"));
        }
        assert_eq!(Html::sentence("budget `a<b` is used up").as_str(), "budget <code>a&lt;b</code> is used up");
        assert_eq!(Html::sentence("odd ` tick").as_str(), "odd ` tick");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_opens_and_closes_nothing(text: String) {
            let shown = Html::sentence(&text);
            let shown = shown.as_str().replace("<code>", "").replace("</code>", "");
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
        }
    }
}
