//! What a change of weights is expected to do, as its review says it, and the word that is asked
//! for by that.

use super::dialogs::APPLY;
use super::queries::is_of;
use super::rollback::{review, rollback};
use crate::contract::{HealthState, SpendingReport, Status, WhatIfReport};
use crate::tui::confirm_dialog::{ConfirmPhrase, DialogFocus};
use crate::tui::draft::Draft;
use crate::tui::format;
use crate::tui::model::{Dialog, Model, WhatIfResult};
use crate::tui::preview::{ProviderPreview, insensitivity, moved, present, previewed};
use std::collections::BTreeMap;

/// A larger part of the traffic is not moved without a word.
const MAX_SILENT_SHIFT: f64 = 0.15;
/// Nor is a draft of whose effect a larger part is a guess.
const MAX_GUESSED_SHARE: f64 = 0.20;
/// Who gets less than this part of the traffic would not carry it.
const MIN_CARRIED_SHARE: f64 = 0.01;
/// The beginning of the title of the question that goes back to a revision.
pub(super) const ROLL_BACK: &str = "ROLL BACK TO rev";

/// For the review of a draft.
#[derive(Debug)]
pub(super) struct Forecast {
    pub lines: Vec<String>,
    pub word: Option<ConfirmPhrase>,
}

/// What is said against a draft: the word to type, and why.
type Concern = (&'static str, String);

pub(super) fn forecast(model: &Model, status: &Status, draft: &Draft) -> Forecast {
    let known = model.what_if.as_ref().filter(|it| is_of(it, draft));
    let (now, then) = (present(status), previewed(status, draft, known));
    let part = moved(&now, &then);
    let mut lines = vec![insensitivity(status).map_or_else(
        || {
            format!(
                "effect: moves about {}% of the traffic, from the next request on",
                format::share(part)
            )
        },
        |why| format!("effect: nobody else is chosen, for {why}"),
    )];
    let mut concerns = Vec::new();
    concerns.extend(shift(status, part, known));
    match known {
        Some(prediction) => {
            lines.extend(recorded(model, prediction));
            let (text, concern) = spending(model, status, &prediction.report);
            lines.push(text);
            concerns.extend(concern);
            concerns.extend(guessed(&prediction.report));
        }
        None => concerns.push((
            "unpredicted",
            "no prediction from recorded requests is there (yet)".to_owned(),
        )),
    }
    concerns.extend(last_healthy(status, &now, &then));
    let mark = model.theme().mark('✗', 'X');
    lines.extend(
        concerns
            .iter()
            .skip(1)
            .map(|(_, why)| format!("{mark} {why}")),
    );
    let word = concerns
        .into_iter()
        .next()
        .map(|(expected, why)| ConfirmPhrase {
            expected: expected.to_owned(),
            typed: String::new(),
            why,
        });
    Forecast { lines, word }
}

/// The larger of what is next and what would have been, so that neither a quiet moment nor an old
/// window hides the other.
fn shift(status: &Status, part: f64, known: Option<&WhatIfResult>) -> Option<Concern> {
    let recorded = known.map_or(0.0, |prediction| shifted(&prediction.report));
    let most = if insensitivity(status).is_some() {
        part
    } else {
        part.max(recorded)
    };
    let why = format!(
        "{}% of the traffic is more than {}%",
        format::share(most),
        format::share(MAX_SILENT_SHIFT)
    );
    (most > MAX_SILENT_SHIFT).then_some(("big-shift", why))
}

/// The part of the recorded requests that other providers would have got, 0..1.
fn shifted(report: &WhatIfReport) -> f64 {
    let mut gains: BTreeMap<&str, f64> = BTreeMap::new();
    for target in &report.targets {
        *gains.entry(&target.provider).or_default() += target.then.share - target.now.share;
    }
    let gains = gains.into_values();
    gains.fold(0.0, |sum, gain| sum + gain.max(0.0))
}

/// What the draft would have made of the recorded requests, and how much of that is a guess.
fn recorded(model: &Model, prediction: &WhatIfResult) -> Vec<String> {
    let report = &prediction.report;
    let window = prediction.request.window.as_str();
    let age = model.now.saturating_sub(prediction.at).as_secs();
    if report.decisions == 0 {
        return vec![format!(
            "recorded: no request of the last {window} could be decided again ({age} s ago)"
        )];
    }
    let (now, then) = (report.total.now, report.total.then);
    let arrow = model.theme().mark('→', '>');
    vec![
        format!(
            "recorded: {}% of {} requests of {window} go elsewhere ({age} s ago)",
            format::share(shifted(report)),
            report.decisions
        ),
        format!(
            "  ok {}{arrow}{}%  p95 {}{arrow}{}  {}% of them a guess",
            format::percent(now.success_rate),
            format::percent(then.success_rate),
            format::latency(now.p95),
            format::latency(then.p95),
            format::share(extrapolated(report))
        ),
    ]
}

fn extrapolated(report: &WhatIfReport) -> f64 {
    if report.decisions == 0 {
        return 0.0;
    }
    report.extrapolated as f64 / report.decisions as f64
}

fn guessed(report: &WhatIfReport) -> Option<Concern> {
    let part = extrapolated(report);
    let why = format!(
        "{}% of the prediction is a guess, more than {}%",
        format::share(part),
        format::share(MAX_GUESSED_SHARE)
    );
    (part > MAX_GUESSED_SHARE).then_some(("extrapolated", why))
}

/// What an hour costs now and then, and how full the budgets would be at the end of their periods.
fn spending(model: &Model, status: &Status, report: &WhatIfReport) -> (String, Option<Concern>) {
    let theme = model.theme();
    let arrow = theme.mark('→', '>');
    let now = status.usd_per_hour;
    let (was, would) = (
        report.total.now.usd_per_hour,
        report.total.then.usd_per_hour,
    );
    let then = match (was, would) {
        (Some(was), Some(would)) if was > 0.0 => now * would / was,
        (_, Some(would)) => now + would,
        _ => now,
    };
    let hourly = |rate| format::usd(Some(rate), theme);
    let cost = format!("cost: {}{arrow}{}/h", hourly(now), hourly(then));
    let mut concern = None;
    let mut parts = Vec::new();
    let periods = [("day", &status.budget.day), ("month", &status.budget.month)];
    for (period, budget) in periods {
        let ends = |rate| full(budget, rate, &status.generated_at);
        let (Some(before), Some(after)) = (ends(now), ends(then)) else {
            continue;
        };
        let (before_text, after_text) = (format::share(before), format::share(after));
        parts.push(format!("{period} {before_text}{arrow}{after_text}%"));
        // What makes a budget last longer is not in anybody's way.
        if after > 1.0 && then >= now && concern.is_none() {
            let why = format!("{after_text}% of the {period}'s budget would be spent at its end");
            concern = Some(("over-budget", why));
        }
    }
    if parts.is_empty() {
        return (cost, concern);
    }
    let text = format!("{cost}; budget at its end: {}", parts.join(", "));
    (text, concern)
}

/// What part of a budget is spent at the end of its period at so many USD per hour; nothing where
/// there is no limit.
fn full(budget: &SpendingReport, rate: f64, now: &str) -> Option<f64> {
    let limit = budget.limit_usd.filter(|limit| *limit > 0.0)?;
    let hours = format::seconds_between(now, &budget.resets_at)? as f64 / 3_600.0;
    Some((budget.spent_usd + budget.reserved_usd + rate * hours) / limit)
}

/// Whether only one of those that are well would carry traffic, where there were more.
fn last_healthy(
    status: &Status,
    now: &[ProviderPreview],
    then: &[ProviderPreview],
) -> Option<Concern> {
    let carrying = |outlook: &[ProviderPreview]| -> Vec<usize> {
        let is_well = |at: &usize| {
            let state = status.providers[*at].performance.state;
            matches!(state, HealthState::Ok | HealthState::Slow)
                && outlook[*at].share >= MIN_CARRIED_SHARE
        };
        (0..outlook.len()).filter(is_well).collect()
    };
    let (before, after) = (carrying(now), carrying(then));
    if before.len() < 2 || after.len() > 1 {
        return None;
    }
    let why = match after.first() {
        Some(&last) => format!(
            "{} would be the last healthy one with traffic",
            status.providers[last].performance.provider
        ),
        None => "no healthy provider would have traffic".to_owned(),
    };
    Some(("last-healthy", why))
}

/// The draft that the open question would apply to go back to a revision.
pub(super) fn going_back(model: &Model) -> Option<Draft> {
    let Some(Dialog::Question(question)) = &model.dialog else {
        return None;
    };
    let number = model
        .going_back
        .filter(|_| question.title.starts_with(ROLL_BACK))?;
    let status = model.status.as_ref()?;
    let mut revisions = model.revisions.rows.iter();
    let revision = revisions.find(|revision| revision.revision == number)?;
    let mut draft = Draft::new(&status.weights, status.revision);
    draft.set_all(&revision.after);
    Some(draft)
}

/// Puts the question anew that waited for a prediction, with what was typed into it. One that asks
/// for another word than before must be read first.
pub(super) fn renew(model: &mut Model) {
    let Some(before) = model.question().cloned() else {
        return;
    };
    if before.title.starts_with(APPLY) {
        review(model);
    } else if before.title.starts_with(ROLL_BACK) {
        rollback(model, model.going_back);
    } else {
        return;
    }
    let Some(question) = model.question() else {
        return;
    };
    question.reason = before.reason;
    question.focus = before.focus;
    let expected = |word: &Option<ConfirmPhrase>| word.as_ref().map(|word| word.expected.clone());
    if expected(&question.word) == expected(&before.word) {
        question.word = question.word.take().map(|word| ConfirmPhrase {
            typed: before.word.map_or_else(String::new, |word| word.typed),
            ..word
        });
        question.seen_at = before.seen_at;
    } else {
        question.focus = DialogFocus::Cancel;
    }
}
