use super::*;
use crate::protocols::neutral::TranslationError;

#[test]
fn requests_are_built_as_recorded() {
    for case in ["text", "tools", "multi_turn_request", "stream_error"] {
        for provider in ["gemini", "vertex"] {
            let request = fixture(&format!("{provider}/{case}/request.openai.json"));
            let prepared = ask(&endpoint(), &request).unwrap();

            let recorded = json_of(&format!("{provider}/{case}/request.json"));
            assert_eq!(body_of(&prepared), recorded, "{provider}/{case}");
        }
    }
}

#[test]
fn the_url_names_the_model_and_the_key_is_sensitive() {
    let address = |text: &str| {
        let prepared = ask(&endpoint(), text.as_bytes()).unwrap();
        assert!(prepared.request.headers[KEY].is_sensitive());
        prepared.request.url
    };
    let base = "https://generativelanguage.googleapis.com/v1beta";

    assert_eq!(
        address(r#"{"model":"gemini-3.5-flash","messages":[]}"#),
        format!("{base}/models/gemini-3.5-flash:generateContent")
    );
    assert_eq!(
        address(r#"{"model":"tunedModels/pier","stream":true,"messages":[]}"#),
        format!("{base}/tunedModels/pier:streamGenerateContent?alt=sse")
    );
}

/// Returns the contents of a history with one tool call.
fn called(endpoint: &Endpoint, model: &str, call: &Value) -> Value {
    let request = json!({"model": model, "messages": [
        {"role": "user", "content": "Tide?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "[1.42]"},
    ]});
    let prepared = ask(endpoint, request.to_string().as_bytes()).unwrap();
    body_of(&prepared)["contents"].take()
}

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "tide", "arguments": ""}})
}

#[test]
fn a_call_gets_back_its_stored_signature() {
    let endpoint = endpoint();
    endpoint
        .reasoning_cache
        .store_signature("call_1", "a2VwdA==".to_owned());
    let skipped = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";
    let table = [
        ("gemini-3.5-flash", "call_1", "call_1", Some("a2VwdA==")),
        ("gemini-3.5-flash", "call_2", "call_2", Some(skipped)),
        (
            "gemini-3.5-flash",
            "call_3__thought__Y2Fycnk=",
            "call_3",
            Some("Y2Fycnk="),
        ),
    ];
    for (model, id, shown, signature) in table {
        let contents = called(&endpoint, model, &call(id));

        let part = &contents[1]["parts"][0];
        assert_eq!(part["thoughtSignature"].as_str(), signature, "{id}");
        assert_eq!(part["functionCall"]["id"], shown);
        let result = &contents[2]["parts"][0]["functionResponse"];
        assert_eq!(
            *result,
            json!({"name": "tide", "id": shown, "response": {"output": "[1.42]"}})
        );
    }
}

#[test]
fn the_clients_signature_takes_precedence() {
    // Whatever the model is called: a name without a generation may be an alias of a new model.
    for model in ["gemini-3.5-flash", "harbour-pilot"] {
        let endpoint = endpoint();
        let cache = &endpoint.reasoning_cache;
        cache.store_signature("call_1", "a2VwdA==".to_owned());
        let mut call = call("call_1");
        call["extra_content"] = json!({"google": {"thought_signature": "b3du"}});
        let contents = called(&endpoint, model, &call);
        assert_eq!(contents[1]["parts"][0]["thoughtSignature"], "b3du");
    }
}

#[test]
fn older_models_get_neither_ids_nor_placeholder_signatures() {
    let contents = called(&endpoint(), "gemini-2.5-flash", &call("call_1"));

    assert_eq!(
        contents[1]["parts"][0],
        json!({"functionCall": {"name": "tide", "args": {}}})
    );
    assert!(
        contents[2]["parts"][0]["functionResponse"]
            .get("id")
            .is_none()
    );
}

#[test]
fn the_first_call_of_every_step_has_a_signature() {
    let request = json!({"model": "gemini-3.5-flash", "messages": [
        {"role": "user", "content": "Tide?"},
        {"role": "assistant", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "assistant", "tool_calls": [call("c")]},
        {"role": "tool", "tool_call_id": "c", "content": "3"},
    ]});
    let prepared = ask(&endpoint(), request.to_string().as_bytes()).unwrap();

    let body = body_of(&prepared);
    let signed_block: Vec<Vec<bool>> = body["contents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|content| content["role"] == "model")
        .map(|content| {
            let parts = content["parts"].as_array().unwrap().iter();
            parts
                .map(|part| part.get("thoughtSignature").is_some())
                .collect()
        })
        .collect();
    assert_eq!(signed_block, [vec![true, false], vec![true]]);
}

#[test]
fn neighbouring_messages_of_one_kind_are_merged() {
    let request = br#"{"model":"gemini-3.5-flash","messages":[
        {"role":"user","content":"a"},
        {"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":""}]},
        {"role":"assistant","content":"c"},
        {"role":"assistant","content":"d","reasoning_content":"hm"}]}"#;
    let prepared = ask(&endpoint(), request).unwrap();

    assert_eq!(
        body_of(&prepared)["contents"],
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        ])
    );
    assert_eq!(prepared.dropped.names(), ["reasoning"]);
}

#[test]
fn a_conversation_always_begins_with_a_user_message() {
    for messages in [
        r#"[{"role":"system","content":"Say hello."}]"#,
        r#"[{"role":"assistant","content":"Hello."}]"#,
    ] {
        let request = format!(r#"{{"model":"gemini-3.5-flash","messages":{messages}}}"#);
        let prepared = ask(&endpoint(), request.as_bytes()).unwrap();
        assert_eq!(
            body_of(&prepared)["contents"][0]["role"],
            "user",
            "{messages}"
        );
    }
}

fn with_image(url: &str) -> Result<PreparedCall, TranslationError> {
    let request = json!({"model": "gemini-3.5-flash", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url}},
    ]}]});
    ask(&endpoint(), request.to_string().as_bytes())
}

#[test]
fn an_image_is_sent_inline_or_from_google_storage() {
    let part = |url| body_of(&with_image(url).unwrap())["contents"][0]["parts"][0].take();

    assert_eq!(
        part("data:image/png;base64,AAAA"),
        json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})
    );
    assert_eq!(
        part("gs://pier/gauge.JPG"),
        json!({"fileData": {"fileUri": "gs://pier/gauge.JPG", "mimeType": "image/jpeg"}})
    );
    let uploaded = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    assert_eq!(part(uploaded), json!({"fileData": {"fileUri": uploaded}}));
}

#[test]
fn an_image_url_is_an_error_of_this_target_only() {
    let error = with_image("https://example.com/gauge.png").unwrap_err();

    assert!(error.is_target_specific);
    assert_eq!(
        error.message,
        "image is a link, which this model does not follow; send the data itself"
    );
}

#[test]
fn arguments_that_are_not_an_object_are_rejected_without_quoting_them() {
    let call = json!({"id": "a", "type": "function",
        "function": {"name": "tide", "arguments": "{\"harbor\":"}});
    let request = json!({"model": "gemini-3.5-flash", "messages": [
        {"role": "assistant", "tool_calls": [call]},
    ]});
    let error = ask(&endpoint(), request.to_string().as_bytes()).unwrap_err();

    assert_eq!(
        error.message,
        "messages hold a tool call whose arguments are not a JSON object"
    );
}

#[test]
fn unsupported_parameters_are_dropped_and_reported() {
    let members = r#""messages":[],"temperature":0.2,"top_p":0.9,"presence_penalty":1,"seed":3,"n":2,"reasoning_effort":"high","user":"u""#;
    let config = |model: &str, sampling: bool| {
        let request = format!(r#"{{"model":"{model}",{members}}}"#);
        let traits = ModelTraits {
            sampling,
            ..ModelTraits::UNSTATED
        };
        let prepared = with_call(request.as_bytes(), &traits, |call| {
            Gemini.build_request(&endpoint(), call).unwrap()
        });
        let config = body_of(&prepared)["generationConfig"].take();
        (config, prepared.dropped.names().join(" "))
    };

    let (newest, dropped) = config("gemini-3.6-flash", false);
    assert_eq!(
        newest,
        json!({"seed": 3, "candidateCount": 2,
            "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "high"}})
    );
    assert_eq!(dropped, "user temperature top_p presence_penalty");

    let (older, dropped) = config("gemini-2.0-flash", true);
    assert_eq!(
        older,
        json!({"temperature": 0.2, "topP": 0.9, "presencePenalty": 1.0, "seed": 3, "candidateCount": 2})
    );
    assert_eq!(dropped, "user reasoning_effort");
}

#[test]
fn a_json_format_sets_media_type_and_schema() {
    let config = |format: &str| {
        let request =
            format!(r#"{{"model":"gemini-3.5-flash","messages":[],"response_format":{format}}}"#);
        body_of(&ask(&endpoint(), request.as_bytes()).unwrap())["generationConfig"].take()
    };

    assert_eq!(
        config(r#"{"type":"json_object"}"#),
        json!({"responseMimeType": "application/json"})
    );
    assert_eq!(
        config(
            r#"{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object","additionalProperties":false}}}"#
        ),
        json!({"responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "additionalProperties": false}})
    );
    assert_eq!(config(r#"{"type":"text"}"#), Value::Null);
}

#[test]
fn a_tool_choice_becomes_a_mode() {
    let choice = |choice: &str, forced: bool| {
        let request = format!(
            r#"{{"model":"gemini-3.5-flash","messages":[],"tool_choice":{choice},"tools":[{{"type":"function","function":{{"name":"tide"}}}}]}}"#
        );
        let traits = ModelTraits {
            forced_tools: forced,
            ..ModelTraits::UNSTATED
        };
        let prepared = with_call(request.as_bytes(), &traits, |call| {
            Gemini.build_request(&endpoint(), call).unwrap()
        });
        body_of(&prepared)["toolConfig"]["functionCallingConfig"].take()
    };
    let named = r#"{"type":"function","function":{"name":"tide"}}"#;

    assert_eq!(choice("\"auto\"", true), json!({"mode": "AUTO"}));
    assert_eq!(choice("\"none\"", true), json!({"mode": "NONE"}));
    assert_eq!(choice("\"required\"", true), json!({"mode": "ANY"}));
    assert_eq!(
        choice(named, true),
        json!({"mode": "ANY", "allowedFunctionNames": ["tide"]})
    );
    assert_eq!(choice(named, false), json!({"mode": "AUTO"}));
}

#[test]
fn a_signature_of_a_response_is_sent_back_unchanged() {
    let endpoint = endpoint();
    let request = r#"{"model":"gemini-3.5-flash","messages":[{"role":"user","content":"a"}]}"#;
    let prepared = with_call(request.as_bytes(), &ModelTraits::UNSTATED, |call| {
        Gemini.build_request(&endpoint, call).unwrap()
    });
    let mut adapter = prepared.adapter;
    let response = adapter
        .whole(&fixture("gemini/tools/response.json"))
        .unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    let made = &response["choices"][0]["message"]["tool_calls"][0];

    let contents = called(
        &endpoint,
        "gemini-3.5-flash",
        &call(made["id"].as_str().unwrap()),
    );

    assert_eq!(
        made["extra_content"]["google"]["thought_signature"],
        "c2lnLWZ4LTI="
    );
    assert_eq!(contents[1]["parts"][0]["thoughtSignature"], "c2lnLWZ4LTI=");
}

#[test]
fn texts_are_embedded_in_one_request_and_encoded_as_requested() {
    let request = fixture("gemini/embeddings/request.openai.json");
    let mut prepared = with_call(&request, &ModelTraits::UNSTATED, |call| {
        Gemini.build_embeddings(&endpoint(), call).unwrap()
    });

    assert!(
        prepared
            .request
            .url
            .ends_with("/v1beta/models/gemini-embedding-001:batchEmbedContents")
    );
    assert_eq!(
        body_of(&prepared),
        json_of("gemini/embeddings/request.json")
    );
    let answer = fixture("gemini/embeddings/response.json");
    let response = prepared.adapter.whole(&answer).unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response, json_of("gemini/embeddings/expected.openai.json"));
}

#[test]
fn a_prompt_is_counted_with_its_tools_and_instructions() {
    let request = fixture("gemini/tools/request.openai.json");
    let counting = with_call(&request, &ModelTraits::UNSTATED, |call| {
        Gemini.build_token_count(&endpoint(), call).unwrap()
    });

    let body: Value = serde_json::from_slice(&counting.request.body).unwrap();
    let mut recorded = json_of("gemini/tools/request.json");
    recorded["model"] = "models/gemini-3.5-flash".into();
    assert_eq!(body["generateContentRequest"], recorded);
    assert_eq!((counting.read)(br#"{"totalTokens": 133}"#), Some(133));
    assert_eq!((counting.read)(br"{}"), None);
}

#[test]
fn the_model_list_shows_a_working_provider() {
    let probe = Gemini.build_probe(&endpoint());
    let listed = fixture("gemini/models/response.json");

    assert!(probe.url.ends_with("/v1beta/models?pageSize=1000"));
    assert!(Gemini.is_probe_ok(StatusCode::OK, &listed));
    assert!(!Gemini.is_probe_ok(StatusCode::BAD_REQUEST, &listed));
    assert!(!Gemini.is_probe_ok(StatusCode::OK, b"<html>"));
    assert_eq!(
        Gemini.model_names(&listed).unwrap(),
        ["gemini-3.5-flash", "gemini-embedding-001"]
    );
}

#[test]
fn a_history_of_gemini_passes_and_a_call_of_another_provider_gets_a_signature() {
    let sent = |model: &str, call: &Value| {
        let contents = json!([
            {"role": "user", "parts": [{"text": "Tide?"}]},
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "tide", "response": {"level": 1.42}}},
            ]},
        ]);
        let request = json!({"model": model, "contents": contents}).to_string();
        let prepared = with_call(request.as_bytes(), &ModelTraits::UNSTATED, |call| {
            let own = CallSpec {
                dialect: ApiDialect::GenerateContent,
                ..*call
            };
            Gemini.build_request(&endpoint(), &own).unwrap()
        });
        let passes = body_of(&prepared)["contents"] == contents;
        let mut part = body_of(&prepared)["contents"][1]["parts"][0].take();
        (passes, part["thoughtSignature"].take())
    };
    let unsigned = json!({"functionCall": {"name": "tide", "args": {}}});
    let signed = json!({"functionCall": {"name": "tide", "args": {}}, "thoughtSignature": "YQ=="});
    let stand_in = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

    assert_eq!(sent("gemini-3.5-flash", &signed), (true, "YQ==".into()));
    assert_eq!(
        sent("gemini-3.5-flash", &unsigned),
        (false, stand_in.into())
    );
    // An older model needs none.
    assert_eq!(sent("gemini-2.5-flash", &unsigned), (true, Value::Null));
}
