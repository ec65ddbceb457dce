//! The routes of the gateway.

use super::dispatch::{count_tokens, serve};
use super::error::GatewayError;
use super::name_in_path::NameInPath;
use super::operation::{Operation, dialect_of};
use super::state::Gateway;
use super::{forward, model_info, models, native, stored_responses};
use crate::access::Principal;
use crate::protocols::{
    AZURE_DEPLOYMENT, AZURE_PREFIX, AZURE_V1_PREFIX, ApiDialect, EmbeddingDialect, PathFields,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

/// Prefixes of the paths. Clients often double or forget `/v1`, and Azure's libraries have their own.
const PREFIXES: [&str; 5] = ["/v1", "", "/v1/v1", AZURE_V1_PREFIX, AZURE_PREFIX];
/// Conversations by the ends of their paths.
const CONVERSATIONS: [(&str, ApiDialect); 4] = [
    ("/chat/completions", ApiDialect::Chat),
    ("/completions", ApiDialect::Completions),
    ("/responses", ApiDialect::Responses),
    ("/messages", ApiDialect::Messages),
];
/// The routes of model traffic.
pub fn router(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for prefix in PREFIXES {
        for (path, dialect) in CONVERSATIONS {
            router = router.route(
                &format!("{prefix}{path}"),
                post(generate).with_state((gateway.clone(), dialect)),
            );
        }
        router = router
            .route(
                &format!("{prefix}/messages/count_tokens"),
                post(count_message_tokens),
            )
            .route(&format!("{prefix}/embeddings"), post(embeddings))
            .route(&format!("{prefix}/models"), get(models::list))
            .route(&format!("{prefix}/model/info"), get(model_info::info))
            .route(
                &format!("{prefix}/models/{{*id}}"),
                get(models::one).post(native::model_method),
            )
            .merge(stored_responses::routes(prefix))
            .merge(forward::routes(prefix));
    }
    for (path, dialect) in CONVERSATIONS {
        router = router.route(
            &format!("{AZURE_DEPLOYMENT}{path}"),
            post(generate_deployed).with_state((gateway.clone(), dialect)),
        );
    }
    router
        .route(
            &format!("{AZURE_DEPLOYMENT}/embeddings"),
            post(embed_deployed),
        )
        .route("/", get(greeting))
        .merge(native::routes())
        .merge(model_info::routes())
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway)
}

/// Some clients ask here first whether anything listens.
async fn greeting() -> &'static str {
    "aibal-tui is running"
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    let dialect = dialect_of(&path);
    GatewayError::WrongMethod { method, path }.respond(dialect)
}

async fn generate(
    State((gateway, dialect)): State<(Gateway, ApiDialect)>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = (Operation::Generate(dialect), PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

/// Serves a conversation with the model that the path names.
async fn generate_deployed(
    State((gateway, dialect)): State<(Gateway, ApiDialect)>,
    NameInPath(deployment): NameInPath,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let path = PathFields::default().with("model", deployment);
    let target = (Operation::Generate(dialect), path);
    serve(gateway, target, principal, headers, body).await
}

async fn embed_deployed(
    State(gateway): State<Gateway>,
    NameInPath(deployment): NameInPath,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Embed(EmbeddingDialect::Embeddings);
    let path = PathFields::default().with("model", deployment);
    serve(gateway, (operation, path), principal, headers, body).await
}

async fn embeddings(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Embed(EmbeddingDialect::Embeddings);
    let target = (operation, PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

async fn count_message_tokens(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = (ApiDialect::Messages, PathFields::default());
    count_tokens(gateway, target, principal, headers, body).await
}
