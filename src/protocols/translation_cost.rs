//! What translation costs: for every client's protocol and every kind of provider the work grows with
//! the size of a request or an answer, not with its square. Measured in processor time of the thread,
//! which other load does not lengthen, and as the ratio of two sizes.

use super::test_support::{endpoint, feed, with_call};
use super::{ApiDialect, Endpoint, ModelTraits, VertexLocation};
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write;

/// Sizes that are compared.
const SMALL: usize = 300;
const GROWTH: usize = 8;
/// Largest ratio of the times. A linear step has 8, one with a logarithm below 12, a square 64.
const MAX_RATIO: f64 = 22.0;
/// Repetitions; the shortest time counts.
const TRIES: usize = 4;
/// Time of the large size below which nothing is measured, in seconds.
const NEGLIGIBLE: f64 = 0.004;

/// A kind of provider: its kind, its address, a model, and whether it is asked at `/responses`.
type Target = (&'static str, &'static str, &'static str, bool);

const TARGETS: [Target; 10] = [
    ("openai", "http://h/v1", "gpt-5.5", false),
    ("openai", "http://h/v1", "gpt-5.5-pro", true),
    ("xai", "http://h/v1", "grok-4.7", false),
    ("openai-compatible", "http://h/v1", "qwen3", false),
    ("openai-compatible", "https://api.mistral.ai/v1", "m", false),
    ("openai-compatible", "https://api.deepseek.com", "d", false),
    ("anthropic", "http://h/v1", "claude-sonnet-5-5", false),
    ("gemini", "http://h/v1", "gemini-3.5-flash", false),
    ("vertex", "http://h/v1", "gemini-3.5-flash", false),
    ("ollama", "http://h/v1", "qwen3:8b", false),
];

/// Makes a body of some items.
type Grower = (&'static str, fn(usize) -> String);

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0..count {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(text, "{comma}{}", item(number));
    }
    text
}

/// A name that targets with plain names must change; all become the same.
fn odd_name(number: usize) -> char {
    char::from_u32(0x4e00 + u32::try_from(number).unwrap()).unwrap()
}

/// A long name that differs from others only in what numbered names leave out.
fn long_name(number: usize) -> String {
    format!("{}{number:05}", "x".repeat(59))
}

fn chat(messages: &str, more: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":9,"messages":[{messages}]{more}}}"#)
}

const ASK: &str = r#"{"role":"user","content":"a"}"#;

fn chat_calls(
    count: usize,
    id: impl Fn(usize) -> String,
    name: impl Fn(usize) -> String,
) -> String {
    let calls = list(count, |n| {
        format!(
            r#"{{"id":"{}","type":"function","function":{{"name":"{}","arguments":"{{}}"}}}}"#,
            id(n),
            name(n)
        )
    });
    let results = list(count, |n| {
        format!(
            r#"{{"role":"tool","tool_call_id":"{}","content":"r"}}"#,
            id(n)
        )
    });
    let call = format!(r#"{{"role":"assistant","content":null,"tool_calls":[{calls}]}}"#);
    chat(&format!("{ASK},{call},{results}"), "")
}

const CHAT: [Grower; 8] = [
    ("parts", |n| {
        let parts = list(n, |n| format!(r#"{{"type":"z{n}"}}"#));
        chat(&format!(r#"{{"role":"user","content":[{parts}]}}"#), "")
    }),
    ("messages", |n| {
        let role = |n| if n % 2 == 0 { "user" } else { "assistant" };
        chat(
            &list(n, |n| {
                format!(r#"{{"role":"{}","content":"a","z{n}":1}}"#, role(n))
            }),
            "",
        )
    }),
    ("tools", |n| {
        let tools = list(n, |n| {
            let name = odd_name(n);
            format!(r#"{{"type":"function","function":{{"name":"{name}","strict":true}}}}"#)
        });
        chat(ASK, &format!(r#","tools":[{tools}]"#))
    }),
    ("calls", |n| {
        chat_calls(n, |_| "call_0".to_owned(), |n| odd_name(n).into())
    }),
    ("long names", |n| {
        chat_calls(2 * n, |i| long_name(i % n), |i| long_name(i % n))
    }),
    ("single calls", |n| {
        let steps = list(n, |n| {
            let call = format!(
                r#"{{"id":"c{n}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}"#
            );
            format!(r#"{{"role":"assistant","tool_calls":[{call}]}}"#)
        });
        chat(&format!("{ASK},{steps}"), "")
    }),
    ("members", |n| {
        chat(
            ASK,
            &list(n, |n| {
                format!(r#"{}"z{n}":1"#, if n == 0 { "," } else { "" })
            }),
        )
    }),
    ("choices of tools", |n| {
        let names = list(n, |n| {
            format!(
                r#"{{"type":"function","function":{{"name":"{}"}}}}"#,
                odd_name(n)
            )
        });
        let tools = list(n, |n| {
            format!(
                r#"{{"type":"function","function":{{"name":"{}"}}}}"#,
                odd_name(n)
            )
        });
        let choice = format!(
            r#"{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{names}]}}}}"#
        );
        chat(
            ASK,
            &format!(r#","tools":[{tools}],"tool_choice":{choice}"#),
        )
    }),
];

const MESSAGES: [Grower; 5] = [
    CHAT[1],
    ("blocks", |n| {
        let parts = list(n, |n| format!(r#"{{"type":"z{n}"}}"#));
        chat(
            &format!(r#"{{"role":"user","content":[{parts},{{"type":"text","text":"a"}}]}}"#),
            "",
        )
    }),
    ("tools", |n| {
        let tools = list(n, |n| {
            format!(r#"{{"name":"{}","input_schema":{{}}}}"#, odd_name(n))
        });
        chat(ASK, &format!(r#","tools":[{tools}]"#))
    }),
    ("calls", |n| {
        let calls = list(n, |n| {
            format!(
                r#"{{"type":"tool_use","id":"call_0","name":"{}","input":{{}}}}"#,
                odd_name(n)
            )
        });
        let results = list(n, |_| {
            r#"{"type":"tool_result","tool_use_id":"call_0"}"#.to_owned()
        });
        let call = format!(r#"{{"role":"assistant","content":[{calls}]}}"#);
        chat(
            &format!(r#"{ASK},{call},{{"role":"user","content":[{results}]}}"#),
            "",
        )
    }),
    ("instructions", |n| {
        let system = list(n, |n| {
            format!(r#"{{"type":"text","text":"{n}","cache_control":{{"type":"ephemeral"}}}}"#)
        });
        chat(ASK, &format!(r#","system":[{system}]"#))
    }),
];

fn responses(input: &str, more: &str) -> String {
    format!(r#"{{"model":"m","store":false,"input":[{ASK},{input}]{more}}}"#)
}

const RESPONSES: [Grower; 4] = [
    ("items", |n| {
        responses(
            &list(n, |n| {
                format!(r#"{{"type":"z{n}","role":"user","content":[{{"type":"z"}}]}}"#)
            }),
            "",
        )
    }),
    ("messages", |n| responses(&list(n, |_| ASK.to_owned()), "")),
    ("calls", |n| {
        let calls = list(n, |n| {
            let name = odd_name(n);
            format!(
                r#"{{"type":"function_call","call_id":"c","name":"{name}","arguments":"{{}}"}}"#
            )
        });
        let results = list(n, |_| {
            r#"{"type":"function_call_output","call_id":"c","output":"r"}"#.to_owned()
        });
        responses(&format!("{calls},{results}"), "")
    }),
    ("tools", |n| {
        let tools = list(n, |n| {
            let name = odd_name(n);
            let inner = format!(r#"{{"type":"function","name":"{name}","parameters":{{}}}}"#);
            format!(
                r#"{{"type":"namespace","name":"{name}","tools":[{inner}]}},{{"type":"custom","name":"{n}"}}"#
            )
        });
        responses(ASK, &format!(r#","tools":[{tools}]"#))
    }),
];

fn contents(contents: &str, more: &str) -> String {
    let ask = r#"{"role":"user","parts":[{"text":"a"}]}"#;
    format!(r#"{{"model":"m","contents":[{ask},{contents}]{more}}}"#)
}

const CONTENTS: [Grower; 4] = [
    ("parts", |n| {
        let parts = list(n, |n| format!(r#"{{"z{n}":1}}"#));
        contents(
            &format!(r#"{{"role":"user","parts":[{{"text":"a"}},{parts}]}}"#),
            "",
        )
    }),
    ("contents", |n| {
        contents(
            &list(n, |n| {
                format!(r#"{{"role":"user","parts":[{{"text":"{n}"}}]}}"#)
            }),
            "",
        )
    }),
    ("calls", |n| {
        let call = |n| {
            format!(
                r#"{{"functionCall":{{"id":"call_{}","name":"{}","args":{{}}}}}}"#,
                n + 900,
                odd_name(n)
            )
        };
        let without_id = |n| {
            format!(
                r#"{{"functionCall":{{"name":"{}","args":{{}}}}}}"#,
                odd_name(n)
            )
        };
        let result = |_| r#"{"functionResponse":{"name":"z","response":{}}}"#.to_owned();
        let model = format!("{},{}", list(n, call), list(n, without_id));
        let user = list(2 * n, result);
        contents(
            &format!(r#"{{"role":"model","parts":[{model}]}},{{"role":"user","parts":[{user}]}}"#),
            "",
        )
    }),
    ("tools", |n| {
        let tools = list(n, |n| format!(r#"{{"name":"{}"}}"#, odd_name(n)));
        contents(
            r#"{"role":"user","parts":[{"text":"a"}]}"#,
            &format!(r#","tools":[{{"functionDeclarations":[{tools}]}}]"#),
        )
    }),
];

const OLLAMA: [Grower; 3] = [
    CHAT[1],
    CHAT[2],
    ("calls", |n| {
        let calls = list(n, |n| {
            format!(
                r#"{{"function":{{"name":"{}","arguments":{{}}}}}}"#,
                odd_name(n)
            )
        });
        let results = list(n, |n| {
            format!(
                r#"{{"role":"tool","tool_name":"{}","content":"r"}}"#,
                odd_name(n)
            )
        });
        let call = format!(r#"{{"role":"assistant","content":"","tool_calls":[{calls}]}}"#);
        chat(&format!("{ASK},{call},{results}"), "")
    }),
];

const COMPLETIONS: [Grower; 2] = [
    ("members", |n| {
        let members = list(n, |n| format!(r#""z{n}":1"#));
        format!(r#"{{"model":"m","prompt":"a",{members}}}"#)
    }),
    ("stops", |n| {
        let stops = list(n, |n| format!(r#""z{n}""#));
        format!(r#"{{"model":"m","prompt":"a","stop":[{stops}]}}"#)
    }),
];

fn target_endpoint((kind, url, _, _): Target) -> Endpoint {
    let mut endpoint = endpoint(kind, url);
    endpoint.location = Some(VertexLocation {
        project: "p".to_owned(),
        location: "global".to_owned(),
    });
    endpoint
}

fn traits((.., responses_only): Target) -> ModelTraits {
    ModelTraits {
        reasoning: Some(true),
        responses_only,
        ..ModelTraits::UNSTATED
    }
}

/// Processor time of this thread so far, in seconds.
fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn time_of(work: impl FnOnce()) -> f64 {
    let start = thread_time();
    work();
    thread_time() - start
}

/// Compares the times of two sizes, several times where they are too far apart.
fn check(what: &str, work: impl Fn(usize)) {
    let (mut small, mut large) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..TRIES {
        large = large.min(time_of(|| work(SMALL * GROWTH)));
        if large < NEGLIGIBLE {
            return;
        }
        small = small.min(time_of(|| work(SMALL)));
        if large / small < MAX_RATIO {
            return;
        }
    }
    panic!("{what}: {SMALL} items take {small} s, {GROWTH} times as many take {large} s");
}

fn check_requests(dialect: ApiDialect, growers: &[Grower]) {
    for target in TARGETS {
        let (endpoint, traits) = (target_endpoint(target), traits(target));
        for (name, grower) in growers {
            let bodies = [SMALL, SMALL * GROWTH].map(|size| (size, grower(size)));
            check(&format!("{dialect:?} to {target:?}, {name}"), |size| {
                let (_, body) = bodies.iter().find(|(of, _)| *of == size).unwrap();
                with_call(dialect, body, |call| {
                    let mut call = *call;
                    (call.model, call.traits) = (target.2, &traits);
                    // A refusal takes its time too.
                    drop(endpoint.protocol.build_request(&endpoint, &call));
                });
            });
        }
    }
}

#[test]
fn chat_requests_take_time_in_proportion() {
    check_requests(ApiDialect::Chat, &CHAT);
}

#[test]
fn messages_requests_take_time_in_proportion() {
    check_requests(ApiDialect::Messages, &MESSAGES);
}

#[test]
fn responses_requests_take_time_in_proportion() {
    check_requests(ApiDialect::Responses, &RESPONSES);
}

#[test]
fn generate_content_requests_take_time_in_proportion() {
    check_requests(ApiDialect::GenerateContent, &CONTENTS);
}

#[test]
fn other_requests_take_time_in_proportion() {
    check_requests(ApiDialect::Ollama, &OLLAMA);
    check_requests(ApiDialect::Completions, &COMPLETIONS);
}

/// A stream of a provider: its target, and its events with some calls.
type StreamMaker = (Target, fn(usize) -> String);

const STREAMS: [StreamMaker; 3] = [
    (TARGETS[3], |n| {
        let begin = |n| {
            format!(
                r#"data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{n},"id":"c","function":{{"name":"f","arguments":"{{"}}}}]}}}}]}}"#
            )
        };
        let end = |n| {
            format!(
                r#"data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{n},"function":{{"arguments":"}}"}}}}]}}}}]}}"#
            )
        };
        let events = (0..n).map(begin).chain((0..n).map(end));
        let events: String = events.map(|event| event + "\n\n").collect();
        format!("{events}data: [DONE]\n\n")
    }),
    (TARGETS[6], |n| {
        let call = |n| {
            let start = format!(
                r#"data: {{"type":"content_block_start","index":{n},"content_block":{{"type":"tool_use","id":"c","name":"f"}}}}"#
            );
            let delta = format!(
                r#"data: {{"type":"content_block_delta","index":{n},"delta":{{"type":"input_json_delta","partial_json":"{{}}"}}}}"#
            );
            let stop = format!(r#"data: {{"type":"content_block_stop","index":{n}}}"#);
            format!("{start}\n\n{delta}\n\n{stop}\n\n")
        };
        let calls: String = (0..n).map(call).collect();
        format!(
            "data: {{\"type\":\"message_start\",\"message\":{{}}}}\n\n{calls}data: {{\"type\":\"message_stop\"}}\n\n"
        )
    }),
    (TARGETS[1], |n| {
        let item = |n, kind| {
            format!(
                r#"data: {{"type":"response.output_item.{kind}","output_index":{n},"item":{{"type":"function_call","call_id":"c{n}","name":"f","arguments":"{{}}"}}}}"#
            )
        };
        let begin: String = (0..n).map(|n| item(n, "added") + "\n\n").collect();
        let end: String = (0..n).map(|n| item(n, "done") + "\n\n").collect();
        format!(
            "{begin}{end}data: {{\"type\":\"response.completed\",\"response\":{{\"status\":\"completed\"}}}}\n\n"
        )
    }),
];

/// Bodies of all clients' protocols for one small request.
fn small_request(dialect: ApiDialect) -> String {
    match dialect {
        ApiDialect::Responses => responses(ASK, r#","stream":true"#),
        ApiDialect::GenerateContent => contents(r#"{"parts":[{"text":"a"}]}"#, r#","stream":true"#),
        ApiDialect::Completions => r#"{"model":"m","prompt":"a","stream":true}"#.to_owned(),
        _ => chat(ASK, r#","stream":true"#),
    }
}

#[test]
fn streams_of_calls_take_time_in_proportion() {
    let dialects = [
        ApiDialect::Chat,
        ApiDialect::Messages,
        ApiDialect::Responses,
        ApiDialect::GenerateContent,
        ApiDialect::Ollama,
    ];
    for (target, stream) in STREAMS {
        let (endpoint, traits) = (target_endpoint(target), traits(target));
        let bodies = [SMALL, SMALL * GROWTH].map(|size| (size, stream(size)));
        for dialect in dialects {
            check(&format!("{target:?} to {dialect:?}"), |size| {
                let (_, body) = bodies.iter().find(|(of, _)| *of == size).unwrap();
                let adapter = || {
                    with_call(dialect, &small_request(dialect), |call| {
                        let mut call = *call;
                        (call.model, call.traits) = (target.2, &traits);
                        let prepared = endpoint.protocol.build_request(&endpoint, &call);
                        prepared.unwrap().adapter
                    })
                };
                feed(&mut *adapter(), [body.as_bytes()]).end.unwrap();
                let body = Bytes::copy_from_slice(body.as_bytes());
                adapter().folded(&body).unwrap();
            });
        }
    }
}
