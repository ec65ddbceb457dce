//! Connections that fail on real sockets.

use super::{ConnectionFault, TlsFault};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate of this machine's name and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn valid(years: (i32, i32)) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let pair = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&pair).unwrap().der().clone(),
            key: PrivateKeyDer::try_from(pair.serialize_der()).unwrap(),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    fn acceptor(&self, requires_client: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if requires_client {
            let roots = Arc::new(self.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![self.certificate.clone()];
        let config = builder.with_single_cert(chain, self.key.clone_key());
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }

    /// Accepts connections with TLS and answers none; returns its port.
    async fn serve(&self, requires_client: bool) -> u16 {
        let acceptor = self.acceptor(requires_client);
        serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _gone = stream.read(&mut [0; 1024]).await;
                }
            }
        })
        .await
    }
}

/// Handles one connection after the other; returns the port.
async fn serve<F: Future<Output = ()> + Send>(
    handle: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            handle(stream).await;
        }
    });
    port
}

fn client(trusted: RootCertStore) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let tls = builder
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let builder = reqwest::Client::builder().no_proxy();
    builder.tls_backend_preconfigured(tls).build().unwrap()
}

async fn fault(client: &reqwest::Client, url: &str) -> ConnectionFault {
    let error = client.get(url).send().await.expect_err(url);
    ConnectionFault::of(&error)
}

#[tokio::test]
async fn a_connection_that_fails_says_in_which_way() {
    let client = client(RootCertStore::empty());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(fault(&client, &url).await, ConnectionFault::Refused);

    let url = "http://nosuch.invalid/";
    assert_eq!(fault(&client, url).await, ConnectionFault::Dns);

    let port = serve(|mut stream| async move {
        let _request = stream.read(&mut [0; 1024]).await;
    });
    let url = format!("http://127.0.0.1:{}/", port.await);
    assert_eq!(fault(&client, &url).await, ConnectionFault::Closed);

    let port = serve(|mut stream| async move {
        let _request = stream.read(&mut [0; 1024]).await;
        stream.set_zero_linger().unwrap();
    });
    let url = format!("http://127.0.0.1:{}/", port.await);
    assert_eq!(fault(&client, &url).await, ConnectionFault::Reset);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let request = client.get(url).timeout(Duration::from_millis(50));
    let error = request.send().await.expect_err("nothing answers");
    assert_eq!(ConnectionFault::of(&error), ConnectionFault::Timeout);
}

#[tokio::test]
async fn a_failed_handshake_names_the_fault_of_the_certificate() {
    let valid = Identity::valid((2020, 4000));
    let port = valid.serve(false).await;
    let tls = ConnectionFault::Tls;

    let stranger = client(RootCertStore::empty());
    let url = format!("https://localhost:{port}/");
    let unknown = fault(&stranger, &url).await;
    assert_eq!(unknown, tls(TlsFault::UnknownIssuer));
    let url = format!("https://127.0.0.1:{port}/");
    let wrong = fault(&client(valid.roots()), &url).await;
    assert_eq!(wrong, tls(TlsFault::WrongName));

    for (years, expected) in [
        ((2020, 2021), TlsFault::Expired),
        ((3990, 4000), TlsFault::NotYetValid),
    ] {
        let identity = Identity::valid(years);
        let url = format!("https://localhost:{}/", identity.serve(false).await);
        let found = fault(&client(identity.roots()), &url).await;
        assert_eq!(found, tls(expected));
    }

    let url = format!("https://localhost:{}/", valid.serve(true).await);
    let refused = fault(&client(valid.roots()), &url).await;
    assert_eq!(refused, tls(TlsFault::ClientCertificate));

    let plain = serve(|mut stream| async move {
        let _hello = stream.read(&mut [0; 1024]).await;
        let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let url = format!("https://localhost:{}/", plain.await);
    assert_eq!(fault(&stranger, &url).await, tls(TlsFault::NotTls));
}

#[tokio::test]
async fn a_unix_socket_that_does_not_exist_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let builder = reqwest::Client::builder();
    let client = builder.unix_socket(folder.path().join("none.sock"));

    let found = fault(&client.build().unwrap(), "http://localhost/").await;

    assert_eq!(found, ConnectionFault::NoSocket);
}

#[test]
fn errors_of_the_system_are_classified_by_their_kind() {
    let cases = [
        (io::ErrorKind::HostUnreachable, ConnectionFault::Unreachable),
        (
            io::ErrorKind::NetworkUnreachable,
            ConnectionFault::Unreachable,
        ),
        (io::ErrorKind::PermissionDenied, ConnectionFault::Denied),
        (io::ErrorKind::TimedOut, ConnectionFault::Timeout),
        (io::ErrorKind::BrokenPipe, ConnectionFault::Closed),
        (io::ErrorKind::OutOfMemory, ConnectionFault::Other),
    ];
    for (kind, expected) in cases {
        let error = io::Error::from(kind);
        assert_eq!(ConnectionFault::of_io(&error), expected, "{kind}");
        let wrapped = io::Error::other(error);
        assert_eq!(ConnectionFault::of_io(&wrapped), expected, "{kind}");
    }
}
