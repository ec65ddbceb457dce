//! Changes that remove a provider, and the providers that remain.

use super::control::{answered, done, phrase};
use super::*;
use crate::contract::{HealthState, ProviderStatus};

/// The default instance with its providers in these states.
fn in_states(all: [HealthState; 5]) -> Model {
    let mut status = fixture::status(5, 7);
    for (provider, state) in status.providers.iter_mut().zip(all) {
        provider.performance.state = state;
    }
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    model
}

fn goto(model: &mut Model, provider: &str) {
    press(model, ":");
    type_in(model, &format!("goto {provider}"));
    press(model, "Enter");
}

#[test]
fn only_a_provider_known_to_serve_counts_as_healthy() {
    use HealthState::{Off, Ok, Slow, Unknown};
    for (states, wants) in [
        ([Ok, Ok, Off, Unknown, Off], true),
        ([Ok, Unknown, Unknown, Unknown, Unknown], true),
        ([Ok, Ok, Slow, Off, Off], false),
    ] {
        let mut model = in_states(states);
        goto(&mut model, "aurora");
        press(&mut model, ". d");
        let expected = wants.then(|| "aurora".to_owned());
        assert_eq!(phrase(&model), expected, "{states:?}");
    }
}

#[test]
fn the_last_provider_of_a_model_type_is_not_drained_without_its_name() {
    use HealthState::{Ok, Open, Unknown};
    for (elsewhere, wants) in [
        (None, true),
        (Some(Open), true),
        (Some(Unknown), false),
        (Some(Ok), false),
    ] {
        let mut status = Status::clone(in_states([Ok; 5]).status.as_ref().unwrap());
        let embedding = "embedding".to_owned();
        let models = |at: usize, status: &mut Status| {
            let models = &mut status.providers[at].performance.models;
            models[0].types.push(embedding.clone());
            models[0].state = elsewhere.unwrap_or(Ok);
        };
        models(0, &mut status);
        if elsewhere.is_some() {
            models(1, &mut status);
        }
        let mut model = Model::new(options(Theme::default(), true));
        receive(&mut model, status);
        goto(&mut model, "aurora");
        press(&mut model, ". d");
        let expected = wants.then(|| "aurora".to_owned());
        assert_eq!(phrase(&model), expected, "{elsewhere:?}");
        if wants {
            assert!(text(&model, 120, 40).contains("no other provider serves embedding"));
        }
    }
}

#[test]
fn an_undo_that_removes_the_last_provider_requires_its_name() {
    use HealthState::{Off, Ok};
    let mut model = in_states([Ok, Ok, Off, Off, Off]);
    let drained = |model: &Model, on: bool| {
        let mut status = Status::clone(model.status.as_ref().unwrap());
        let is_meant = |it: &&mut ProviderStatus| it.performance.provider == "aurora";
        let aurora = status.providers.iter_mut().find(is_meant);
        aurora.unwrap().draining = on;
        status
    };
    let status = drained(&model, true);
    receive(&mut model, status);
    goto(&mut model, "aurora");
    press(&mut model, ". d");
    assert_eq!(phrase(&model), None, "it comes back");
    press(&mut model, "y");
    answered(&mut model, done(43, None));
    let mut status = drained(&model, false);
    status.revision = 43;
    receive(&mut model, status);
    press(&mut model, "u");
    assert_eq!(phrase(&model).as_deref(), Some("aurora"));
}

#[test]
fn running_requests_are_not_stopped_without_a_phrase() {
    let mut status = fixture::status(5, 7);
    status.requests_per_second = 0.0;
    for provider in &mut status.providers {
        provider.performance.in_flight = 10;
    }
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status.clone());
    press(&mut model, "q s");
    assert_eq!(phrase(&model).as_deref(), Some("stop"));
    assert!(text(&model, 120, 40).contains("50 requests run"));
    press(&mut model, "Esc");
    for provider in &mut status.providers {
        provider.performance.in_flight = 0;
    }
    receive(&mut model, status);
    press(&mut model, "q");
    assert_eq!(phrase(&model), None);
}
