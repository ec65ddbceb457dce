//! The provider's side of chat completions, and of responses where the provider has them.

use super::embeddings::EmbeddingAdapter;
use super::http_request::{bearer_headers, post};
use super::json_text::json_text;
use super::model_list::{listed_names, listed_windows};
use super::server_quirks::{OPENAI, ServerKind, XAI};
use super::write::WriteQuirks;
use super::{decode, kept_reasoning, limits, pass_through, write};
use crate::protocols::adaptation::{ReasoningReturn, Restoring, TranslationTarget, adapt};
use crate::protocols::api_dialect::ApiDialect;
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{DroppedFields, KeptReasoning, Transcoder, TranslationError};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{
    Endpoint, ForwardCall, OutboundRequest, ProviderApi, RawObject, RetryForm, completions,
    responses,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// OpenAI's API and compatible ones.
#[derive(Debug)]
pub struct OpenAi;

impl ProviderApi for OpenAi {
    fn kinds(&self) -> &'static [&'static str] {
        &[OPENAI, XAI, "openai-compatible"]
    }

    fn gen_ai_name(&self, kind: &str) -> Option<&'static str> {
        match kind {
            OPENAI => Some("openai"),
            XAI => Some("x_ai"),
            _ => None,
        }
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let traits = known_traits(endpoint, call);
        let call = &CallSpec {
            traits: &traits,
            ..*call
        };
        let has_responses = has_responses(endpoint);
        match call.dialect {
            ApiDialect::Responses if has_responses && !call.use_fallback => {
                let limits = limits::of_responses(ServerKind::new(endpoint));
                Ok(responses::pass_through(endpoint, call, limits))
            }
            ApiDialect::Completions if completes(endpoint, call) && !call.use_fallback => {
                let server = ServerKind::new(endpoint);
                let usage = server.has_usage_option().then(|| with_usage(call.object));
                Ok(completions::pass_through(endpoint, call, usage))
            }
            ApiDialect::Chat
            | ApiDialect::Messages
            | ApiDialect::Completions
            | ApiDialect::GenerateContent
            | ApiDialect::Ollama
                if has_responses
                    && (call.traits.responses_only || searches(call) || call.use_fallback) =>
            {
                let limits = limits::of_responses(ServerKind::new(endpoint));
                responses::translate(endpoint, call, limits)
            }
            ApiDialect::Chat
                if !has_refused_names(endpoint, call)
                    && (&*endpoint.kind == OPENAI || !has_special_tools(call)) =>
            {
                Ok(pass_through(endpoint, call))
            }
            ApiDialect::Chat
            | ApiDialect::Messages
            | ApiDialect::Responses
            | ApiDialect::Completions
            | ApiDialect::GenerateContent
            | ApiDialect::Ollama => translate(endpoint, call),
        }
    }

    fn fallback_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
        error: &UpstreamError,
    ) -> RetryForm {
        if refuses_usage(call, error) && endpoint.refused_options.add(call.model) {
            return RetryForm::Corrected;
        }
        let has_other_form = match call.dialect {
            // Newer models accept tools together with reasoning only at /responses.
            ApiDialect::Chat
            | ApiDialect::Messages
            | ApiDialect::GenerateContent
            | ApiDialect::Ollama => {
                &*endpoint.kind == OPENAI
                    && !call.traits.responses_only
                    && error.status == 400
                    && error.param() == Some("reasoning_effort")
                    && call.object.get("tools").is_some()
            }
            // Many servers only chat.
            ApiDialect::Completions => {
                completes(endpoint, call)
                    && matches!(error.status, 400 | 404 | 405 | 501)
                    && error.code.as_deref() != Some("model_not_found")
            }
            // A server with the kind `openai` may have no /responses.
            ApiDialect::Responses => {
                has_responses(endpoint)
                    && !call.traits.responses_only
                    && matches!(error.status, 404 | 405)
                    && error.code.as_deref() != Some("model_not_found")
            }
        };
        if has_other_form && !call.use_fallback {
            return RetryForm::OtherForm;
        }
        let refuses_reasoning = refuses_reasoning(call, error);
        if refuses_reasoning && endpoint.refused_options.add(&reasoning_option(call.model)) {
            return RetryForm::Corrected;
        }
        RetryForm::None
    }

    fn build_embeddings(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        // Fields of other clients' requests, which servers of this protocol refuse, and the wish for a
        // stream, which the gateway would have to answer.
        let foreign: &[&str] = match call.dialect {
            ApiDialect::GenerateContent => &["task_type", "title", "stream", "stream_options"],
            _ => &["stream", "stream_options"],
        };
        let body = call
            .object
            .without(foreign, &[("model", json_text(call.model))]);
        Ok(PreparedCall {
            request: post(endpoint, "/embeddings", body, false),
            adapter: Box::new(EmbeddingAdapter::new(call, None)),
            dropped: DroppedFields::default(),
        })
    }

    fn forwards(&self) -> bool {
        true
    }

    fn build_forward(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
        forward: &ForwardCall,
    ) -> Result<PreparedCall, TranslationError> {
        Ok(super::forward::prepare(endpoint, call, forward))
    }

    /// OpenAI itself counts the tokens of a request to `/responses`.
    fn build_token_count(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        let is_counted = &*endpoint.kind == OPENAI && call.dialect == ApiDialect::Responses;
        is_counted.then(|| responses::token_count(endpoint, call))
    }

    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest {
        OutboundRequest {
            method: Method::GET,
            url: format!("{}/models", endpoint.base_url),
            headers: bearer_headers(endpoint),
            body: Bytes::new(),
        }
    }

    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct List<'a> {
            #[serde(borrow)]
            data: Option<Vec<&'a RawValue>>,
        }
        // Some servers list nothing before a model is loaded, with `null` for the list.
        status.is_success()
            && serde_json::from_slice::<List<'_>>(body).is_ok_and(|list| list.data.is_some())
    }

    fn model_names(&self, body: &[u8]) -> Option<Vec<String>> {
        listed_names(body)
    }

    fn context_windows(&self, body: &[u8]) -> Vec<(String, u64)> {
        listed_windows(body)
    }
}

/// Checks whether a server refuses to report usage within a stream, which the gateway asks for.
fn refuses_usage(call: &CallSpec<'_>, error: &UpstreamError) -> bool {
    let names = |text: &str| text.contains("stream_options") || text.contains("include_usage");
    call.stream
        && matches!(error.status, 400..=501)
        && (names(&error.message) || error.param().is_some_and(names))
}

/// Checks whether the provider refused a wish for reasoning, so that the model is asked without it.
fn refuses_reasoning(call: &CallSpec<'_>, error: &UpstreamError) -> bool {
    const WORDS: [&str; 4] = [
        "reasoning_effort",
        "reasoning.effort",
        "reasoning effort",
        "support thinking",
    ];
    let message = error.message.to_ascii_lowercase();
    let param = error.param().unwrap_or_default();
    // Another effort may be accepted.
    let is_about_value = error
        .code
        .as_deref()
        .is_some_and(|code| code.ends_with("_value"))
        || message.contains("supported values");
    matches!(error.status, 400 | 422)
        && !is_about_value
        && WORDS
            .iter()
            .any(|word| message.contains(word) || param == *word)
        && call.dialect.client_api().needs(call.object).reasoning
}

/// Names a model's wish for reasoning among the refused options.
fn reasoning_option(model: &str) -> String {
    format!("{model}\nreasoning")
}

/// Returns the facts about the model, as far as its provider showed them.
fn known_traits<'c>(endpoint: &Endpoint, call: &CallSpec<'c>) -> Cow<'c, ModelTraits> {
    if endpoint.refused_options.has(&reasoning_option(call.model)) {
        Cow::Owned(ModelTraits {
            reasoning: Some(false),
            ..call.traits.clone()
        })
    } else {
        Cow::Borrowed(call.traits)
    }
}

/// Checks whether OpenAI or xAI refuses the name of a tool. Such a request is translated, so that the
/// names are mended.
fn has_refused_names(endpoint: &Endpoint, call: &CallSpec<'_>) -> bool {
    #[derive(Deserialize)]
    struct Function<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow, default)]
        function: Option<Function<'a>>,
    }
    let rule = limits::of(ServerKind::new(endpoint)).tool_names;
    let is_refused = |tool: &Tool<'_>| {
        let function = tool.function.as_ref();
        function.is_some_and(|function| !rule.accepts(&function.name))
    };
    let tools = || call.object.read::<Vec<Tool<'_>>>("tools");
    has_responses(endpoint) && tools().iter().flatten().any(is_refused)
}

/// Checks whether a chat client has tools with free text, or allows only some of its tools, which
/// other servers than OpenAI's refuse. With its quotes the string can only be a field's name or
/// value: within a text it is escaped.
fn has_special_tools(call: &CallSpec<'_>) -> bool {
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    let object = call.object;
    let has_custom = || {
        let tools = object.read::<Vec<Tool<'_>>>("tools").unwrap_or_default();
        let mut kinds = tools.iter().filter_map(|tool| tool.kind.as_deref());
        kinds.any(|kind| kind == "custom")
    };
    object.mentions("tool_choice", r#""allowed_tools""#)
        || (object.mentions("tools", r#""custom""#) && has_custom())
}

/// Checks whether a client of another vendor's protocol lets the provider search, which is possible
/// only at `/responses`. With its quote the string is the type of a tool: within a text it is escaped.
fn searches(call: &CallSpec<'_>) -> bool {
    let types: &[&str] = match call.dialect {
        ApiDialect::Messages => &[r#""web_search_"#],
        ApiDialect::GenerateContent => &[r#""googleSearch""#, r#""google_search""#],
        _ => &[],
    };
    types.iter().any(|kind| call.object.mentions("tools", kind))
}

/// Checks whether a provider has `/responses`; most compatible servers do not.
fn has_responses(endpoint: &Endpoint) -> bool {
    matches!(&*endpoint.kind, OPENAI | XAI)
}

/// Checks whether a provider may complete texts with the model.
fn completes(endpoint: &Endpoint, call: &CallSpec<'_>) -> bool {
    completions::may_have(has_responses(endpoint), call.model)
}

/// Passes the client's body, with the model's name replaced and usage requested.
fn pass_through(endpoint: &Endpoint, call: &CallSpec<'_>) -> PreparedCall {
    let server = ServerKind::new(endpoint);
    let mut dropped = DroppedFields::default();
    let mut replaced = vec![("model", json_text(call.model))];
    let keeps_reasoning = limits::of(server).reasoning == ReasoningReturn::BesideCalls;
    let cache = Some(&endpoint.reasoning_cache).filter(|_| keeps_reasoning);
    let messages = cache.and_then(|cache| kept_reasoning::restored(call.object, cache));
    let mut object = Cow::Borrowed(call.object);
    if call.stream && endpoint.refused_options.has(call.model) {
        object = Cow::Owned(call.object.clone().without_member("stream_options"));
    } else if call.stream && server.has_usage_option() {
        replaced.push(("stream_options", with_usage(call.object)));
    }
    if let Some(messages) = &messages {
        object.to_mut().push("messages", messages);
    }
    let model = (call.model, call.traits);
    let body = server.request(&object, model, replaced, &mut dropped);
    let mut adapter = pass_through::PassThrough::new(call, server == ServerKind::OpenAi);
    if let Some(cache) = cache {
        adapter.remember(cache);
    }
    PreparedCall {
        request: post(endpoint, "/chat/completions", body, call.stream),
        adapter: Box::new(adapter),
        dropped,
    }
}

fn translate(endpoint: &Endpoint, call: &CallSpec<'_>) -> Result<PreparedCall, TranslationError> {
    let server = ServerKind::new(endpoint);
    let mut dropped = DroppedFields::default();
    let mut conversation = call.dialect.client_api().read(call.object, &mut dropped)?;
    let taken = conversation.call_ids();
    let target = TranslationTarget {
        limits: limits::of(server),
        traits: call.traits,
        reasoning_cache: &endpoint.reasoning_cache,
    };
    let index = adapt(&mut conversation, target, &mut dropped)?;
    let quirks = WriteQuirks {
        limit: server.limit(),
    };
    let mut body = write::request(conversation, call.model, quirks, &mut dropped)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
        if !endpoint.refused_options.has(call.model) {
            let options = serde_json::json!({"include_usage": true});
            body.insert("stream_options".to_owned(), options);
        }
    }
    let mut body = Value::Object(body).to_string().into_bytes();
    if let Ok(object) = serde_json::from_slice::<RawObject<'_>>(&body) {
        let model = (call.model, call.traits);
        body = server.request(&object, model, Vec::new(), &mut dropped);
    }
    let decoder = Restoring::wrap(Box::new(decode::Decoder::new(call.id)), index);
    let mut transcoder = Transcoder::new(decoder, call.encoder()).with_unique_ids(call.id, taken);
    if target.limits.reasoning != ReasoningReturn::None {
        transcoder = transcoder.remembering(&endpoint.reasoning_cache, KeptReasoning::All);
    }
    Ok(PreparedCall {
        request: post(endpoint, "/chat/completions", body, call.stream),
        adapter: Box::new(transcoder),
        dropped,
    })
}

/// Returns the client's stream options, with usage requested.
pub(super) fn with_usage(request: &RawObject<'_>) -> String {
    let options = request.read::<RawObject<'_>>("stream_options");
    let wanted = [("include_usage", "true".to_owned())];
    let text = options.map(|options| options.with(&wanted));
    text.and_then(|text| String::from_utf8(text).ok())
        .unwrap_or_else(|| r#"{"include_usage":true}"#.to_owned())
}
