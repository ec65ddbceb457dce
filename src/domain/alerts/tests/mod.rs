mod budgets;

use super::*;
use crate::domain::units::UnixTime;
use budgets::budget;
use std::time::Duration;

const START: u64 = 1_790_000_000 / 86_400 * 86_400;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

fn provider(name: &str) -> ProviderFigures {
    ProviderFigures {
        name: name.into(),
        availability: Availability::Usable,
        why: String::new(),
        rated: 0,
        failed: 0,
        latency_sum_ms: 0.0,
        openings: 0,
        failed_probes: 0,
        probe_detail: String::new(),
    }
}

fn failing(name: &str, failed: u64, rated: u64) -> ProviderFigures {
    ProviderFigures {
        rated,
        failed,
        ..provider(name)
    }
}

fn down(name: &str) -> ProviderFigures {
    ProviderFigures {
        availability: Availability::Unusable,
        why: "breaker open".to_owned(),
        ..provider(name)
    }
}

fn of(providers: Vec<ProviderFigures>) -> AlertFigures {
    AlertFigures {
        providers,
        ..AlertFigures::default()
    }
}

/// Evaluates the same figures each second; returns all notices as (change, rule, provider).
fn run(
    board: &mut AlertBoard,
    figures: &AlertFigures,
    seconds: std::ops::Range<u64>,
) -> Vec<(AlertChange, AlertRule, String)> {
    seconds
        .flat_map(|second| board.evaluate(figures, at(second)))
        .map(|notice| {
            let provider = notice.alert.subject.provider.as_deref();
            let provider = provider.unwrap_or_default().to_owned();
            (notice.change, notice.alert.rule, provider)
        })
        .collect()
}

fn raised(rule: AlertRule, provider: &str) -> (AlertChange, AlertRule, String) {
    (AlertChange::Raised, rule, provider.to_owned())
}

fn resolved(rule: AlertRule, provider: &str) -> (AlertChange, AlertRule, String) {
    (AlertChange::Resolved, rule, provider.to_owned())
}

#[test]
fn a_problem_is_told_after_the_hold_time_and_its_end_as_late() {
    let mut board = AlertBoard::default();
    let bad = of(vec![failing("a", 10, 100), provider("b")]);
    let good = of(vec![failing("a", 1, 100), provider("b")]);

    assert_eq!(run(&mut board, &bad, 0..60), []);
    let told = run(&mut board, &bad, 60..120);
    assert_eq!(told, [raised(AlertRule::ErrorRate, "a")]);
    let alert = &board.active()[0];
    assert_eq!((alert.since, alert.state()), (at(0), "firing"));
    assert_eq!((alert.value, alert.threshold), (0.1, 0.05));

    assert_eq!(run(&mut board, &good, 120..180), []);
    assert_eq!(
        run(&mut board, &good, 180..181),
        [resolved(AlertRule::ErrorRate, "a")]
    );
    assert_eq!(board.all()[0].until, Some(at(180)));
}

#[test]
fn a_short_problem_is_not_told() {
    let mut board = AlertBoard::default();
    let bad = of(vec![failing("a", 10, 100)]);
    let good = of(vec![failing("a", 0, 100)]);

    for minute in 0..20 {
        let start = minute * 60;
        assert_eq!(run(&mut board, &bad, start..start + 50), []);
        assert_eq!(run(&mut board, &good, start + 50..start + 60), []);
    }
}

#[test]
fn a_rate_around_the_threshold_raises_one_alert() {
    let mut board = AlertBoard::default();
    let above = of(vec![failing("a", 6, 100)]);
    let below = of(vec![failing("a", 45, 1_000)]);
    let mut told = run(&mut board, &above, 0..100);
    for minute in 2..62 {
        let figures = if minute % 2 == 0 { &below } else { &above };
        told.extend(run(&mut board, figures, minute * 60..minute * 60 + 60));
    }

    assert_eq!(told, [raised(AlertRule::ErrorRate, "a")]);
}

#[test]
fn few_samples_say_nothing_and_keep_no_alert() {
    let mut board = AlertBoard::default();
    let few = of(vec![failing("a", 19, 19)]);
    assert_eq!(run(&mut board, &few, 0..300), []);

    let enough = of(vec![failing("a", 20, 20)]);
    assert_eq!(run(&mut board, &enough, 300..400).len(), 1);
    // Between half and all of the samples the alert stays.
    let fewer = of(vec![failing("a", 12, 12)]);
    assert_eq!(run(&mut board, &fewer, 400..700), []);
    let none = of(vec![provider("a")]);
    assert_eq!(
        run(&mut board, &none, 700..800),
        [resolved(AlertRule::ErrorRate, "a")]
    );
}

#[test]
fn the_outage_of_a_provider_is_one_alert() {
    let mut board = AlertBoard::default();
    let outage = ProviderFigures {
        failed: 90,
        rated: 100,
        latency_sum_ms: 1e9,
        openings: 5,
        failed_probes: 3,
        ..down("a")
    };
    let figures = of(vec![outage, provider("b")]);

    assert_eq!(
        run(&mut board, &figures, 0..600),
        [raised(AlertRule::ProviderUnavailable, "a")]
    );
    let healthy = of(vec![provider("a"), provider("b")]);
    assert_eq!(
        run(&mut board, &healthy, 600..1_200),
        [resolved(AlertRule::ProviderUnavailable, "a")]
    );
}

#[test]
fn an_alert_that_becomes_an_outage_is_replaced() {
    let mut board = AlertBoard::default();
    let bad = of(vec![failing("a", 10, 100), provider("b")]);
    assert_eq!(run(&mut board, &bad, 0..100).len(), 1);

    let figures = of(vec![down("a"), provider("b")]);
    let told = run(&mut board, &figures, 100..161);

    assert_eq!(
        told,
        [
            raised(AlertRule::ProviderUnavailable, "a"),
            resolved(AlertRule::ErrorRate, "a"),
        ]
    );
    assert_eq!(board.active().len(), 1);
}

#[test]
fn the_outage_of_all_providers_is_one_alert() {
    let mut board = AlertBoard::default();
    let all = of(vec![down("a"), down("b"), down("c")]);
    assert_eq!(
        run(&mut board, &all, 0..600),
        [raised(AlertRule::NoProvider, "")]
    );

    // Two of them come back; the third is told once the common alert is over.
    let one = of(vec![provider("a"), provider("b"), down("c")]);
    assert_eq!(
        run(&mut board, &one, 600..1_200),
        [
            resolved(AlertRule::NoProvider, ""),
            raised(AlertRule::ProviderUnavailable, "c"),
        ]
    );
    assert_eq!(board.active()[0].since, at(0));
}

#[test]
fn a_trial_neither_ends_an_outage_nor_begins_one() {
    let mut board = AlertBoard::default();
    let tried = ProviderFigures {
        availability: Availability::Unclear,
        ..down("a")
    };
    let tried = of(vec![tried, provider("b")]);
    let open = of(vec![down("a"), provider("b")]);

    assert_eq!(run(&mut board, &tried, 0..200), []);
    let mut told = Vec::new();
    for turn in 0..30 {
        let start = 200 + turn * 40;
        told.extend(run(&mut board, &open, start..start + 20));
        told.extend(run(&mut board, &tried, start + 20..start + 40));
    }
    assert_eq!(told, [raised(AlertRule::ProviderUnavailable, "a")]);
}

#[test]
fn a_breaker_that_opens_again_and_again_is_told_once() {
    let mut board = AlertBoard::default();
    let figures = |openings| {
        let flapping = ProviderFigures {
            openings,
            ..provider("a")
        };
        of(vec![flapping, provider("b")])
    };
    let mut told = run(&mut board, &figures(2), 0..200);
    told.extend(run(&mut board, &figures(3), 200..300));
    told.extend(run(&mut board, &figures(2), 300..900));
    assert_eq!(told, [raised(AlertRule::BreakerFlapping, "a")]);
    assert_eq!(run(&mut board, &figures(1), 900..1_000).len(), 1);
}

#[test]
fn what_an_operator_takes_out_of_service_is_no_alert() {
    let mut board = AlertBoard::default();
    run(&mut board, &of(vec![down("a"), provider("b")]), 0..100);
    let off = ProviderFigures {
        availability: Availability::OutOfService,
        ..down("a")
    };

    assert_eq!(
        run(&mut board, &of(vec![off, provider("b")]), 100..101),
        [resolved(AlertRule::ProviderUnavailable, "a")]
    );
    run(&mut board, &of(vec![down("b")]), 101..200);
    assert_eq!(board.active()[0].severity, AlertSeverity::Critical);
    let gone = run(&mut board, &of(Vec::new()), 200..201);
    assert_eq!(gone, [resolved(AlertRule::ProviderUnavailable, "b")]);
}

#[test]
fn slow_answers_and_failing_probes_are_told() {
    let mut board = AlertBoard::default();
    let slow = ProviderFigures {
        latency_sum_ms: 90.0 * 12_000.0,
        ..failing("a", 1, 91)
    };
    let unprobed = ProviderFigures {
        failed_probes: 2,
        probe_detail: "HTTP 500".to_owned(),
        ..provider("b")
    };
    let told = run(&mut board, &of(vec![slow, unprobed]), 0..100);

    assert_eq!(
        told,
        [
            raised(AlertRule::Latency, "a"),
            raised(AlertRule::ProbeFailing, "b"),
        ]
    );
    let mut messages: Vec<String> = board.active().into_iter().map(|it| it.message).collect();
    messages.sort();
    assert_eq!(
        messages,
        [
            "12.0 s mean latency in 5 minutes, above 10.0 s",
            "2 probes failed running, the last with HTTP 500"
        ]
    );
}

#[test]
fn lost_data_is_told_at_once_and_over_after_ten_minutes() {
    let mut board = AlertBoard::default();
    let lost = |observations, deliveries| AlertFigures {
        lost: LossCounts {
            observations,
            store_rows: 0,
            deliveries,
        },
        ..AlertFigures::default()
    };
    assert_eq!(run(&mut board, &lost(0, 0), 0..10), []);
    assert_eq!(
        run(&mut board, &lost(3, 0), 10..11),
        [raised(AlertRule::DataLost, "")]
    );
    assert_eq!(run(&mut board, &lost(5, 1), 11..600), []);
    assert_eq!(
        board.active()[0].message,
        "lost: 5 observations, 1 deliveries to webhooks"
    );
    assert_eq!(
        run(&mut board, &lost(5, 1), 600..612),
        [resolved(AlertRule::DataLost, "")]
    );
}

#[test]
fn an_acknowledged_alert_says_by_whom_and_ends_with_its_problem() {
    let mut board = AlertBoard::default();
    let bad = of(vec![failing("a", 10, 100)]);
    run(&mut board, &bad, 0..100);
    let id = board.active()[0].id;

    let (alert, notice) = board.acknowledge(id, "ops", at(100)).unwrap();
    assert_eq!(alert.state(), "acknowledged");
    assert!(notice.unwrap().text().starts_with("acknowledged by ops: "));
    let (_, again) = board.acknowledge(id, "dev", at(101)).unwrap();
    assert_eq!(again, None);
    assert_eq!(board.active()[0].acknowledged.as_ref().unwrap().who, "ops");

    run(&mut board, &of(vec![failing("a", 0, 100)]), 102..200);
    let over = board.acknowledge(id, "ops", at(200));
    assert_eq!(over, Err(AlertError::Ended(id)));
    let other = AlertId::of(AlertRule::DataLost, &AlertSubject::default());
    let unknown = board.acknowledge(other, "ops", at(200));
    assert_eq!(unknown, Err(AlertError::Unknown(other)));

    // When it comes back it is a new problem.
    run(&mut board, &bad, 600..700);
    assert_eq!(board.active()[0].state(), "firing");
}

#[test]
fn a_muted_alert_is_silent_until_its_time_is_over() {
    let mut board = AlertBoard::default();
    let bad = of(vec![failing("a", 10, 100)]);
    let good = of(vec![failing("a", 0, 100)]);
    run(&mut board, &bad, 0..100);
    let id = board.active()[0].id;
    board
        .mute(id, Duration::from_mins(15), "ops", at(100))
        .unwrap();
    assert_eq!(board.active()[0].state(), "muted");

    // Receivers know of it, so they learn of its end; what comes back meanwhile is silent.
    assert_eq!(
        run(&mut board, &good, 100..200),
        [resolved(AlertRule::ErrorRate, "a")]
    );
    assert_eq!(run(&mut board, &bad, 200..300), []);
    assert_eq!(board.active().len(), 1);
    assert_eq!(run(&mut board, &good, 300..400), []);
    assert_eq!(run(&mut board, &bad, 400..999), []);
    assert_eq!(
        run(&mut board, &bad, 999..1_002),
        [raised(AlertRule::ErrorRate, "a")]
    );

    board
        .mute(id, Duration::from_mins(15), "ops", at(1_002))
        .unwrap();
    board.mute(id, Duration::ZERO, "ops", at(1_003)).unwrap();
    assert_eq!(
        run(&mut board, &bad, 1_003..1_010),
        [raised(AlertRule::ErrorRate, "a")]
    );
}

#[test]
fn alerts_continue_after_a_restart() {
    let mut board = AlertBoard::default();
    let figures = AlertFigures {
        providers: vec![failing("a", 10, 100)],
        budgets: vec![budget(0.9, 1.0, 0)],
        lost: LossCounts::default(),
    };
    run(&mut board, &figures, 0..100);
    let ids: Vec<AlertId> = board.active().iter().map(|alert| alert.id).collect();
    assert_eq!(ids.len(), 2);
    board.acknowledge(ids[0], "ops", at(100)).unwrap();
    board
        .mute(ids[1], Duration::from_hours(1), "ops", at(100))
        .unwrap();
    let saved = board.save();

    let mut restarted = AlertBoard::default();
    restarted.restore(saved.clone());
    assert_eq!(restarted.save(), saved);
    assert_eq!(run(&mut restarted, &figures, 200..400), []);
    let states: Vec<&str> = restarted.active().iter().map(Alert::state).collect();
    assert_eq!(states, ["acknowledged", "muted"]);

    // What ended meanwhile ends.
    let mut restarted = AlertBoard::default();
    restarted.restore(saved);
    let healthy = of(vec![provider("a")]);
    let told = run(&mut restarted, &healthy, 200..300);
    assert_eq!(told.len(), 2);
    assert!(restarted.active().is_empty());
}

#[test]
fn an_id_depends_on_rule_and_subject_alone() {
    let subject = AlertSubject::provider(&"openai".into());
    let id = AlertId::of(AlertRule::ErrorRate, &subject);

    assert_eq!(id.to_string(), "13e4c91b4bfe6daa");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_ne!(id, AlertId::of(AlertRule::Latency, &subject));
    let moved = AlertSubject {
        model: subject.provider,
        ..AlertSubject::default()
    };
    assert_ne!(id, AlertId::of(AlertRule::ErrorRate, &moved));
    for wrong in ["", "13e4", "+3e4c91b4bfe6daa", "z3e4c91b4bfe6daa"] {
        assert!(wrong.parse::<AlertId>().is_err());
    }
}
