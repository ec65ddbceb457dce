//! Advice on weights, as text.

use super::text_format::{cell, dollars, line, milliseconds, or_dash, percent};
use crate::contract::{
    AdviceReport, AdviceRequest, AdvisedWeightsReport, MissedGoalReport, WeightPoints,
};

/// Parses a duration such as `2s`, `1.5s` or `800ms` to milliseconds.
pub fn goal_milliseconds(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} must be a duration such as 2s or 800ms");
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1e3),
        (None, None) => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    if number > 0.0 && number.is_finite() {
        Ok(number * factor)
    } else {
        Err(wrong())
    }
}

/// The advice, with the command that applies it at `url`.
pub fn render_advice(report: &AdviceReport, url: &str) -> String {
    let mut text = line(&format!("goal: {}", goal_text(&report.goal)));
    let (Some(now), Some(then)) = (&report.now, &report.then) else {
        text.push_str(&line(&format!(
            "too little traffic: {} requests are recorded; two minutes and 20 requests are needed",
            report.requests
        )));
        return text;
    };
    text.push_str(&line(&format!(
        "{} requests since {}, {} weightings tried, {} runs of each that is shown",
        report.requests,
        report.since.as_deref().unwrap_or("-"),
        report.tried,
        report.runs
    )));
    text.push('\n');
    text.push_str(&line(&verdict(report, now, then)));
    text.push_str(&line(&points(&then.weights)));
    for missed in &report.missed {
        text.push_str(&line(&missed_text(missed)));
    }
    text.push('\n');
    let titles = ["meets it", "success", "p50", "p95", "$/day", "$/1k"];
    let titles = titles.map(|title| format!("{title:>10}")).concat();
    text.push_str(&line(&format!("{}{titles}", cell("", 6))));
    text.push_str(&row("now", now));
    text.push_str(&row("then", then));
    text.push_str(&range("low", then, 0));
    text.push_str(&range("high", then, 1));
    text.push('\n');
    if then.doubtful {
        text.push_str(&line(
            "a target with much of the traffic is hardly measured, or never had that load",
        ));
    }
    if report.moving {
        text.push_str(&line("things are moving: do not trust this forecast"));
    }
    if then.weights != now.weights {
        text.push_str(&line(
            "to apply them for ten minutes, or longer if you confirm them:",
        ));
        text.push_str(&command(&then.weights, url));
    }
    text
}

fn goal_text(goal: &AdviceRequest) -> String {
    let parts = [
        goal.p95_ms
            .map(|ms| format!("p95 up to {}", milliseconds(ms))),
        goal.success_rate
            .map(|rate| format!("success from {}", share(rate))),
        goal.usd_per_day
            .map(|usd| format!("up to {} a day", dollars(usd))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn verdict(
    report: &AdviceReport,
    now: &AdvisedWeightsReport,
    then: &AdvisedWeightsReport,
) -> String {
    let runs = report.runs as f64;
    let count = |judged: &AdvisedWeightsReport| format!("{:.0} of {runs}", judged.met_share * runs);
    if !report.met {
        return format!(
            "no weights meet the goal for sure; the nearest do in {} runs:",
            count(then)
        );
    }
    if then.weights == now.weights {
        return format!(
            "the weights in force meet it in {} runs, and none are cheaper:",
            count(then)
        );
    }
    format!(
        "the cheapest weights that meet it, in {} runs:",
        count(then)
    )
}

fn points(weights: &WeightPoints) -> String {
    format!(
        "cost {} latency {} reliability {} load {} priority {}",
        weights.cost, weights.latency, weights.reliability, weights.load, weights.priority
    )
}

fn missed_text(missed: &MissedGoalReport) -> String {
    let (name, shown): (_, fn(f64) -> String) = match missed.goal.as_str() {
        "p95Ms" => ("p95", milliseconds),
        "successRate" => ("success", share),
        _ => ("cost of a day", dollars),
    };
    format!(
        "limiting: {name} {} instead of {}; the best of all weightings is {}",
        or_dash(missed.expected, shown),
        shown(missed.wanted),
        or_dash(missed.best, shown)
    )
}

/// A share of successes, with the decimals that goals have.
fn share(rate: f64) -> String {
    let text = format!("{:.2}", rate * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn row(name: &str, judged: &AdvisedWeightsReport) -> String {
    let total = &judged.total;
    cells(
        name,
        [
            percent(judged.met_share),
            or_dash(total.success_rate, share),
            or_dash(total.p50, milliseconds),
            or_dash(total.p95, milliseconds),
            or_dash(total.usd_per_hour.map(|usd| usd * 24.0), dollars),
            or_dash(total.usd_per_1k_requests, dollars),
        ],
    )
}

/// One end of the ranges.
fn range(name: &str, judged: &AdvisedWeightsReport, at: usize) -> String {
    let of = |range: Option<[f64; 2]>| range.and_then(|range| range.get(at).copied());
    let total = &judged.total;
    let day = of(total.usd_per_hour_range).map(|usd| usd * 24.0);
    let empty = String::new;
    cells(
        name,
        [
            empty(),
            empty(),
            empty(),
            or_dash(of(total.p95_range), milliseconds),
            or_dash(day, dollars),
            or_dash(of(total.usd_per_1k_requests_range), dollars),
        ],
    )
}

fn cells(name: &str, cells: [String; 6]) -> String {
    let cells = cells.map(|cell| format!("{cell:>10}")).concat();
    line(format!("{}{cells}", cell(name, 6)).trim_end())
}

/// The command that applies the weights.
fn command(weights: &WeightPoints, url: &str) -> String {
    format!(
        "curl -X PUT {url}/api/weights -H 'content-type: application/json' \\\n  -d \
         '{{\"cost\":{},\"latency\":{},\"reliability\":{},\"revertAfterSeconds\":600}}'\n",
        weights.cost, weights.latency, weights.reliability
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::WhatIfTotalsReport;

    fn judged(cost: f64, met_share: f64) -> AdvisedWeightsReport {
        AdvisedWeightsReport {
            weights: WeightPoints {
                cost,
                latency: 90.0 - cost,
                reliability: 10.0,
                load: 10.0,
                priority: 10.0,
            },
            met_share,
            doubtful: false,
            total: WhatIfTotalsReport {
                p50: Some(800.0),
                p95: Some(1_900.0),
                p95_range: Some([1_700.0, 2_050.0]),
                success_rate: Some(0.9962),
                usd_per_hour: Some(1.5),
                usd_per_hour_range: Some([1.25, 1.75]),
                usd_per_1k_requests: Some(2.5),
                usd_per_1k_requests_range: Some([2.25, 2.75]),
                ..WhatIfTotalsReport::default()
            },
        }
    }

    fn report(met: bool) -> AdviceReport {
        let then = judged(60.0, if met { 0.875 } else { 0.25 });
        let missed = MissedGoalReport {
            goal: "successRate".to_owned(),
            wanted: 0.999,
            expected: Some(0.9962),
            best: Some(0.998),
        };
        AdviceReport {
            goal: AdviceRequest {
                p95_ms: Some(2_000.0),
                success_rate: Some(if met { 0.995 } else { 0.999 }),
                usd_per_day: Some(40.0),
            },
            met,
            weights: Some(then.weights),
            now: Some(judged(30.0, 0.5)),
            then: Some(then),
            missed: if met { Vec::new() } else { vec![missed] },
            tried: 43,
            runs: 8,
            requests: 7_200,
            since: Some("2026-01-01T00:00:00.000Z".to_owned()),
            moving: !met,
            too_little_traffic: false,
        }
    }

    #[test]
    fn advice_ends_with_the_command_that_applies_it() {
        let text = render_advice(&report(true), "http://127.0.0.1:8080");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn advice_out_of_reach_says_what_limits() {
        let text = render_advice(&report(false), "http://127.0.0.1:8080");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn too_little_traffic_is_said() {
        let report = AdviceReport {
            now: None,
            then: None,
            weights: None,
            too_little_traffic: true,
            requests: 7,
            ..report(false)
        };
        let text = render_advice(&report, "");
        assert!(text.contains("too little traffic: 7 requests"), "{text}");
    }

    #[test]
    fn a_goal_has_a_unit_of_time() {
        assert_eq!(goal_milliseconds("2s"), Ok(2_000.0));
        assert_eq!(goal_milliseconds("1.5 s"), Ok(1_500.0));
        assert_eq!(goal_milliseconds("800ms"), Ok(800.0));
        for wrong in ["2", "s", "-1s", "infs", "2m"] {
            assert!(goal_milliseconds(wrong).is_err(), "{wrong}");
        }
    }
}
