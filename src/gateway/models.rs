//! The list of model names, in the shape that the client's library reads.

use super::error::GatewayError;
use super::state::Gateway;
use crate::domain::{Catalogue, ModelResolution, model_names, resolve};
use crate::protocols::{ApiDialect, wants_message_shapes};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Creation time of every model, in Unix seconds: libraries require one, and nothing depends on it.
const CREATED_AT: u64 = 1_735_689_600;
/// Owner of names that several providers serve.
const SHARED_OWNER: &str = "aibal-tui";
const CREATED_TEXT: &str = "2025-01-01T00:00:00Z";

/// Lists all names.
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

/// Describes one name.
pub(super) async fn one(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    let catalogue = &gateway.handle.routing_table().catalogue;
    match resolve(catalogue, &name) {
        Err(unknown) => {
            let dialect = if wants_message_shapes(&headers) {
                ApiDialect::Messages
            } else {
                ApiDialect::Chat
            };
            GatewayError::UnknownModel(unknown).respond(dialect)
        }
        Ok(_) if wants_message_shapes(&headers) => Json(message_shape(&name)).into_response(),
        Ok(resolution) => Json(chat_shape(&name, &owner(catalogue, &resolution))).into_response(),
    }
}

fn chat_shape(name: &str, owner: &str) -> Value {
    json!({"id": name, "object": "model", "created": CREATED_AT, "owned_by": owner})
}

fn message_shape(name: &str) -> Value {
    json!({"type": "model", "id": name, "display_name": name, "created_at": CREATED_TEXT})
}

fn owner(catalogue: &Catalogue, resolution: &ModelResolution) -> String {
    match resolution {
        ModelResolution::Targets { places, .. } if places.len() == 1 => {
            catalogue.targets[places[0]].id.provider.to_string()
        }
        _ => SHARED_OWNER.to_owned(),
    }
}

/// Every name with its owner.
fn names(catalogue: &Catalogue) -> Vec<(String, String)> {
    let owned = |name: String| {
        let owner = resolve(catalogue, &name).map_or_else(
            |_| SHARED_OWNER.to_owned(),
            |resolution| owner(catalogue, &resolution),
        );
        (name, owner)
    };
    model_names(catalogue).into_iter().map(owned).collect()
}
