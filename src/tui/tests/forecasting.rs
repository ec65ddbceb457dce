//! Forecasts: the texts of a review, and the phrases it requires.

use super::*;
use crate::contract::{
    CapacityReport, ClosedLoopReport, EffectFiguresReport, ProviderForecastReport,
    TargetWhatIfReport, TrafficForecastReport,
};
use crate::tui::applied_forecast::AppliedForecast;
use crate::tui::draft::{CurrentSettings, Draft, DraftRow};
use crate::tui::preview::{PreviewBasis, drafted, present, preview};

/// A draft that changes one objective by `step` points.
fn draft(status: &Status, row: usize, step: i16) -> Draft {
    let mut draft = Draft::new(&status.weights, status.revision);
    draft.row = DraftRow::Objective(row);
    draft.nudge(step, CurrentSettings::default());
    draft
}

fn shares(previews: &[crate::tui::preview::ProviderPreview]) -> Vec<f64> {
    previews.iter().map(|it| it.share).collect()
}

fn with_shares(strategy: &str, shares: [f64; 5]) -> Status {
    let mut status = fixture::status(5, 7);
    status.strategy = strategy.to_owned();
    for (provider, share) in status.providers.iter_mut().zip(shares) {
        provider.odds = share;
    }
    status
}

/// A forecast with these shares.
fn answer(status: &Status, now: [f64; 5], then: [f64; 5]) -> WhatIfReport {
    let side = |share| TrafficForecastReport {
        share,
        score: Some(0.5),
    };
    let sides = now.into_iter().zip(then);
    let providers = status.providers.iter().zip(sides);
    WhatIfReport {
        expected: None,
        providers: providers
            .map(|(provider, (now, then))| ProviderForecastReport {
                provider: provider.performance.provider.clone(),
                now: side(now),
                then: side(then),
            })
            .collect(),
        ..report()
    }
}

/// The review of a small change of a weight, with this forecast.
fn reviewed(status: Status, answer: WhatIfReport) -> Model {
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    press(&mut model, "w →");
    model.what_if.as_mut().unwrap().report = answer;
    press(&mut model, "Enter");
    assert!(is_dialog(&model, "APPLY"));
    model
}

fn phrase(model: &Model) -> Option<&str> {
    let Some(Dialog::Confirm(dialog)) = &model.dialog else {
        panic!("{:?}", model.dialog)
    };
    dialog
        .phrase
        .as_ref()
        .map(|phrase| phrase.expected.as_str())
}

#[test]
fn the_current_values_are_those_of_the_overview() {
    let status = with_shares("adaptive", [0.0, 0.61, 0.0, 0.28, 0.11]);
    let now = present(&status);
    assert_eq!(shares(&now), [0.0, 0.61, 0.0, 0.28, 0.11]);
    assert_eq!(now[1].score, status.providers[1].score);
    let unchanged = Draft::new(&status.weights, status.revision);
    for strategy in ["adaptive", "best", "weighted", "round-robin"] {
        let status = with_shares(strategy, [0.0, 0.61, 0.0, 0.28, 0.11]);
        assert_eq!(drafted(&status, &unchanged), present(&status), "{strategy}");
    }
}

#[test]
fn no_shift_is_predicted_if_weights_have_no_effect() {
    let even = [0.2; 5];
    for strategy in ["round-robin", "least-busy", "lowest-latency", "lowest-cost"] {
        let status = with_shares(strategy, even);
        assert_eq!(shares(&drafted(&status, &draft(&status, 0, 60))), even);
        let mut model = Model::new(options(Theme::default(), true));
        receive(&mut model, status);
        press(&mut model, "w > > >");
        let reason = format!("the strategy {strategy} does not use weights");
        let screen = text(&model, 120, 40);
        assert!(screen.contains(&reason), "{screen}");
        assert_eq!(screen.matches(" 20 → 20 ").count(), 5, "{screen}");
        press(&mut model, "Enter");
        assert!(text(&model, 120, 40).contains(&reason));
        assert_eq!(phrase(&model), None);
    }
}

#[test]
fn nothing_moves_while_a_provider_is_pinned() {
    let pinned = [0.0, 1.0, 0.0, 0.0, 0.0];
    let mut status = with_shares("adaptive", pinned);
    status.providers[1].pinned_until = Some("2026-11-24T04:00:00.000Z".to_owned());
    assert_eq!(shares(&drafted(&status, &draft(&status, 0, 60))), pinned);
}

#[test]
fn the_best_strategy_moves_all_or_nothing() {
    let status = with_shares("best", [0.0, 1.0, 0.0, 0.0, 0.0]);
    // By their factors `local` is the cheapest, `borealis` the fastest.
    let cheap = drafted(&status, &draft(&status, 0, 60));
    assert_eq!(shares(&cheap), [0.0, 0.0, 0.0, 0.0, 1.0]);
    let quick = drafted(&status, &draft(&status, 1, 60));
    assert_eq!(shares(&quick), [0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn an_estimate_moves_the_current_shares_by_the_change_of_utility() {
    let status = with_shares("adaptive", [0.0, 0.6, 0.0, 0.3, 0.1]);
    let then = shares(&drafted(&status, &draft(&status, 3, 1)));
    // All are equally busy, so the weight of load has no effect.
    for (then, now) in then.iter().zip([0.0, 0.6, 0.0, 0.3, 0.1]) {
        assert!((then - now).abs() < 1e-9, "{then} {now}");
    }
    // One point on a latency factor that is 0.1 lower changes S by 0.001.
    let mut one = Draft::new(&status.weights, status.revision);
    one.set_all(&crate::contract::WeightPoints {
        latency: status.weights.latency + 1.0,
        reliability: status.weights.reliability - 1.0,
        ..status.weights
    });
    let then = shares(&drafted(&status, &one));
    let step = (then[1] / then[4]) / (0.6 / 0.1);
    assert!((step.ln() - 0.3).abs() < 1e-9, "{step}");
}

#[test]
fn the_forecast_replaces_the_estimate_and_applies_to_current_shares() {
    let status = with_shares("adaptive", [0.0, 0.5, 0.0, 0.3, 0.2]);
    let before = [0.0, 0.4, 0.0, 0.4, 0.2];
    let model = reviewed(
        status.clone(),
        answer(&status, before, [0.0, 0.2, 0.1, 0.5, 0.2]),
    );
    let known = model.what_if.as_ref();
    let then = shares(&preview(&status, model.draft.as_ref().unwrap(), known).then);
    // Half of 0.5, a new 0.1, 5/4 of 0.3, and 0.2, normalised by 0.925.
    let expected = [0.0, 0.25, 0.1, 0.375, 0.2].map(|part: f64| part / 0.925);
    for (then, expected) in then.iter().zip(expected) {
        assert!((then - expected).abs() < 1e-9, "{then} {expected}");
    }
    let other = draft(&status, 1, 5);
    assert_eq!(
        preview(&status, &other, known).then,
        drafted(&status, &other)
    );
    assert_eq!(phrase(&model), Some("big-shift"));
}

#[test]
fn a_review_shows_the_effect_on_recorded_requests() {
    let status = with_shares("weighted", [0.0, 0.5, 0.0, 0.3, 0.2]);
    let model = reviewed(status, report());
    let screen = text(&model, 120, 40);
    for part in [
        "recorded: 0% of 1284 requests in 15m would move (0 s ago)",
        "p95 1.9s→1.4s  0% extrapolated",
        "cost: $0.80→$0.76 per 1k, $4.12→$3.91/h; budget at its end:",
    ] {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
    assert_eq!(phrase(&model), None);
}

#[test]
fn each_objection_of_a_forecast_requires_its_phrase() {
    let status = with_shares("weighted", [0.0, 0.5, 0.0, 0.3, 0.2]);
    let target = |provider: &str, now: f64, then: f64| TargetWhatIfReport {
        provider: provider.to_owned(),
        model: "m".to_owned(),
        now: WhatIfTotalsReport {
            share: now,
            ..report().total.now
        },
        then: WhatIfTotalsReport {
            share: then,
            ..report().total.then
        },
        extrapolated: false,
        hardly_measured: false,
        beyond_seen: false,
    };
    let guessed = |extrapolated| WhatIfReport {
        expected: None,
        extrapolated,
        ..report()
    };
    let costs = |usd: f64| {
        let mut report = report();
        report.total.then.usd_per_hour = Some(usd);
        report
    };
    let recorded = |moved: f64| WhatIfReport {
        expected: None,
        targets: vec![
            target("borealis", 0.5, 0.5 - moved),
            target("google", 0.3, 0.3 + moved),
        ],
        ..report()
    };
    let alone = [0.0, 0.0, 0.0, 0.9, 0.1];
    let cases = [
        (guessed(256), None),
        (guessed(258), Some("extrapolated")),
        (costs(3.9), None),
        (costs(4.1), Some("over-budget")),
        (recorded(0.14), None),
        (recorded(0.16), Some("big-shift")),
    ];
    for (answer, expected) in cases {
        let model = reviewed(status.clone(), answer.clone());
        assert_eq!(phrase(&model), expected, "{answer:?}");
    }
    let status = with_shares("weighted", alone);
    let last = answer(&status, alone, [0.0, 0.0, 0.0, 1.0, 0.0]);
    let model = reviewed(status, last);
    assert_eq!(phrase(&model), Some("last-healthy"));
    assert!(text(&model, 120, 40).contains("google would be the last healthy one"));
}

#[test]
fn a_review_is_rebuilt_when_its_forecast_arrives() {
    let mut model = default_model();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    for name in ["w", "→", "Enter"] {
        update(&mut model, key(name), NOW);
    }
    assert_eq!(phrase(&model), Some("unpredicted"));
    let dialog = model.confirm_dialog().unwrap();
    dialog.reason = Some("too expensive".to_owned());
    dialog.seen_at = Some(Duration::ZERO);

    update(&mut model, Message::WhatIf(Box::new(Ok(report()))), NOW);
    assert_eq!(phrase(&model), None);
    let dialog = model.confirm_dialog().unwrap();
    assert_eq!(dialog.reason.as_deref(), Some("too expensive"));
    assert_eq!(dialog.seen_at, None, "it must be read first");
    assert!(text(&model, 120, 40).contains("recorded:"));

    // The next forecast changes only the numbers.
    model.confirm_dialog().unwrap().seen_at = Some(NOW);
    model.deciding = model.what_if.as_ref().map(|known| known.request.clone());
    let newer = WhatIfReport {
        expected: None,
        decisions: 1_300,
        ..report()
    };
    update(&mut model, Message::WhatIf(Box::new(Ok(newer))), NOW);
    assert!(text(&model, 120, 40).contains("of 1300 requests"));
    assert_eq!(model.confirm_dialog().unwrap().seen_at, Some(NOW));
}

#[test]
fn a_forecast_is_refreshed_and_shows_its_age() {
    let mut model = default_model();
    press(&mut model, "w →");
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let asks = |model: &mut Model, seconds| {
        let effects = update(model, Message::Tick, later(seconds));
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::AskWhatIf(_)))
    };
    assert!(!asks(&mut model, 14));
    assert!(text(&model, 200, 60).contains("replayed 14 s ago"));
    assert!(asks(&mut model, 15));
    assert!(!asks(&mut model, 16), "one request at a time");
    update(
        &mut model,
        Message::WhatIf(Box::new(Ok(report()))),
        later(17),
    );
    assert!(text(&model, 200, 60).contains("replayed 0 s ago"));
}

#[test]
fn a_rollback_is_forecast_as_well() {
    let mut model = default_model();
    press(&mut model, "v");
    screens::fill(&mut model);
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    press(&mut model, "j");
    let effects: Vec<Effect> = [".", "r"]
        .into_iter()
        .flat_map(|name| update(&mut model, key(name), NOW))
        .collect();
    assert!(
        is_dialog(&model, "ROLL BACK TO rev 41"),
        "{:?}",
        model.dialog
    );
    let asked = |effect: &Effect| matches!(effect, Effect::AskWhatIf(request) if request.weights.cost == Some(25.0));
    assert!(effects.iter().any(asked), "{effects:?}");
    update(&mut model, Message::WhatIf(Box::new(Ok(report()))), NOW);
    assert!(is_dialog(&model, "ROLL BACK TO rev 41"));
    assert!(text(&model, 120, 40).contains("recorded:"));
}

#[test]
fn the_first_line_shows_author_clock_skew_and_link_delay() {
    let mut status = fixture::status(5, 7);
    status.revised = Some(crate::contract::Revised {
        at: "2026-11-24T03:08:02.000Z".to_owned(),
        who: "alice".to_owned(),
    });
    let remote = status.generated_at.clone();
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    let first = |model: &Model| text(model, 200, 60).lines().next().unwrap_or("").to_owned();
    assert!(
        first(&model).contains("rev 42 alice 6m ago"),
        "{}",
        first(&model)
    );
    assert!(!first(&model).contains("clock"));

    let local = "2026-11-24T03:14:12.000Z".parse().unwrap();
    for _ in 0..3 {
        model.clock_skew.observe(&remote, local);
    }
    model.distance = Some(Duration::from_millis(412));
    let line = first(&model);
    assert!(line.contains("clock 5s behind"), "{line}");
    assert!(line.contains("link 420ms slow"), "{line}");
    model.options.theme.masked = true;
    assert!(!first(&model).contains("alice"));
}

/// A forecast of the closed loop that moves traffic from `borealis` to `google`.
fn run(status: &Status) -> WhatIfReport {
    let side = |share: f64, spread: f64| WhatIfTotalsReport {
        share,
        share_range: Some([share - spread, share + spread]),
        ..report().total.now
    };
    let target = |at: usize, now: f64, then: f64| TargetWhatIfReport {
        provider: status.providers[at].performance.provider.clone(),
        model: "m".to_owned(),
        now: side(now, 0.0),
        then: WhatIfTotalsReport {
            capacity: Some(CapacityReport {
                slots: Some(16.0),
                per_second: Some(13.0),
            }),
            ..side(then, 0.02)
        },
        extrapolated: at == 4,
        hardly_measured: false,
        beyond_seen: at == 4,
    };
    let mut report = WhatIfReport {
        targets: vec![
            target(1, 0.6, 0.45),
            target(3, 0.4, 0.50),
            target(4, 0.0, 0.05),
        ],
        closed_loop: Some(Box::new(ClosedLoopReport {
            runs: 8,
            requests: 3_412,
            since: None,
            self_test_points: 0.8,
            moving: false,
            too_little_traffic: false,
        })),
        ..report()
    };
    report.total.then.p95_range = Some([1_200.0, 1_600.0]);
    report
}

#[test]
fn both_sides_of_a_preview_are_runs_with_ranges_and_capacity() {
    let status = with_shares("adaptive", [0.0, 0.9, 0.0, 0.1, 0.0]);
    let model = reviewed(status.clone(), run(&status));
    let draft = model.draft.as_ref().unwrap();
    let shown = preview(&status, draft, model.what_if.as_ref());

    assert_eq!(shown.basis, PreviewBasis::ClosedLoop);
    assert_eq!(shares(&shown.now), [0.0, 0.6, 0.0, 0.4, 0.0]);
    assert_eq!(shares(&shown.then), [0.0, 0.45, 0.0, 0.5, 0.05]);
    let review = text(&model, 120, 40);
    for part in [
        "effect: moves 15% of the traffic, as recorded requests were run",
        "recorded: 15% of 1284 requests in 15m would move (0 s ago, 8 runs)",
        "p95 1.9s→1.2s..1.6s",
    ] {
        assert!(review.contains(part), "{part}\n{review}");
    }
    let mut model = model;
    press(&mut model, "Esc");
    let screen = text(&model, 120, 40);
    for part in [
        "IF APPLIED (8 runs of 3412 requests; as it is: 0.8 points off)",
        "40 → 48..52",
        "full: 16 slots = 13.0/s",
        "extrapolated",
    ] {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
}

#[test]
fn traffic_that_changes_makes_a_forecast_doubtful() {
    let status = with_shares("adaptive", [0.0, 0.6, 0.0, 0.4, 0.0]);
    let mut doubtful = run(&status);
    let closed = doubtful.closed_loop.as_mut().unwrap();
    (closed.moving, closed.self_test_points) = (true, 7.4);
    let mut model = reviewed(status, doubtful);

    let part = "traffic is changing: the settings in force are forecast 7.4 points off";
    assert!(text(&model, 120, 40).contains(part));
    press(&mut model, "Esc");
    assert!(text(&model, 120, 40).contains("IF APPLIED (TRAFFIC IS CHANGING, 8 runs"));
}

#[test]
fn one_run_is_asked_for_first_and_the_others_behind_it() {
    let mut model = default_model();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    let asked = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::AskWhatIf(request) => Some(request.quick),
            _ => None,
        })
    };
    update(&mut model, key("w"), NOW);
    assert_eq!(asked(update(&mut model, key("→"), NOW)), Some(true));
    let answer = || Message::WhatIf(Box::new(Ok(report())));
    assert_eq!(asked(update(&mut model, answer(), NOW)), Some(false));
    assert_eq!(asked(update(&mut model, answer(), NOW)), None);
}

#[test]
fn what_was_predicted_stands_beside_what_is_measured_for_two_minutes() {
    let mut status = with_shares("adaptive", [0.0, 0.6, 0.0, 0.4, 0.0]);
    status.providers[1].share = 0.6;
    let mut model = reviewed(status.clone(), run(&status));
    model.what_if.as_mut().unwrap().request.quick = false;
    let draft = model.draft.clone().unwrap();
    let known = model.what_if.clone().unwrap();
    press(&mut model, "Esc");
    model.draft = None;
    model.applied = AppliedForecast::new((&status, &draft), &known, (Some(status.revision), NOW));

    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("PREDICTED | NOW (rev 42, 0 s ago"),
        "{screen}"
    );
    assert!(screen.contains("43..47% |  60%"), "{screen}");
    // Without figures of the last minute, as from an earlier version.
    assert!(
        screen.contains("p95, all       1.2s..1.6s |    -"),
        "{screen}"
    );
    status.last_minute = Some(EffectFiguresReport {
        p95: Some(1_830.0),
        usd_per_1k: Some(0.75),
        ..EffectFiguresReport::default()
    });
    receive(&mut model, status.clone());
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("p95, all       1.2s..1.6s | 1.8s"),
        "{screen}"
    );
    assert!(
        screen.contains("$ per 1k, all       $0.76 | $0.75"),
        "{screen}"
    );
    model.now = NOW + Duration::from_secs(121);
    assert!(!text(&model, 120, 40).contains("PREDICTED"));
    model.now = NOW;
    model.applied.as_mut().unwrap().revision = Some(status.revision + 1);
    let screen = text(&model, 120, 40);
    assert!(
        !screen.contains("PREDICTED"),
        "another revision is in force"
    );
}
