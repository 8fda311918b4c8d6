//! What is wrong with a policy, and where.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::rule::Layer;
use crate::model::ModelId;

/// Byte positions in a layer's text, the end not included.
pub type Span = Range<usize>;

/// One layer as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerText {
    /// Which layer.
    pub layer: Layer,
    /// Its file; `None` where the text did not come from one.
    pub path: Option<PathBuf>,
    /// The TOML, as written.
    pub text: String,
}

impl LayerText {
    /// What messages call it: its path, else its layer.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("<{}>", self.layer),
        }
    }

    /// The line that a place begins on, counted from 1.
    pub(crate) fn line(&self, span: &Span) -> usize {
        self.text.get(..span.start).unwrap_or(&self.text).matches('\n').count() + 1
    }
}

/// Whether govern goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy cannot be obeyed: nothing is started under it.
    Error,
    /// It can, but says something that cannot be meant.
    Warning,
}

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The layer it stands in.
    pub file: Arc<LayerText>,
    /// Where in its text.
    pub span: Span,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, the writer's words in backticks.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// Another place that it has to do with.
    pub also: Option<Also>,
    /// It is none where a price list knows this model, as the user's own may.
    pub unless_priced: Option<ModelId>,
}

/// Another place that a mistake has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// The layer it stands in.
    pub file: Arc<LayerText>,
    /// Where in its text.
    pub span: Span,
    /// What it is, such as `first named here`.
    pub label: &'static str,
}

impl Mistake {
    /// Line and column of its beginning, counted from 1; columns are characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.file.text.get(..self.span.start).unwrap_or(&self.file.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |text| text.chars().count());
        (self.file.line(&self.span), column + 1)
    }
}

/// How a file names a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By its name.
    Name,
    /// By a pattern that it may match.
    Pattern,
    /// To give it a price of its own.
    Own,
}

/// A model that a file names.
#[derive(Clone, Debug)]
pub(crate) struct NamedModel {
    /// As it is written.
    pub(crate) text: String,
    /// Where.
    pub(crate) span: Span,
    /// How.
    pub(crate) naming: Naming,
}

/// Collects the mistakes of one layer.
pub(crate) struct Notes {
    file: Arc<LayerText>,
    found: Vec<Mistake>,
    named: Vec<NamedModel>,
    /// Parts of the text could not be read, so that what is not there may only not have been seen.
    pub(crate) partial: bool,
}

impl Notes {
    pub(crate) fn new(file: Arc<LayerText>) -> Self {
        Self { file, found: Vec::new(), named: Vec::new(), partial: false }
    }

    /// Notes of the same layer that nobody reads: for a text that is reported elsewhere.
    pub(crate) fn silent(&self) -> Self {
        Self::new(Arc::clone(&self.file))
    }

    /// What is read.
    pub(crate) fn text(&self) -> Arc<LayerText> {
        Arc::clone(&self.file)
    }

    /// The text between two places.
    pub(crate) fn written(&self, span: &Span) -> &str {
        self.file.text.get(span.clone()).unwrap_or_default()
    }

    /// What messages call such a file.
    pub(crate) fn kind(&self) -> &'static str {
        match self.file.layer {
            Layer::Fleet => "fleet file",
            Layer::System | Layer::User | Layer::Repository | Layer::Given | Layer::Flags => "policy",
        }
    }

    /// The line that a place begins on.
    pub(crate) fn line(&self, span: &Span) -> usize {
        self.file.line(span)
    }

    pub(crate) fn layer(&self) -> Layer {
        self.file.layer
    }

    /// The policy cannot be obeyed.
    pub(crate) fn refuse(&mut self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.add(span, Severity::Error, message.into(), hint.into());
    }

    /// Takes back what was refused at exactly this place: it is told in another way, once.
    pub(crate) fn take_back(&mut self, span: &Span) {
        self.found.retain(|mistake| mistake.span != *span);
    }

    /// It can, but says something that cannot be meant.
    pub(crate) fn warn(&mut self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.add(span, Severity::Warning, message.into(), hint.into());
    }

    /// The same as [`Notes::refuse`], with another place that it has to do with.
    pub(crate) fn refuse_beside(&mut self, span: &Span, message: String, hint: String, also: Option<Also>) {
        self.add(span, Severity::Error, message, hint);
        if let Some(last) = self.found.last_mut() {
            last.also = also;
        }
    }

    fn add(&mut self, span: &Span, severity: Severity, message: String, hint: String) {
        let file = Arc::clone(&self.file);
        self.found.push(Mistake { file, span: span.clone(), severity, message, hint, also: None, unless_priced: None });
    }

    /// A model is named: whether it is known can be told when all files are read.
    pub(crate) fn name_model(&mut self, text: &str, span: &Span, naming: Naming) {
        self.named.push(NamedModel { text: text.to_owned(), span: span.clone(), naming });
    }

    /// The models that were named so far.
    pub(crate) fn take_named(&mut self) -> Vec<NamedModel> {
        std::mem::take(&mut self.named)
    }

    pub(crate) fn into_found(self) -> Vec<Mistake> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_editors_count_them() {
        let file =
            Arc::new(LayerText { layer: Layer::User, path: None, text: "version = 1\n\"ä\" = oops\n".to_owned() });
        let mut notes = Notes::new(file);
        for span in [0..7, 12..13, 19..23, 900..901] {
            notes.refuse(&span, "m", "h");
        }
        let places: Vec<_> = notes.into_found().iter().map(Mistake::line_and_column).collect();
        assert_eq!(places, [(1, 1), (2, 1), (2, 7), (3, 1)]);
    }
}
