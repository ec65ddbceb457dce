//! A local token server, and credentials files that name it.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

/// A key for these tests; it is generated once, because that is slow.
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

/// The response of the server to every request.
#[derive(Clone, Copy)]
pub enum ServerBehaviour {
    /// Grants a token that lives for an hour.
    Grants,
    Answers(u16, &'static str),
    Stalls,
}

/// Grants `token-1`, `token-2` and so on.
pub struct TokenServer {
    pub url: String,
    granted: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl TokenServer {
    pub async fn start(behaviour: ServerBehaviour) -> Self {
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let granted = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (count, bodies) = (Arc::clone(&granted), Arc::clone(&requests));
        let answer = move |body: String| async move {
            bodies.lock().unwrap().push(body);
            match behaviour {
                ServerBehaviour::Grants => {
                    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                    let token = json!({"access_token": format!("token-{number}"),
                        "expires_in": 3_600, "token_type": "Bearer"});
                    (StatusCode::OK, token.to_string())
                }
                ServerBehaviour::Answers(status, body) => {
                    (StatusCode::from_u16(status).unwrap(), body.to_owned())
                }
                ServerBehaviour::Stalls => std::future::pending().await,
            }
        };
        let router = Router::new().route("/token", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            granted,
            requests,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Number of tokens granted so far.
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::SeqCst)
    }

    /// Body of the last request.
    pub fn last_request(&self) -> String {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    pub fn file(&self, content: &str) -> PathBuf {
        let path = self.folder.path().join("credentials.json");
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Credentials of a service account that uses this server.
    pub fn service_account(&self) -> PathBuf {
        self.file(&service_account(&self.url).to_string())
    }

    /// Credentials of a signed-in user that use this server.
    pub fn person(&self) -> PathBuf {
        let person = json!({"type": "authorized_user", "client_id": "id", "client_secret": "fx",
            "refresh_token": "fx", "token_uri": self.url, "quota_project_id": "payer-fx"});
        self.file(&person.to_string())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A service account's key that names a token server.
pub fn service_account(server: &str) -> Value {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&*KEY).unwrap();
    let text = STANDARD.encode(der.as_ref());
    json!({
        "type": "service_account",
        "project_id": "fx-proj",
        "private_key_id": "key-1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"),
        "client_email": "pier@fx-proj.example",
        "token_uri": server,
    })
}

/// The claims of an assertion that the test's key signed.
pub fn claims(assertion: &str) -> Value {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key());
    key.verify(signed.as_bytes(), &signature)
        .expect("a good signature");
    let (_, claims) = signed.split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}
