//! The Prometheus text format, version 0.0.4, written to a string.
//!
//! Our own few lines instead of the crate `prometheus-client`: that one keeps metrics in a registry
//! and writes OpenMetrics, where a counter's family has another name than its samples; here all
//! values come from a snapshot, and every scraper, `curl` included, understands the old format.

use std::fmt::{Display, Write as _};

use pinhole_core::Histogram as Buckets;

use crate::timings::{BOUNDS, Histogram};

/// The media type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up.
    Counter,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        }
    }
}

/// A text being written.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// One number.
    pub(super) fn one(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        self.family(kind, name, help, "", [("", value)]);
    }

    /// One number for each value of a label.
    pub(super) fn family<V: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (impl AsRef<str>, V)>,
    ) {
        self.header(kind.name(), name, help);
        for (of, value) in values {
            if label.is_empty() {
                let _ = writeln!(self.0, "{name} {value}");
            } else {
                let of = escaped(of.as_ref());
                let _ = writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}");
            }
        }
    }

    /// One number for each pair of values of two labels.
    pub(super) fn pairs<V: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        labels: [&str; 2],
        values: impl IntoIterator<Item = ([&'static str; 2], V)>,
    ) {
        self.header(kind.name(), name, help);
        let [first, second] = labels;
        for (of, value) in values {
            let [one, other] = of.map(escaped);
            let _ = writeln!(self.0, "{name}{{{first}=\"{one}\",{second}=\"{other}\"}} {value}");
        }
    }

    /// A histogram in seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.header("histogram", name, help);
        let counts = histogram.cumulative();
        for (bound, count) in BOUNDS.iter().zip(counts) {
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let all = counts[BOUNDS.len()];
        let _ = writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(self.0, "{name}_sum {}", histogram.sum_seconds());
        let _ = writeln!(self.0, "{name}_count {all}");
    }

    /// A histogram in seconds for each value of a label.
    pub(super) fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        histograms: impl IntoIterator<Item = (&'static str, &'a Buckets)>,
    ) {
        self.header("histogram", name, help);
        for (of, histogram) in histograms {
            let of = if label.is_empty() { String::new() } else { format!("{label}=\"{of}\"") };
            let comma = if label.is_empty() { "" } else { "," };
            for (bound, count) in histogram.cumulative() {
                let bound = bound.as_secs_f64();
                let _ = writeln!(self.0, "{name}_bucket{{{of}{comma}le=\"{bound}\"}} {count}");
            }
            let all = histogram.count();
            let braces = if label.is_empty() { String::new() } else { format!("{{{of}}}") };
            let _ = writeln!(self.0, "{name}_bucket{{{of}{comma}le=\"+Inf\"}} {all}");
            let _ = writeln!(self.0, "{name}_sum{braces} {}", histogram.sum().as_secs_f64());
            let _ = writeln!(self.0, "{name}_count{braces} {all}");
        }
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn header(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_labels_and_histograms_are_written_as_scrapers_read_them() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_secs(30));
        let mut text = Exposition::default();

        text.one(Kind::Gauge, "a", "What a is.", 1.5);
        text.family(Kind::Counter, "b_total", "What b is.", "why", [("x\"y", 2)]);
        text.pairs(Kind::Gauge, "d", "What d is.", ["of", "at"], [(["x", "y"], 3)]);
        text.histogram("c_seconds", "What c is.", &histogram);

        let text = text.into_text();
        assert!(text.starts_with(
            "# HELP a What a is.\n# TYPE a gauge\na 1.5\n\
             # HELP b_total What b is.\n# TYPE b_total counter\nb_total{why=\"x\\\"y\"} 2\n\
             # HELP d What d is.\n# TYPE d gauge\nd{of=\"x\",at=\"y\"} 3\n\
             # HELP c_seconds What c is.\n# TYPE c_seconds histogram\n\
             c_seconds_bucket{le=\"0.001\"} 0\n"
        ));
        assert!(text.ends_with(
            "c_seconds_bucket{le=\"20\"} 0\nc_seconds_bucket{le=\"+Inf\"} 1\n\
             c_seconds_sum 30\nc_seconds_count 1\n"
        ));
    }

    #[test]
    fn histograms_of_a_label_share_one_family() {
        let mut buckets = Buckets::default();
        buckets.observe(Duration::from_millis(30));
        let mut text = Exposition::default();

        text.histograms("s", "What s is.", "of", [("x", &buckets), ("y", &Buckets::default())]);
        text.histograms("t", "What t is.", "", [("", &buckets)]);

        let text = text.into_text();
        assert!(text.starts_with(
            "# HELP s What s is.\n# TYPE s histogram\ns_bucket{of=\"x\",le=\"0.0001\"} 0\n"
        ));
        for line in [
            "s_bucket{of=\"x\",le=\"0.025\"} 0",
            "s_bucket{of=\"x\",le=\"0.03\"} 1",
            "s_bucket{of=\"x\",le=\"+Inf\"} 1",
            "s_sum{of=\"x\"} 0.03",
            "s_count{of=\"y\"} 0",
            "t_bucket{le=\"1\"} 1",
            "t_sum 0.03",
            "t_count 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 2);
    }
}
