//! OpenTelemetry's own variables, as far as its exporters do not read them themselves.

use crate::telemetry::spans::TraceSampling;
use std::time::Duration;

/// Time between two exports of spans, and of metrics, unless variables state others.
const BATCH_DELAY: Duration = Duration::from_secs(5);
const METRIC_INTERVAL: Duration = Duration::from_mins(1);

/// What is exported, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpSettings {
    /// Address for traces; `None` exports none.
    pub traces: Option<String>,
    /// Address for metrics; `None` exports none.
    pub metrics: Option<String>,
    pub(super) sampling: TraceSampling,
    pub(super) batch_delay: Duration,
    pub(super) metric_interval: Duration,
    pub(super) has_service_name: bool,
}

impl OtlpSettings {
    /// Reads the environment.
    pub fn from_environment() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| {
            let text = variable(name)?.trim().to_owned();
            Some(text).filter(|text| !text.is_empty())
        };
        let is = |name: &str, value: &str| text(name).is_some_and(|it| it == value);
        let is_disabled = is("OTEL_SDK_DISABLED", "true");
        let endpoint = |signal: &str, path: &str| {
            if is_disabled || is(&format!("OTEL_{signal}_EXPORTER"), "none") {
                return None;
            }
            // The general address is a base, the address of one signal is complete.
            let own = text(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
            let base = || text("OTEL_EXPORTER_OTLP_ENDPOINT");
            own.or_else(|| Some(format!("{}{path}", base()?.trim_end_matches('/'))))
        };
        let milliseconds = |name: &str, default| {
            let stated = text(name).and_then(|text| text.parse().ok());
            stated.map_or(default, Duration::from_millis)
        };
        Self {
            traces: endpoint("TRACES", "/v1/traces"),
            metrics: endpoint("METRICS", "/v1/metrics"),
            sampling: sampling(text("OTEL_TRACES_SAMPLER"), text("OTEL_TRACES_SAMPLER_ARG")),
            batch_delay: milliseconds("OTEL_BSP_SCHEDULE_DELAY", BATCH_DELAY),
            metric_interval: milliseconds("OTEL_METRIC_EXPORT_INTERVAL", METRIC_INTERVAL),
            has_service_name: text("OTEL_SERVICE_NAME").is_some()
                || text("OTEL_RESOURCE_ATTRIBUTES")
                    .is_some_and(|attributes| attributes.contains("service.name=")),
        }
    }
}

/// The sampler of that name; an unknown one records what clients record, and every trace that begins
/// here.
fn sampling(name: Option<String>, argument: Option<String>) -> TraceSampling {
    let name = name.unwrap_or_default();
    let (follows_parent, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (name.is_empty(), &*name),
    };
    let ratio = match root {
        "always_off" => 0.0,
        "traceidratio" => {
            let stated = argument.and_then(|text| text.parse().ok());
            stated.map_or(1.0, |ratio: f64| ratio.clamp(0.0, 1.0))
        }
        _ => 1.0,
    };
    TraceSampling {
        ratio,
        follows_parent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> OtlpSettings {
        OtlpSettings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");

    #[test]
    fn without_an_endpoint_nothing_is_exported() {
        for variables in [
            vec![],
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            vec![BASE, ("OTEL_SDK_DISABLED", "true")],
        ] {
            let settings = read(&variables);
            assert_eq!((settings.traces, settings.metrics), (None, None));
        }
    }

    #[test]
    fn the_general_address_is_a_base_and_that_of_a_signal_complete() {
        let both = read(&[BASE]);
        assert_eq!(both.traces.as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(both.metrics.as_deref(), Some("http://c:4318/v1/metrics"));

        let own = read(&[
            BASE,
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/in"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]);
        assert_eq!(own.traces.as_deref(), Some("http://t/in"));
        assert_eq!(own.metrics, None);
    }

    #[test]
    fn samplers_and_intervals_are_read() {
        let default = read(&[BASE]);
        let cases = [
            (vec![], (1.0, true)),
            (vec![("OTEL_TRACES_SAMPLER", "always_on")], (1.0, false)),
            (
                vec![("OTEL_TRACES_SAMPLER", "parentbased_always_off")],
                (0.0, true),
            ),
            (
                vec![
                    ("OTEL_TRACES_SAMPLER", "traceidratio"),
                    ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
                ],
                (0.5, false),
            ),
        ];
        for (variables, (ratio, follows_parent)) in cases {
            let expected = TraceSampling {
                ratio,
                follows_parent,
            };
            assert_eq!(read(&variables).sampling, expected, "{variables:?}");
        }
        assert_eq!(default.batch_delay, BATCH_DELAY);
        let quick = read(&[("OTEL_BSP_SCHEDULE_DELAY", "100")]);
        assert_eq!(quick.batch_delay, Duration::from_millis(100));
        assert!(!default.has_service_name);
        assert!(read(&[("OTEL_SERVICE_NAME", "mine")]).has_service_name);
    }
}
