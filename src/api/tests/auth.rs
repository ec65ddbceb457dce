use super::TestApi;
use crate::access::{Peer, Token, TokenAuth};
use crate::domain::{Role, TokenDefinition};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

const CHANGE: &str = r#"{"load":20}"#;

pub(super) fn token(name: &str, role: Role) -> Token {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, name.as_bytes()).as_ref());
    Token::new(TokenDefinition::new(name, role), sha256, &[])
}

fn api() -> TestApi {
    TestApi::with(TokenAuth::new(vec![
        token("apps", Role::Client),
        token("screen", Role::Viewer),
        token("ops", Role::Operator),
    ]))
}

fn request(method: &str, path: &str, token: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = if token.is_empty() {
        request
    } else {
        request.header("authorization", format!("Bearer {token}"))
    };
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_role_reaches_its_calls_only() {
    let api = api();
    let count = r#"{"provider":"beta","action":"increment"}"#;
    // In the order client, viewer, operator.
    let cases = [
        ("GET", "/api/load-balancing", "", [200, 200, 200]),
        ("POST", "/api/load-balancing/select", "{}", [200, 200, 200]),
        ("POST", "/api/load-balancing", count, [200, 403, 200]),
        ("GET", "/api/status", "", [403, 200, 200]),
        ("GET", "/api/weights", "", [403, 200, 200]),
        ("PUT", "/api/weights", CHANGE, [403, 403, 200]),
        ("GET", "/api/settings", "", [403, 200, 200]),
        (
            "PATCH",
            "/api/settings",
            r#"{"strategy":"best"}"#,
            [403, 403, 200],
        ),
        ("POST", "/api/providers/alpha/probe", "", [403, 403, 200]),
    ];

    for (method, path, body, expected) in cases {
        let mut statuses = Vec::new();
        for token in ["apps", "screen", "ops"] {
            let answer = api.ask(request(method, path, token, body)).await;
            statuses.push(answer.status.as_u16());
        }
        assert_eq!(statuses, expected, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_known_token_only_health_checks_are_answered() {
    let api = api();

    let missing = api.ask(request("GET", "/api/status", "", "")).await;
    let unknown = api.ask(request("GET", "/api/status", "guess", "")).await;

    assert!(missing.problem(401).starts_with("a token is needed"));
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    assert!(unknown.problem(401).starts_with("the token is unknown"));
    assert!(!unknown.body.to_string().contains("guess"));
    api.ask(request("GET", "/healthz", "", "")).await.ok();
    api.ask(request("GET", "/readyz", "", "")).await.ok();
    let path = api.ask(request("GET", "/api/none", "", "")).await;
    path.problem(401);
}

#[tokio::test(start_paused = true)]
async fn a_revision_names_the_token() {
    let api = api();
    api.ask(request("PUT", "/api/weights", "ops", CHANGE))
        .await
        .ok();

    let revisions = api
        .ask(request("GET", "/api/revisions", "screen", ""))
        .await;

    assert_eq!(revisions.ok()["revisions"][0]["who"], "ops");
}

#[tokio::test(start_paused = true)]
async fn the_socket_needs_no_token() {
    let api = api();

    let answer = api
        .ask_from(Peer::Unix, request("PUT", "/api/weights", "guess", CHANGE))
        .await;

    answer.ok();
}

#[tokio::test(start_paused = true)]
async fn other_machines_need_a_token_even_if_none_is_configured() {
    let api = TestApi::new();
    let remote = Peer::Tcp(([192, 0, 2, 7], 9).into());

    let answer = api
        .ask_from(remote, request("GET", "/api/status", "", ""))
        .await;

    answer.problem(401);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_changes_nothing() {
    let api = TestApi::new();
    let from = |origin: &str| {
        Request::put("/api/weights")
            .header("host", "127.0.0.1:8080")
            .header("origin", origin)
            .body(Body::from(CHANGE))
            .unwrap()
    };

    let foreign = api.ask(from("https://example.org")).await;
    let own = api.ask(from("http://127.0.0.1:8080")).await;

    assert!(foreign.problem(403).starts_with("Origin is another site"));
    own.ok();
}

#[tokio::test(start_paused = true)]
async fn a_client_reports_one_result_for_each_selection_that_it_got() {
    let api = api();
    let mut events = api.handle.events();
    let select = async |token: &str| {
        let answer = api
            .ask(request(
                "GET",
                "/api/load-balancing?model=beta/small",
                token,
                "",
            ))
            .await;
        answer.ok()["decisionId"].as_str().unwrap().to_owned()
    };
    let report = async |token: &str, decision: &str| {
        let body = format!(
            r#"{{"provider":"beta","action":"decrement","decisionId":"{decision}","success":false}}"#
        );
        let answer = api
            .ask(request("POST", "/api/load-balancing", token, &body))
            .await;
        answer.status.as_u16()
    };
    let (own, other) = (select("apps").await, select("screen").await);

    assert_eq!(report("apps", &other).await, 422, "made for another token");
    assert_eq!(report("apps", "0000000000000001").await, 422);
    assert_eq!(report("apps", &own).await, 200);
    assert_eq!(report("apps", &own).await, 422, "reported already");
    let refusal = events.recv().await.unwrap();
    assert!(refusal.text.contains("\"apps\" was refused"), "{refusal:?}");
    assert_eq!(report("ops", &other).await, 200);
    let wasteful = r#"{"provider":"beta","action":"decrement","inputTokens":3000000}"#;
    let answer = api
        .ask(request("POST", "/api/load-balancing", "apps", wasteful))
        .await;
    assert_eq!(answer.status, 422);
}

#[tokio::test(start_paused = true)]
async fn a_client_s_failures_open_no_circuit_breaker() {
    let api = api();
    for _ in 0..20 {
        let asked = request("GET", "/api/load-balancing?model=beta/small", "apps", "");
        let answer = api.ask(asked).await;
        let body = format!(
            r#"{{"provider":"beta","action":"decrement","decisionId":{},"success":false}}"#,
            answer.ok()["decisionId"]
        );
        api.ask(request("POST", "/api/load-balancing", "apps", &body))
            .await
            .ok();
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let table = api.handle.routing_table();
    assert_eq!(
        table.candidates[2].standing,
        crate::domain::RoutingState::Usable
    );
}

/// Path of a call with texts in place of its parameters.
fn called_path(path: &str) -> String {
    let part = |part: &str| {
        let is_parameter = part.starts_with('{');
        if is_parameter {
            "1".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_call_admits_exactly_the_roles_of_the_table() {
    let api = TestApi::with(TokenAuth::new(
        Role::ALL.map(|role| token(role.as_str(), role)).into(),
    ));
    let remote = Peer::Tcp("192.0.2.1:9".parse().unwrap());
    for route in crate::api::descriptions() {
        let call = async |bearer: &str| {
            let request = Request::builder()
                .method(route.method.clone())
                .uri(called_path(route.path))
                .header("authorization", format!("Bearer {bearer}"))
                .extension(remote);
            let request = request.body(Body::from("[]")).unwrap();
            // Only the head: an event stream has no end.
            let answer = api.router.clone().oneshot(request).await;
            answer.unwrap().status().as_u16()
        };
        let name = format!("{} {}", route.method, route.path);
        let Some(needs) = route.needs else {
            assert!(![401, 403].contains(&call("").await), "{name}");
            continue;
        };
        assert_eq!(call("").await, 401, "{name}");
        for role in Role::ALL {
            let status = call(role.as_str()).await;
            assert_ne!(status, 405, "{name}");
            assert_eq!(
                status == 403,
                !role.may(needs),
                "{name} as {role}: {status}"
            );
        }
    }
}
