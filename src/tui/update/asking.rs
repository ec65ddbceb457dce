//! Questions before anything changes, and what their answers do.

use crate::contract::{ProviderChange, ProviderStatus, State};
use crate::tui::change::Change;
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::message::{Effect, Ending};
use crate::tui::model::{Dialog, Model, Pending, Subject, trouble};
use crate::tui::place::Screen;
use crate::tui::question::{Answer, Focus, Question, Wish, Word};

/// The title of the question that undoes the last change.
const UNDO: &str = "UNDO";
/// The beginning of the title of the question that applies a draft.
pub(super) const APPLY: &str = "APPLY";
/// With fewer healthy providers nobody is left to fall back to.
const HEALTHY_LEAST: usize = 2;

/// Opens a question unless nothing may be changed now.
pub(super) fn ask(model: &mut Model, question: Question) {
    match model.refusal() {
        Some(why) => {
            model.dialog = None;
            model.notify(why, true);
        }
        None => model.dialog = Some(Dialog::Question(Box::new(question))),
    }
}

pub(super) fn answer_of(
    key: char,
    label: &str,
    changes: Vec<Change>,
    inverse: Vec<Change>,
) -> Answer {
    Answer {
        label: label.to_owned(),
        key,
        wish: Wish::Change { changes, inverse },
    }
}

fn subject_provider(model: &Model) -> Option<ProviderStatus> {
    let Some(Dialog::Menu(Subject::Provider(name))) = &model.dialog else {
        return None;
    };
    let mut providers = model.status.iter().flat_map(|status| &status.providers);
    providers
        .find(|provider| provider.performance.provider == *name)
        .cloned()
}

/// Drain, disable, or the way back.
pub(super) fn switch(model: &mut Model, action: Action) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let drains = action == Action::Drain;
    let (is, what) = match (drains, provider.draining, provider.enabled) {
        (true, false, _) => (false, "drain it: running requests end, no new ones"),
        (true, true, _) => (true, "send it requests again"),
        (false, _, true) => (true, "disable it: no new requests, no probes"),
        (false, _, false) => (false, "enable it"),
    };
    let change = |to: bool| ProviderChange {
        draining: drains.then_some(to),
        enabled: (!drains).then_some(to),
        ..ProviderChange::default()
    };
    let name = provider.performance.provider.clone();
    let wish = |to: bool| {
        vec![Change::Provider {
            name: name.clone(),
            change: change(to),
        }]
    };
    let takes_away = (drains && !is) || (!drains && is);
    let lines = vec![
        format!("{name}: {what}?"),
        target_line(model),
        format!(
            "share of the traffic now: {}%, {} running",
            format::share(provider.share),
            provider.performance.in_flight
        ),
    ];
    let mut question = Question::new(
        "CONFIRM",
        lines,
        vec![answer_of('y', "Yes, do it", wish(!is), wish(is))],
    );
    let left = healthy(model, &name);
    if takes_away && left < HEALTHY_LEAST {
        question.word = Some(Word {
            expected: name.clone(),
            typed: String::new(),
            why: format!("only {left} healthy would be left"),
        });
    }
    ask(model, question);
}

/// Providers besides one that are in use and not in trouble.
fn healthy(model: &Model, besides: &str) -> usize {
    let providers = model.status.iter().flat_map(|status| &status.providers);
    let is_healthy = |provider: &&ProviderStatus| {
        provider.performance.provider != besides
            && provider.enabled
            && !provider.draining
            && trouble(provider.performance.state) <= 2
    };
    providers.filter(is_healthy).count()
}

/// What would be changed, and where.
pub(super) fn target_line(model: &Model) -> String {
    let environment = model
        .status
        .as_ref()
        .map(|status| status.environment.clone());
    format!(
        "at {} ({}), with data {} s old",
        model.theme().secret(&model.options.place),
        environment.unwrap_or_default(),
        model.age().as_secs()
    )
}

pub(super) fn probe(model: &mut Model) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let name = provider.performance.provider;
    let lines = vec![
        format!("{name}: probe it now?"),
        "It is asked for its models, which costs nothing.".to_owned(),
    ];
    let yes = answer_of('y', "Yes, probe it", vec![Change::Probe(name)], Vec::new());
    ask(model, Question::new("PROBE", lines, vec![yes]));
}

/// Closing the breakers of a provider that somebody knows to be well.
pub(super) fn reset(model: &mut Model) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let name = provider.performance.provider;
    let is_held = |state: State| {
        matches!(
            state,
            State::Open | State::HalfOpen | State::Limited | State::Failing
        )
    };
    let mut states = provider.performance.models.iter().map(|model| model.state);
    if !is_held(provider.performance.state) && !states.any(is_held) {
        model.dialog = None;
        model.notify(
            format!("no breaker of {name} is open, and it asked for no wait"),
            false,
        );
        return;
    }
    let state = model.theme().state_word(provider.performance.state);
    let lines = vec![
        format!("{name}: reset its breakers and send it requests at once?"),
        format!("now: {state} {}", provider.why),
        "A wait that it asked for is forgotten too. What fails from then on counts as ever."
            .to_owned(),
        target_line(model),
    ];
    let change = ProviderChange {
        reset_breaker: Some(true),
        ..ProviderChange::default()
    };
    let change = vec![Change::Provider { name, change }];
    let yes = answer_of('y', "Yes, reset them", change, Vec::new());
    ask(model, Question::new("RESET BREAKERS", lines, vec![yes]));
}

pub(super) fn reload(model: &mut Model) {
    let lines = vec![
        "Have the instance read its files, its environment and its files of keys again?".to_owned(),
        "With a mistake in them nothing changes, and every mistake is told here.".to_owned(),
        target_line(model),
    ];
    let yes = answer_of('y', "Yes, read it again", vec![Change::Reload], Vec::new());
    ask(
        model,
        Question::new("READ THE CONFIGURATION AGAIN", lines, vec![yes]),
    );
}

pub(super) fn undo(model: &mut Model) -> Vec<Effect> {
    let Some(inverse) = model.undo.last().cloned() else {
        let revisions = model.key(Action::Go(Screen::Revisions));
        let text = format!("nothing was changed from here; {revisions} lists all revisions");
        model.notify(text, false);
        return Vec::new();
    };
    let revision = model.status.as_ref().map_or(0, |status| status.revision);
    let inverse: Vec<Change> = inverse
        .into_iter()
        .map(|change| on(change, revision))
        .collect();
    let mut lines = vec!["Undo the last change made here:".to_owned()];
    lines.extend(inverse.iter().map(said));
    lines.push(target_line(model));
    let yes = answer_of('y', "Yes, undo it", inverse, Vec::new());
    ask(model, Question::new(UNDO, lines, vec![yes]));
    Vec::new()
}

/// The change drafted on a revision.
fn on(change: Change, revision: u64) -> Change {
    match change {
        Change::Weights(mut weights) => {
            weights.revision = Some(revision);
            Change::Weights(weights)
        }
        change => change,
    }
}

fn said(change: &Change) -> String {
    match change {
        Change::Weights(weights) => {
            let part = |points: Option<f64>| points.map_or(0.0, f64::round);
            format!(
                "  cost {} · latency {} · reliability {} · load {} · priority {}",
                part(weights.cost),
                part(weights.latency),
                part(weights.reliability),
                part(weights.load),
                part(weights.priority)
            )
        }
        Change::Provider { name, change } => {
            let mut words = Vec::new();
            words.extend(
                change
                    .draining
                    .map(|on| if on { "drain" } else { "no longer drain" }.to_owned()),
            );
            words.extend(
                change
                    .enabled
                    .map(|on| if on { "enable" } else { "disable" }.to_owned()),
            );
            words.extend(change.priority.map(|points| format!("priority {points}")));
            words.extend(change.weights.map(|own| {
                let parts = [
                    ("cost", own.cost),
                    ("latency", own.latency),
                    ("reliability", own.reliability),
                ];
                let parts: Vec<String> = parts
                    .iter()
                    .filter_map(|(name, points)| Some(format!("{name} {}", (*points)?)))
                    .collect();
                if parts.is_empty() {
                    "no weights of its own".to_owned()
                } else {
                    format!("weights of its own: {}", parts.join(" "))
                }
            }));
            format!("  {name}: {}", words.join(", "))
        }
        Change::Keep => "  keep the weights on trial".to_owned(),
        Change::Probe(name) => format!("  probe {name}"),
        Change::Reload => "  read the configuration again".to_owned(),
    }
}

/// Keeps weights that are on trial: what is in force stays in force, so nothing is asked.
pub(super) fn keep(model: &mut Model) -> Vec<Effect> {
    let on_trial = model
        .status
        .as_ref()
        .is_some_and(|status| status.reverts_at.is_some());
    if !on_trial {
        model.notify("no weights are on trial", false);
        return Vec::new();
    }
    if let Some(why) = model.refusal() {
        model.notify(why, true);
        return Vec::new();
    }
    send(model, "keeping the trial", vec![Change::Keep], Vec::new())
}

pub(super) fn leave(model: &mut Model) {
    let end = |key: char, label: &str, ending: Ending| Answer {
        label: label.to_owned(),
        key,
        wish: Wish::End(ending),
    };
    let status = model.status.as_ref();
    let rate = status.map_or(0.0, |status| status.requests_per_second);
    let is_demo = status.is_some_and(|status| status.environment == "demo");
    let mut question = Question::new(
        "LEAVE",
        vec!["The gateway runs in this process.".to_owned()],
        vec![
            end(
                'd',
                "Detach: close the screen, keep serving",
                Ending::Detach,
            ),
            end(
                's',
                "Stop: let running requests end, then stop",
                Ending::Stop,
            ),
        ],
    );
    // The callers of a demo are made up.
    if rate > 0.0 && !is_demo {
        question.word = Some(Word {
            expected: "stop".to_owned(),
            typed: String::new(),
            why: format!(
                "to stop while {} requests a second come in",
                format::rate(rate)
            ),
        });
    }
    model.dialog = Some(Dialog::Question(Box::new(question)));
}

/// Enter: the answer that is marked; on a field, the next stop.
pub(super) fn press(model: &mut Model) -> Vec<Effect> {
    let Some(question) = model.question() else {
        return Vec::new();
    };
    match question.focus {
        Focus::Cancel => {
            model.dialog = None;
            model.notify("left as it is", false);
            Vec::new()
        }
        Focus::Reason | Focus::Word => {
            question.step(1);
            Vec::new()
        }
        Focus::Answer(answer) => take(model, answer),
    }
}

/// The answer of a letter, if the question has it.
pub(super) fn answer(model: &mut Model, key: char) -> Vec<Effect> {
    let question = model.question();
    let found = question.and_then(|question| question.answers.iter().position(|a| a.key == key));
    found.map_or_else(Vec::new, |answer| take(model, answer))
}

fn take(model: &mut Model, answer: usize) -> Vec<Effect> {
    let Some(question) = model.question() else {
        return Vec::new();
    };
    let wish = question.wish(answer);
    // Detaching harms nobody.
    if wish != Wish::End(Ending::Detach) && !question.is_allowed() {
        question.focus = Focus::Word;
        return Vec::new();
    }
    let title = question.title.to_lowercase();
    let undoes = question.title == UNDO;
    let applies = question.title.starts_with(APPLY);
    model.dialog = None;
    match wish {
        Wish::Nothing => Vec::new(),
        Wish::End(ending) => vec![Effect::End(ending)],
        Wish::Change { changes, inverse } => {
            let effects = send(model, &title, changes, inverse);
            if let Some(pending) = &mut model.pending {
                pending.undoes = undoes;
                pending.applies = applies;
            }
            effects
        }
    }
}

fn send(model: &mut Model, what: &str, changes: Vec<Change>, inverse: Vec<Change>) -> Vec<Effect> {
    model.pending = Some(Pending {
        what: what.to_owned(),
        at: model.now,
        inverse,
        undoes: false,
        applies: false,
    });
    vec![Effect::Change(changes)]
}
