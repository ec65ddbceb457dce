//! An upstream that is a socket and nothing else: it does with every connection exactly what it is
//! told, down to the bytes of its framing and the way in which it hangs up.

use super::clock::until;
use super::speech::Speech;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// One thing that it does.
#[derive(Debug, Clone)]
pub enum Step {
    /// The head of a chunked response.
    Head(u16, &'static str),
    /// One chunk of the body.
    Chunk(String),
    /// The end of the body; the connection can be used again.
    End,
    /// A whole response with more header lines.
    Whole(u16, String, String),
    /// These bytes, whatever they are.
    Raw(&'static [u8]),
    /// The beginning of a chunk that is not all there.
    HalfChunk,
    /// So many bytes of this one, without an end in between; in chunks, or raw.
    Flood(u8, usize, bool),
    /// Nothing, for so long.
    Wait(Duration),
    /// Nothing ever again, until the other side hangs up.
    Hang,
    /// Hangs up as TCP means it.
    Close,
    /// Hangs up with a reset.
    Reset,
}

/// What becomes of one request.
pub type Script = Vec<Step>;

/// An upstream at an address of its own.
#[derive(Clone)]
pub struct Wire {
    pub base_url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    usual: Mutex<Option<Script>>,
    /// Connections are reset before a byte is read.
    shut: AtomicBool,
    /// A connection is closed on its second request, as one that idled for too long.
    forgetful: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    hanging: AtomicUsize,
    left: AtomicUsize,
    flooded: AtomicUsize,
}

impl Wire {
    /// Responds correctly, in the protocol of the request, until the test changes that.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let shared = Arc::<Shared>::default();
        let wire = Self {
            base_url,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&shared), stream));
            }
        });
        wire
    }

    /// An address without a listener.
    pub async fn refusing() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        Self {
            base_url,
            shared: Arc::default(),
        }
    }

    /// The next requests are treated like that, one each.
    pub fn script(&self, scripts: impl IntoIterator<Item = Script>) {
        self.shared.scripts.lock().unwrap().extend(scripts);
    }

    /// All others from now on; nothing: well.
    pub fn behave(&self, usual: Option<Script>) {
        *self.shared.usual.lock().unwrap() = usual;
    }

    /// Sets whether connections are reset before a byte is read.
    pub fn shut(&self, shut: bool) {
        self.shared.shut.store(shut, Ordering::SeqCst);
    }

    /// Connections are closed on their second request.
    pub fn forget(&self) {
        self.shared.forgetful.store(true, Ordering::SeqCst);
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests so far, probes not counted.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Requests whose response is stalled now.
    pub fn hanging(&self) -> usize {
        self.shared.hanging.load(Ordering::SeqCst)
    }

    /// Requests whose asker hung up before the end.
    pub fn left(&self) -> usize {
        self.shared.left.load(Ordering::SeqCst)
    }

    /// Bytes of a flood that were read.
    pub fn flooded(&self) -> usize {
        self.shared.flooded.load(Ordering::SeqCst)
    }

    pub async fn until_requests(&self, requests: usize) {
        until("a request", || self.requests() >= requests).await;
    }

    pub async fn until_hanging(&self) {
        until("an answer that stands still", || self.hanging() > 0).await;
    }

    pub async fn until_left(&self, left: usize) {
        until("the asker to hang up", || self.left() >= left).await;
    }
}

async fn serve(shared: Arc<Shared>, mut stream: TcpStream) {
    shared.connections.fetch_add(1, Ordering::SeqCst);
    stream.set_nodelay(true).unwrap();
    if shared.shut.load(Ordering::SeqCst) {
        return stream.set_zero_linger().unwrap();
    }
    let mut served = 0;
    while let Some((path, body)) = request(&mut stream).await {
        served += 1;
        if served > 1 && shared.forgetful.load(Ordering::SeqCst) {
            return;
        }
        let script = if path.ends_with("/models") {
            models(&shared)
        } else {
            let script = script(&shared, &path, &body);
            shared.requests.fetch_add(1, Ordering::SeqCst);
            script
        };
        for step in script {
            if !perform(&shared, &mut stream, step).await {
                return;
            }
        }
    }
}

/// The path and the body of the next request; nothing where the other side has hung up.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let read = stream.read_buf(&mut bytes).await.ok()?;
        if read == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    while bytes.len() < head + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((path, String::from_utf8(bytes[head..].to_vec()).unwrap()))
}

fn script(shared: &Shared, path: &str, body: &str) -> Script {
    let speech = Speech::at(path);
    let scripted = shared.scripts.lock().unwrap().pop_front();
    let scripted = scripted.or_else(|| shared.usual.lock().unwrap().clone());
    scripted.unwrap_or_else(|| {
        if body.contains("\"stream\":true") {
            speech.good()
        } else {
            vec![whole(200, speech.whole())]
        }
    })
}

/// The response to a probe: success, unless the upstream fails by status.
fn models(shared: &Shared) -> Script {
    let usual = shared.usual.lock().unwrap();
    match usual.as_ref().and_then(|script| script.first()) {
        Some(step @ Step::Whole(500.., ..)) => vec![step.clone()],
        _ => vec![whole(200, r#"{"object":"list","data":[{"id":"shared"}]}"#)],
    }
}

pub fn whole(status: u16, body: &str) -> Step {
    Step::Whole(status, String::new(), body.to_owned())
}

/// Does one thing; false where the connection is over.
async fn perform(shared: &Shared, stream: &mut TcpStream, step: Step) -> bool {
    match step {
        Step::Head(status, kind) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            send(stream, head.as_bytes()).await
        }
        Step::Chunk(text) => send(stream, &chunk(text.as_bytes())).await,
        Step::End => send(stream, b"0\r\n\r\n").await,
        Step::Whole(status, headers, body) => {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
            );
            send(stream, answer.as_bytes()).await
        }
        Step::Raw(bytes) => send(stream, bytes).await,
        Step::HalfChunk => send(stream, b"ff\r\ndata: {\"id\":\"c\",\"obj").await,
        Step::Flood(byte, bytes, is_chunked) => {
            let bare = vec![byte; 64 * 1024];
            let piece = if is_chunked { chunk(&bare) } else { bare };
            for _ in 0..bytes / (64 * 1024) {
                if !send(stream, &piece).await {
                    return false;
                }
                shared.flooded.fetch_add(64 * 1024, Ordering::SeqCst);
            }
            true
        }
        Step::Wait(time) => stand_still(shared, stream, Some(time)).await,
        Step::Hang => stand_still(shared, stream, None).await,
        Step::Close => false,
        Step::Reset => {
            stream.set_zero_linger().unwrap();
            false
        }
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat()
}

/// Waits, and hears whether the other side hangs up.
async fn stand_still(shared: &Shared, stream: &mut TcpStream, time: Option<Duration>) -> bool {
    shared.hanging.fetch_add(1, Ordering::SeqCst);
    let over = async {
        match time {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let mut byte = [0];
    let stays = tokio::select! {
        () = over => true,
        read = stream.read(&mut byte) => {
            assert!(!matches!(read, Ok(1..)), "the client sends nothing during a response");
            false
        }
    };
    shared.hanging.fetch_sub(1, Ordering::SeqCst);
    if !stays {
        shared.left.fetch_add(1, Ordering::SeqCst);
    }
    stays
}
