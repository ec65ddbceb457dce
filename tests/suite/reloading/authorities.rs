//! Certificates of a provider that are renewed under the same file name.

use super::{ASK, TestInstance};
use crate::lines::Identity;
use crate::upstream::WHOLE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use std::convert::Infallible;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Answers every request; returns its address.
async fn upstream(identity: &Identity) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return; // The client does not trust the certificate.
                };
                let answer = service_fn(|_: Request<Incoming>| async {
                    let answer = Response::builder().header("content-type", "application/json");
                    Ok::<_, Infallible>(answer.body(WHOLE.to_owned()).unwrap())
                });
                let builder = Builder::new(TokioExecutor::new());
                let _gone = builder.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    format!("https://localhost:{port}/v1")
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_under_the_old_name_are_trusted_after_a_reload() {
    let [old, new] = ["old", "new"].map(|_| Identity::of("localhost", &["http/1.1"]));
    let base_url = upstream(&new).await;
    let home = TempDir::new().unwrap();
    let file = home.path().join("authority.pem");
    std::fs::write(&file, &old.pem).unwrap();
    let text = format!(
        "[balancing]\nmax_retries = 0\n[probe]\nmode = \"off\"\n\
         [[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
         base_url = \"{base_url}\"\napi_key = \"sk-first\"\nca_file = \"{}\"\n\
         models = [{{ id = \"m\" }}]\n",
        file.display()
    );
    std::fs::write(home.path().join("aibal.toml"), text).unwrap();
    let instance = TestInstance::open_at(home, &[]);
    assert_eq!(instance.ask(ASK).await.status(), 502);

    std::fs::write(&file, &new.pem).unwrap();
    let (status, report) = instance.reload().await;

    assert_eq!(status, 200);
    assert_eq!(
        report["changed"][0]["key"], "providers[a].ca_file",
        "{report}"
    );
    assert_eq!(instance.ask(ASK).await.status(), 200);
    let (_, report) = instance.reload().await;
    assert_eq!(report["changed"], Value::Array(Vec::new()), "{report}");
}
