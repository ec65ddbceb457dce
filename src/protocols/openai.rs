//! OpenAI's chat completions, which most vendors speak. Between two parties that both speak it,
//! bytes pass as they came; we replace the model's name, ask for the usage, and read along.

use super::failure::{Upset, upset};
use super::{Endpoint, Event, Meaning, Outgoing, Protocol, RawObject, StreamMeter};
use crate::domain::{Failure, Usage};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The protocol.
#[derive(Debug)]
pub struct OpenAi;

impl Protocol for OpenAi {
    fn kinds(&self) -> &'static [&'static str] {
        &["openai", "xai", "ollama", "openai-compatible"]
    }

    fn chat(
        &self,
        endpoint: &Endpoint,
        model: &str,
        request: &RawObject<'_>,
        stream: bool,
    ) -> Outgoing {
        let mut replaced = vec![("model", serde_json::Value::from(model).to_string())];
        if stream {
            replaced.push(("stream_options", with_usage(request)));
        }
        let mut headers = headers(endpoint);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        Outgoing {
            method: Method::POST,
            url: format!("{}/chat/completions", endpoint.base_url),
            headers,
            body: request.with(&replaced).into(),
        }
    }

    fn probe(&self, endpoint: &Endpoint) -> Outgoing {
        Outgoing {
            method: Method::GET,
            url: format!("{}/models", endpoint.base_url),
            headers: headers(endpoint),
            body: Bytes::new(),
        }
    }

    fn probe_is_good(&self, status: StatusCode, body: &[u8]) -> bool {
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
        #[derive(Deserialize)]
        struct List {
            data: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let list = serde_json::from_slice::<List>(body).ok()?;
        Some(list.data.into_iter().map(|model| model.id).collect())
    }

    fn usage(&self, body: &[u8]) -> Option<Usage> {
        #[derive(Deserialize)]
        struct Answer {
            usage: Option<UsageShape>,
        }
        serde_json::from_slice::<Answer>(body)
            .ok()?
            .usage
            .map(Usage::from)
    }

    fn stream_meter(&self) -> Box<dyn StreamMeter> {
        Box::<Meter>::default()
    }

    fn upset(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Upset {
        upset(status, headers, body)
    }
}

fn headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = &endpoint.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    headers
}

/// The client's stream options with the usage asked for.
fn with_usage(request: &RawObject<'_>) -> String {
    let options = request.read::<RawObject<'_>>("stream_options");
    let wanted = [("include_usage", "true".to_owned())];
    let text = options.map(|options| options.with(&wanted));
    text.and_then(|text| String::from_utf8(text).ok())
        .unwrap_or_else(|| r#"{"include_usage":true}"#.to_owned())
}

#[derive(Deserialize, Clone, Copy)]
struct UsageShape {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let prompt = shape.prompt_tokens_details.unwrap_or_default();
        let completion = shape.completion_tokens_details.unwrap_or_default();
        let input = shape.prompt_tokens.unwrap_or(0);
        let reasoning = completion.reasoning_tokens.unwrap_or(0);
        let stated = shape.completion_tokens.unwrap_or(0);
        // xAI leaves reasoning out of the completion but not out of the total.
        let apart = shape.total_tokens == Some(input + stated + reasoning) && reasoning > 0;
        Self {
            input,
            output: if apart { stated + reasoning } else { stated },
            cached: prompt.cached_tokens.unwrap_or(0),
            written: prompt.cache_write_tokens.unwrap_or(0),
            reasoning,
        }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<UsageShape>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

/// What a client could use; each vendor calls its reasoning something else.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        let parts = [
            self.content,
            self.refusal,
            self.reasoning_content,
            self.reasoning,
            self.tool_calls,
            self.function_call,
            self.audio,
        ];
        parts
            .iter()
            .flatten()
            .any(|part| !matches!(part.get(), "null" | "\"\"" | "[]" | "{}"))
    }
}

/// Reads along.
#[derive(Debug, Default)]
struct Meter {
    usage: Option<Usage>,
    /// Choices that were seen, and that have ended, one bit each.
    begun: u64,
    ended: u64,
}

impl StreamMeter for Meter {
    fn read(&mut self, event: &Event) -> Meaning {
        let Some(data) = event.data() else {
            return Meaning::Quiet;
        };
        if data.trim_ascii() == b"[DONE]" {
            return Meaning::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else {
            return Meaning::Broken(Upset::silent(
                Failure::Server,
                "the provider sent a chunk that is not JSON",
            ));
        };
        if chunk
            .error
            .is_some_and(|error| !matches!(error.get(), "null" | "false" | "\"\""))
        {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Meaning::Broken(upset(
                status,
                &HeaderMap::new(),
                &Bytes::copy_from_slice(&data),
            ));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
        }
        let choices = chunk.choices.unwrap_or_default();
        if choices.is_empty() {
            return if chunk.usage.is_some() {
                Meaning::UsageOnly
            } else {
                Meaning::Quiet
            };
        }
        let mut content = false;
        for choice in &choices {
            let bit = 1_u64 << choice.index.min(63);
            self.begun |= bit;
            content |= choice.delta.as_ref().is_some_and(Delta::has_content);
            if choice
                .finish_reason
                .as_ref()
                .is_some_and(|reason| !reason.is_empty())
            {
                self.ended |= bit;
            }
        }
        match (content, self.may_end()) {
            (true, _) => Meaning::Content,
            (false, true) => Meaning::Finish,
            (false, false) => Meaning::Quiet,
        }
    }

    fn may_end(&self) -> bool {
        self.begun != 0 && self.begun == self.ended
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(meter: &mut Meter, data: &str) -> Meaning {
        meter.read(&Event {
            raw: Bytes::from(format!("data: {data}\n\n")),
        })
    }

    #[test]
    fn a_stream_is_read_along() {
        let mut meter = Meter::default();

        assert_eq!(
            read(
                &mut meter,
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#
            ),
            Meaning::Quiet
        );
        assert_eq!(
            read(
                &mut meter,
                r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#
            ),
            Meaning::Content
        );
        assert!(!meter.may_end());
        assert_eq!(
            read(
                &mut meter,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#
            ),
            Meaning::Finish
        );
        assert_eq!(
            read(
                &mut meter,
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#
            ),
            Meaning::UsageOnly
        );
        assert_eq!(read(&mut meter, "[DONE]"), Meaning::Done);
        assert_eq!(
            meter.usage(),
            Some(Usage {
                input: 9,
                output: 3,
                ..Usage::default()
            })
        );
    }

    #[test]
    fn an_error_inside_a_stream_is_one() {
        let Meaning::Broken(upset) = read(
            &mut Meter::default(),
            r#"{"error":{"message":"overloaded"}}"#,
        ) else {
            panic!("not broken")
        };
        assert_eq!(upset.message, "overloaded");
        assert!(matches!(
            read(&mut Meter::default(), "{\"choices\":"),
            Meaning::Broken(_)
        ));
    }

    #[test]
    fn every_choice_must_end() {
        let mut meter = Meter::default();
        read(
            &mut meter,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
        );
        read(
            &mut meter,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        );
        assert!(!meter.may_end());
        read(
            &mut meter,
            r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
        );
        assert!(meter.may_end());
    }

    #[test]
    fn reasoning_that_is_counted_apart_is_added_once() {
        let usage = |text: &str| OpenAi.usage(text.as_bytes()).unwrap();

        let apart = usage(
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}}}"#,
        );
        assert_eq!(apart.output, 12);
        let within = usage(
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":12,"total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}}}"#,
        );
        assert_eq!(within.output, 12);
    }

    #[test]
    fn the_clients_stream_options_are_kept() {
        let text = r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}"#;
        let object: RawObject<'_> = serde_json::from_str(text).unwrap();

        assert_eq!(
            with_usage(&object),
            r#"{"include_obfuscation":false,"include_usage":true}"#
        );
    }
}
