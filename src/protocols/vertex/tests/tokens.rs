use super::token_server::{ServerBehaviour, TokenServer, claims, service_account};
use super::*;
use crate::domain::Failure;
use futures_util::future::join_all;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// Writes a credentials file that names a token server.
type FileOf = fn(&TokenServer) -> PathBuf;

/// One source that the gateway implements, and one of Google's library.
const FILES: [FileOf; 2] = [TokenServer::service_account, TokenServer::person];

fn renewing(file: PathBuf) -> Endpoint {
    endpoint(None).with_tokens(TokenSource::new(Some(file), || 1_700_000_000))
}

async fn bearer(endpoint: &Endpoint, fresh: bool) -> Result<String, UpstreamError> {
    let ready = endpoint.with_credentials(fresh.then_some(endpoint)).await?;
    let bearer = ready.bearer().expect("a token");
    assert!(bearer.is_sensitive());
    Ok(bearer.to_str().unwrap().to_owned())
}

async fn failure(endpoint: &Endpoint) -> UpstreamError {
    bearer(endpoint, false).await.expect_err("no token")
}

#[tokio::test]
async fn a_token_is_fetched_once_for_many_requests() {
    for file in FILES {
        let server = TokenServer::start(ServerBehaviour::Grants).await;
        let endpoint = renewing(file(&server));

        let at_once = (0..50).map(|_| bearer(&endpoint, false));
        for token in join_all(at_once).await {
            assert_eq!(token.unwrap(), "Bearer token-1");
        }
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");
        assert_eq!(server.granted(), 1);
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    for file in FILES {
        let server = TokenServer::start(ServerBehaviour::Grants).await;
        let endpoint = renewing(file(&server));
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");

        tokio::time::pause();
        tokio::time::advance(HOUR / 2).await;
        tokio::time::resume();
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");

        tokio::time::pause();
        tokio::time::advance(HOUR / 2 + Duration::from_secs(1)).await;
        tokio::time::resume();
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-2");
        assert_eq!(server.granted(), 2);
    }
}

#[tokio::test]
async fn a_token_from_before_a_sleep_is_not_used() {
    static WALL: AtomicU64 = AtomicU64::new(1_700_000_000);
    for file in FILES {
        let server = TokenServer::start(ServerBehaviour::Grants).await;
        let source = TokenSource::new(Some(file(&server)), || WALL.load(Ordering::Relaxed));
        let endpoint = endpoint(None).with_tokens(source);
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");

        WALL.fetch_add(59, Ordering::Relaxed);
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");
        // The running clock stood still.
        WALL.fetch_add(7_200, Ordering::Relaxed);
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-2");
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-2");
    }
}

#[tokio::test]
async fn a_rejected_token_is_replaced_and_waiting_requests_share_the_new_one() {
    for file in FILES {
        let server = TokenServer::start(ServerBehaviour::Grants).await;
        let endpoint = renewing(file(&server));
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");

        let refused = || bearer(&endpoint, true);
        let (first, second, third) = tokio::join!(refused(), refused(), refused());
        for token in [first, second, third] {
            assert_eq!(token.unwrap(), "Bearer token-2");
        }
        assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-2");

        assert_eq!(bearer(&endpoint, true).await.unwrap(), "Bearer token-3");
        assert_eq!(server.granted(), 3);
    }
}

#[tokio::test]
async fn user_credentials_name_the_project_that_pays() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    let headers_of = async |file: PathBuf| {
        let endpoint = renewing(file);
        let ready = endpoint.with_credentials(None).await.unwrap();
        Vertex.build_probe(&ready).headers
    };

    let person = headers_of(server.person()).await;
    assert_eq!(person["x-goog-user-project"], "payer-fx");
    let account = headers_of(server.service_account()).await;
    assert!(!account.contains_key("x-goog-user-project"));
}

#[tokio::test]
async fn a_service_account_signs_its_claims() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    bearer(&renewing(server.service_account()), false)
        .await
        .unwrap();

    let request = server.last_request();
    let assertion = request
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .expect("a grant");
    assert_eq!(
        claims(assertion),
        json!({
            "iss": "pier@fx-proj.example",
            "sub": "pier@fx-proj.example",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": server.url,
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
        })
    );
}

#[tokio::test]
async fn a_google_service_account_signs_tokens_without_a_token_server() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    let key = service_account("https://oauth2.googleapis.com/token");
    let endpoint = renewing(server.file(&key.to_string()));

    let token = bearer(&endpoint, false).await.unwrap();

    let claims = claims(token.strip_prefix("Bearer ").unwrap());
    assert_eq!(claims["iss"], "pier@fx-proj.example");
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    assert_eq!(server.granted(), 0);
}

#[tokio::test]
async fn an_invalid_credentials_file_is_reported_with_its_fault() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    let mut unsigned = service_account(&server.url);
    unsigned["private_key"] = "hush".into();
    let mut partial = service_account(&server.url);
    partial.as_object_mut().unwrap().remove("client_email");
    let table = [
        ("hush", "the file that `credentials` names is not JSON"),
        (
            r#"{"hush":1}"#,
            "the file that `credentials` names has no `type`; it must be a key or credentials as Google makes them",
        ),
        (
            r#"{"type":"api_key"}"#,
            "the file that `credentials` names has the type \"api_key\", but must be service_account, authorized_user, impersonated_service_account or external_account",
        ),
        (
            r#"{"type":"authorized_user","client_id":"hush"}"#,
            "the file that `credentials` names is not a complete authorized_user: a field is missing or wrong; download it again",
        ),
        (
            &partial.to_string(),
            "the file that `credentials` names is not a complete service_account: a field is missing or wrong; download it again",
        ),
        (
            &unsigned.to_string(),
            "the private key in the file that `credentials` names cannot be used; make a new key",
        ),
    ];
    for (content, message) in table {
        let error = failure(&renewing(server.file(content))).await;
        assert_eq!(
            (error.failure, error.message.as_str()),
            (Failure::Auth, message)
        );
    }
    let missing = failure(&renewing(server.folder().join("none.json"))).await;
    assert_eq!(
        missing.message,
        "the file that `credentials` names cannot be read: entity not found"
    );
    assert_eq!(server.granted(), 0);
}

#[tokio::test]
async fn a_corrected_file_is_read_again() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    let endpoint = renewing(server.file("hush"));
    failure(&endpoint).await;

    server.service_account();

    assert_eq!(bearer(&endpoint, false).await.unwrap(), "Bearer token-1");
}

#[tokio::test]
async fn the_token_servers_text_is_never_passed_on() {
    let refusal = r#"{"error":"invalid_grant","error_description":"hush"}"#;
    let table = [
        (ServerBehaviour::Answers(400, refusal), Failure::Auth),
        (ServerBehaviour::Answers(503, "hush"), Failure::Server),
    ];
    for (behaviour, class) in table {
        for file in FILES {
            let server = TokenServer::start(behaviour).await;
            let error = failure(&renewing(file(&server))).await;

            assert_eq!(error.failure, class, "{}", error.message);
            assert!(!error.message.contains("hush"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn a_token_server_without_a_response_times_out() {
    for file in FILES {
        let server = TokenServer::start(ServerBehaviour::Stalls).await;
        let endpoint = renewing(file(&server));
        tokio::time::pause();
        let error = failure(&endpoint).await;
        tokio::time::resume();

        assert!(
            matches!(error.failure, Failure::Timeout | Failure::Disconnected),
            "{}",
            error.message
        );
    }
}

#[tokio::test]
async fn debug_output_of_a_source_shows_its_file_only() {
    let server = TokenServer::start(ServerBehaviour::Grants).await;
    let source = TokenSource::new(Some(server.service_account()), || 0);
    let endpoint = endpoint(None).with_tokens(source.clone());
    let ready = endpoint.with_credentials(None).await.unwrap();

    for shown in [format!("{source:?}"), format!("{ready:?}")] {
        assert!(!shown.contains("token-1"), "{shown}");
    }
}
