//! Questions before anything changes, and what their answers do.

use super::undo::UNDO;
use crate::contract::{HealthState, ProviderChange, ProviderStatus};
use crate::tui::change::Change;
use crate::tui::confirm_dialog::{
    ConfirmDialog, ConfirmPhrase, DialogAction, DialogChoice, DialogFocus,
};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::message::{Effect, ExitReason};
use crate::tui::model::{Dialog, Model, Pending, Subject};

/// The beginning of the title of the question that applies a draft.
pub(super) const APPLY: &str = "APPLY";
/// With fewer healthy providers nobody is left to fall back to.
const MIN_HEALTHY: usize = 2;

/// Opens a question unless nothing may be changed now.
pub(super) fn ask(model: &mut Model, question: ConfirmDialog) {
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
) -> DialogChoice {
    DialogChoice {
        label: label.to_owned(),
        key,
        wish: DialogAction::Change { changes, inverse },
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
        revision: revision(model),
        ..ProviderChange::default()
    };
    let name = provider.performance.provider.clone();
    let wish = |to: bool| {
        vec![Change::Provider {
            name: name.clone(),
            change: change(to),
        }]
    };
    let lines = vec![
        format!("{name}: {what}?"),
        target_line(model),
        format!(
            "share of the traffic now: {}%, {} running",
            format::share(provider.share),
            provider.performance.in_flight
        ),
    ];
    let word = last_word(model, &wish(!is));
    let mut question = ConfirmDialog::new(
        "CONFIRM",
        lines,
        vec![answer_of('y', "Yes, do it", wish(!is), wish(is))],
    );
    question.word = word;
    ask(model, question);
}

/// The word for changes that take a provider away where too few would be left to fall back to.
pub(super) fn last_word(model: &Model, changes: &[Change]) -> Option<ConfirmPhrase> {
    let gone: Vec<&str> = changes.iter().filter_map(Change::takes_away).collect();
    let first = gone.first()?;
    let providers = model.status.iter().flat_map(|status| &status.providers);
    let is_gone = |it: &&ProviderStatus| gone.contains(&it.performance.provider.as_str());
    let (gone, others): (Vec<_>, Vec<_>) = providers.partition(is_gone);
    let left: Vec<&ProviderStatus> = others.into_iter().filter(|it| is_healthy(it)).collect();
    let why = if left.len() < MIN_HEALTHY {
        format!("only {} healthy would be left", left.len())
    } else {
        format!("nobody else serves {}", unserved(&gone, &left)?)
    };
    Some(ConfirmPhrase {
        expected: (*first).to_owned(),
        typed: String::new(),
        why,
    })
}

/// Whether a provider is known to serve.
fn is_healthy(provider: &ProviderStatus) -> bool {
    provider.enabled
        && !provider.draining
        && matches!(
            provider.performance.state,
            HealthState::Ok | HealthState::Slow
        )
}

/// The first type of work that some serve and the others do not.
fn unserved<'a>(some: &[&'a ProviderStatus], others: &[&ProviderStatus]) -> Option<&'a str> {
    let serves = |provider: &ProviderStatus, kind: &String| {
        let mut models = provider.performance.models.iter();
        // A model that nobody has asked for yet is no worse than its provider.
        models.any(|model| {
            matches!(
                model.state,
                HealthState::Ok | HealthState::Slow | HealthState::Unknown
            ) && model.types.contains(kind)
        })
    };
    let models = some.iter().flat_map(|it| &it.performance.models);
    let mut kinds = models.flat_map(|model| &model.types);
    let kind = kinds.find(|kind| !others.iter().any(|it| serves(it, kind)))?;
    Some(kind.as_str())
}

/// The revision that a change asked for now is drafted on.
fn revision(model: &Model) -> Option<u64> {
    model.status.as_ref().map(|status| status.revision)
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
    ask(model, ConfirmDialog::new("PROBE", lines, vec![yes]));
}

/// Closing the breakers of a provider that somebody knows to be well.
pub(super) fn reset(model: &mut Model) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let name = provider.performance.provider;
    let is_held = |state: HealthState| {
        matches!(
            state,
            HealthState::Open | HealthState::HalfOpen | HealthState::Limited | HealthState::Failing
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
        revision: revision(model),
        ..ProviderChange::default()
    };
    let change = vec![Change::Provider { name, change }];
    let yes = answer_of('y', "Yes, reset them", change, Vec::new());
    ask(
        model,
        ConfirmDialog::new("RESET BREAKERS", lines, vec![yes]),
    );
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
        ConfirmDialog::new("READ THE CONFIGURATION AGAIN", lines, vec![yes]),
    );
}

/// Keeps what is on trial: what is in force stays in force, so nothing is asked.
pub(super) fn keep(model: &mut Model) -> Vec<Effect> {
    let on_trial = model
        .status
        .as_ref()
        .is_some_and(|status| status.reverts_at.is_some());
    if !on_trial {
        model.notify("nothing is on trial", false);
        return Vec::new();
    }
    if let Some(why) = model.refusal() {
        model.notify(why, true);
        return Vec::new();
    }
    send(model, "keeping the trial", vec![Change::Keep], Vec::new())
}

pub(super) fn leave(model: &mut Model) {
    let end = |key: char, label: &str, ending: ExitReason| DialogChoice {
        label: label.to_owned(),
        key,
        wish: DialogAction::End(ending),
    };
    let status = model.status.as_ref();
    let rate = status.map_or(0.0, |status| status.requests_per_second);
    let providers = status.iter().flat_map(|status| &status.providers);
    let running: u64 = providers
        .map(|it| u64::from(it.performance.in_flight))
        .sum();
    let is_demo = status.is_some_and(|status| status.environment == "demo");
    let mut question = ConfirmDialog::new(
        "LEAVE",
        vec!["The gateway runs in this process.".to_owned()],
        vec![
            end(
                'd',
                "Detach: close the screen, keep serving",
                ExitReason::Detach,
            ),
            end(
                's',
                "Stop: let running requests end, then stop",
                ExitReason::Stop,
            ),
        ],
    );
    // The callers of a demo are made up.
    if (rate > 0.0 || running > 0) && !is_demo {
        question.word = Some(ConfirmPhrase {
            expected: "stop".to_owned(),
            typed: String::new(),
            why: if rate > 0.0 {
                let rate = format::rate(rate);
                format!("to stop while {rate} requests a second come in")
            } else {
                format!("to stop while {running} requests run")
            },
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
        DialogFocus::Cancel => {
            model.dialog = None;
            model.notify("left as it is", false);
            Vec::new()
        }
        DialogFocus::Reason | DialogFocus::Word => {
            question.step(1);
            Vec::new()
        }
        DialogFocus::Answer(answer) => take(model, answer),
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
    if wish != DialogAction::End(ExitReason::Detach) && !question.is_allowed() {
        question.focus = DialogFocus::Word;
        return Vec::new();
    }
    let title = question.title.clone();
    // What allowed it when it was asked may not hold any more.
    if matches!(wish, DialogAction::Change { .. })
        && let Some(why) = model.refusal()
    {
        model.dialog = None;
        model.notify(why, true);
        return Vec::new();
    }
    let undoes = title == UNDO;
    let applies = title.starts_with(APPLY);
    model.dialog = None;
    match wish {
        DialogAction::Nothing => Vec::new(),
        DialogAction::End(ending) => vec![Effect::End(ending)],
        DialogAction::Change { changes, inverse } => {
            let effects = send(model, &title.to_lowercase(), changes, inverse);
            if let Some(pending) = &mut model.pending {
                pending.undoes = undoes;
                pending.applies = applies;
            }
            effects
        }
    }
}

fn send(model: &mut Model, what: &str, changes: Vec<Change>, inverse: Vec<Change>) -> Vec<Effect> {
    let named = changes.iter().find_map(Change::drafted_on);
    let on = named.or_else(|| revision(model));
    model.pending = Some(Pending {
        what: what.to_owned(),
        at: model.now,
        changes: changes.clone(),
        inverse,
        on: on.unwrap_or(0),
        undoes: false,
        applies: false,
    });
    vec![Effect::Change(changes)]
}
