//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use crate::model::{Histogram, Money};

/// What the format is called in HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up alone.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bounds.
    Histogram,
}

/// Labels with their values.
pub type Pairs<'a> = &'a [(&'a str, &'a str)];

/// The text, family by family.
#[derive(Clone, Debug, Default)]
pub struct Text(String);

// Writing to a String cannot fail.
impl Text {
    /// Begins a family.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(help, false));
    }

    /// A whole number.
    pub fn count(&mut self, name: &str, labels: Pairs<'_>, value: impl std::fmt::Display) {
        self.0.push_str(name);
        self.labels(labels);
        let _ = writeln!(self.0, " {value}");
    }

    /// Dollars, to the last place.
    pub fn money(&mut self, name: &str, labels: Pairs<'_>, nanos: i64) {
        self.count(name, labels, Money::from_nanos(nanos).to_decimal());
    }

    /// A histogram without labels, in seconds.
    pub fn histogram(&mut self, name: &str, histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.up_to() {
            self.count(&bucket, &[("le", &seconds(bound.into()))], count);
        }
        self.count(&bucket, &[("le", "+Inf")], histogram.count());
        self.count(&format!("{name}_sum"), &[], seconds(histogram.micros().into()));
        self.count(&format!("{name}_count"), &[], histogram.count());
    }

    fn labels(&mut self, labels: Pairs<'_>) {
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{name}=\"{}\"", escaped(value, true));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Microseconds as seconds, without needless zeros.
pub fn seconds(micros: u128) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str, quoted: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '"' if quoted => safe.push_str("\\\""),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_a_name_holds_cannot_end_its_label_or_its_line() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "line\nbreak \"and\" \\");
        text.count("a_total", &[("team", "x\"} 1\na_total{team=\"y\\")], 3);
        text.money("b", &[], -1_500_000_001);
        let expected = "# HELP a_total line\\nbreak \"and\" \\\\\n# TYPE a_total counter\n\
                        a_total{team=\"x\\\"} 1\\na_total{team=\\\"y\\\\\"} 3\nb -1.500000001\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_histogram_counts_up_and_its_seconds_have_no_needless_zeros() {
        let mut histogram = Histogram::new(&[2_500, 1_000_000]);
        histogram.add(Duration::from_micros(1_000));
        histogram.add(Duration::from_secs(90));
        let mut text = Text::default();
        text.histogram("h", &histogram);
        let expected =
            "h_bucket{le=\"0.0025\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 90.001\nh_count 2\n";
        assert_eq!(text.finish(), expected);
        assert_eq!([0, 1, 100_000_000].map(seconds), ["0", "0.000001", "100"]);
    }
}
