//! The clients: requests that arrive independently of earlier ones (an open loop), with exponential
//! pauses (a Poisson process).

use super::clients::{CLIENTS, DemoClient};
use super::lorem;
use super::random::{DrawPurpose, RequestRandom};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Requests in flight; above, arrivals are skipped and counted. At 8 per second, nothing is skipped
/// before every response takes half a minute.
const MAX_IN_FLIGHT: usize = 256;
/// Timeout of one request.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(2);
/// Arrivals that are later than this (a laptop that slept) are not made up for.
const MAX_LAG: Duration = Duration::from_secs(1);
/// Share of requests that are streamed.
const STREAM_SHARE: f64 = 0.7;
/// Share of streams that the client cancels in the middle.
const CANCEL_SHARE: f64 = 0.015;
/// Share of requests with tools, and of those with a JSON schema.
const WITH_TOOLS: f64 = 0.06;
const WITH_SCHEMA: f64 = 0.04;
/// Mean size of a prompt, in words, and standard deviation of its logarithm. Long compared to the
/// responses, as with documents or a conversation: for some requests the input price dominates, for
/// others the output price, so that no vendor is the best for all.
const PROMPT_WORDS: f64 = 400.0;
const PROMPT_SIGMA: f64 = 0.9;
/// The values of `max_tokens`.
const MAX_TOKENS: [u32; 5] = [48, 64, 96, 128, 256];
/// The end of a complete stream.
const TERMINATOR: &[u8] = b"data: [DONE]";

/// The results of all requests so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrafficCount {
    /// Requests sent. Those that are not ok, failed or aborted are in flight.
    pub sent: u64,
    /// Completed.
    pub ok: u64,
    /// Rejected, broken or timed out.
    pub failed: u64,
    /// Cancelled by the client, or by the end of the traffic.
    pub aborted: u64,
    /// Not sent, because too many were in flight.
    pub skipped: u64,
}

/// The counters of running traffic. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct TrafficMeter {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    aborted: AtomicU64,
    skipped: AtomicU64,
}

impl TrafficMeter {
    /// The counts now.
    pub fn count(&self) -> TrafficCount {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficCount {
            sent: read(&self.counters.sent),
            ok: read(&self.counters.ok),
            failed: read(&self.counters.failed),
            aborted: read(&self.counters.aborted),
            skipped: read(&self.counters.skipped),
        }
    }

    fn record(&self, end: End) {
        let counter = match end {
            End::Ok => &self.counters.ok,
            End::Failed => &self.counters.failed,
            End::Aborted => &self.counters.aborted,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Traffic that is ready to run.
#[derive(Debug)]
pub struct Traffic {
    client: reqwest::Client,
    url: Arc<str>,
    seed: u64,
    per_second: f64,
    meter: TrafficMeter,
}

/// The result of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    Failed,
    Aborted,
}

/// One request to send.
#[derive(Debug)]
struct ClientRequest {
    client: DemoClient,
    body: Value,
    is_stream: bool,
    /// The client cancels after this many chunks.
    cancels_after: Option<u64>,
}

impl Traffic {
    /// Traffic through the gateway at `base_url` (such as `http://127.0.0.1:8080/v1`), with
    /// `per_second` requests per second on average; 0 or less means none.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub fn new(base_url: &str, seed: u64, per_second: f64) -> reqwest::Result<Self> {
        // Never through a proxy of the environment: the gateway is on this machine.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(CLIENT_TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            url: format!("{}/chat/completions", base_url.trim_end_matches('/')).into(),
            seed,
            per_second,
            meter: TrafficMeter::default(),
        })
    }

    /// The counters, to be read while the traffic runs.
    pub fn meter(&self) -> TrafficMeter {
        self.meter.clone()
    }

    /// Sends requests until `stop`; then aborts and counts those in flight, and returns.
    pub async fn run(self, stop: CancellationToken) {
        if !(self.per_second.is_finite() && 0.0 < self.per_second) {
            return stop.cancelled().await;
        }
        let permits = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
        let in_flight = TaskTracker::new();
        let mut due = Instant::now();
        for number in 0.. {
            let random = RequestRandom::new(self.seed, "traffic", number);
            let pause = random.exponential(DrawPurpose::Arrival) / self.per_second;
            due = due.max(earliest()) + Duration::from_secs_f64(pause);
            if stop.run_until_cancelled(sleep_until(due)).await.is_none() {
                break;
            }
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                self.meter.counters.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            self.meter.counters.sent.fetch_add(1, Ordering::Relaxed);
            let (client, url) = (self.client.clone(), Arc::clone(&self.url));
            let (meter, stop) = (self.meter.clone(), stop.clone());
            in_flight.spawn(async move {
                let request = send(&client, &url, client_request(random));
                let end = stop.run_until_cancelled(request).await;
                meter.record(end.unwrap_or(End::Aborted));
                drop(permit);
            });
        }
        in_flight.close();
        in_flight.wait().await;
    }
}

/// The oldest time that an arrival may have.
fn earliest() -> Instant {
    let now = Instant::now();
    now.checked_sub(MAX_LAG).unwrap_or(now)
}

/// The size and kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestShape {
    /// Words of the prompt.
    pub words: u32,
    pub max_tokens: u32,
    pub is_stream: bool,
    pub has_tools: bool,
    pub has_schema: bool,
}

impl RequestShape {
    /// The shape that these draws give.
    pub fn of(random: RequestRandom) -> Self {
        let choice = random.choice(DrawPurpose::MaxTokens, MAX_TOKENS.len() as u64);
        let kind = random.uniform(DrawPurpose::Kind);
        Self {
            words: prompt_words(random),
            max_tokens: MAX_TOKENS[index(choice)],
            is_stream: random.happens(DrawPurpose::Streaming, STREAM_SHARE),
            has_tools: kind < WITH_TOOLS,
            has_schema: (WITH_TOOLS..WITH_TOOLS + WITH_SCHEMA).contains(&kind),
        }
    }
}

fn client_request(random: RequestRandom) -> ClientRequest {
    let shape = RequestShape::of(random);
    let is_stream = shape.is_stream;
    let prompt = lorem::words(random.identity() >> 1, 0, shape.words);
    let mut body = json!({
        "model": "auto",
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": prompt},
        ],
        "max_tokens": shape.max_tokens,
    });
    if shape.has_tools {
        body["tools"] = tools();
    } else if shape.has_schema {
        body["response_format"] = format();
    }
    if is_stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    ClientRequest {
        client: CLIENTS[DemoClient::of(random)],
        body,
        is_stream,
        cancels_after: (is_stream && random.happens(DrawPurpose::Cancelling, CANCEL_SHARE))
            .then(|| 1 + random.choice(DrawPurpose::BreakPoint, 4)),
    }
}

/// Two tools, so that some vendors call both at once.
fn tools() -> Value {
    let parameters = json!({
        "type": "object",
        "properties": {"place": {"type": "string"}, "unit": {"type": "string", "enum": ["m", "ft"]}},
        "required": ["place", "unit"],
    });
    json!([
        {"type": "function", "function": {"name": "water_level", "parameters": parameters}},
        {"type": "function", "function": {"name": "wave_height", "parameters": parameters}},
    ])
}

/// A `response_format` with a JSON schema.
fn format() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"title": {"type": "string"}, "rating": {"type": "integer"}},
        "required": ["title", "rating"],
        "additionalProperties": false,
    });
    json!({
        "type": "json_schema",
        "json_schema": {"name": "review", "strict": true, "schema": schema},
    })
}

/// 8 to 2000 words.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 8..=2000 just before"
)]
fn prompt_words(random: RequestRandom) -> u32 {
    let words = PROMPT_WORDS * random.lognormal(DrawPurpose::PromptSize, PROMPT_SIGMA);
    words.clamp(8.0, 2000.0) as u32
}

fn index(choice: u64) -> usize {
    usize::try_from(choice).unwrap_or(0)
}

async fn send(client: &reqwest::Client, url: &str, request: ClientRequest) -> End {
    let DemoClient { token, tag, .. } = request.client;
    let post = client.post(url).bearer_auth(token);
    let post = post.header("x-aibal-tag", tag).json(&request.body);
    let sent = post.send().await;
    let Ok(mut response) = sent else {
        return End::Failed;
    };
    let is_success = response.status().is_success();
    let mut pieces = 0;
    let mut tail = StreamTail::default();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => tail.push(&piece),
            Ok(None) => break,
            Err(_) => return End::Failed,
        }
        pieces += 1;
        if is_success && request.cancels_after == Some(pieces) {
            return End::Aborted;
        }
    }
    let is_whole = !request.is_stream || tail.has_terminator();
    if is_success && is_whole {
        End::Ok
    } else {
        End::Failed
    }
}

/// The last bytes of a stream, independent of how it was split.
#[derive(Default)]
struct StreamTail {
    bytes: Vec<u8>,
}

impl StreamTail {
    /// The length of the terminator and line ends, with some reserve.
    const LENGTH: usize = 64;

    fn push(&mut self, piece: &Bytes) {
        let kept = &piece[piece.len().saturating_sub(Self::LENGTH)..];
        self.bytes.extend_from_slice(kept);
        let excess = self.bytes.len().saturating_sub(Self::LENGTH);
        self.bytes.drain(..excess);
    }

    fn has_terminator(&self) -> bool {
        self.bytes.trim_ascii_end().ends_with(TERMINATOR)
    }
}

#[cfg(test)]
#[path = "traffic_tests.rs"]
mod tests;
