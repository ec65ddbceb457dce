//! What upstreams say, in each of the three protocols that are also spoken by clients.

use super::wire::Step;
use std::fmt::Write as _;
use std::time::Duration;

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    Chat,
    Messages,
    Responses,
}

pub const ALL: [Speech; 3] = [Speech::Chat, Speech::Messages, Speech::Responses];

impl Speech {
    /// The one that is spoken at that path.
    pub fn at(path: &str) -> Self {
        match path {
            path if path.ends_with("/messages") => Self::Messages,
            path if path.ends_with("/responses") => Self::Responses,
            _ => Self::Chat,
        }
    }

    /// The configuration's `kind` of a provider with this protocol.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Chat => "openai-compatible",
            Self::Messages => "anthropic",
            Self::Responses => "openai",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Messages => "messages",
            Self::Responses => "responses",
        }
    }

    /// A request of a client.
    pub fn ask(self, stream: bool) -> String {
        let (model, stream) = ("shared", stream.to_string());
        match self {
            Self::Chat => format!(
                r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
            ),
            Self::Messages => format!(
                r#"{{"model":"{model}","stream":{stream},"max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]}}"#
            ),
            Self::Responses => {
                format!(r#"{{"model":"{model}","stream":{stream},"input":"hi"}}"#)
            }
        }
    }

    /// What comes before the first content and promises nothing.
    pub fn beginning(self) -> Vec<String> {
        let events: &[&str] = match self {
            Self::Chat => &[
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            ],
            Self::Messages => &[
                r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            ],
            Self::Responses => &[
                r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","status":"in_progress","model":"m","output":[]}}"#,
                r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"r","object":"response","status":"in_progress","model":"m","output":[]}}"#,
                r#"{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"i","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
                r#"{"type":"response.content_part.added","sequence_number":3,"item_id":"i","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            ],
        };
        events.iter().map(|event| self.event(event)).collect()
    }

    /// One word of text.
    pub fn text_event(self, word: &str) -> String {
        let event = match self {
            Self::Chat => format!(
                r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"content":"{word} "}},"finish_reason":null}}]}}"#
            ),
            Self::Messages => format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{word} "}}}}"#
            ),
            Self::Responses => format!(
                r#"{{"type":"response.output_text.delta","sequence_number":4,"item_id":"i","output_index":0,"content_index":0,"delta":"{word} "}}"#
            ),
        };
        self.event(&event)
    }

    /// The end of the response with its terminator.
    pub fn ending(self) -> Vec<String> {
        let events: &[&str] = match self {
            Self::Chat => &[
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#,
                "[DONE]",
            ],
            Self::Messages => &[
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":20}}"#,
                r#"{"type":"message_stop"}"#,
            ],
            Self::Responses => &[
                r#"{"type":"response.completed","sequence_number":9,"response":{"id":"r","object":"response","status":"completed","model":"m","output":[],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}}"#,
            ],
        };
        events.iter().map(|event| self.event(event)).collect()
    }

    /// An error inside of a stream.
    pub fn error(self) -> String {
        self.event(match self {
            Self::Chat => r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#,
            Self::Messages => {
                r#"{"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}"#
            }
            Self::Responses => {
                r#"{"type":"error","sequence_number":5,"code":"server_error","message":"overloaded","param":null}"#
            }
        })
    }

    /// A response without streaming.
    pub fn whole(self) -> &'static str {
        match self {
            Self::Chat => {
                r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"all of it"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#
            }
            Self::Messages => {
                r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"all of it"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":20}}"#
            }
            Self::Responses => {
                r#"{"id":"r","object":"response","status":"completed","model":"m","output":[{"id":"i","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"all of it","annotations":[]}]}],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}"#
            }
        }
    }

    /// With the line that names it, where the protocol has one.
    pub fn event(self, data: &str) -> String {
        let mut event = String::new();
        if self != Self::Chat {
            let (_, kind) = data.split_once(r#""type":""#).unwrap();
            let (kind, _) = kind.split_once('"').unwrap();
            writeln!(event, "event: {kind}").unwrap();
        }
        write!(event, "data: {data}\n\n").unwrap();
        event
    }

    /// The end of a complete response, as a client reads it.
    pub fn is_whole(self, text: &str) -> bool {
        match self {
            Self::Chat => {
                text.ends_with("data: [DONE]\n\n") && text.contains("finish_reason\":\"stop")
            }
            Self::Messages => text.contains("\"type\":\"message_stop\""),
            Self::Responses => text.contains("\"type\":\"response.completed\""),
        }
    }

    /// Whether anything in it could be mistaken for the end of a complete response.
    pub fn looks_ended(self, text: &str) -> bool {
        let ends: &[&str] = match self {
            Self::Chat => &[
                "[DONE]",
                "finish_reason\":\"stop",
                "finish_reason\":\"length",
            ],
            Self::Messages => &["message_stop", "stop_reason\":\"end_turn"],
            Self::Responses => &["response.completed", "response.incomplete"],
        };
        ends.iter().any(|end| text.contains(end))
    }

    /// Whether it ends in an error event, as clients of the protocol read it.
    pub fn ends_in_error(self, text: &str) -> bool {
        let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
        match self {
            Self::Chat => last.starts_with("data: {\"error\":{"),
            Self::Messages => last.starts_with("event: error\n"),
            Self::Responses => {
                last.starts_with("event: error\n") || last.starts_with("event: response.failed\n")
            }
        }
    }

    /// The steps of a stream of this many words, followed by `then`.
    pub fn stream(self, words: usize, then: impl IntoIterator<Item = Step>) -> Vec<Step> {
        let mut steps = vec![Step::Head(200, "text/event-stream")];
        let said = (1..=words).map(|number| self.text_event(&format!("word{number}")));
        let events = self.beginning().into_iter().chain(said);
        steps.extend(events.map(Step::Chunk));
        steps.extend(then);
        steps
    }

    /// A good stream.
    pub fn good(self) -> Vec<Step> {
        let ending = self.ending().into_iter().map(Step::Chunk);
        self.stream(3, ending.chain([Step::End]))
    }

    /// The same, with a pause before its first content.
    pub fn late(self, pause: Duration) -> Vec<Step> {
        let mut steps = self.good();
        steps.insert(1, Step::Wait(pause));
        steps
    }
}
