//! What clients may ask for, in the shape that their library reads.

use super::{Gateway, GatewayError};
use crate::domain::{Catalogue, ModelType, Naming, resolve};
use crate::protocols::wants_message_shapes;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// When these names came to be: clients want a time, and nobody uses it.
const CREATED: u64 = 1_735_689_600;
const CREATED_TEXT: &str = "2025-01-01T00:00:00Z";

/// All names.
pub(super) async fn list(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let names = names(&gateway.handle.routing_table().catalogue);
    if wants_message_shapes(&headers) {
        let data: Vec<Value> = names.iter().map(|(name, _)| message_shape(name)).collect();
        let (first, last) = (
            names.first().map(|first| &first.0),
            names.last().map(|last| &last.0),
        );
        return Json(json!({"data": data, "has_more": false, "first_id": first, "last_id": last}))
            .into_response();
    }
    let data: Vec<Value> = names
        .iter()
        .map(|(name, owner)| chat_shape(name, owner))
        .collect();
    Json(json!({"object": "list", "data": data})).into_response()
}

/// One name.
pub(super) async fn one(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    let catalogue = &gateway.handle.routing_table().catalogue;
    match resolve(catalogue, &name) {
        Err(unknown) => GatewayError::unknown_model(&unknown.name, &unknown.near).into_response(),
        Ok(_) if wants_message_shapes(&headers) => Json(message_shape(&name)).into_response(),
        Ok(naming) => Json(chat_shape(&name, &owner(catalogue, &naming))).into_response(),
    }
}

fn chat_shape(name: &str, owner: &str) -> Value {
    json!({"id": name, "object": "model", "created": CREATED, "owned_by": owner})
}

fn message_shape(name: &str) -> Value {
    json!({"type": "model", "id": name, "display_name": name, "created_at": CREATED_TEXT})
}

fn owner(catalogue: &Catalogue, naming: &Naming) -> String {
    match naming {
        Naming::Targets { places, .. } if places.len() == 1 => {
            catalogue.targets[places[0]].id.provider.to_string()
        }
        _ => "aibal-tui".to_owned(),
    }
}

/// `auto`, `auto:TYPE` where somebody serves it, routes, bare ids, `provider/model`; with owners.
fn names(catalogue: &Catalogue) -> Vec<(String, String)> {
    let ours = |name: String| (name, "aibal-tui".to_owned());
    let mut names = vec![ours("auto".to_owned())];
    let served = |kind: &ModelType| {
        catalogue
            .targets
            .iter()
            .any(|target| target.types.contains(*kind))
    };
    let kinds = ModelType::ALL
        .into_iter()
        .filter(|kind| *kind != ModelType::Embedding)
        .filter(served);
    names.extend(kinds.map(|kind| ours(format!("auto:{kind}"))));
    names.extend(
        catalogue
            .routes
            .iter()
            .map(|route| ours(route.model.to_string())),
    );
    let mut seen = BTreeSet::new();
    for target in &catalogue.targets {
        if seen.insert(&target.id.model) {
            names.push((target.id.model.to_string(), target.id.provider.to_string()));
        }
    }
    names.extend(
        catalogue
            .targets
            .iter()
            .map(|target| (target.id.to_string(), target.id.provider.to_string())),
    );
    names
}
