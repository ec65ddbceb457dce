//! The provider's side of Vertex AI.

use super::{embeddings, token_source};
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::gemini::{adapter, body, counted, json_headers, own_fields, passing, verb};
use crate::protocols::neutral::{DroppedFields, TranslationError};
use crate::protocols::openai::EmbeddingAdapter;
use crate::protocols::{Endpoint, OutboundRequest, ProviderApi};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Vertex AI.
#[derive(Debug)]
pub struct Vertex;

impl ProviderApi for Vertex {
    fn kinds(&self) -> &'static [&'static str] {
        &["vertex"]
    }

    fn gen_ai_name(&self, _kind: &str) -> Option<&'static str> {
        Some("gcp.vertex_ai")
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let path = path(endpoint, call.model)?;
        let mut dropped = DroppedFields::default();
        if let Some(fields) = own_fields(call) {
            let path = format!("{path}{}", verb(call));
            return Ok(PreparedCall {
                request: post(endpoint, &path, &Value::Object(fields), call.stream),
                adapter: passing(call),
                dropped,
            });
        }
        let (body, tools) = body(endpoint, call, &mut dropped)?;
        let body = Value::Object(body);
        Ok(PreparedCall {
            request: post(
                endpoint,
                &format!("{path}{}", verb(call)),
                &body,
                call.stream,
            ),
            adapter: Box::new(adapter(endpoint, call, tools)),
            dropped,
        })
    }

    fn build_embeddings(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let path = path(endpoint, call.model)?;
        let bodies = embeddings::requests(call.object.value()?, call.model)?;
        let mut bodies = bodies.into_iter();
        let first = bodies.next().unwrap_or_default();
        let adapter = EmbeddingAdapter::new(call, Some(embeddings::read))
            .followed_by(bodies.map(|body| body.to_string().into()));
        Ok(PreparedCall {
            request: post(endpoint, &format!("{path}:predict"), &first, false),
            adapter: Box::new(adapter),
            dropped: DroppedFields::default(),
        })
    }

    fn build_token_count(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        let path = path(endpoint, call.model).ok()?;
        let body = match own_fields(call) {
            Some(fields) => fields,
            None => body(endpoint, call, &mut DroppedFields::default()).ok()?.0,
        };
        let counted_fields = ["contents", "systemInstruction", "tools", "generationConfig"];
        let is_counted = |(name, _): &(String, Value)| counted_fields.contains(&name.as_str());
        let body: Map<String, Value> = body.into_iter().filter(is_counted).collect();
        Some(TokenCountCall {
            request: post(
                endpoint,
                &format!("{path}:countTokens"),
                &Value::Object(body),
                false,
            ),
            read: counted,
        })
    }

    /// Counts the tokens of one letter; without a probe model, requests the location.
    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest {
        let model = endpoint
            .probe_model
            .as_deref()
            .map(|model| path(endpoint, model));
        match model {
            Some(Ok(path)) => {
                let body = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}]});
                post(endpoint, &format!("{path}:countTokens"), &body, false)
            }
            _ => OutboundRequest {
                method: Method::GET,
                url: format!(
                    "{}{}",
                    endpoint.base_url,
                    location(endpoint).unwrap_or_default()
                ),
                headers: headers(endpoint),
                body: Bytes::new(),
            },
        }
    }

    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool {
        let is_object = || serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body).is_ok();
        status.is_success() && is_object()
    }

    fn model_names(&self, _body: &[u8]) -> Option<Vec<String>> {
        None
    }
}

fn location(endpoint: &Endpoint) -> Option<String> {
    let location = endpoint.location.as_ref()?;
    let (project, location) = (&location.project, &location.location);
    Some(format!("/v1/projects/{project}/locations/{location}"))
}

/// Returns the path of a Google model; models of other companies use their own protocols there.
fn path(endpoint: &Endpoint, model: &str) -> Result<String, TranslationError> {
    if model.starts_with("claude-") {
        let problem = "names a model that does not use Gemini's protocol; only Google's own \
                       models are available through Vertex AI";
        return Err(TranslationError::untranslatable("model", problem));
    }
    let Some(location) = location(endpoint) else {
        let problem = "names a provider without a project; set `project` and `location`";
        return Err(TranslationError::untranslatable("model", problem));
    };
    let name = model.rsplit('/').next().unwrap_or(model);
    Ok(format!("{location}/publishers/google/models/{name}"))
}

fn post(endpoint: &Endpoint, path: &str, body: &Value, stream: bool) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url: format!("{}{path}", endpoint.base_url),
        headers: json_headers(headers(endpoint), stream),
        body: body.to_string().into(),
    }
}

fn headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = endpoint.bearer() {
        headers.insert(AUTHORIZATION, authorization);
    }
    if let Some(billing_project) = endpoint.billing_project() {
        headers.insert(token_source::BILLING_PROJECT_HEADER, billing_project);
    }
    headers
}
