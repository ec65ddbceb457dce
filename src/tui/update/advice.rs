//! The search for weights that meet a goal; its answer becomes the draft.

use crate::client::ClientError;
use crate::contract::{AdviceReport, AdviceRequest, MissedGoalReport, Status};
use crate::tui::draft::Draft;
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model};

/// The bounds of a goal as they are typed.
const SYNTAX: &str = "advise p95<2s ok>99 usd<50 (dollars a day), or some of these";

/// Opens the command line with the present figures as the goal: the cheapest weights that keep them.
pub(super) fn open(model: &mut Model) {
    let goal = model.status.as_deref().map(present_goal);
    model.dialog = Some(Dialog::Palette {
        text: format!("advise {}", goal.unwrap_or_default()),
        row: 0,
    });
}

fn present_goal(status: &Status) -> String {
    let totals = &status.totals;
    let p95 = totals
        .latency_ms
        .p95
        .map(|ms| format!("p95<{:.0}ms", ms.ceil()));
    // Rounded down, so that the present success meets it.
    let success = totals.success_rate.map(|rate| {
        let percent = (rate * 1_000.0).floor() / 10.0;
        format!("ok>{percent}")
    });
    let words: Vec<String> = p95.into_iter().chain(success).collect();
    words.join(" ")
}

/// Asks for the weights that meet a typed goal.
pub(super) fn ask(model: &mut Model, goal: &str) -> Vec<Effect> {
    if model.advising.is_some() {
        model.notify("a search for weights is under way", false);
        return Vec::new();
    }
    match parse(goal) {
        Ok(request) => {
            model.advising = Some(request);
            model.notify("searching the weights; it takes up to 20 s", false);
            vec![Effect::AskAdvice(request)]
        }
        Err(problem) => {
            model.notify(problem, true);
            Vec::new()
        }
    }
}

fn parse(goal: &str) -> Result<AdviceRequest, String> {
    let mut request = AdviceRequest::default();
    for word in goal.split_whitespace() {
        let wrong = || format!("{word:?} is no bound: {SYNTAX}");
        let at = word.find(['<', '>']).ok_or_else(wrong)?;
        let (name, value) = (&word[..at], &word[at + 1..]);
        let number = |text: &str| text.parse::<f64>().ok().filter(|it| *it >= 0.0);
        match (name, &word[at..=at]) {
            ("p95", "<") => {
                let ms = match value.strip_suffix("ms") {
                    Some(ms) => number(ms),
                    None => number(value.trim_end_matches('s')).map(|seconds| seconds * 1e3),
                };
                request.p95_ms = Some(ms.ok_or_else(wrong)?);
            }
            ("ok", ">") => {
                let percent = number(value.trim_end_matches('%')).filter(|it| *it <= 100.0);
                request.success_rate = Some(percent.ok_or_else(wrong)? / 100.0);
            }
            ("usd", "<") => {
                let usd = number(value.trim_start_matches('$'));
                request.usd_per_day = Some(usd.ok_or_else(wrong)?);
            }
            _ => return Err(wrong()),
        }
    }
    if request == AdviceRequest::default() {
        return Err(format!("a goal is missing: {SYNTAX}"));
    }
    Ok(request)
}

/// Puts the advised weights into the draft.
pub(super) fn on_advice(model: &mut Model, answer: Result<AdviceReport, ClientError>) {
    model.advising = None;
    let report = match answer {
        Ok(report) => report,
        Err(error) => {
            model.notify(format!("no advice: {error}"), true);
            return;
        }
    };
    let Some(weights) = report.weights else {
        model.notify("no advice: too little traffic was recorded", true);
        return;
    };
    let Some(status) = model.status.clone() else {
        return;
    };
    let draft = model.draft.get_or_insert_with(|| Draft::of(&status));
    draft.set_all(&weights);
    let is_same = !draft.is_changed();
    let theme = model.theme();
    let (verdict, is_missed) = if report.met {
        ("meets the goal".to_owned(), false)
    } else {
        let missed: Vec<String> = report.missed.iter().map(missed_text).collect();
        (format!("comes nearest; {}", missed.join(", ")), true)
    };
    let cost = report.then.and_then(|then| then.total.usd_per_1k_requests);
    let cost = format::usd(cost, theme);
    let next = if is_same {
        "these weights are in effect".to_owned()
    } else if model.screen == Screen::Weights {
        format!("{} reviews it", model.key(Action::Open))
    } else {
        format!("{} shows the draft", model.key(Action::Go(Screen::Weights)))
    };
    let text = format!("advice {verdict} at {cost} per 1k; {next}");
    model.notify(text, is_missed);
}

fn missed_text(missed: &MissedGoalReport) -> String {
    let text = |value: f64| match missed.goal.as_str() {
        "p95Ms" => format!("p95 {}", format::latency(Some(value))),
        "successRate" => format!("ok {}%", format::percent(Some(value))),
        _ => format!("${value:.2} a day"),
    };
    match missed.expected {
        Some(expected) => format!("{} of {}", text(expected), text(missed.wanted)),
        None => format!("no success, of {}", text(missed.wanted)),
    }
}
