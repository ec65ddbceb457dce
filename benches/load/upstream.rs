//! An upstream with just enough HTTP/1.1 for chat completions: complete, or as a stream of 64
//! chunks whose pace depends on the model's name.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Content chunks of a stream.
const CHUNKS: usize = 64;
/// Content chunks of a stream of the slowest pace.
const SLOW_CHUNKS: usize = 15;

const ANSWER: &str = r#"{"id":"chatcmpl-load","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog, and the dog, who has seen many foxes, does not get up.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":26,"total_tokens":50}}"#;

/// Duration of each phase of a flapping upstream: healthy, errors, healthy, dropped connections.
const PHASE: Duration = Duration::from_secs(15);
const ERROR: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\r\n{\"error\":{\"message\":\"flaps\"}}";

/// The health of an upstream at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Healthy,
    Failing,
    Dropping,
}

/// The health now, if the upstream started at `began`.
fn health(began: Instant, flapping: bool) -> Health {
    if !flapping {
        return Health::Healthy;
    }
    match began.elapsed().as_secs() / PHASE.as_secs() % 4 {
        1 => Health::Failing,
        3 => Health::Dropping,
        _ => Health::Healthy,
    }
}

/// Serves until it is killed.
pub async fn serve(address: SocketAddr, flapping: bool) -> io::Result<String> {
    let began = Instant::now();
    let listener = TcpListener::bind(address).await?;
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let whole: &'static [u8] = Box::leak(whole.into_bytes().into_boxed_slice());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            // A client that disconnects is not an error.
            let _ = serve_connection(socket, whole, move || health(began, flapping)).await;
        });
    }
}

async fn serve_connection(
    mut socket: TcpStream,
    whole: &[u8],
    health: impl Fn() -> Health,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let Some((head, length)) = request(&mut socket, &mut buffer).await? else {
            return Ok(());
        };
        if health() == Health::Dropping {
            return Ok(());
        }
        if buffer.starts_with(b"GET") {
            let models = r#"{"object":"list","data":[{"id":"mock","object":"model"}]}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{models}",
                models.len()
            );
            socket.write_all(answer.as_bytes()).await?;
        } else if health() == Health::Failing {
            socket.write_all(ERROR).await?;
        } else {
            let body = &buffer[head..head + length];
            match pace(body) {
                None => socket.write_all(whole).await?,
                Some(pace) => stream(&mut socket, pace).await?,
            }
        }
        buffer.drain(..head + length);
    }
}

/// Reads one request and returns the offset and length of its body; `None` if the client
/// disconnected.
async fn request(
    socket: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(usize, usize)>> {
    loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            let head = end + 4;
            let length = content_length(&buffer[..end]);
            if buffer.len() >= head + length {
                return Ok(Some((head, length)));
            }
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// The pause between two chunks; `None` if no stream is requested.
fn pace(body: &[u8]) -> Option<Duration> {
    find(body, b"\"stream\":true")?;
    let model = |name: &[u8]| find(body, name).is_some();
    Some(if model(b"\"paced\"") {
        Duration::from_millis(10)
    } else if model(b"\"slow\"") {
        Duration::from_secs(1)
    } else {
        Duration::ZERO
    })
}

async fn stream(socket: &mut TcpStream, pause: Duration) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut out = head.to_owned();
    write_chunk(
        &mut out,
        &event(r#"{"role":"assistant","content":""}"#, "null"),
    );
    let chunks = if pause < Duration::from_secs(1) {
        CHUNKS
    } else {
        SLOW_CHUNKS
    };
    for number in 0..chunks {
        write_chunk(
            &mut out,
            &event(&format!(r#"{{"content":"word {number} "}}"#), "null"),
        );
        // One write per chunk, as models produce them.
        socket.write_all(out.as_bytes()).await?;
        out.clear();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    write_chunk(&mut out, &event("{}", "\"stop\""));
    let usage = r#"{"prompt_tokens":24,"completion_tokens":64,"total_tokens":88}"#;
    write_chunk(
        &mut out,
        &format!(
            "data: {{\"id\":\"chatcmpl-load\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[],\"usage\":{usage}}}\n\n"
        ),
    );
    write_chunk(&mut out, "data: [DONE]\n\n");
    out.push_str("0\r\n\r\n");
    socket.write_all(out.as_bytes()).await
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-load\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// Writes one chunk of a chunked body.
fn write_chunk(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{:x}\r\n{text}\r\n", text.len());
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// The `content-length` of a head; 0 without one.
pub fn content_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head);
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
