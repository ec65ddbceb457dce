//! Calls that pass to a server of OpenAI's API without translation: images, audio, files and others.

use super::http_request::bearer_headers;
use super::json_text::json_text;
use crate::domain::Usage;
use crate::protocols::call::{CallSpec, PreparedCall};
use crate::protocols::form_data::{form_boundary, with_form_field};
use crate::protocols::forward_call::ForwardCall;
use crate::protocols::neutral::DroppedFields;
use crate::protocols::openai::error_body;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::token_counts::TokenCount;
use crate::protocols::{Endpoint, ErrorBody, Event, OutboundRequest, RawObject, UpstreamError};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};

/// Builds the call with the provider's name of the model.
pub(super) fn prepare(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    forward: &ForwardCall,
) -> PreparedCall {
    let mut headers = bearer_headers(endpoint);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(kind) = &forward.content_type {
        headers.insert(CONTENT_TYPE, kind.clone());
    } else if forward.method == Method::POST && !forward.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    PreparedCall {
        request: OutboundRequest {
            method: forward.method.clone(),
            url: format!("{}{}", endpoint.base_url, forward.path),
            headers,
            body: body(call, forward),
        },
        adapter: Box::<ForwardAdapter>::default(),
        dropped: DroppedFields::default(),
    }
}

fn body(call: &CallSpec<'_>, forward: &ForwardCall) -> Bytes {
    if !forward.names_target {
        return forward.body.clone();
    }
    let kind = forward.content_type.as_ref();
    let kind = kind.and_then(|kind| kind.to_str().ok());
    if let Some(boundary) = kind.and_then(form_boundary) {
        return with_form_field(&forward.body, &boundary, "model", call.model);
    }
    call.object.with(&[("model", json_text(call.model))]).into()
}

/// Passes bytes and records usage, where the response states it.
#[derive(Debug, Default)]
struct ForwardAdapter {
    usage: Option<Usage>,
}

impl ForwardAdapter {
    fn read_usage(&mut self, body: &[u8]) {
        let body = serde_json::from_slice::<RawObject<'_>>(body).ok();
        let usage = body.and_then(|body| body.read::<RawObject<'_>>("usage"));
        let Some(usage) = usage else {
            return;
        };
        let count = |names: [&str; 2]| {
            let mut counts = names.iter().map(|name| usage.read::<TokenCount>(name));
            counts.find_map(|count| count.map(|count| count.0))
        };
        let input = count(["input_tokens", "prompt_tokens"]);
        let output = count(["output_tokens", "completion_tokens"]);
        if input.is_some() || output.is_some() {
            self.usage = Some(Usage {
                input: input.unwrap_or(0),
                output: output.unwrap_or(0),
                ..Usage::default()
            });
        }
    }
}

impl ResponseAdapter for ForwardAdapter {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        if body.starts_with(b"{") {
            self.read_usage(body);
        }
        Ok(body.clone())
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let body = self.whole(body)?;
        out.extend_from_slice(&body);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        event.pass(out);
        match event.data() {
            Some(data) if data.trim_ascii() == b"[DONE]" => StreamEventKind::Done,
            Some(data) => {
                self.read_usage(&data);
                StreamEventKind::Content
            }
            None => StreamEventKind::NoContent,
        }
    }

    fn may_end(&self) -> bool {
        true
    }

    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&error_body(error));
        out.extend_from_slice(b"\n\n");
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn text_bytes(&self) -> usize {
        0
    }
}
