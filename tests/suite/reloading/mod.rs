//! Reloads of a running program: every way to request one, and their effect on requests in flight.

mod authorities;
mod draining;
mod providers;
mod saving;
mod schedules;

use crate::program::{Running, program, run, serving};
use crate::upstream::{Behaviour, Upstream};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
/// An address that nothing listens on, for an instance that needs only one provider to start.
const SPARE: &str = "http://127.0.0.1:9/v1";

/// A provider in the configuration.
#[derive(Clone, Copy)]
struct Entry<'a> {
    name: &'a str,
    base_url: &'a str,
    more: &'a str,
}

impl<'a> Entry<'a> {
    fn of(name: &'a str, upstream: &'a Upstream) -> Self {
        Self {
            name,
            base_url: &upstream.base_url,
            more: "api_key = \"sk-first\"\n",
        }
    }
}

/// A configuration that begins with complete tables and ends with providers.
fn configuration(top: &str, providers: &[Entry<'_>]) -> String {
    let mut text = format!("{top}[probe]\nmode = \"off\"\n");
    for Entry {
        name,
        base_url,
        more,
    } in providers
    {
        let _ = write!(
            text,
            "[[providers]]\nname = \"{name}\"\nkind = \"openai-compatible\"\nbase_url = \"{base_url}\"\n{more}\
             models = [{{ id = \"m\" }}, {{ id = \"only-{name}\" }}]\n"
        );
    }
    text
}

/// A running program with its configuration file.
struct TestInstance {
    home: TempDir,
    running: Running,
    url: String,
    client: reqwest::Client,
}

impl TestInstance {
    fn open(text: &str) -> Self {
        Self::open_with(text, &[])
    }

    fn open_with(text: &str, flags: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("aibal.toml"), text).unwrap();
        Self::open_at(home, flags)
    }

    fn open_at(home: TempDir, flags: &[&str]) -> Self {
        let mut command = program(&home);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags);
        let (running, url) = serving(&mut command);
        Self {
            home,
            running,
            url,
            client: reqwest::Client::new(),
        }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("aibal.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    /// Replaces the file by a new one, as editors do.
    fn replace(&self, text: &str) {
        let new = self.home.path().join(".aibal.toml.swp");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await;
        answer.unwrap().json().await.unwrap()
    }

    async fn reload(&self) -> (u16, Value) {
        let url = format!("{}/api/reload", self.url);
        let answer = self.client.post(url).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn revision(&self) -> u64 {
        self.get("/api/weights").await["revision"].as_u64().unwrap()
    }

    async fn ask(&self, body: &str) -> reqwest::Response {
        let url = format!("{}/v1/chat/completions", self.url);
        let asked = self.client.post(url).body(body.to_owned());
        asked.send().await.unwrap()
    }

    async fn until(&self, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_200 {
            let answer = self.get(path).await;
            if condition(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{path} never met the condition");
    }

    async fn until_cost(&self, points: f64) {
        self.until("/api/weights", |weights| weights["cost"] == points)
            .await;
    }
}

fn weights(cost: u32, latency: u32) -> String {
    format!("[balancing.weights]\ncost = {cost}\nlatency = {latency}\nreliability = 30\n")
}

fn spare() -> Entry<'static> {
    Entry {
        name: "spare",
        base_url: SPARE,
        more: "",
    }
}

fn has_event(status: &Value, part: &str) -> bool {
    let events = status["events"].as_array().unwrap();
    let has = |event: &Value| event["text"].as_str().unwrap().contains(part);
    events.iter().any(has)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_or_replaced_takes_effect_by_itself() {
    let instance = TestInstance::open(&configuration(&weights(30, 40), &[spare()]));

    instance.write(&configuration(&weights(50, 20), &[spare()]));
    instance.until_cost(50.0).await;
    instance.replace(&configuration(&weights(60, 10), &[spare()]));
    instance.until_cost(60.0).await;
    // The new file is watched, not the one that was replaced.
    instance.write(&configuration(&weights(70, 0), &[spare()]));
    instance.until_cost(70.0).await;

    let revisions = instance.get("/api/revisions").await;
    let newest = &revisions["revisions"][0];
    assert_eq!(
        newest["what"],
        "balancing.weights.cost 60→70, balancing.weights.latency 10→0"
    );
    assert_eq!(newest["reason"], "a file of the configuration changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_and_dot_env_are_watched_too() {
    let instance = TestInstance::open(&configuration("", &[spare()]));

    std::fs::write(
        instance.home.path().join(".env"),
        "LOAD_BALANCER_MAX_RETRIES=1\n",
    )
    .unwrap();
    let is_reported = |status: &Value| has_event(status, "balancing.max_retries 3→1");
    instance.until("/api/status", is_reported).await;
    let folder = instance.home.path().join(".config/aibal-tui");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), weights(45, 25)).unwrap();

    instance.until_cost(45.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirected_link_is_followed() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    for (name, cost) in [("one", 30), ("two", 55)] {
        std::fs::create_dir(at(name)).unwrap();
        let text = configuration(&weights(cost, 70 - cost), &[spare()]);
        std::fs::write(at(name).join("c.toml"), text).unwrap();
    }
    std::os::unix::fs::symlink("one", at("data")).unwrap();
    std::os::unix::fs::symlink("data/c.toml", at("c.toml")).unwrap();
    let instance = TestInstance::open_at(home, &["--config", "c.toml"]);

    std::os::unix::fs::symlink("two", instance.home.path().join("data.new")).unwrap();
    let (new, old) = (
        instance.home.path().join("data.new"),
        instance.home.path().join("data"),
    );
    std::fs::rename(new, old).unwrap();

    instance.until_cost(55.0).await;
}

/// The list of a provider is in no file, so only a requested reload can find it changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_the_command_and_the_api_reload_as_well() {
    let a = Upstream::start(Behaviour::Good).await;
    let url = &a.base_url;
    let text = format!(
        "[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\n"
    );
    let instance = TestInstance::open(&text);
    let (status, unchanged) = instance.reload().await;
    assert_eq!((status, &unchanged["changed"]), (200, &json!([])));
    assert_eq!(unchanged["revision"], 1);

    a.list(&["m", "by-api"]);
    let (status, report) = instance.reload().await;
    assert_eq!((status, &report["revision"]), (200, &json!(2)));
    let expected = json!({
        "key": "providers[a].models",
        "from": ["m"],
        "to": ["m", "by-api"],
        "note": "as the provider lists them",
    });
    assert_eq!(report["changed"], json!([expected]));

    a.list(&["m", "by-command"]);
    let (code, out, err) =
        tokio::task::block_in_place(
            || run(program(&instance.home).args(["reload", &instance.url])),
        );
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("1 setting changed, revision 3\n"), "{out}");
    assert!(
        out.contains("[\"m\",\"by-api\"] → [\"m\",\"by-command\"]"),
        "{out}"
    );

    a.list(&["m", "by-signal"]);
    instance.running.signal("HUP");
    let is_there = |models: &Value| models.to_string().contains("by-signal");
    instance.until("/v1/models", is_there).await;
    let newest = &instance.get("/api/revisions").await["revisions"][0];
    assert_eq!(
        (&newest["revision"], &newest["reason"]),
        (&json!(4), &json!("SIGHUP"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_reported_with_their_actor_and_without_secrets() {
    let (first, second) = (
        configuration("", &[spare()]),
        configuration(
            "[server]\nenvironment = \"test\"\nlisten = \"127.0.0.1:7\"\n",
            &[Entry {
                more: "api_key = \"sk-very-secret\"\n",
                ..spare()
            }],
        ),
    );
    let instance = TestInstance::open(&first);
    instance.write(&second);
    let (_, _) = instance.reload().await;

    let status = instance
        .until("/api/status", |status| status["environment"] == "test")
        .await;
    assert!(has_event(&status, "providers[spare].api_key"), "{status}");
    let revisions = instance.get("/api/revisions").await.to_string();
    assert!(!revisions.contains("sk-very-secret"), "{revisions}");
    assert!(!status.to_string().contains("sk-very-secret"));

    // --listen outranks the file, so the address does not change.
    assert!(!revisions.contains("server.listen"), "{revisions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_errors_changes_nothing_and_every_error_is_reported() {
    let good = configuration(&weights(30, 40), &[spare()]);
    let instance = TestInstance::open(&good);
    let bad = good.replace("cost = 30", "cost = \"much\"") + "unheard_of = 1\n[nowhere]\nx = 1\n";

    instance.write(&bad);
    let text = "errors, so nothing changed: aibal.toml:2: balancing.weights.cost";
    let status = instance
        .until("/api/status", |status| has_event(status, text))
        .await;
    let events = status["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["bad"] == true));

    let (status, problem) = instance.reload().await;
    assert_eq!(status, 422);
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields.len(), 3, "{problem}");
    assert_eq!(fields[0], "balancing.weights.cost");
    assert_eq!(problem["errors"][0]["place"], "aibal.toml:2");
    let (code, out, err) =
        tokio::task::block_in_place(
            || run(program(&instance.home).args(["reload", &instance.url])),
        );
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("nothing changed") && err.contains("unheard_of"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 4, "{err}");

    instance.write("[[providers]]\nname = \"none\"\nkind = \"openai\"\napi_key_env = \"UNSET\"\n");
    let (status, problem) = instance.reload().await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"].as_str().unwrap().contains("UNSET"),
        "{problem}"
    );
    assert_eq!(instance.revision().await, 1);

    instance.write(&configuration(&weights(35, 35), &[spare()]));
    instance.until_cost(35.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_write_is_no_reload_and_an_unsaved_change_survives_one() {
    let text = configuration(&weights(30, 40), &[spare()]);
    let instance = TestInstance::open(&text);
    let change = json!({"cost": 40, "latency": 30});
    let url = format!("{}/api/weights", instance.url);
    instance
        .client
        .put(&url)
        .json(&change)
        .send()
        .await
        .unwrap();
    let file = instance.file();
    let written = || std::fs::read_to_string(&file).unwrap();
    instance
        .until("/healthz", |_| written().contains("cost = 40"))
        .await;

    // A later edit by hand is one revision, and says only what it changed.
    instance.write(&(written() + "[alerts]\nlatency_ms = 5000\n"));
    let is_there = |answer: &Value| answer["revisions"].as_array().unwrap().len() > 1;
    let revisions = instance.until("/api/revisions", is_there).await;
    let whats: Vec<&Value> = revisions["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| &revision["what"])
        .collect();
    assert_eq!(whats.len(), 2, "{whats:?}");
    let what = whats[0].as_str().unwrap();
    assert!(what.starts_with("alerts.latency_ms"), "{what}");
    // Back by hand: the file differs from the last write, so it is reloaded.
    instance.write(&text);
    instance.until_cost(30.0).await;

    let unsaved = TestInstance::open_with(&text, &["--no-save"]);
    let url = format!("{}/api/weights", unsaved.url);
    unsaved.client.put(&url).json(&change).send().await.unwrap();
    unsaved.write(&(text.clone() + "[alerts]\nlatency_ms = 5000\n"));
    unsaved.until("/api/revisions", is_there).await;
    assert_eq!(unsaved.get("/api/weights").await["cost"], 40.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_no_configuration_to_reload() {
    let home = TempDir::new().unwrap();
    let (running, url) = crate::program::demo(&home, &[]);
    let instance = TestInstance {
        home,
        running,
        url,
        client: reqwest::Client::new(),
    };

    let (status, problem) = instance.reload().await;

    assert_eq!(status, 409, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_read_responses_and_others_may_not() {
    let a = Upstream::start(Behaviour::Good).await;
    let settings = "[server]\ncors_origins = [\"https://app.example\"]\n";
    let instance = TestInstance::open(&configuration(settings, &[Entry::of("a", &a)]));
    let chat = format!("{}/v1/chat/completions", instance.url);
    let preflight = async |origin: &str| {
        let request = instance.client.request(reqwest::Method::OPTIONS, &chat);
        let request = request.header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", "authorization,x-a");
        request.send().await.unwrap()
    };
    let header = |response: &reqwest::Response, name: &str| {
        let value = response.headers().get(name);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(allowed.status(), 204);
    let origin = header(&allowed, "access-control-allow-origin");
    assert_eq!(origin, "https://app.example");
    let names = header(&allowed, "access-control-allow-headers");
    assert_eq!(names, "authorization,x-a");
    assert!(header(&allowed, "access-control-allow-methods").contains("POST"));
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "");

    let request = instance.client.post(&chat).body(ASK);
    let request = request.header("origin", "https://app.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let origin = header(&answer, "access-control-allow-origin");
    assert_eq!(origin, "https://app.example");
    assert!(header(&answer, "vary").contains("origin"));

    let other = preflight("https://evil.example").await;
    assert_ne!(other.status(), 204);
    assert_eq!(header(&other, "access-control-allow-origin"), "");
    // A reload takes it back.
    instance.write(&configuration("", &[Entry::of("a", &a)]));
    assert_eq!(instance.reload().await.0, 200);
    let gone = preflight("https://app.example").await;
    assert_eq!(header(&gone, "access-control-allow-origin"), "");
}
