//! The headers of a client's request that say how it is served; every error names the header.

use super::error::{GatewayError, HeaderFormat, InvalidRequest};
use crate::domain::{Catalogue, ModelType, ProviderIdx, Tag};
use axum::http::{HeaderMap, HeaderName};
use std::time::Duration;

/// Longest `x-request-id` that is kept, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// The header with the client's place in a trace.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The client's `traceparent`.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    headers.get(TRACEPARENT)?.to_str().ok()
}

/// The client's `x-request-id`, where it can be shown.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let fits = !text.is_empty()
        && text.len() <= MAX_REQUEST_ID
        && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

/// The client's time limit.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, GatewayError> {
    let limit = number(headers, "x-aibal-timeout-ms", "milliseconds")?;
    Ok(limit.map(|ms| Duration::from_secs_f64((ms / 1e3).min(86_400.0))))
}

/// The type of model that the client wants.
pub(super) fn model_type(headers: &HeaderMap) -> Result<Option<ModelType>, GatewayError> {
    const NAME: &str = "x-aibal-model-type";
    let text = header_text(headers, NAME)?;
    text.map(|text| {
        text.parse::<ModelType>()
            .map_err(|_| wrong_header(NAME, text, HeaderFormat::ModelType))
    })
    .transpose()
}

/// The provider that the client prefers.
pub(super) fn preferred(
    headers: &HeaderMap,
    catalogue: &Catalogue,
) -> Result<Option<ProviderIdx>, GatewayError> {
    const NAME: &str = "x-aibal-preferred-provider";
    let Some(text) = header_text(headers, NAME)? else {
        return Ok(None);
    };
    let provider = catalogue.provider(text).ok_or_else(|| {
        let known = catalogue
            .active_providers()
            .map(|(_, provider)| provider.name.to_string())
            .collect();
        wrong_header(NAME, text, HeaderFormat::Provider { known })
    })?;
    Ok(Some(provider))
}

/// What the client says the request is for.
pub(super) fn tag(headers: &HeaderMap) -> Result<Option<Tag>, GatewayError> {
    const NAME: &str = "x-aibal-tag";
    let text = header_text(headers, NAME)?;
    text.map(|text| Tag::parse(text).map_err(|_| wrong_header(NAME, text, HeaderFormat::Tag)))
        .transpose()
}

/// A header with a number above 0.
pub(super) fn number(
    headers: &HeaderMap,
    name: &'static str,
    unit: &'static str,
) -> Result<Option<f64>, GatewayError> {
    let Some(text) = header_text(headers, name)? else {
        return Ok(None);
    };
    let value = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite() && *value > 0.0);
    value
        .map(Some)
        .ok_or_else(|| wrong_header(name, text, HeaderFormat::Positive { unit }))
}

/// A header that is `true` or `false`.
pub(super) fn truth(headers: &HeaderMap, name: &'static str) -> Result<bool, GatewayError> {
    match header_text(headers, name)?.map(str::trim) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(wrong_header(name, text, HeaderFormat::Bool)),
    }
}

fn header_text<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, GatewayError> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| {
        let (found, expected) = (None, HeaderFormat::Ascii);
        InvalidRequest::Header {
            name,
            found,
            expected,
        }
        .into()
    })
}

fn wrong_header(name: &'static str, found: &str, expected: HeaderFormat) -> GatewayError {
    let found = Some(excerpt(found));
    InvalidRequest::Header {
        name,
        found,
        expected,
    }
    .into()
}

/// The beginning of a JSON value, long enough to recognise it.
pub(super) fn excerpt(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    if beginning.len() < text.len() {
        format!("{beginning}…")
    } else {
        beginning
    }
}
