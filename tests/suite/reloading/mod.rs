//! The configuration of a running program, read again: every way to ask for it, and what happens to
//! requests meanwhile.

mod authorities;
mod draining;
mod providers;

use crate::program::{Running, program, run, serving};
use crate::upstream::{Behaviour, Upstream};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
/// Named by no provider of these tests, so that an instance may start without any other.
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

/// A configuration with a top, which must end in whole tables, and providers.
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

/// A program that serves what a file says.
struct House {
    home: TempDir,
    running: Running,
    url: String,
    client: reqwest::Client,
}

impl House {
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

    /// As editors do: a new file in the place of the old one.
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

    async fn until(&self, path: &str, wish: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_200 {
            let answer = self.get(path).await;
            if wish(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{path} never came to what was waited for");
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
    let house = House::open(&configuration(&weights(30, 40), &[spare()]));

    house.write(&configuration(&weights(50, 20), &[spare()]));
    house.until_cost(50.0).await;
    house.replace(&configuration(&weights(60, 10), &[spare()]));
    house.until_cost(60.0).await;
    // The watch is on what is there now, not on the file that was replaced.
    house.write(&configuration(&weights(70, 0), &[spare()]));
    house.until_cost(70.0).await;

    let revisions = house.get("/api/revisions").await;
    let newest = &revisions["revisions"][0];
    assert_eq!(
        newest["what"],
        "balancing.weights.cost 60→70, balancing.weights.latency 10→0"
    );
    assert_eq!(newest["reason"], "a file of the configuration changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_to_be_and_variables_beside_it_are_watched_too() {
    let house = House::open(&configuration("", &[spare()]));

    std::fs::write(
        house.home.path().join(".env"),
        "LOAD_BALANCER_MAX_RETRIES=1\n",
    )
    .unwrap();
    let is_told = |status: &Value| has_event(status, "balancing.max_retries 3→1");
    house.until("/api/status", is_told).await;
    let folder = house.home.path().join(".config/aibal-tui");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), weights(45, 25)).unwrap();

    house.until_cost(45.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_led_elsewhere_is_followed() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    for (name, cost) in [("one", 30), ("two", 55)] {
        std::fs::create_dir(at(name)).unwrap();
        let text = configuration(&weights(cost, 70 - cost), &[spare()]);
        std::fs::write(at(name).join("c.toml"), text).unwrap();
    }
    std::os::unix::fs::symlink("one", at("data")).unwrap();
    std::os::unix::fs::symlink("data/c.toml", at("c.toml")).unwrap();
    let house = House::open_at(home, &["--config", "c.toml"]);

    std::os::unix::fs::symlink("two", house.home.path().join("data.new")).unwrap();
    let (new, old) = (
        house.home.path().join("data.new"),
        house.home.path().join("data"),
    );
    std::fs::rename(new, old).unwrap();

    house.until_cost(55.0).await;
}

/// What a provider lists itself changes in no file, so that only who asks can bring it.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_the_command_and_the_api_reload_as_well() {
    let a = Upstream::start(Behaviour::Good).await;
    let url = &a.base_url;
    let text = format!(
        "[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\n"
    );
    let house = House::open(&text);
    let (status, unchanged) = house.reload().await;
    assert_eq!((status, &unchanged["changed"]), (200, &json!([])));
    assert_eq!(unchanged["revision"], 1);

    a.list(&["m", "by-api"]);
    let (status, report) = house.reload().await;
    assert_eq!((status, &report["revision"]), (200, &json!(2)));
    let expected = json!({
        "key": "providers[a].models",
        "from": ["m"],
        "to": ["m", "by-api"],
        "note": "as it lists them itself",
    });
    assert_eq!(report["changed"], json!([expected]));

    a.list(&["m", "by-command"]);
    let (code, out, err) =
        tokio::task::block_in_place(|| run(program(&house.home).args(["reload", &house.url])));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("1 setting changed, revision 3\n"), "{out}");
    assert!(
        out.contains("[\"m\",\"by-api\"] → [\"m\",\"by-command\"]"),
        "{out}"
    );

    a.list(&["m", "by-signal"]);
    house.running.signal("HUP");
    let is_there = |models: &Value| models.to_string().contains("by-signal");
    house.until("/v1/models", is_there).await;
    let newest = &house.get("/api/revisions").await["revisions"][0];
    assert_eq!(
        (&newest["revision"], &newest["reason"]),
        (&json!(4), &json!("SIGHUP"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_told_with_who_and_secrets_are_not() {
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
    let house = House::open(&first);
    house.write(&second);
    let (_, _) = house.reload().await;

    let status = house
        .until("/api/status", |status| status["environment"] == "test")
        .await;
    assert!(has_event(&status, "providers[spare].api_key"), "{status}");
    let revisions = house.get("/api/revisions").await.to_string();
    assert!(!revisions.contains("sk-very-secret"), "{revisions}");
    assert!(!status.to_string().contains("sk-very-secret"));

    // --listen outranks the file, so nothing of that changes.
    assert!(!revisions.contains("server.listen"), "{revisions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mistakes_changes_nothing_and_every_mistake_is_told() {
    let good = configuration(&weights(30, 40), &[spare()]);
    let house = House::open(&good);
    let bad = good.replace("cost = 30", "cost = \"much\"") + "unheard_of = 1\n[nowhere]\nx = 1\n";

    house.write(&bad);
    let told = "mistakes, so nothing changed: aibal.toml:2: balancing.weights.cost";
    let status = house
        .until("/api/status", |status| has_event(status, told))
        .await;
    let events = status["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["bad"] == true));

    let (status, problem) = house.reload().await;
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
        tokio::task::block_in_place(|| run(program(&house.home).args(["reload", &house.url])));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("nothing changed") && err.contains("unheard_of"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 4, "{err}");

    house.write("[[providers]]\nname = \"none\"\nkind = \"openai\"\napi_key_env = \"UNSET\"\n");
    let (status, problem) = house.reload().await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"].as_str().unwrap().contains("UNSET"),
        "{problem}"
    );
    assert_eq!(house.revision().await, 1);

    house.write(&configuration(&weights(35, 35), &[spare()]));
    house.until_cost(35.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_write_is_no_reload_and_what_is_not_saved_outlives_one() {
    let text = configuration(&weights(30, 40), &[spare()]);
    let house = House::open(&text);
    let change = json!({"cost": 40, "latency": 30});
    let url = format!("{}/api/weights", house.url);
    house.client.put(&url).json(&change).send().await.unwrap();
    let file = house.file();
    let written = || std::fs::read_to_string(&file).unwrap();
    house
        .until("/healthz", |_| written().contains("cost = 40"))
        .await;

    // A later edit by hand is one revision, and says only what it changed.
    house.write(&(written() + "[alerts]\nlatency_ms = 5000\n"));
    let is_there = |answer: &Value| answer["revisions"].as_array().unwrap().len() > 1;
    let revisions = house.until("/api/revisions", is_there).await;
    let whats: Vec<&Value> = revisions["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| &revision["what"])
        .collect();
    assert_eq!(whats.len(), 2, "{whats:?}");
    let what = whats[0].as_str().unwrap();
    assert!(what.starts_with("alerts.latency_ms"), "{what}");
    // Back by hand: the file says something else than it did, so it is heard.
    house.write(&text);
    house.until_cost(30.0).await;

    let unsaved = House::open_with(&text, &["--no-save"]);
    let url = format!("{}/api/weights", unsaved.url);
    unsaved.client.put(&url).json(&change).send().await.unwrap();
    unsaved.write(&(text.clone() + "[alerts]\nlatency_ms = 5000\n"));
    unsaved.until("/api/revisions", is_there).await;
    assert_eq!(unsaved.get("/api/weights").await["cost"], 40.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_nothing_to_read_again() {
    let home = TempDir::new().unwrap();
    let (running, url) = crate::program::demo(&home, &[]);
    let house = House {
        home,
        running,
        url,
        client: reqwest::Client::new(),
    };

    let (status, problem) = house.reload().await;

    assert_eq!(status, 409, "{problem}");
}
