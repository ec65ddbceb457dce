//! The list of model names, in the shape that the client's library reads.

use super::allowed_models::visible_names;
use super::error::{GatewayError, InvalidRequest};
use super::name_in_path::NameInPath;
use super::request::resolve_name;
use super::request_fields::RequestFields;
use super::state::Gateway;
use crate::access::Principal;
use crate::domain::{Catalogue, ModelResolution, ModelType, resolve};
use crate::protocols::{
    ApiDialect, content_model, model_tag, shown_model, wants_content_models, wants_message_shapes,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

/// Creation time of every model, in Unix seconds: libraries require one, and nothing depends on it.
const CREATED_AT: u64 = 1_735_689_600;
/// Owner of names that several providers serve.
const SHARED_OWNER: &str = "aibal-tui";
/// Largest request that asks what a model can do, in bytes.
const MAX_SHOW_BYTES: usize = 64 * 1024;
const CREATED_TEXT: &str = "2025-01-01T00:00:00Z";

/// Lists all names.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
) -> Response {
    if wants_content_models(&headers) {
        return list_contents(State(gateway), principal)
            .await
            .into_response();
    }
    let names = names(
        &gateway.handle.routing_table().catalogue,
        principal.as_deref(),
    );
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
    NameInPath(name): NameInPath,
) -> Response {
    if wants_content_models(&headers) {
        return one_content(State(gateway), NameInPath(name)).await;
    }
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

/// Lists all names as Google's libraries read them.
pub(super) async fn list_contents(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
) -> Json<Value> {
    let catalogue = &gateway.handle.routing_table().catalogue;
    let names = visible(catalogue, principal.as_deref());
    let models = names.iter().map(|name| {
        let facts = resolve(catalogue, name).map(|resolution| Facts::of(catalogue, &resolution));
        facts.unwrap_or_default().content_model(name)
    });
    Json(json!({"models": models.collect::<Vec<_>>()}))
}

/// Describes one name as Google's libraries read it.
pub(super) async fn one_content(
    State(gateway): State<Gateway>,
    NameInPath(name): NameInPath,
) -> Response {
    let catalogue = &gateway.handle.routing_table().catalogue;
    match resolve(catalogue, &name) {
        Ok(resolution) => {
            Json(Facts::of(catalogue, &resolution).content_model(&name)).into_response()
        }
        Err(unknown) => GatewayError::UnknownModel(unknown).respond(ApiDialect::GenerateContent),
    }
}

/// Lists all names as tags.
pub(super) async fn tags(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
) -> Json<Value> {
    let catalogue = &gateway.handle.routing_table().catalogue;
    let names = visible(catalogue, principal.as_deref());
    let tags: Vec<Value> = names.iter().map(|name| model_tag(name)).collect();
    Json(json!({"models": tags}))
}

/// Describes the model that a request names.
pub(super) async fn show(State(gateway): State<Gateway>, body: Body) -> Response {
    match shown(&gateway, body).await {
        Ok(model) => Json(model).into_response(),
        Err(error) => error.respond(ApiDialect::Ollama),
    }
}

async fn shown(gateway: &Gateway, body: Body) -> Result<Value, GatewayError> {
    let body = gateway
        .bodies
        .read(body, MAX_SHOW_BYTES, (&std::sync::Arc::default(), None))
        .await?;
    let fields = RequestFields::new(body.bytes.clone(), std::sync::Arc::default())?;
    let object = fields.object();
    let name = object
        .read::<String>("model")
        .or_else(|| object.read("name"));
    let name = name.ok_or(InvalidRequest::MissingText { field: "model" })?;
    let catalogue = &gateway.handle.routing_table().catalogue;
    let resolution = resolve_name(catalogue, &name)?;
    let facts = Facts::of(catalogue, &resolution);
    Ok(shown_model(&name, &facts.words(), facts.context_window))
}

/// What is known of the targets of a name: of several, what holds for the first.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, in any combination"
)]
#[derive(Debug, Default)]
struct Facts {
    embeds: bool,
    has_vision: bool,
    lacks_tools: bool,
    thinks: bool,
    context_window: Option<u64>,
    max_output: Option<u64>,
}

impl Facts {
    fn of(catalogue: &Catalogue, resolution: &ModelResolution) -> Self {
        let first = match resolution {
            ModelResolution::Targets { places, .. } => places.first(),
            ModelResolution::Auto(_) => None,
        };
        let Some(target) = first.map(|place| &catalogue.targets[*place]) else {
            return Self::default();
        };
        let stated = target.capabilities;
        let has = |kind| target.types.contains(kind);
        Self {
            embeds: has(ModelType::Embedding),
            has_vision: stated.vision.unwrap_or(has(ModelType::Vision)),
            lacks_tools: stated.tools == Some(false),
            thinks: stated.reasoning.unwrap_or(has(ModelType::Reasoning)),
            context_window: stated.context_window,
            max_output: stated.max_output,
        }
    }

    fn content_model(&self, name: &str) -> Value {
        let limits = (self.context_window, self.max_output);
        content_model(name, self.embeds, limits)
    }

    /// The capabilities in the words of clients that ask what a local model can do.
    fn words(&self) -> Vec<&'static str> {
        if self.embeds {
            return vec!["embedding"];
        }
        let words = [
            (true, "completion"),
            (!self.lacks_tools, "tools"),
            (self.has_vision, "vision"),
            (self.thinks, "thinking"),
        ];
        let known = words.into_iter().filter(|(is_known, _)| *is_known);
        known.map(|(_, word)| word).collect()
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

/// The names that the client may use.
fn visible(catalogue: &Catalogue, principal: Option<&Principal>) -> Vec<String> {
    let allowed = principal.and_then(|principal| principal.models.as_ref());
    visible_names(catalogue, allowed)
}

/// Every name that the client may use, with its owner.
fn names(catalogue: &Catalogue, principal: Option<&Principal>) -> Vec<(String, String)> {
    let owned = |name: String| {
        let owner = resolve(catalogue, &name).map_or_else(
            |_| SHARED_OWNER.to_owned(),
            |resolution| owner(catalogue, &resolution),
        );
        (name, owner)
    };
    let names = visible(catalogue, principal).into_iter();
    names.map(owned).collect()
}
