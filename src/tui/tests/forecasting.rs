//! What a review says of a draft, and what it asks for by that.

use super::*;
use crate::contract::{ProviderForecastReport, TargetWhatIfReport, TrafficForecastReport};
use crate::tui::draft::{CurrentSettings, Draft, DraftRow};
use crate::tui::preview::{drafted, present, previewed};

/// A draft that moves one of the five by so many points.
fn draft(status: &Status, row: usize, step: i16) -> Draft {
    let mut draft = Draft::new(&status.weights, status.revision);
    draft.row = DraftRow::Objective(row);
    draft.nudge(step, CurrentSettings::default());
    draft
}

fn shares(outlook: &[crate::tui::preview::ProviderPreview]) -> Vec<f64> {
    outlook.iter().map(|it| it.share).collect()
}

fn with_shares(strategy: &str, shares: [f64; 5]) -> Status {
    let mut status = fixture::status(5, 7);
    status.strategy = strategy.to_owned();
    for (provider, share) in status.providers.iter_mut().zip(shares) {
        provider.share = share;
    }
    status
}

/// An answer by which the next requests are shared out so.
fn answer(status: &Status, now: [f64; 5], then: [f64; 5]) -> WhatIfReport {
    let side = |share| TrafficForecastReport {
        share,
        score: Some(0.5),
    };
    let sides = now.into_iter().zip(then);
    let providers = status.providers.iter().zip(sides);
    WhatIfReport {
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

/// The review of one small step of a weight, with this answer.
fn reviewed(status: Status, answer: WhatIfReport) -> Model {
    let mut model = Model::new(options(Theme::default(), true));
    hear(&mut model, status);
    press(&mut model, "w →");
    model.what_if.as_mut().unwrap().report = answer;
    press(&mut model, "Enter");
    assert!(is_question(&model, "APPLY"));
    model
}

fn as_str(model: &Model) -> Option<&str> {
    let Some(Dialog::Confirm(confirm)) = &model.dialog else {
        panic!("{:?}", model.dialog)
    };
    confirm
        .phrase
        .as_ref()
        .map(|phrase| phrase.expected.as_str())
}

#[test]
fn what_is_now_is_what_the_overview_shows() {
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
fn no_shift_is_promised_where_weights_decide_nothing() {
    let even = [0.2; 5];
    for strategy in ["round-robin", "least-busy", "lowest-latency", "lowest-cost"] {
        let status = with_shares(strategy, even);
        assert_eq!(shares(&drafted(&status, &draft(&status, 0, 60))), even);
        let mut model = Model::new(options(Theme::default(), true));
        hear(&mut model, status);
        press(&mut model, "w > > >");
        let said = format!("the strategy {strategy} does not use weights");
        let screen = text(&model, 120, 40);
        assert!(screen.contains(&said), "{screen}");
        assert_eq!(screen.matches(" 20 →  20    ").count(), 5, "{screen}");
        press(&mut model, "Enter");
        assert!(text(&model, 120, 40).contains(&said));
        assert_eq!(as_str(&model), None);
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
fn the_best_takes_all_or_nothing() {
    let status = with_shares("best", [0.0, 1.0, 0.0, 0.0, 0.0]);
    // `local` is cheapest by its factors, `borealis` quickest.
    let cheap = drafted(&status, &draft(&status, 0, 60));
    assert_eq!(shares(&cheap), [0.0, 0.0, 0.0, 0.0, 1.0]);
    let quick = drafted(&status, &draft(&status, 1, 60));
    assert_eq!(shares(&quick), [0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn an_estimate_starts_from_the_shares_that_are_and_moves_them_by_the_worth() {
    let status = with_shares("adaptive", [0.0, 0.6, 0.0, 0.3, 0.1]);
    let then = shares(&drafted(&status, &draft(&status, 3, 1)));
    // All are as busy, so that the weight of load moves nobody.
    for (then, now) in then.iter().zip([0.0, 0.6, 0.0, 0.3, 0.1]) {
        assert!((then - now).abs() < 1e-9, "{then} {now}");
    }
    // A tenth of the latency factor behind, one point: a thousandth of S, a tenth of the odds.
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
fn the_instance_knows_better_than_the_estimate_and_load_has_moved_on() {
    let status = with_shares("adaptive", [0.0, 0.5, 0.0, 0.3, 0.2]);
    let before = [0.0, 0.4, 0.0, 0.4, 0.2];
    let model = reviewed(
        status.clone(),
        answer(&status, before, [0.0, 0.2, 0.1, 0.5, 0.2]),
    );
    let known = model.what_if.as_ref();
    let then = shares(&previewed(&status, model.draft.as_ref().unwrap(), known));
    // Half of 0.5, a tenth that is new, 5/4 of 0.3, and 0.2, of 0.925.
    let expected = [0.0, 0.25, 0.1, 0.375, 0.2].map(|part: f64| part / 0.925);
    for (then, expected) in then.iter().zip(expected) {
        assert!((then - expected).abs() < 1e-9, "{then} {expected}");
    }
    let other = draft(&status, 1, 5);
    assert_eq!(previewed(&status, &other, known), drafted(&status, &other));
    assert_eq!(as_str(&model), Some("big-shift"));
}

#[test]
fn a_review_says_what_recorded_requests_would_have_met() {
    let status = with_shares("weighted", [0.0, 0.5, 0.0, 0.3, 0.2]);
    let model = reviewed(status, report());
    let screen = text(&model, 120, 40);
    for part in [
        "recorded: 0% of 1284 requests of 15m go elsewhere (0 s ago)",
        "p95 1.9s→1.4s  0% of them a guess",
        "cost: $4.12→$3.91/h; budget at its end: day 197→188%, month 153→149%",
    ] {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
    assert_eq!(as_str(&model), None);
}

#[test]
fn what_a_prediction_warns_of_asks_for_its_word() {
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
    };
    let guessed = |extrapolated| WhatIfReport {
        extrapolated,
        ..report()
    };
    let costs = |usd: f64| {
        let mut report = report();
        report.total.then.usd_per_hour = Some(usd);
        report
    };
    let recorded = |moved: f64| WhatIfReport {
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
        assert_eq!(as_str(&model), expected, "{answer:?}");
    }
    let status = with_shares("weighted", alone);
    let last = answer(&status, alone, [0.0, 0.0, 0.0, 1.0, 0.0]);
    let model = reviewed(status, last);
    assert_eq!(as_str(&model), Some("last-healthy"));
    assert!(text(&model, 120, 40).contains("google would be the last healthy one"));
}

#[test]
fn a_review_that_comes_before_its_prediction_is_put_anew_with_it() {
    let mut model = usual();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    for name in ["w", "→", "Enter"] {
        update(&mut model, key(name), NOW);
    }
    assert_eq!(as_str(&model), Some("unpredicted"));
    let confirm = model.confirm_dialog().unwrap();
    confirm.reason = Some("too dear".to_owned());
    confirm.seen_at = Some(Duration::ZERO);

    update(&mut model, Message::WhatIf(Ok(report())), NOW);
    assert_eq!(as_str(&model), None);
    let confirm = model.confirm_dialog().unwrap();
    assert_eq!(confirm.reason.as_deref(), Some("too dear"));
    assert_eq!(confirm.seen_at, None, "it must be read first");
    assert!(text(&model, 120, 40).contains("recorded:"));

    // The next answer changes no more than the numbers.
    model.confirm_dialog().unwrap().seen_at = Some(NOW);
    model.deciding = model.what_if.as_ref().map(|known| known.request.clone());
    let newer = WhatIfReport {
        decisions: 1_300,
        ..report()
    };
    update(&mut model, Message::WhatIf(Ok(newer)), NOW);
    assert!(text(&model, 120, 40).contains("of 1300 requests"));
    assert_eq!(model.confirm_dialog().unwrap().seen_at, Some(NOW));
}

#[test]
fn a_prediction_is_asked_for_again_after_a_while_and_says_how_old_it_is() {
    let mut model = usual();
    press(&mut model, "w →");
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let asks = |model: &mut Model, seconds| {
        let effects = update(model, Message::Tick, later(seconds));
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::AskWhatIf(_)))
    };
    assert!(!asks(&mut model, 14));
    assert!(text(&model, 200, 60).contains("decided again 14 s ago"));
    assert!(asks(&mut model, 15));
    assert!(!asks(&mut model, 16), "one question at a time");
    update(&mut model, Message::WhatIf(Ok(report())), later(17));
    assert!(text(&model, 200, 60).contains("decided again 0 s ago"));
}

#[test]
fn going_back_to_a_revision_is_predicted_as_well() {
    let mut model = usual();
    press(&mut model, "v");
    screens::fill(&mut model);
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    press(&mut model, "j");
    let effects: Vec<Effect> = [".", "r"]
        .into_iter()
        .flat_map(|name| update(&mut model, key(name), NOW))
        .collect();
    assert!(
        is_question(&model, "ROLL BACK TO rev 41"),
        "{:?}",
        model.dialog
    );
    let asked = |effect: &Effect| matches!(effect, Effect::AskWhatIf(request) if request.weights.cost == Some(25.0));
    assert!(effects.iter().any(asked), "{effects:?}");
    update(&mut model, Message::WhatIf(Ok(report())), NOW);
    assert!(is_question(&model, "ROLL BACK TO rev 41"));
    assert!(text(&model, 120, 40).contains("recorded:"));
}

#[test]
fn the_first_line_says_who_made_the_revision_and_how_far_clocks_and_terminal_are() {
    let mut status = fixture::status(5, 7);
    status.revised = Some(crate::contract::Revised {
        at: "2026-11-24T03:08:02.000Z".to_owned(),
        who: "alice".to_owned(),
    });
    let there = status.generated_at.clone();
    let mut model = Model::new(options(Theme::default(), true));
    hear(&mut model, status);
    let first = |model: &Model| text(model, 200, 60).lines().next().unwrap_or("").to_owned();
    assert!(
        first(&model).contains("rev 42 alice 6m ago"),
        "{}",
        first(&model)
    );
    assert!(!first(&model).contains("clock"));

    let here = "2026-11-24T03:14:12.000Z".parse().unwrap();
    for _ in 0..3 {
        model.clock_skew.observe(&there, here);
    }
    model.distance = Some(Duration::from_millis(412));
    let line = first(&model);
    assert!(line.contains("clock 5s behind"), "{line}");
    assert!(line.contains("link 420ms slow"), "{line}");
    model.options.theme.masked = true;
    assert!(!first(&model).contains("alice"));
}
