//! Figures and states: what they judge, and that all screens agree.

use super::*;
use crate::contract::{
    EventKind, EventReport, HealthState, ModelPerformance, ScheduleReport, ScheduledTimeReport,
    ServiceState, TroubleReport,
};
use crate::tui::panels::event_marks;

/// The line of the screen that contains a text.
fn line_with<'s>(screen: &'s str, part: &str) -> &'s str {
    let line = screen.lines().find(|line| line.contains(part));
    line.unwrap_or_else(|| panic!("no line has {part:?}:\n{screen}"))
}

fn shown(status: Status, keys: &str) -> String {
    let mut model = default_model();
    receive(&mut model, status);
    press(&mut model, keys);
    text(&model, 120, 40)
}

#[test]
fn the_share_is_what_was_sent_and_the_odds_are_in_the_weights_view() {
    let mut status = fixture::status(5, 8);
    for (at, provider) in status.providers.iter_mut().enumerate() {
        provider.share = if at == 3 { 0.62 } else { 0.095 };
        provider.odds = if at == 1 { 0.71 } else { 0.0725 };
    }
    let overview = shown(status.clone(), "");
    assert!(line_with(&overview, "google").contains("62%"), "{overview}");
    assert!(!line_with(&overview, "borealis").contains("71%"));

    let weights = shown(status, "w");
    assert!(weights.contains("ODDS%") && !weights.contains("SHARE%"));
    assert!(
        line_with(&weights, "borealis").contains("71 → 71"),
        "{weights}"
    );
}

#[test]
fn a_provider_that_gets_no_requests_has_no_rank() {
    let mut status = fixture::status(5, 8);
    status.providers[0].score = Some(0.99);
    status.providers[0].performance.state = HealthState::Down;
    status.providers[1].score = Some(0.9);
    let rank = |status: &Status, at: usize| status.rank(&status.providers[at]);
    assert_eq!((rank(&status, 0), rank(&status, 1)), (None, Some(1)));

    let mut model = default_model();
    receive(&mut model, status.clone());
    model.cursor = Some("aurora".to_owned());
    press(&mut model, "Enter");
    let detail = text(&model, 120, 40);
    assert!(detail.contains("no rank  score 99"), "{detail}");
    let weights = shown(status, "w");
    let row: Vec<&str> = line_with(&weights, "no effect while ✗DOWN")
        .split_whitespace()
        .collect();
    // Priority, odds, score, and no rank.
    assert_eq!(
        row[2..],
        [
            "50", "0", "→", "0", "99", "→", "99", "-", "no", "effect", "while", "✗DOWN"
        ]
    );
}

#[test]
fn the_second_line_judges_callers_and_the_third_providers() {
    let mut status = fixture::status(5, 8);
    let mut second = |state| {
        status.callers.state = state;
        let screen = shown(status.clone(), "");
        screen.lines().nth(1).unwrap_or_default().to_owned()
    };
    let fine = second(Some(ServiceState::Ok));
    assert!(fine.starts_with(" CALLERS OK 99.6% of 13.1k"), "{fine}");
    let bad = second(Some(ServiceState::Degraded));
    assert!(bad.starts_with(" CALLERS DEGRADED 99.6%"), "{bad}");
    let few = second(None);
    assert!(few.starts_with(" CALLERS 99.6%"), "{few}");
}

#[test]
fn the_clock_of_a_provider_is_that_of_its_state() {
    let mut status = fixture::status(5, 8);
    status.providers[0].performance.state = HealthState::Down;
    status.providers[0].state_since = "2026-11-24T03:13:09.000Z".to_owned();
    status.providers[0].trouble_since = Some("2026-11-24T02:28:00.000Z".to_owned());

    let overview = shown(status.clone(), "");
    let third = overview.lines().nth(2).unwrap_or_default();
    assert!(third.contains("DOWN aurora 59s"), "{third}");
    let alerts = shown(status, "a");
    assert!(line_with(&alerts, "03:13:09").contains("59s"), "{alerts}");
}

#[test]
fn idle_breakers_and_the_next_schedule_are_dim_at_the_end_of_the_third_line() {
    let mut status = fixture::status(5, 8);
    for provider in &mut status.providers {
        provider.performance.state = HealthState::Ok;
    }
    let models = &mut status.providers[1].performance.models;
    models.push(ModelPerformance {
        model: "embed".to_owned(),
        state: HealthState::HalfOpen,
        idle: true,
        ..models[0].clone()
    });
    let at = |name: &str, at: &str| {
        Some(ScheduledTimeReport {
            name: name.to_owned(),
            at: at.to_owned(),
        })
    };
    status.schedule = Some(ScheduleReport {
        current: None,
        next: at("night", "2026-11-24T22:00:00.000Z"),
    });

    let overview = shown(status.clone(), "");
    assert_eq!(
        overview.lines().nth(2).unwrap_or_default().trim_end(),
        " no provider in trouble    i 1 idle breaker half-open   weights night at 22:00Z in 18h"
    );
    let weights = shown(status, "w");
    let title = weights.lines().nth(3).unwrap_or_default();
    assert!(title.contains("weights night at 22:00Z in 18h"), "{title}");
}

fn trouble(id: u64, until: Option<&str>, text: &str) -> EventReport {
    EventReport {
        id,
        at: "2026-11-24T03:05:00.000Z".to_owned(),
        kind: EventKind::Trouble,
        bad: until.is_none(),
        provider: Some("aurora".to_owned()),
        text: text.to_owned(),
        alert: None,
        trouble: Some(Box::new(TroubleReport {
            since: "2026-11-24T03:05:00.000Z".to_owned(),
            until: until.map(str::to_owned),
            worst: Some(HealthState::Down),
            saved: 41,
            lost: 0,
        })),
    }
}

#[test]
fn an_outage_is_one_line_on_top_until_it_is_over() {
    let mut model = default_model();
    let mut status = fixture::status(5, 8);
    status.events = fixture::status(5, 8).events;
    status
        .events
        .push(trouble(0, None, "DOWN: 503; 41 saved, 0 lost"));
    receive(&mut model, status.clone());
    let events = |model: &Model| -> Vec<String> {
        let screen = text(model, 120, 40);
        let lines = screen.lines().skip_while(|line| !line.contains("EVENTS"));
        lines.skip(1).map(str::to_owned).collect()
    };
    let lines = events(&model);
    assert!(
        lines[0].contains("03:05:00 TROUBLE  aurora: DOWN: 503; 41 saved, 0 lost, 9m so far"),
        "{lines:?}"
    );

    let last = status.events.len() - 1;
    let end = Some("2026-11-24T03:06:04.000Z");
    status.events[last] = trouble(0, end, "OK after 64 s, DOWN; 41 saved, 0 lost");
    receive(&mut model, status);
    let lines = events(&model);
    assert!(lines[0].contains("BREAKER"), "{lines:?}");
    assert!(
        lines[last].contains("OK after 64 s, DOWN; 41 saved, 0 lost"),
        "{lines:?}"
    );
    assert!(!lines[last].contains("so far"));
}

#[test]
fn marks_tell_troubles_limits_and_refused_keys_apart() {
    let mut model = default_model();
    let mut status = fixture::status(5, 8);
    let limit = |kind, text: &str| EventReport {
        kind,
        text: text.to_owned(),
        trouble: None,
        at: "2026-11-24T03:10:00.000Z".to_owned(),
        ..trouble(0, None, "")
    };
    status.events = vec![
        limit(EventKind::Key, "all models: auth, no requests for 300 s"),
        limit(EventKind::Limit, "m: rate_limit, no requests for 8 s"),
        limit(EventKind::Limit, "m: not_found, no requests for 60 s"),
        trouble(0, Some("2026-11-24T03:06:04.000Z"), ""),
    ];
    receive(&mut model, status);

    let marks = event_marks(&model, "aurora");
    let words: Vec<&str> = marks.iter().map(|mark| mark.word.as_str()).collect();
    assert_eq!(words, ["DOWN", "OK", "key", "429", "404"]);
    assert!(event_marks(&model, "google").is_empty());
    // The chart of all requests has those of every provider, and says whose they are.
    let mut status = fixture::status(5, 9);
    status.series.last_start += 780;
    status.events = vec![trouble(0, Some("2026-11-24T03:06:04.000Z"), "")];
    receive(&mut model, status);
    // The name of the older one would meet the newer mark.
    for row in ["DOWN ", "OK aurora"] {
        let screen = text(&model, 300, 60);
        assert!(screen.contains(row), "{row}\n{screen}");
    }
}
