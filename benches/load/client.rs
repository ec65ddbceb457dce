//! Load clients: at a fixed rate, as fast as responses come, or with many streams open at once.

use crate::figures::{Times, line};
use crate::upstream::{content_length, find};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Connections that share a rate.
const CONNECTIONS: usize = 64;
/// The first part of a measurement only warms up.
const WARM_UP: Duration = Duration::from_secs(1);

/// One keep-alive connection.
struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and stops reading at the first content.
    async fn cancel(&mut self, request: &[u8]) -> io::Result<(Instant, bool)> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        while find(&self.buffer, b"word 0").is_none() {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((Instant::now(), self.buffer.starts_with(b"HTTP/1.1 200")))
    }

    /// Reconnects after a failure; without a server the next request fails too.
    async fn renew(&mut self, address: SocketAddr) {
        if let Ok(fresh) = Self::open(address).await {
            *self = fresh;
        }
    }

    /// Sends a request and reads the complete response. Returns the time of the first body byte,
    /// and whether the response is right.
    async fn ask(&mut self, request: &[u8], mark: &[u8]) -> io::Result<(Instant, bool)> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        let mut first = None;
        loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = find(&self.buffer, b"\r\n\r\n") else {
                continue;
            };
            let body = end + 4;
            if self.buffer.len() > body {
                first.get_or_insert_with(Instant::now);
            }
            let length = content_length(&self.buffer[..end]);
            let is_whole = if length > 0 {
                self.buffer.len() >= body + length
            } else {
                self.buffer.ends_with(b"\r\n0\r\n\r\n")
            };
            if is_whole {
                let is_right = self.buffer.starts_with(b"HTTP/1.1 200")
                    && find(&self.buffer[body..], mark).is_some();
                return Ok((first.unwrap_or_else(Instant::now), is_right));
            }
        }
    }
}

fn request(address: SocketAddr, model: &str, stream: bool) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"Tell me in one sentence what the quick brown fox does, and what the dog thinks of it."}}],"max_tokens":64}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nauthorization: Bearer client\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Requests at a fixed rate, independent of earlier ones. A latency counts from the due time if the
/// connection was still busy then, and otherwise from the sending, because the timer of this
/// program has a resolution of one millisecond.
pub async fn rate(address: SocketAddr, per_second: f64, length: Duration) -> io::Result<String> {
    let request = request(address, "mock", false);
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for first in 0..CONNECTIONS {
        let request = request.clone();
        let mut connection = Connection::open(address).await?;
        workers.spawn(async move {
            let (mut times, mut wrong) = (Times::default(), 0);
            for number in (first..).step_by(CONNECTIONS) {
                let after = Duration::from_secs_f64(number as f64 / per_second);
                if after > WARM_UP + length {
                    break;
                }
                let due = started + after;
                let from = if Instant::now() < due {
                    sleep_until(due).await;
                    Instant::now()
                } else {
                    due
                };
                match connection.ask(&request, b"completion_tokens").await {
                    Ok((_, true)) if after >= WARM_UP => times.add(from.elapsed()),
                    Ok((_, true)) => {}
                    _ => {
                        wrong += 1;
                        connection.renew(address).await;
                    }
                }
            }
            (times, wrong)
        });
    }
    gather(workers, length).await
}

/// Clients that each request the next stream when the last one has ended; latencies are those to
/// the first byte of the body.
pub async fn streams(
    address: SocketAddr,
    model: &str,
    clients: usize,
    length: Duration,
) -> io::Result<String> {
    let request = request(address, model, true);
    let begin = Instant::now() + WARM_UP;
    let end = begin + length;
    let mut workers = JoinSet::new();
    for _ in 0..clients {
        let request = request.clone();
        let mut connection = Connection::open(address).await?;
        workers.spawn(async move {
            let (mut times, mut wrong) = (Times::default(), 0);
            while Instant::now() < end {
                let asked = Instant::now();
                match connection.ask(&request, b"[DONE]").await {
                    Ok((first, true)) if asked >= begin => times.add(first - asked),
                    Ok((_, true)) => {}
                    _ => {
                        wrong += 1;
                        connection.renew(address).await;
                    }
                }
            }
            (times, wrong)
        });
    }
    gather(workers, length).await
}

/// A mix at a fixed rate: complete responses, streams, and one request in ten that is cancelled in
/// the middle of a stream. Latencies are those of complete responses.
pub async fn mixed(address: SocketAddr, per_second: f64, length: Duration) -> io::Result<String> {
    let whole = request(address, "mock", false);
    let stream = request(address, "mock", true);
    let paced = request(address, "paced", true);
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for first in 0..CONNECTIONS {
        let (whole, stream, paced) = (whole.clone(), stream.clone(), paced.clone());
        let mut connection = Connection::open(address).await?;
        workers.spawn(async move {
            let (mut times, mut wrong) = (Times::default(), 0);
            for number in (first..).step_by(CONNECTIONS) {
                let after = Duration::from_secs_f64(number as f64 / per_second);
                if after > length {
                    break;
                }
                sleep_until(started + after).await;
                let asked = Instant::now();
                let answered = match number % 10 {
                    0..6 => connection.ask(&whole, b"completion_tokens").await,
                    6..9 => connection.ask(&stream, b"[DONE]").await,
                    _ => connection.cancel(&paced).await,
                };
                match answered {
                    Ok((_, true)) if number % 10 < 6 => times.add(asked.elapsed()),
                    Ok((_, true)) => {}
                    _ => wrong += 1,
                }
                if number % 10 == 9 || answered.is_err() {
                    connection.renew(address).await;
                }
            }
            (times, wrong)
        });
    }
    gather(workers, length).await
}

/// Many streams open at once, started within a second, each read to its end.
pub async fn open(address: SocketAddr, streams: usize) -> io::Result<String> {
    let request = request(address, "slow", true);
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for number in 0..streams {
        let request = request.clone();
        workers.spawn(async move {
            let (mut times, mut wrong) = (Times::default(), 0);
            sleep_until(started + Duration::from_secs(1).mul_f64(number as f64 / streams as f64))
                .await;
            let asked = Instant::now();
            let answer = async {
                let mut connection = Connection::open(address).await?;
                connection.ask(&request, b"[DONE]").await
            };
            match answer.await {
                Ok((first, true)) => times.add(first - asked),
                _ => wrong += 1,
            }
            (times, wrong)
        });
    }
    gather(workers, Duration::from_secs(1)).await
}

async fn gather(mut workers: JoinSet<(Times, usize)>, length: Duration) -> io::Result<String> {
    let mut all = (Times::default(), 0);
    while let Some(Ok((times, wrong))) = workers.join_next().await {
        all.0.extend(times);
        all.1 += wrong;
    }
    Ok(line(&all.0, all.1, length.as_secs_f64()))
}
