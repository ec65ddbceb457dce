//! A call that passes to a provider without translation: what its path, its headers and its body state.

use super::error::{GatewayError, InvalidRequest};
use super::owned_id::{OwnedId, disown_ids, own_ids};
use crate::protocols::{ForwardCall, check_json_size, form_boundary, form_field};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Uri};
use bytes::Bytes;
use serde_json::Value;

/// Fields of a form that say how the call is served.
const FORM_FIELDS: [&str; 2] = ["model", "stream"];

/// A call as its path and headers state it.
#[derive(Debug)]
pub(super) struct ForwardTarget {
    method: Method,
    /// Path below the provider's base URL, with the provider's own ids.
    path: String,
    /// The provider that an id in the path names.
    provider: Option<String>,
    /// Whether the objects of the call belong to their client.
    is_owned: bool,
}

/// A call with its body.
#[derive(Debug)]
pub(super) struct ForwardBody {
    pub call: ForwardCall,
    /// The fields that say how the call is served, as a JSON object.
    pub fields: Vec<u8>,
    /// The only provider that can serve it.
    pub provider: Option<String>,
}

/// Names of operations in metrics, by the beginning of their path; the first match is meant.
const OPERATION_NAMES: [(&str, &str); 7] = [
    ("/images", "image_generation"),
    ("/audio/speech", "speech"),
    ("/audio", "transcription"),
    ("/moderations", "moderation"),
    ("/rerank", "rerank"),
    ("/files", "files"),
    ("/batches", "batches"),
];

impl ForwardTarget {
    /// Name of the operation in metrics.
    pub fn operation_name(&self) -> &'static str {
        let mut names = OPERATION_NAMES.iter();
        let found = names.find(|(start, _)| self.path.starts_with(start));
        found.map_or("forward", |(_, name)| name)
    }

    /// Reads a path; an id in it has to be one of this client.
    pub fn new(method: Method, uri: &Uri, owner: &str) -> Result<Self, GatewayError> {
        let starts = [
            "/images/",
            "/audio/",
            "/moderations",
            "/rerank",
            "/files",
            "/batches",
        ];
        let whole = uri.path();
        let found = starts.iter().filter_map(|start| whole.find(start)).min();
        let mut path = whole[found.unwrap_or(0)..].to_owned();
        let is_owned = path.starts_with("/files") || path.starts_with("/batches");
        let mut provider = None;
        if is_owned && let Some(id) = path.split('/').nth(2) {
            let known = OwnedId::parse(id, owner);
            let known = known.ok_or_else(|| GatewayError::UnknownObject { id: id.to_owned() })?;
            path = path.replacen(id, &known.id, 1);
            provider = Some(known.provider);
        }
        if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some(("after", id)) => OwnedId::parse(id, owner)
                    .map_or_else(|| pair.to_owned(), |known| format!("after={}", known.id)),
                _ => pair.to_owned(),
            });
            // The client's token never reaches a provider.
            let pairs: Vec<String> = pairs.filter(|pair| !pair.starts_with("key=")).collect();
            path = format!("{path}?{}", pairs.join("&"));
        }
        Ok(Self {
            method,
            path,
            provider,
            is_owned,
        })
    }

    /// Whether a list is asked for, of which a client sees its own objects only.
    fn is_list(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.method == Method::GET && matches!(path, "/files" | "/batches")
    }

    /// Adds the body, with the provider's own ids in it.
    pub fn with_body(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        owner: &str,
    ) -> Result<ForwardBody, GatewayError> {
        let kind = headers.get(CONTENT_TYPE);
        let kind_text = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (mut body, mut provider) = (body.clone(), self.provider.clone());
        let fields = if let Some(boundary) = form_boundary(kind_text) {
            let fields = FORM_FIELDS.iter().filter_map(|name| {
                let text = form_field(&body, &boundary, name)?;
                let value = match text {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    text => text.into(),
                };
                Some(((*name).to_owned(), value))
            });
            Value::Object(fields.collect()).to_string().into_bytes()
        } else if body.is_empty() {
            b"{}".to_vec()
        } else {
            check_json_size(&body).map_err(InvalidRequest::TooMuch)?;
            if self.is_owned
                && let Ok(mut value) = serde_json::from_slice::<Value>(&body)
            {
                provider = disown_ids(&mut value, owner).or(provider);
                body = value.to_string().into();
            }
            body.to_vec()
        };
        Ok(ForwardBody {
            call: ForwardCall {
                method: self.method.clone(),
                path: self.path.clone(),
                content_type: kind.cloned(),
                body,
                names_target: false,
            },
            fields,
            provider,
        })
    }

    /// Puts the client's ids in the place of the provider's. A list holds only what `is_own` knows.
    pub fn own(
        &self,
        body: Bytes,
        (owner, provider): (&str, &str),
        is_own: impl Fn(&str) -> bool,
    ) -> Bytes {
        let Some(mut value) = self
            .is_owned
            .then(|| serde_json::from_slice::<Value>(&body).ok())
            .flatten()
            .filter(|value| value["object"].is_string())
        else {
            return body;
        };
        if self.is_list()
            && let Some(data) = value.get_mut("data").and_then(Value::as_array_mut)
        {
            data.retain(|one| one["id"].as_str().is_some_and(&is_own));
            let first = data.first().map_or(Value::Null, |one| one["id"].clone());
            let last = data.last().map_or(Value::Null, |one| one["id"].clone());
            value["first_id"] = first;
            value["last_id"] = last;
        }
        own_ids(&mut value, owner, provider);
        value.to_string().into()
    }

    /// The id of an object that the call made.
    pub fn made(&self, body: &[u8]) -> Option<String> {
        if !self.is_owned || self.method != Method::POST {
            return None;
        }
        let value: Value = serde_json::from_slice(body).ok()?;
        value["id"].as_str().map(str::to_owned)
    }
}
