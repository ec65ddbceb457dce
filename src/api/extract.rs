//! Extractors of request bodies and queries: serde reads the shape, and all mistakes are reported
//! at once.

use super::field_deserializer::{FieldSource, read_fields};
use crate::client::ApiError;
use crate::contract::Problem;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longer request bodies are rejected with 413.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Shape of a JSON body; the content type is ignored. Wrong values are answered with 422.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub T);

/// Shape of a query. Wrong values are answered with 400.
#[derive(Debug)]
pub(super) struct QueryParams<T>(pub T);

/// Result of extracting one text from the path.
pub(super) type PathText = Result<Path<String>, PathRejection>;

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| incomplete_body(&rejection))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let position = format!("line {}, column {}", error.line(), error.column());
            Problem::new(400, format!("the body is not JSON (at {position})"))
        })?;
        let Value::Object(fields) = value else {
            return Err(Problem::field("body", value, "a JSON object").into());
        };
        let shape = read_fields(fields, FieldSource::Body);
        Ok(Self(
            shape.map_err(|mistakes| Problem::fields(422, mistakes))?,
        ))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(400, "the query cannot be parsed"))?;
        let fields = pairs.0.into_iter();
        let fields = fields.map(|(name, text)| (name, Value::String(text)));
        let shape = read_fields(fields.collect(), FieldSource::Query);
        Ok(Self(
            shape.map_err(|mistakes| Problem::fields(400, mistakes))?,
        ))
    }
}

/// Text of a path segment; `what` names it in the error.
pub(super) fn path_text(text: PathText, what: &str) -> Result<String, ApiError> {
    if let Ok(Path(text)) = text {
        return Ok(text);
    }
    let detail = format!("the {what} in the path is not UTF-8 text");
    Err(Problem::new(400, detail).into())
}

fn incomplete_body(rejection: &BytesRejection) -> ApiError {
    let problem = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let limit = MAX_BODY_BYTES / 1_024;
        Problem::new(413, format!("the body is longer than {limit} KB"))
    } else if is_timeout(rejection) {
        Problem::new(408, "the body arrived too slowly; send it without pauses")
    } else {
        Problem::new(400, "the body ended before its announced length")
    };
    problem.into()
}

/// Whether the listener ended the body because it arrived too slowly.
fn is_timeout(rejection: &BytesRejection) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(rejection);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
