//! A token server on this machine, and files of credentials that name it.

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

/// A key for these tests alone; making one takes a while.
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

/// What the server does with who asks.
#[derive(Clone, Copy)]
pub enum Mood {
    /// Grants a token that lives for an hour.
    Grants,
    Answers(u16, &'static str),
    Stalls,
}

/// Grants `token-1`, `token-2` and so on.
pub struct TokenServer {
    pub url: String,
    granted: Arc<AtomicU64>,
    prepared: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl TokenServer {
    pub async fn start(mood: Mood) -> Self {
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let granted = Arc::new(AtomicU64::new(0));
        let prepared = Arc::new(Mutex::new(Vec::new()));
        let (count, bodies) = (Arc::clone(&granted), Arc::clone(&prepared));
        let answer = move |body: String| async move {
            bodies.lock().unwrap().push(body);
            match mood {
                Mood::Grants => {
                    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                    let token = json!({"access_token": format!("token-{number}"),
                        "expires_in": 3_600, "token_type": "Bearer"});
                    (StatusCode::OK, token.to_string())
                }
                Mood::Answers(status, body) => {
                    (StatusCode::from_u16(status).unwrap(), body.to_owned())
                }
                Mood::Stalls => std::future::pending().await,
            }
        };
        let router = Router::new().route("/token", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            granted,
            prepared,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// How many tokens were granted.
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::SeqCst)
    }

    /// What the last one who asked sent.
    pub fn last_asked(&self) -> String {
        self.prepared.lock().unwrap().last().unwrap().clone()
    }

    pub fn file(&self, content: &str) -> PathBuf {
        let path = self.folder.path().join("credentials.json");
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A service account whose tokens come from here.
    pub fn service_account(&self) -> PathBuf {
        self.file(&service_account(&self.url).to_string())
    }

    /// A person who signed in, and whose tokens come from here.
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

/// The claims of a statement that the test's key signed.
pub fn claims(statement: &str) -> Value {
    let (signed, signature) = statement.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key());
    key.verify(signed.as_bytes(), &signature)
        .expect("a good signature");
    let (_, claims) = signed.split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}
