//! Errors as HTTP responses.

use crate::client::ApiError;
use crate::contract::Problem;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(pause) = self.retry_after() {
            // Rounded up to whole seconds, at least one.
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// 404 for an unknown path.
pub async fn unknown_path(method: Method, uri: Uri) -> Response {
    let detail = format!("{method} {} does not exist", uri.path());
    ApiError::from(Problem::new(404, detail)).into_response()
}

/// 405 for a known path with another method.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let detail = format!(
        "{} does not accept {method}; the Allow header lists the methods",
        uri.path()
    );
    ApiError::from(Problem::new(405, detail)).into_response()
}

/// 500 for a panic, which the log describes.
pub fn panicked() -> Response {
    let detail = "internal error; see the server log";
    ApiError::from(Problem::new(500, detail)).into_response()
}
