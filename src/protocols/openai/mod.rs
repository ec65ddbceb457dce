//! OpenAI's chat completions, which most vendors speak. Between two parties that both speak it,
//! bytes pass as they came; we replace the model's name, ask for the usage, and read along.

mod chunk;

use crate::domain::{Failure, Usage};
use crate::protocols::failure::{Upset, upset};
use crate::protocols::{Endpoint, Event, Meaning, Outgoing, Protocol, RawObject, StreamMeter};
use bytes::Bytes;
use chunk::{Chunk, Delta, UsageShape};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

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
