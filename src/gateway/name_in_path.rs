//! Text in the path of a request.

use super::dispatch::unknown_path;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::Response;

/// The last part of a path. One that is not UTF-8 names nothing, which the client is told in its own
/// protocol.
pub(super) struct NameInPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for NameInPath {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(unknown_path(&parts.method, parts.uri.path())),
        }
    }
}
