//! Calls that pass to a provider without translation.

use super::{error, header};
use crate::bench::{limits, start, start_allowed};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::access::{Token, TokenAuth};
use aibal_tui::domain::{GlobalLimits, Role, TokenDefinition};
use serde_json::{Value, json};

const IMAGE: &str = r#"{"created":1,"data":[{"b64_json":"AA=="}],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}"#;
const FORM: &str = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\na/shared\r\n--x--\r\n";
const FILE: &str = r#"{"id":"file-1","object":"file","bytes":3,"purpose":"batch"}"#;
const BATCH: &str =
    r#"{"id":"batch-1","object":"batch","input_file_id":"file-1","output_file_id":null}"#;

#[tokio::test]
async fn pictures_and_audio_reach_the_provider_of_their_model() {
    let a = Upstream::start(Behaviour::Status(200, IMAGE, vec![])).await;
    let bench = start(&[&a], limits()).await;

    let body = r#"{"model":"a/shared","prompt":"sky","n":1.10}"#;
    let response = bench.send("/v1/images/generations", body).await;
    assert_eq!(header(&response, "x-aibal-provider"), "a");
    assert_eq!(header(&response, "x-aibal-cost-usd"), "0.000050000");
    assert_eq!(response.text().await.unwrap(), IMAGE);
    assert_eq!(a.last_path(), "POST /v1/images/generations");
    let (headers, sent) = a.last();
    assert_eq!(sent, r#"{"prompt":"sky","n":1.10,"model":"shared"}"#);
    assert_eq!(headers["authorization"], "Bearer upstream-key");

    let request = bench
        .client
        .post(format!("{}/audio/transcriptions", bench.url));
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let response = request.body(FORM).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (headers, sent) = a.last();
    assert_eq!(sent, FORM.replace("a/shared", "shared"));
    assert_eq!(headers["content-type"], "multipart/form-data; boundary=x");
    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.success_rate, Some(1.0));
}

#[tokio::test]
async fn a_provider_without_the_path_is_not_blamed() {
    let a = Upstream::start(Behaviour::Status(404, r#"{"detail":"Not Found"}"#, vec![])).await;
    let b = Upstream::start(Behaviour::Status(200, r#"{"results":[]}"#, vec![])).await;
    let bench = start(&[&a, &b], limits()).await;

    let body = r#"{"model":"shared","query":"q","documents":["a"]}"#;
    let response = bench.send("/v1/rerank", body).await;
    assert_eq!(header(&response, "x-aibal-provider"), "b");
    a.behave(Behaviour::Good);
    let response = bench.post(super::ASK).await;
    assert_eq!(header(&response, "x-aibal-provider"), "a");

    let unknown = bench
        .send("/v1/rerank", r#"{"model":"none","query":"q"}"#)
        .await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(error(unknown).await["code"], "model_not_found");
    let request = bench.client.post(format!("{}/moderations", bench.url));
    let request = request.header("x-aibal-preferred-provider", "b");
    let response = request
        .body(r#"{"model":"none","input":"a"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&response, "x-aibal-provider"), "b");
    assert_eq!(b.last().1, r#"{"model":"none","input":"a"}"#);
}

fn token(name: &str) -> Token {
    let mut sha256 = [0; 32];
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
    sha256.copy_from_slice(hash.as_ref());
    Token::new(TokenDefinition::new(name, Role::Client), sha256, &[])
}

#[tokio::test]
async fn files_and_batches_belong_to_their_client_and_name_their_provider() {
    let a = Upstream::start(Behaviour::Status(500, "{}", vec![])).await;
    let b = Upstream::start(Behaviour::Good).await;
    let access = TokenAuth::new(vec![token("app"), token("other")]);
    let bench = start_allowed(&[&a, &b], |_| {}, &GlobalLimits::default(), Some(access)).await;
    let call = async |method: &str, path: &str, body: &str, client: &str| {
        let method = method.parse().unwrap();
        let request = bench.client.request(method, format!("{}{path}", bench.url));
        let request = request.bearer_auth(client).body(body.to_owned());
        let request = request.header("x-aibal-preferred-provider", "b");
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };

    b.behave(Behaviour::Status(200, FILE, vec![]));
    let (_, file) = call("POST", "/files", "{}", "app").await;
    let id = file["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("file-1-"), "{file}");

    b.behave(Behaviour::Status(200, BATCH, vec![]));
    let body = json!({"input_file_id": id, "endpoint": "/v1/chat/completions"}).to_string();
    let (_, batch) = call("POST", "/batches", &body, "app").await;
    assert!(
        b.last().1.contains(r#""input_file_id":"file-1""#),
        "{}",
        b.last().1
    );
    assert_eq!(batch["input_file_id"], id);

    let path = format!("/batches/{}", batch["id"].as_str().unwrap());
    let (status, read) = call("GET", &path, "", "app").await;
    assert_eq!((status, &read), (200, &batch));
    assert_eq!(b.last_path(), "GET /v1/batches/batch-1");
    let (status, refused) = call("GET", &path, "", "other").await;
    assert_eq!(status, 404);
    assert_eq!(refused["error"]["code"], "object_not_found");

    let list = r#"{"object":"list","data":[{"id":"batch-1","object":"batch"},{"id":"batch-2","object":"batch"}],"has_more":false}"#;
    b.behave(Behaviour::Status(200, list, vec![]));
    let (_, own) = call("GET", "/batches?limit=2", "", "app").await;
    assert_eq!(own["data"].as_array().unwrap().len(), 1);
    assert_eq!(own["data"][0]["id"], batch["id"]);
    assert_eq!(b.last_path(), "GET /v1/batches?limit=2");
    let (_, others) = call("GET", "/batches", "", "other").await;
    assert_eq!(others["data"], json!([]));
}
