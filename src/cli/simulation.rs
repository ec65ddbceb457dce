//! Replays under other weights, as text.

use super::text_format::{cell, dollars, line, milliseconds, or_dash, percent};
use crate::contract::{ClosedLoopReport, WeightsDraft, WhatIfReport, WhatIfTotalsReport};

/// Parses `cost,latency,reliability[,load,priority]`.
pub fn weights(text: &str) -> Result<WeightsDraft, String> {
    let numbers: Vec<Option<f64>> = text
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect();
    let wrong = || {
        format!(
            "--weights is {text:?}, but must be cost,latency,reliability or all five with \
             load,priority, for example 30,40,30"
        )
    };
    if numbers.iter().any(Option::is_none) {
        return Err(wrong());
    }
    let at = |index: usize| numbers.get(index).copied().flatten();
    match numbers.len() {
        3 | 5 => Ok(WeightsDraft {
            cost: at(0),
            latency: at(1),
            reliability: at(2),
            load: at(3),
            priority: at(4),
        }),
        _ => Err(wrong()),
    }
}

/// Each target as recorded and as replayed.
pub fn render_what_if(report: &WhatIfReport) -> String {
    let weights = &report.weights;
    let closed_loop = report.closed_loop.as_deref();
    let closed_loop = closed_loop.filter(|closed| !closed.too_little_traffic);
    let how = if closed_loop.is_some() {
        "forecast"
    } else {
        "replayed"
    };
    let mut text = line(&format!(
        "{} requests since {}, {how} with",
        report.decisions,
        report.since.as_deref().unwrap_or("-")
    ));
    text.push_str(&line(&format!(
        "cost {} latency {} reliability {} load {} priority {}",
        weights.cost, weights.latency, weights.reliability, weights.load, weights.priority
    )));
    text.push('\n');
    let titles = ["share", "success", "p50", "p95", "$/h", "$/1k"];
    let titles = titles.map(|title| format!("{title:>10}")).concat();
    text.push_str(&line(&format!("{}{titles}", cell("", 29))));
    for target in &report.targets {
        let name = format!("{}/{}", target.provider, target.model);
        text.push_str(&row(&name, "now", &target.now));
        let mark = if target.extrapolated {
            "then ~"
        } else {
            "then"
        };
        text.push_str(&row("", mark, &target.then));
        text.push_str(&ranges(&target.then));
    }
    text.push_str(&row("total", "now", &report.total.now));
    text.push_str(&row("", "then", &report.total.then));
    text.push_str(&ranges(&report.total.then));
    if report.extrapolated > 0 {
        text.push('\n');
        text.push_str(&line(&format!(
            "~ {} of them would go to targets with few measurements; their results are extrapolated",
            report.extrapolated
        )));
    }
    text.push('\n');
    text.push_str(&closed_loop.map_or_else(open_loop_note, closed_loop_note));
    text
}

/// Says what the figures leave out.
fn open_loop_note() -> String {
    line("Each request was decided by itself: the load that moved requests bring is left out.")
        + &line("An instance with two minutes of traffic forecasts that too.")
}

fn closed_loop_note(closed: &ClosedLoopReport) -> String {
    let mut text = line(&format!("{} runs of the recorded traffic", closed.runs));
    text.push_str(&line(&format!(
        "self test: {:.1} points between recorded shares and a forecast of the present settings",
        closed.self_test_points
    )));
    if closed.moving {
        text.push_str(&line("things are moving: do not trust this forecast"));
    }
    text
}

/// Ranges of the figures of a forecast, low to high; nothing for a replay.
fn ranges(totals: &WhatIfTotalsReport) -> String {
    let Some([low, high]) = totals.share_range else {
        return String::new();
    };
    let side = |at: usize, name: &str, share: f64| {
        let of = |range: Option<[f64; 2]>| range.and_then(|range| range.get(at).copied());
        let bounds = WhatIfTotalsReport {
            share,
            p95: of(totals.p95_range),
            usd_per_hour: of(totals.usd_per_hour_range),
            usd_per_1k_requests: of(totals.usd_per_1k_requests_range),
            ..WhatIfTotalsReport::default()
        };
        row("", name, &bounds)
    };
    side(0, " low", low) + &side(1, " high", high)
}

fn row(name: &str, when: &str, totals: &WhatIfTotalsReport) -> String {
    let cells = [
        percent(totals.share),
        or_dash(totals.success_rate, percent),
        or_dash(totals.p50, milliseconds),
        or_dash(totals.p95, milliseconds),
        or_dash(totals.usd_per_hour, dollars),
        or_dash(totals.usd_per_1k_requests, dollars),
    ];
    let cells = cells.map(|cell| format!("{cell:>10}")).concat();
    line(&format!("{} {}{cells}", cell(name, 21), cell(when, 7)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{TargetWhatIfReport, TotalWhatIfReport, WeightPoints};

    fn totals(requests: usize, share: f64) -> WhatIfTotalsReport {
        WhatIfTotalsReport {
            requests,
            share,
            mean_latency_ms: Some(900.0),
            p50: Some(800.0),
            p95: Some(2_100.0),
            success_rate: Some(0.995),
            usd_per_hour: Some(1.5),
            usd_per_1k_requests: None,
            ..WhatIfTotalsReport::default()
        }
    }

    #[test]
    fn a_replay_is_a_table() {
        let total = totals(200, 1.0);
        let report = WhatIfReport {
            expected: None,
            decisions: 200,
            extrapolated: 40,
            since: Some("2026-01-01T00:00:00.000Z".to_owned()),
            weights: WeightPoints {
                cost: 60.0,
                latency: 20.0,
                reliability: 20.0,
                load: 10.0,
                priority: 10.0,
            },
            targets: vec![TargetWhatIfReport {
                provider: "alpha".to_owned(),
                model: "small".to_owned(),
                now: totals(150, 0.75),
                then: totals(190, 0.95),
                extrapolated: true,
                hardly_measured: false,
                beyond_seen: false,
            }],
            total: TotalWhatIfReport {
                now: total,
                then: total,
            },
            providers: Vec::new(),
            closed_loop: None,
        };

        insta::assert_snapshot!(render_what_if(&report));
    }

    #[test]
    fn weights_are_three_or_five_numbers() {
        assert_eq!(weights("60, 20,20").unwrap().cost, Some(60.0));
        assert_eq!(weights("60,20,20,5,0").unwrap().priority, Some(0.0));
        for wrong in ["", "60,20", "60,20,x", "1,2,3,4"] {
            assert!(weights(wrong).unwrap_err().contains("must be"), "{wrong}");
        }
    }
}
