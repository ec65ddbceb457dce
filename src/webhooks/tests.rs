use super::delivery::RetryPolicy;
use super::message::{self, Sender};
use super::{Webhook, WebhookFormat, Webhooks};
use crate::clock;
use crate::contract::WebhookReport;
use crate::domain::{
    Alert, AlertBoard, AlertChange, AlertId, AlertNotice, AlertRule, AlertSeverity, AlertSubject,
    BalancerState, Capabilities, Catalogue, ModelTypes, Provider, Strategy, Target, TargetId,
    UnixTime, Weights,
};
use crate::engine;
use crate::secrets::Secret;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn notice(change: AlertChange) -> AlertNotice {
    let subject = AlertSubject::provider(&"openai".into());
    let alert = Alert {
        id: AlertId::of(AlertRule::ErrorRate, &subject),
        rule: AlertRule::ErrorRate,
        severity: AlertSeverity::Error,
        subject,
        since: UnixTime::from_seconds(1_700_000_000),
        until: None,
        value: 0.12,
        threshold: 0.05,
        message: "12 % of <all> attempts failed & more".to_owned(),
        acknowledged: None,
        muted: None,
    };
    AlertNotice { change, alert }
}

fn webhook(url: &str, format: WebhookFormat, secret: Option<&str>) -> Webhook {
    Webhook {
        url: Secret::from(url),
        format,
        secret: secret.map(Secret::from),
    }
}

fn body(change: AlertChange, format: WebhookFormat) -> Value {
    let sender = Sender {
        environment: "prod".to_owned(),
        instance: "127.0.0.1:8080".to_owned(),
    };
    let webhook = webhook("http://x", format, Some("key-1"));
    serde_json::from_slice(&message::body(&notice(change), &webhook, &sender)).unwrap()
}

#[test]
fn each_format_says_the_same_in_its_own_form() {
    let json = body(AlertChange::Raised, WebhookFormat::Json);
    assert_eq!(json["change"], "raised");
    assert_eq!(json["environment"], "prod");
    assert_eq!(json["alert"]["rule"], "error_rate");
    assert_eq!(json["alert"]["provider"], "openai");
    assert!(json["alert"]["help"].as_str().unwrap().len() > 20);

    let slack = body(AlertChange::Raised, WebhookFormat::Slack);
    let text = slack["text"].as_str().unwrap();
    let first =
        "*ERROR* [prod] openai: 12 % of &lt;all&gt; attempts failed &amp; more (error_rate)";
    assert_eq!(text.lines().next(), Some(first));
    let over = body(AlertChange::Resolved, WebhookFormat::Slack);
    assert!(
        over["text"]
            .as_str()
            .unwrap()
            .starts_with("*RESOLVED* [prod] openai: over: ")
    );

    let pager = body(AlertChange::Raised, WebhookFormat::PagerDuty);
    let id = notice(AlertChange::Raised).alert.id;
    assert_eq!(pager["routing_key"], "key-1");
    assert_eq!(pager["event_action"], "trigger");
    assert_eq!(pager["dedup_key"], format!("aibal-tui/prod/{id}"));
    assert_eq!(pager["payload"]["severity"], "error");
    assert_eq!(pager["payload"]["source"], "127.0.0.1:8080");
    let actions = [
        (AlertChange::Acknowledged, "acknowledge"),
        (AlertChange::Muted, "acknowledge"),
        (AlertChange::Resolved, "resolve"),
    ];
    for (change, action) in actions {
        let event = body(change, WebhookFormat::PagerDuty);
        assert_eq!(event["event_action"], action);
        assert_eq!(event["dedup_key"], pager["dedup_key"]);
        assert_eq!(event.get("payload"), None);
    }
}

#[test]
fn a_signature_covers_the_time_and_the_body() {
    let now = UnixTime::from_seconds(1_700_000_000);

    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    assert_eq!(
        message::signature(&Secret::from("secret"), br#"{"a":1}"#, now),
        "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    );
}

#[test]
fn an_address_is_shown_without_its_path() {
    let shown = |url| webhook(url, WebhookFormat::Json, None).shown_url();

    assert_eq!(
        shown("https://u:p@hooks.example/T0/B0?key=1"),
        "https://hooks.example"
    );
    assert_eq!(shown("http://10.0.0.1:9000/x"), "http://10.0.0.1:9000");
}

/// How a receiver answers one request.
#[derive(Clone, Copy)]
enum Reply {
    Status(&'static str),
    /// Reads and never answers.
    Hang,
    /// Sends the head of a success and never the body.
    HangAfterHead,
}

/// A receiver that answers in that order, the last answer again and again. Returns its address and the
/// requests with head and body.
async fn receiver(replies: Vec<Reply>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token-in-path", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel(1_000);
    tokio::spawn(async move {
        let mut replies = replies.into_iter();
        let mut reply = replies.next().unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await;
            sender.send(request).await.unwrap();
            let text = match reply {
                Reply::Status(status) => {
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                }
                Reply::HangAfterHead => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned(),
                Reply::Hang => String::new(),
            };
            stream.write_all(text.as_bytes()).await.unwrap();
            if !matches!(reply, Reply::Status(_)) {
                tokio::spawn(async move {
                    let _open = stream;
                    std::future::pending::<()>().await;
                });
            }
            reply = replies.next().unwrap_or(reply);
        }
    });
    (url, requests)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{text}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return text;
        }
    }
}

const POLICY: RetryPolicy = RetryPolicy {
    timeout: Duration::from_millis(200),
    first_pause: Duration::from_millis(5),
    max_pause: Duration::from_millis(20),
    attempts: 3,
};

/// A running engine, and webhooks that send what a test gives them.
struct Running {
    webhooks: Webhooks,
    handle: engine::EngineHandle,
    stop: CancellationToken,
}

impl Running {
    fn start(receivers: Vec<Webhook>) -> Self {
        let target = Target {
            id: TargetId::new("a", "m"),
            provider: 0.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: None,
            max_concurrent: None,
        };
        let catalogue = Catalogue {
            providers: vec![Provider::new("a", "openai-compatible")],
            targets: vec![target],
            ..Catalogue::default()
        };
        let state = BalancerState::new(
            catalogue,
            Strategy::default(),
            Weights::default(),
            1,
            clock::now(),
        );
        let (engine, handle, _) = engine::build(state, 1);
        let stop = CancellationToken::new();
        tokio::spawn(engine.run(stop.clone()));
        let webhooks = Webhooks::new(handle.clone(), "test:1", POLICY, stop.clone()).unwrap();
        webhooks.configure(receivers, "test");
        // The engine's own alerts stay out: one says that deliveries were lost, and would be counted too.
        Self {
            webhooks,
            handle,
            stop,
        }
    }

    /// Waits until the report of the first receiver is as wanted.
    async fn until(&self, is_wanted: impl Fn(&WebhookReport) -> bool) -> WebhookReport {
        for _ in 0..2_000 {
            let report = self.webhooks.report().remove(0);
            if is_wanted(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?}", self.webhooks.report());
    }

    /// Sends a notice to all receivers, as the engine's events do.
    fn send(&self, change: AlertChange) {
        self.webhooks.queue(&notice(change));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_delivery_is_repeated_until_it_is_taken_and_signed_each_time() {
    let replies = ["500 x", "429 x", "204 x"].map(Reply::Status).to_vec();
    let (url, mut requests) = receiver(replies).await;
    let running = Running::start(vec![webhook(&url, WebhookFormat::Json, Some("secret"))]);

    running.send(AlertChange::Raised);

    let report = running.until(|report| report.delivered == 1).await;
    assert_eq!((report.lost, report.last_error), (0, None));
    for _ in 0..3 {
        let request = requests.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        let signature = head
            .lines()
            .find_map(|line| line.strip_prefix("x-aibal-signature: "))
            .unwrap();
        let (time, _) = signature
            .strip_prefix("t=")
            .unwrap()
            .split_once(',')
            .unwrap();
        let time = UnixTime::from_seconds(time.parse().unwrap());
        let expected = message::signature(&Secret::from("secret"), body.as_bytes(), time);
        assert_eq!(signature, expected);
    }
    assert_eq!(running.handle.drop_counters().deliveries(), 0);
}

#[tokio::test]
async fn what_is_not_taken_is_given_up_and_counted() {
    for reply in [Reply::Status("503 x"), Reply::Hang] {
        let (url, mut requests) = receiver(vec![reply]).await;
        let running = Running::start(vec![webhook(&url, WebhookFormat::Slack, None)]);

        running.send(AlertChange::Raised);

        let report = running.until(|report| report.lost == 1).await;
        let error = report.last_error.unwrap();
        let expected = ["the receiver answers 503", "no answer in 200ms"];
        assert!(
            expected.iter().any(|text| error.starts_with(text)),
            "{error}"
        );
        assert!(!format!("{:?}", running.webhooks.report()).contains("token-in-path"));
        assert_eq!(running.handle.drop_counters().deliveries(), 1);
        requests.close();
        let mut attempts = 0;
        while requests.recv().await.is_some() {
            attempts += 1;
        }
        assert_eq!(attempts, POLICY.attempts);
    }
}

#[tokio::test]
async fn a_refusal_and_a_redirect_are_final() {
    let elsewhere = "302 Found\r\nlocation: http://127.0.0.1:1/";
    for (status, expected) in [
        ("400 x", "400 Bad Request"),
        (elsewhere, "302 Found, and redirects"),
    ] {
        let (url, mut requests) = receiver(vec![Reply::Status(status)]).await;
        let running = Running::start(vec![webhook(&url, WebhookFormat::Json, None)]);

        running.send(AlertChange::Raised);

        let report = running.until(|report| report.lost == 1).await;
        assert!(report.last_error.unwrap().contains(expected));
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err(), "no second attempt");
    }
}

#[tokio::test]
async fn a_success_counts_although_its_body_never_comes() {
    let (url, _requests) = receiver(vec![Reply::HangAfterHead]).await;
    let running = Running::start(vec![webhook(&url, WebhookFormat::Json, None)]);

    running.send(AlertChange::Raised);

    running.until(|report| report.delivered == 1).await;
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other_and_its_queue_is_bounded() {
    let (hanging, _requests) = receiver(vec![Reply::Hang]).await;
    let (good, mut requests) = receiver(vec![Reply::Status("200 OK")]).await;
    let running = Running::start(vec![
        webhook(&hanging, WebhookFormat::Json, None),
        webhook(&good, WebhookFormat::Json, None),
    ]);

    for _ in 0..200 {
        running.send(AlertChange::Raised);
    }
    let report = running.until(|report| report.lost > 100).await;
    assert!(report.queued <= 64);
    requests.recv().await.unwrap();
    for _ in 0..2_000 {
        let report = running.webhooks.report().remove(1);
        if report.delivered + report.lost == 200 && report.queued == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(running.webhooks.report()[1].delivered >= 64);
    let lost: u64 = running.webhooks.report().iter().map(|it| it.lost).sum();
    assert_eq!(running.handle.drop_counters().deliveries(), lost);
}

#[tokio::test]
async fn unchanged_receivers_keep_their_queue_over_a_reload() {
    let (hanging, _requests) = receiver(vec![Reply::Hang]).await;
    let kept = webhook(&hanging, WebhookFormat::Json, None);
    let running = Running::start(vec![kept.clone()]);
    for _ in 0..5 {
        running.send(AlertChange::Raised);
    }

    let other = webhook("http://127.0.0.1:1/", WebhookFormat::Slack, None);
    running.webhooks.configure(vec![other, kept], "test");

    let reports = running.webhooks.report();
    assert_eq!(reports[0].format, "slack");
    assert!(reports[1].queued >= 4, "{reports:?}");
    running.webhooks.configure(Vec::new(), "test");
    assert!(running.webhooks.report().is_empty());
}

#[tokio::test]
async fn a_test_reports_the_result_of_every_receiver_at_once() {
    let (good, mut requests) = receiver(vec![Reply::Status("202 Accepted")]).await;
    let (bad, _bad_requests) = receiver(vec![Reply::Status("500 x")]).await;
    let running = Running::start(vec![
        webhook(&good, WebhookFormat::PagerDuty, Some("key")),
        webhook(&bad, WebhookFormat::Slack, None),
    ]);
    let test = AlertBoard::test_notice(clock::now());

    let results = running.webhooks.send_once(&test).await;

    let results: Vec<_> = results.iter().map(|it| (it.ok, &*it.result)).collect();
    let bad = (false, "the receiver answers 500 Internal Server Error");
    assert_eq!(results, [(true, "202 Accepted"), bad]);
    // The pager's incident is closed again.
    for action in ["trigger", "resolve"] {
        let request = requests.recv().await.unwrap();
        assert!(
            request.contains(&format!("\"event_action\":\"{action}\"")),
            "{request}"
        );
    }
}
