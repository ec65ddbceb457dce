//! Tokens that are made at run time: admitted, limited, rotated and revoked at once, in every process.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::program::{Running, program, run};
use crate::upstream::{Behaviour, Upstream};
use reqwest::Response;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Stdio;
use tempfile::TempDir;

const ASK: &str = r#"{"model":"m","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}"#;

async fn ask(gateway: &Gateway, token: &str) -> Response {
    let url = format!("{}/v1/chat/completions", gateway.url);
    let request = gateway.client.post(url).bearer_auth(token).body(ASK);
    request.send().await.unwrap()
}

/// Status and body of a call of the management API.
async fn call(
    gateway: &Gateway,
    token: &str,
    (method, path): (&str, &str),
    body: Value,
) -> (u16, Value) {
    let url = format!("{}{path}", gateway.url);
    let request = gateway.client.request(method.parse().unwrap(), url);
    let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn create(gateway: &Gateway, operator: &str, body: Value) -> String {
    let (status, made) = call(gateway, operator, ("POST", "/api/tokens"), body).await;
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

/// The operator's token, made while this machine was still trusted.
async fn operator(gateway: &Gateway) -> String {
    let body = json!({"name": "root", "role": "operator"});
    let (_, made) = call(gateway, "", ("POST", "/api/tokens"), body).await;
    assert!(
        made["notice"].as_str().unwrap().contains("needs a token"),
        "{made}"
    );
    made["token"].as_str().unwrap().to_owned()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

on_both! {
    async fn a_token_is_made_used_rotated_and_revoked_while_the_gateway_serves(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        gateway.ask().await;
        let root = operator(&gateway).await;
        assert_eq!(ask(&gateway, "").await.status(), 401, "this machine needs a token now");
        let app = create(&gateway, &root, json!({"name": "app", "models": ["m*"], "tags": ["x"]})).await;
        assert_eq!(ask(&gateway, &app).await.status(), 200);
        let (status, body) = call(&gateway, &app, ("GET", "/api/tokens"), json!({})).await;
        assert_eq!(status, 403, "{body}");
        let (status, _) = call(&gateway, &root, ("POST", "/api/tokens"), json!({"name": "app"})).await;
        assert_eq!(status, 409);
        let (status, wrong) = call(&gateway, &root, ("POST", "/api/tokens"), json!({"name": "a/b", "usdPerDay": -1})).await;
        assert_eq!(status, 422, "{wrong}");

        let (_, list) = call(&gateway, &root, ("GET", "/api/tokens"), json!({})).await;
        assert_eq!(list["tokens"][0]["name"], "app");
        assert!(list["tokens"][0]["lastUsedAt"].is_string(), "{list}");
        assert!(!list.to_string().contains(&app));

        let (_, rotated) = call(&gateway, &root, ("POST", "/api/tokens/app/rotate"), json!({})).await;
        let new = rotated["token"].as_str().unwrap().to_owned();
        assert_eq!(ask(&gateway, &app).await.status(), 401);
        assert_eq!(ask(&gateway, &new).await.status(), 200);
        gateway.stop().await;
        gateway.begin().await;
        assert_eq!(ask(&gateway, &new).await.status(), 200, "a restart keeps it");

        let (status, _) = call(&gateway, &root, ("DELETE", "/api/tokens/app"), json!({})).await;
        assert_eq!(status, 200);
        let refused = ask(&gateway, &new).await;
        assert_eq!(refused.status(), 401);
        assert!(refused.text().await.unwrap().contains("was revoked"));
        let (status, _) = call(&gateway, &root, ("DELETE", "/api/tokens/app"), json!({})).await;
        assert_eq!(status, 404);
        create(&gateway, &root, json!({"name": "app"})).await;
        let mut log = String::new();
        while !["create", "rotate", "revoke"].iter().all(|it| log.contains(&format!("token.{it}"))) {
            let (_, entries) = call(&gateway, &root, ("GET", "/api/audit?since=1h"), json!({})).await;
            log = entries.to_string();
        }
        assert!(!log.contains(&new) && !log.contains(&root), "no secret is recorded");
    }

    async fn limits_of_a_token_and_its_group_hold_and_are_told(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let groups = "[[auth.groups]]\nname = \"team\"\nrequests_per_minute = 3\nusd_per_week = 50.0\n";
        let gateway = Gateway::start_with(&database, &upstream.base_url, groups).await;
        let root = operator(&gateway).await;
        let limited = json!({"name": "a", "group": "team", "requestsPerMinute": 2, "tokensPerMinute": 10_000});
        let a = create(&gateway, &root, limited).await;
        let b = create(&gateway, &root, json!({"name": "b", "group": "team"})).await;
        let first = ask(&gateway, &a).await;
        assert_eq!(first.status(), 200);
        assert_eq!(header(&first, "x-ratelimit-limit-requests"), "2");
        assert_eq!(header(&first, "x-ratelimit-remaining-requests"), "1");
        assert_eq!(header(&first, "x-ratelimit-limit-tokens"), "10000");
        assert_eq!(ask(&gateway, &a).await.status(), 200);
        let refused = ask(&gateway, &a).await;
        assert_eq!(refused.status(), 429);
        assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), "0");
        assert_ne!(header(&refused, "retry-after"), "");
        let told = refused.text().await.unwrap();
        assert!(told.contains("rate_limit_exceeded") && told.contains("the token"), "{told}");

        assert_eq!(ask(&gateway, &b).await.status(), 200, "the refused one took nothing of the group");
        let refused = ask(&gateway, &b).await;
        assert_eq!(refused.status(), 429);
        assert!(refused.text().await.unwrap().contains("the group"));
        let (_, status) = call(&gateway, &root, ("GET", "/api/status"), json!({})).await;
        let team = &status["budget"]["groups"][0];
        assert_eq!((&team["name"], &team["week"]["limitUsd"]), (&json!("team"), &json!(50.0)));
        assert!(team["spentUsd"].as_f64().unwrap() > 0.0, "{team}");
        let (_, group) = call(&gateway, &root, ("GET", "/api/monitoring/performance?group=team"), json!({})).await;
        assert!(group["totals"].is_object(), "{group}");
    }

    async fn a_change_of_another_process_is_in_force_soon_for_feeds_too(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let gateway = Gateway::start(&database, &upstream.base_url).await;
        let made = gateway.command(&["tokens", "create", "eye", "--role", "viewer", "--offline"]);
        assert_eq!(made.0, 0, "{}", made.2);
        let eye = made.1.lines().next().unwrap().to_owned();
        let events = async || {
            let url = format!("{}/api/events", gateway.url);
            gateway.client.get(url).bearer_auth(&eye).send().await.unwrap()
        };
        let mut feed = events().await;
        while feed.status() != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            feed = events().await;
        }
        assert!(feed.chunk().await.unwrap().is_some());
        let revoked = gateway.command(&["tokens", "revoke", "eye", "--offline"]);
        assert_eq!(revoked.0, 0, "{}", revoked.2);
        // It ends by itself, although the gateway goes on.
        while feed.chunk().await.unwrap_or_default().is_some() {}
        assert_eq!(events().await.status(), 401);
    }

    async fn a_stored_token_opens_an_address_to_others(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let home = TempDir::new().unwrap();
        let text = format!(
            "{}[probe]\nmode = \"off\"\n[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
             base_url = {:?}\n[[providers.models]]\nid = \"m\"\n",
            database.table(),
            upstream.base_url
        );
        std::fs::write(home.path().join("aibal.toml"), text).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let serve = || {
            let mut command = program(&home);
            command.args(["serve", "--no-save", "--listen", &format!("0.0.0.0:{port}")]);
            command
        };
        let (code, _, error) = tokio::task::block_in_place(|| run(&mut serve()));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("tokens create NAME --offline"), "{error}");
        let check = || {
            let mut command = program(&home);
            command.args(["config", "check", "--listen", &format!("0.0.0.0:{port}")]);
            tokio::task::block_in_place(|| run(&mut command)).0
        };
        assert_eq!(check(), 2, "as serve");
        let mut create = program(&home);
        create.args(["tokens", "create", "first", "--offline", "--expires", "90d", "--json"]);
        let (code, made, error) = tokio::task::block_in_place(|| run(&mut create));
        assert_eq!(code, 0, "{error}");
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(check(), 0);
        let _running = Running(serve().stderr(Stdio::null()).spawn().unwrap());
        let (client, url) = (reqwest::Client::new(), format!("http://127.0.0.1:{port}"));
        while client.get(format!("{url}/healthz")).send().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let models = async |token: &str| {
            let request = client.get(format!("{url}/v1/models")).bearer_auth(token);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(models("wrong").await, 401);
        assert_eq!(models(made["token"].as_str().unwrap()).await, 200);
    }
}
