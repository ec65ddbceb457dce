//! Proxies that the environment names, used by the real program.

use super::Identity;
use crate::program::{Running, program, serving};
use crate::upstream::{Behaviour, Upstream, WHOLE};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that answers in place of every host. It records request lines of HTTP, and
/// `SOCKS host:port`.
struct Proxy {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts the proxy. With an identity it terminates TLS after `CONNECT`, as the origin would.
    async fn start(identity: Option<Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (requests, identity) = (Arc::clone(&seen), identity.map(Arc::new));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, identity) = (Arc::clone(&requests), identity.clone());
                tokio::spawn(async move { serve(stream, &requests, identity).await });
            }
        });
        Self { address, seen }
    }

    /// Checks whether the proxy got this request.
    fn has_seen(&self, what: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|line| line == what)
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    identity: Option<Arc<Identity>>,
) -> Option<()> {
    let mut first = [0];
    stream.peek(&mut first).await.ok()?;
    if first == [5] {
        let line = socks(&mut stream).await?;
        seen.lock().unwrap().push(line);
        return origin(stream, seen).await;
    }
    let Some(identity) = identity else {
        return origin(stream, seen).await;
    };
    let line = head(&mut stream).await?.0;
    seen.lock().unwrap().push(line);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    let stream = identity.acceptor.accept(stream).await.ok()?;
    origin(stream, seen).await
}

/// Accepts one SOCKS 5 connection without a password, until it is open.
async fn socks(stream: &mut TcpStream) -> Option<String> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).await.ok()?;
    stream.write_all(&[5, 0]).await.ok()?;
    let mut request = [0; 5];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request[3], 3, "the name is resolved by the proxy");
    let mut rest = vec![0; usize::from(request[4]) + 2];
    stream.read_exact(&mut rest).await.ok()?;
    stream
        .write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])
        .await
        .ok()?;
    let (name, port) = rest.split_at(rest.len() - 2);
    let port = u16::from_be_bytes([port[0], port[1]]);
    Some(format!("SOCKS {}:{port}", String::from_utf8_lossy(name)))
}

/// Sends the same response to every request.
async fn origin<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Mutex<Vec<String>>,
) -> Option<()> {
    loop {
        let (line, length) = head(&mut stream).await?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        seen.lock().unwrap().push(line);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let answer = format!("{head}content-length: {}\r\n\r\n{WHOLE}", WHOLE.len());
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// Reads a request's first line and the length of its body.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, usize)> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(text).ok()?;
    let mut lines = text.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let length = lines.find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    Some((line, length.unwrap_or(0)))
}

/// Starts the program with one provider at that URL.
async fn gateway(home: &TempDir, base_url: &str, variables: &[(&str, &str)]) -> (Running, String) {
    let config = home.path().join("config.toml");
    let text = format!(
        "[probe]\nmode = \"off\"\n[[providers]]\nname = \"vendor\"\nkind = \"openai-compatible\"\n\
         base_url = {base_url:?}\n[[providers.models]]\nid = \"m\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = program(home);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || serving(&mut command))
        .await
        .unwrap()
}

async fn ask(url: &str) -> u16 {
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = request
        .post(format!("{url}/v1/chat/completions"))
        .body(r#"{"model":"vendor/m","messages":[{"role":"user","content":"hi"}]}"#);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_used() {
    let cases = [
        (
            "HTTP_PROXY",
            "http",
            "POST http://vendor.invalid/v1/chat/completions",
        ),
        ("ALL_PROXY", "socks5h", "SOCKS vendor.invalid:80"),
    ];
    for (variable, scheme, expected) in cases {
        let (home, proxy) = (TempDir::new().unwrap(), Proxy::start(None).await);
        let address = format!("{scheme}://{}", proxy.address);
        let variables = [(variable, address.as_str())];
        let (_running, url) = gateway(&home, "http://vendor.invalid/v1", &variables).await;

        assert_eq!(ask(&url).await, 200, "{variable}");
        assert!(proxy.has_seen(expected), "{variable}: {:?}", proxy.seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_goes_through_a_proxy_and_trusts_the_file_that_the_environment_names() {
    let home = TempDir::new().unwrap();
    let identity = Identity::of("vendor.invalid", &["http/1.1"]);
    let trusted = home.path().join("ca.pem");
    std::fs::write(&trusted, &identity.pem).unwrap();
    let proxy = Proxy::start(Some(identity)).await;
    let address = format!("http://{}", proxy.address);
    let variables = [
        ("HTTPS_PROXY", address.as_str()),
        ("SSL_CERT_FILE", trusted.to_str().unwrap()),
    ];
    let (_running, url) = gateway(&home, "https://vendor.invalid/v1", &variables).await;

    assert_eq!(ask(&url).await, 200);
    assert!(
        proxy.has_seen("CONNECT vendor.invalid:443"),
        "{:?}",
        proxy.seen
    );
    assert!(proxy.has_seen("POST /v1/chat/completions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_and_no_proxy_hosts_are_reached_directly() {
    let (home, proxy) = (TempDir::new().unwrap(), Proxy::start(None).await);
    let upstream = Upstream::start(Behaviour::Good).await;
    let address = format!("http://{}", proxy.address);
    let variables = [("HTTP_PROXY", address.as_str())];
    let (_running, url) = gateway(&home, &upstream.base_url, &variables).await;

    assert_eq!(ask(&url).await, 200);
    assert_eq!(upstream.requests(), 1);

    let home = TempDir::new().unwrap();
    let variables = [variables[0], ("NO_PROXY", "vendor.invalid")];
    let (_other, url) = gateway(&home, "http://vendor.invalid/v1", &variables).await;
    assert_eq!(ask(&url).await, 502, "the host does not exist");
    assert_eq!(*proxy.seen.lock().unwrap(), Vec::<String>::new());
}
