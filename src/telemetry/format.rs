//! The two text formats that Prometheus reads: its own 0.0.4, and OpenMetrics with exemplars.
//!
//! The encoder of the library writes OpenMetrics without exemplars. Its histograms take exemplars only
//! from its own metric types, so they travel as a label and are moved behind the value here.

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
}

/// The label that holds an exemplar on its way through the encoder.
pub(super) const EXEMPLAR_LABEL: &str = "aibal_exemplar";

impl ExpositionFormat {
    /// Chooses the format by an `Accept` header: OpenMetrics where it is preferred to plain text, else
    /// plain text.
    pub fn accepted(accept: Option<&str>) -> Self {
        let (mut text, mut open_metrics) = (0.0_f64, 0.0_f64);
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let (mut quality, mut is_known) = (1.0, true);
            for parameter in parts {
                match parameter.split_once('=') {
                    Some(("q", value)) => quality = value.trim().parse().unwrap_or(0.0),
                    Some(("version", version)) => {
                        is_known = ["0.0.1", "1.0.0"].contains(&version.trim_matches('"'));
                    }
                    _ => {}
                }
            }
            match media_type {
                "application/openmetrics-text" if is_known => {
                    open_metrics = open_metrics.max(quality);
                }
                "text/plain" | "text/*" => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// Returns the media type of the format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Turns what the encoder wrote into this format.
    pub(super) fn convert(self, encoded: &str) -> String {
        let mut out = String::with_capacity(encoded.len());
        match self {
            Self::Text => to_text(encoded, &mut out),
            Self::OpenMetrics => {
                let mark = format!(",{EXEMPLAR_LABEL}=\"");
                for line in encoded.lines() {
                    push_with_exemplar(line, &mark, &mut out);
                }
            }
        }
        out
    }
}

/// Writes Prometheus' own format: the metadata of counters and infos names their series, and there are
/// neither units nor an end mark.
fn to_text(encoded: &str, out: &mut String) {
    let mut help = None;
    for line in encoded.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (ending, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            let text = help.take().and_then(|help| help.strip_prefix(name));
            if let Some(text) = text {
                push(&["# HELP ", name, ending, text], out);
            }
            push(&["# TYPE ", name, ending, " ", kind], out);
        } else if !line.starts_with('#') {
            push(&[line], out);
        }
    }
}

fn push(parts: &[&str], out: &mut String) {
    out.extend(parts.iter().copied());
    out.push('\n');
}

/// Writes a line with its exemplar, if it has one, behind the value.
fn push_with_exemplar(line: &str, mark: &str, out: &mut String) {
    let exemplar = || {
        // A quote in the value of a label is escaped, so no other text looks like this.
        let (before, rest) = line.split_once(mark)?;
        let (exemplar, after) = rest.split_once('"')?;
        let (decision, values) = exemplar.split_once(' ')?;
        Some((before, after, decision, values))
    };
    match exemplar().filter(|_| !line.starts_with('#')) {
        Some((before, after, decision, values)) => {
            let label = [" # {decision=\"", decision, "\"} "].concat();
            push(&[before, after, &label, values], out);
        }
        None => push(&[line], out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_only_where_it_is_preferred() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        let cases = [
            (None, ExpositionFormat::Text),
            (Some("*/*"), ExpositionFormat::Text),
            (Some("text/html, */*;q=0.8"), ExpositionFormat::Text),
            (Some("text/plain;version=0.0.4"), ExpositionFormat::Text),
            (Some(prometheus_2), ExpositionFormat::OpenMetrics),
            (
                Some("application/openmetrics-text"),
                ExpositionFormat::OpenMetrics,
            ),
            (
                Some("application/openmetrics-text;q=0"),
                ExpositionFormat::Text,
            ),
            (
                Some("application/openmetrics-text; version=9.0.0"),
                ExpositionFormat::Text,
            ),
            (
                Some("application/openmetrics-text;q=0.2, text/plain;q=0.9"),
                ExpositionFormat::Text,
            ),
        ];

        for (accept, format) in cases {
            assert_eq!(ExpositionFormat::accepted(accept), format, "{accept:?}");
        }
    }

    const ENCODED: &str = "# HELP a_requests Requests, # TYPE of all.\n\
                           # TYPE a_requests counter\n\
                           a_requests_total{name=\"# HELP x\"} 3\n\
                           # HELP a_build Version.\n\
                           # TYPE a_build info\n\
                           a_build_info{version=\"1\"} 1\n\
                           # HELP a_seconds Time.\n\
                           # TYPE a_seconds histogram\n\
                           # UNIT a_seconds seconds\n\
                           a_seconds_bucket{le=\"1.0\",aibal_exemplar=\"00ff 0.5 12.250\"} 4\n\
                           a_seconds_bucket{le=\"+Inf\",name=\",aibal_exemplar=\\\"x y\\\"\"} 4\n\
                           # EOF\n";

    #[test]
    fn text_names_the_series_of_counters_and_has_no_marks_of_open_metrics() {
        let plain = ENCODED.replace(",aibal_exemplar=\"00ff 0.5 12.250\"", "");
        assert_eq!(
            ExpositionFormat::Text.convert(&plain),
            "# HELP a_requests_total Requests, # TYPE of all.\n\
             # TYPE a_requests_total counter\n\
             a_requests_total{name=\"# HELP x\"} 3\n\
             # HELP a_build_info Version.\n\
             # TYPE a_build_info gauge\n\
             a_build_info{version=\"1\"} 1\n\
             # HELP a_seconds Time.\n\
             # TYPE a_seconds histogram\n\
             a_seconds_bucket{le=\"1.0\"} 4\n\
             a_seconds_bucket{le=\"+Inf\",name=\",aibal_exemplar=\\\"x y\\\"\"} 4\n"
        );
    }

    #[test]
    fn open_metrics_has_exemplars_behind_the_values() {
        let expected = ENCODED.replace(
            "{le=\"1.0\",aibal_exemplar=\"00ff 0.5 12.250\"} 4",
            "{le=\"1.0\"} 4 # {decision=\"00ff\"} 0.5 12.250",
        );
        assert_eq!(ExpositionFormat::OpenMetrics.convert(ENCODED), expected);
    }
}
