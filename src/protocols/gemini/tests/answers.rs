use super::*;
use crate::domain::Failure;
use crate::protocols::neutral::{Choice, ContentPart, Delta, Finish, ReportedUsage, text_of};
use bytes::BytesMut;
use proptest::prelude::*;

#[test]
fn a_stream_equals_the_whole_response_wherever_it_is_cut() {
    for name in ["gemini/text", "gemini/tools", "vertex/text", "vertex/tools"] {
        let mut whole = decoder();
        let mut deltas = Deltas::new();
        whole
            .whole(&fixture(&format!("{name}/response.json")), &mut deltas)
            .unwrap();
        let expected = ChatResponse::from(deltas);
        let stream = fixture(&format!("{name}/stream.sse"));

        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let mut feeds = vec![vec![&stream[..]], bytes];
        feeds.extend((1..stream.len()).map(|cut| vec![&stream[..cut], &stream[cut..]]));
        for reads in feeds {
            let mut decoder = decoder();
            let (deltas, step) = read(&mut decoder, &reads);
            assert_eq!(step, DecodeStep::More, "{name}");
            assert_eq!(ChatResponse::from(deltas), expected, "{name}");
            assert_eq!(decoder.tokens(), whole.tokens(), "{name}");
            assert!(decoder.may_end(), "{name}");
        }
    }
}

#[test]
fn the_last_usage_of_a_stream_is_used() {
    let mut text = decoder();
    response_of(&mut text, &fixture("gemini/text/stream.sse"));
    let mut tools = decoder();
    response_of(&mut tools, &fixture("gemini/tools/stream.sse"));

    assert_eq!(
        text.tokens(),
        Some(ReportedUsage {
            input: 27,
            output: 65,
            reasoning: Some(40),
            ..ReportedUsage::default()
        })
    );
    assert_eq!(
        tools.tokens(),
        Some(ReportedUsage {
            input: 133,
            output: 38,
            cached: Some(96),
            ..ReportedUsage::default()
        })
    );
}

#[test]
fn tool_use_prompt_tokens_count_as_input() {
    let mut decoder = decoder();
    response_of(
        &mut decoder,
        b"data: {\"usageMetadata\":{\"promptTokenCount\":10,\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":17}}\n\n",
    );
    assert_eq!(decoder.tokens().map(ReportedUsage::total), Some(17));
}

#[test]
fn a_stream_without_a_finish_reason_is_disconnected() {
    for provider in ["gemini", "vertex"] {
        let mut decoder = decoder();
        let response = response_of(
            &mut decoder,
            &fixture(&format!("{provider}/stream_cut/stream.sse")),
        );

        assert_eq!(text_of(&response.choices[0].parts), "Yes, the north");
        assert!(!decoder.may_end());
    }
    assert!(!decoder().may_end());
}

#[test]
fn errors_are_found_in_every_shape() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"Yes"}]}}]}"#;
    let error = r#"{"error":{"code":503,"message":"Busy.","status":"UNAVAILABLE"}}"#;
    let spread = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"Busy.\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}";
    let streams = [
        format!("data: {chunk}\n\ndata: {error}\n\n"),
        format!("data: {chunk}\n\n{error}\n"),
        format!("data: {chunk}\r\n\r\n{error}"),
        format!("data: {chunk}\n{error}\n\n"),
        format!("data: {chunk}\n\n{spread}\n"),
        format!("data: {chunk}\n\n[{spread}]\n"),
        format!("data: {chunk}\n\ndata: [{error}]\n\n"),
    ];
    for stream in streams {
        for cut in 0..stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            let (deltas, step) = read(&mut decoder(), &[first, second]);

            let DecodeStep::Broken(error) = step else {
                panic!("not broken: {stream:?} cut at {cut}");
            };
            assert_eq!(error.failure, Failure::Overloaded(None));
            assert_eq!(error.message, "Busy.");
            assert_eq!(text_of(&ChatResponse::from(deltas).choices[0].parts), "Yes");
        }
    }
}

#[test]
fn a_body_that_is_not_json_is_an_error() {
    let (_, step) = read(&mut decoder(), &[b"data: {\"candidates\":\n\n"]);
    assert!(matches!(step, DecodeStep::Broken(_)));
    for body in ["<html>", "{}", "[]", r#"{"candidates":[]}"#] {
        let answered = decoder().whole(body.as_bytes(), &mut Deltas::new());
        assert_eq!(answered.unwrap_err().failure, Failure::Server, "{body}");
    }
    let listed = br#"[{"error":{"code":429,"message":"Wait.","status":"RESOURCE_EXHAUSTED"}}]"#;
    let answered = decoder().whole(listed, &mut Deltas::new());
    assert_eq!(answered.unwrap_err().failure, Failure::RateLimit(None));
}

#[test]
fn a_stream_in_one_json_list_is_read() {
    let body = br#"[{"candidates":[{"content":{"parts":[{"text":"Yes"}]}}]},
        {"candidates":[{"content":{"parts":[{"text":"."}]},"finishReason":"STOP"}]}]"#;
    let mut deltas = Deltas::new();
    decoder().whole(body, &mut deltas).unwrap();

    assert_eq!(
        text_of(&ChatResponse::from(deltas).choices[0].parts),
        "Yes."
    );
}

#[test]
fn a_blocked_prompt_becomes_a_refusal_with_its_reason() {
    let body = br#"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"Not this."},"usageMetadata":{"promptTokenCount":9},"modelVersion":"gemini-3.5-flash"}"#;
    let mut whole = Deltas::new();
    decoder().whole(body, &mut whole).unwrap();
    let mut streaming = decoder();
    let event = [b"data: ", &body[..], b"\n\n"].concat();
    let (stream, _) = read(&mut streaming, &[&event[..]]);

    let refused = Choice {
        parts: vec![ContentPart::Refusal("Not this.".to_owned())],
        finish: Some(Finish::ContentFilter),
        ..Choice::default()
    };
    assert_eq!(
        ChatResponse::from(whole).choices,
        std::slice::from_ref(&refused)
    );
    assert_eq!(ChatResponse::from(stream).choices, [refused]);
    assert!(streaming.may_end());
}

#[test]
fn a_client_gets_the_reason_of_an_empty_response() {
    let body = br#"{"promptFeedback":{"blockReason":"OTHER"}}"#;
    let request = br#"{"model":"gemini-3.5-flash","stream":true,"messages":[]}"#;
    let mut prepared = ask(&endpoint(), request).unwrap();
    let whole = prepared.adapter.whole(&Bytes::from_static(body)).unwrap();

    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
}

#[test]
fn finish_reasons_map_to_four_values() {
    let table = [
        ("STOP", Finish::Stop, Finish::ToolCalls),
        ("MALFORMED_FUNCTION_CALL", Finish::Stop, Finish::ToolCalls),
        ("A_NEW_REASON", Finish::Stop, Finish::ToolCalls),
        ("MAX_TOKENS", Finish::Length, Finish::Length),
        ("CONTINUATION", Finish::Length, Finish::Length),
        ("SAFETY", Finish::ContentFilter, Finish::ContentFilter),
        ("IMAGE_SAFETY", Finish::ContentFilter, Finish::ContentFilter),
        ("OTHER", Finish::ContentFilter, Finish::ContentFilter),
    ];
    for (word, plain, called) in table {
        assert_eq!(response::finish(word, false), plain, "{word}");
        assert_eq!(response::finish(word, true), called, "{word}");
    }
}

#[test]
fn calls_without_ids_get_unique_ids() {
    let part = r#"{"functionCall":{"name":"tide","args":{"harbor": "Vell"}}}"#;
    let stream = format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{part},{part}]}},\"index\":0}},\
         {{\"content\":{{\"parts\":[{part}]}},\"index\":1}}]}}\n\n\
         data: {{\"candidates\":[{{\"content\":{{\"parts\":[{part}]}},\"finishReason\":\"STOP\"}},\
         {{\"finishReason\":\"MAX_TOKENS\",\"index\":1}}]}}\n\n"
    );
    let mut decoder = decoder();
    let response = response_of(&mut decoder, stream.as_bytes());

    let ids: Vec<Vec<&str>> = response
        .choices
        .iter()
        .map(|choice| choice.calls().map(|call| call.id.as_str()).collect())
        .collect();
    assert_eq!(
        ids,
        [vec!["call_1_0", "call_1_1", "call_1_2"], vec!["call_1_1_0"]]
    );
    let first = response.choices[0].calls().next().unwrap();
    assert_eq!(first.arguments, r#"{"harbor":"Vell"}"#);
    let finishes: Vec<_> = response
        .choices
        .iter()
        .map(|choice| choice.finish)
        .collect();
    assert_eq!(finishes, [Some(Finish::ToolCalls), Some(Finish::Length)]);
    assert!(decoder.may_end());
}

#[test]
fn every_candidate_must_end() {
    let mut decoder = decoder();
    response_of(
        &mut decoder,
        b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\",\"index\":0},{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"index\":1}]}\n\n",
    );
    assert!(!decoder.may_end());
}

#[test]
fn parts_of_unknown_kinds_are_skipped() {
    let stream = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"videoMetadata\":{\"fps\":1}},{\"text\":\"a\"},{\"inlineData\":{}}]},\"finishReason\":\"STOP\",\"groundingMetadata\":{}}],\"new\":1}\n\n";
    let (deltas, _) = read(&mut decoder(), &[&stream[..]]);

    let expected = [
        (0, Delta::Start { model: None }),
        (0, Delta::Text("a".to_owned())),
        (0, Delta::End(Finish::Stop)),
    ];
    assert_eq!(deltas, expected);
}

#[test]
fn a_chat_client_gets_the_recorded_response() {
    for case in ["text", "tools"] {
        let request = fixture(&format!("gemini/{case}/request.openai.json"));
        let mut prepared = ask(&endpoint(), &request).unwrap();
        let body = fixture(&format!("gemini/{case}/response.json"));
        let whole = prepared.adapter.whole(&body).unwrap();

        let answer: Value = serde_json::from_slice(&whole).unwrap();
        let recorded = json_of(&format!("gemini/{case}/expected.openai.json"));
        assert_eq!(answer["usage"], recorded["usage"], "{case}");
        let (answer, recorded) = (&answer["choices"][0], &recorded["choices"][0]);
        assert_eq!(answer["finish_reason"], recorded["finish_reason"], "{case}");
        let members = ["content", "refusal", "reasoning_content"];
        for member in members {
            assert_eq!(answer["message"][member], recorded["message"][member]);
        }
    }
}

#[test]
fn recorded_errors_have_their_class() {
    let seconds = |s: f64| Some(std::time::Duration::from_secs_f64(s));
    let table = [
        ("gemini/err401", 400, Failure::Auth),
        ("gemini/err402", 402, Failure::Quota),
        ("gemini/err429", 429, Failure::RateLimit(seconds(27.5))),
        ("gemini/err429_daily", 429, Failure::Quota),
        ("gemini/err500", 500, Failure::Server),
        ("gemini/err503", 503, Failure::Overloaded(None)),
        ("vertex/err401", 401, Failure::Auth),
        ("vertex/err429", 429, Failure::RateLimit(None)),
        ("vertex/err500", 500, Failure::Server),
        ("vertex/err503", 503, Failure::Overloaded(None)),
    ];
    for (name, status, failure) in table {
        let status = StatusCode::from_u16(status).unwrap();
        let body = fixture(&format!("{name}/response.json"));
        let error = Gemini.classify_error(status, &HeaderMap::new(), &body);
        assert_eq!(error.failure, failure, "{name}");
    }
}

#[test]
fn a_stream_reaches_a_chat_client_as_chunks() {
    let request = br#"{"model":"gemini-3.5-flash","stream":true,"messages":[]}"#;
    let mut prepared = ask(&endpoint(), request).unwrap();
    let mut splitter = Splitter::new(prepared.adapter.framing());
    splitter.push(&fixture("gemini/tools/stream.sse"));
    let mut out = BytesMut::new();
    while let Some(event) = splitter.next_event().unwrap() {
        prepared.adapter.read(&event, &mut out);
    }
    assert!(prepared.adapter.may_end());
    prepared.adapter.close(&mut out);

    let text = String::from_utf8(out.to_vec()).unwrap();
    let indexes: Vec<&str> = text.matches(r#""index":1,"id":"fc_02""#).collect();
    assert_eq!(indexes.len(), 1, "{text}");
    assert!(text.contains(r#""finish_reason":"tool_calls""#), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

proptest! {
    #[test]
    fn random_read_boundaries_change_nothing(mut cuts in proptest::collection::vec(0_usize..1_200, 0..20)) {
        let stream = fixture("vertex/text/stream.sse");
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let reads: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();

        let (deltas, _) = read(&mut decoder(), &reads);
        let (expected, _) = read(&mut decoder(), &[&stream[..]]);
        prop_assert_eq!(ChatResponse::from(deltas), ChatResponse::from(expected));
    }

    #[test]
    fn corrupted_bytes_never_panic(
        at in 0_usize..2_000,
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut stream = fixture("gemini/tools/stream.sse").to_vec();
        let at = at.min(stream.len());
        stream.splice(at..(at + bytes.len()).min(stream.len()), bytes);

        read(&mut decoder(), &[&stream]);
        let _whatever_it_is = decoder().whole(&stream, &mut Deltas::new());
    }
}
