//! The routes of Gemini's and Ollama's own APIs, for clients that speak nothing else.

use super::dispatch::{count_tokens, serve, unknown_path};
use super::models;
use super::name_in_path::NameInPath;
use super::operation::Operation;
use super::state::Gateway;
use crate::access::Principal;
use crate::protocols::{
    ApiDialect, CONTENT_PREFIXES, EmbeddingDialect, ModelMethod, ModelVerb, PathFields,
    SERVED_VERSION, STREAM_FORM,
};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

/// Paths of a model in Google's cloud, which end as its other paths do.
const CLOUD_MODELS: [&str; 4] = [
    "/v1/projects/{*rest}",
    "/v1/publishers/{*rest}",
    "/v1beta1/projects/{*rest}",
    "/v1beta1/publishers/{*rest}",
];

/// The routes of both APIs. Those below `/v1/models` belong to the list of models.
pub(super) fn routes() -> Router<Gateway> {
    let mut router = Router::new();
    for version in CONTENT_PREFIXES {
        router = router
            .route(&format!("{version}/models"), get(models::list_contents))
            .route(
                &format!("{version}/models/{{*id}}"),
                get(models::one_content).post(model_method),
            );
    }
    for path in CLOUD_MODELS {
        router = router.route(path, post(model_method));
    }
    for path in ["/api/chat", "/api/generate"] {
        router = router.route(path, post(generate));
    }
    router
        .route("/api/embed", post(embed))
        .route("/api/embeddings", post(embed_prompt))
        .route("/api/tags", get(models::tags))
        .route("/api/ps", get(running))
        .route("/api/show", post(models::show))
        .route("/api/version", get(version))
}

/// Calls a method of a model, such as `gemini-3.5-flash:generateContent`.
pub(super) async fn model_method(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    (method, uri): (Method, Uri),
    (NameInPath(rest), RawQuery(query)): (NameInPath, RawQuery),
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(ModelMethod { model, verb }) = ModelMethod::parse(&rest) else {
        return unknown_path(&method, uri.path());
    };
    let mut path = PathFields::default().with("model", model);
    let operation = match verb {
        ModelVerb::Generate | ModelVerb::Stream => Operation::Generate(ApiDialect::GenerateContent),
        ModelVerb::Embed => Operation::Embed(EmbeddingDialect::EmbedContent),
        ModelVerb::BatchEmbed => Operation::Embed(EmbeddingDialect::BatchEmbedContents),
        ModelVerb::CountTokens => {
            let target = (ApiDialect::GenerateContent, path);
            return count_tokens(gateway, target, principal, headers, body).await;
        }
    };
    if verb == ModelVerb::Stream {
        let query = query.unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let form = pairs.find(|(name, _)| *name == STREAM_FORM);
        path = path
            .with("stream", true)
            .with(STREAM_FORM, form.map_or("", |(_, form)| form));
    }
    serve(gateway, (operation, path), principal, headers, body).await
}

async fn generate(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Generate(ApiDialect::Ollama);
    let target = (operation, PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

async fn embed(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Embed(EmbeddingDialect::Embed);
    let target = (operation, PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

async fn embed_prompt(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Embed(EmbeddingDialect::EmbedPrompt);
    let target = (operation, PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

/// The models in a server's memory; here there are none.
async fn running() -> Json<Value> {
    Json(json!({"models": []}))
}

async fn version() -> Json<Value> {
    Json(json!({"version": SERVED_VERSION}))
}
