//! The whole program, started from its command line.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The program with its own home and an empty environment.
pub fn program(home: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aibal-tui"));
    command.env_clear().current_dir(home.path());
    command
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8");
    command
}

pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A running program, killed at the end of the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub fn code(&mut self) -> i32 {
        let mut ended = None;
        until("the program's end", || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        });
        ended.and_then(|status| status.code()).unwrap_or(-1)
    }
}

/// A headless demo and its address.
pub fn demo(home: &TempDir, more: &[&str]) -> (Running, String) {
    let mut command = program(home);
    command
        .args(["demo", "--headless", "--listen", "127.0.0.1:0"])
        // Figures begin with the test.
        .args(["--history", "0"])
        .args(more);
    serving(&mut command)
}

/// An instance that this command starts, and its address.
pub fn serving(command: &mut Command) -> (Running, String) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let at = line.find("http://127.0.0.1:")?;
        Some(
            line[at..]
                .chars()
                .take_while(|c| !c.is_whitespace() && *c != ',')
                .collect::<String>(),
        )
    });
    // A pipe that is not read would block its writer.
    std::thread::spawn(move || lines.for_each(drop));
    (running, address.unwrap().trim_end_matches("/v1").to_owned())
}

fn get(url: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { reqwest::get(url).await.unwrap().json().await.unwrap() })
}

/// Waits for a condition, at most one minute.
#[expect(
    clippy::disallowed_methods,
    reason = "no runtime runs here that a sleep could block"
)]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never came: {what}");
}

#[test]
fn a_demo_without_a_terminal_names_the_headless_flag() {
    let home = TempDir::new().unwrap();

    let (code, out, err) = run(program(&home).arg("demo"));

    assert_eq!(
        (code, out.as_str(), err.lines().count()),
        (2, "", 1),
        "{err}"
    );
    assert!(err.contains("--headless"), "{err}");
}

/// Arguments, variables, and the parts that the sentence must name.
type Start<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn bad_starts_end_with_one_clear_sentence() {
    let home = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    let cases: [Start<'_>; 5] = [
        (
            &["serve", "--listen", &address],
            &[("OPENAI_API_KEY", "sk-x")],
            &[&address, "in use"],
        ),
        (
            &["demo", "--headless", "--listen", &address],
            &[],
            &[&address, "in use"],
        ),
        (&["serve"], &[], &["OPENAI_API_KEY", "aibal-tui demo"]),
        (
            &["demo", "--headless", "--scenario", "flood"],
            &[],
            &["flood", "brownout"],
        ),
        (
            &["serve", "--log-file", "/nowhere/x.log"],
            &[("OPENAI_API_KEY", "sk-x")],
            &["/nowhere/x.log"],
        ),
    ];
    for (arguments, variables, expected) in cases {
        let (code, _, err) = run(program(&home)
            .args(arguments)
            .envs(variables.iter().copied()));
        assert_eq!(code, 2, "{arguments:?}: {err}");
        for part in expected {
            assert!(err.contains(part), "{arguments:?} must name {part}: {err}");
        }
        assert!(!err.contains("sk-x"), "a key was shown: {err}");
    }
}

#[test]
fn a_missing_instance_is_reported_in_one_line() {
    let home = TempDir::new().unwrap();

    let (code, out, err) = run(program(&home).args(["status", "http://127.0.0.1:9"]));

    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(
        err.contains("127.0.0.1:9") && err.lines().count() == 1,
        "{err}"
    );
}

#[test]
fn a_headless_demo_shows_the_same_numbers_everywhere_and_drains_on_term() {
    let home = TempDir::new().unwrap();
    let (mut demo, url) = demo(&home, &["--seed", "3", "--rps", "20"]);
    until("fifty requests", || {
        get(&format!("{url}/api/status"))["totals"]["requests"].as_u64() > Some(50)
    });

    let (code, out, _) = run(program(&home).args(["status", "--json", &url]));
    assert!(code == 0 || code == 1);
    assert!(serde_json::from_str::<Value>(&out).unwrap()["totals"]["requests"].as_u64() > Some(50));
    let (_, text, _) = run(program(&home).args(["status", &url]));
    assert!(
        text.contains("openai") && !text.contains('\u{1b}'),
        "{text}"
    );
    let (code, explained, _) = run(program(&home).args(["select", "--explain", &url]));
    assert_eq!(code, 0);
    assert!(
        explained.contains("cost") && explained.contains("reliability"),
        "{explained}"
    );

    let (code, advice, _) = run(program(&home).args(["advise", "--success", "99", &url]));
    assert_eq!(code, 1, "{advice}");
    assert!(
        advice.contains("goal: success from 99 %") && advice.contains("too little traffic"),
        "{advice}"
    );
    let (code, _, mistake) = run(program(&home).args(["advise", &url]));
    assert_eq!(code, 2, "{mistake}");
    assert!(mistake.contains("--p95"), "{mistake}");

    // Requests finish between two calls, so both are repeated until no request did.
    until("two equal reports", || {
        let status = get(&format!("{url}/api/status"));
        let report = get(&format!("{url}/api/monitoring/performance"));
        let same = |field: &str| status["totals"][field] == report["totals"][field];
        [
            "requests",
            "attempts",
            "successRate",
            "totalCostUsd",
            "totalTokens",
        ]
        .iter()
        .all(|field| same(field))
            && status["providers"][0]["requests"] == report["providers"][0]["requests"]
    });

    demo.signal("TERM");
    assert_eq!(demo.code(), 0);
}

#[test]
fn generated_texts_are_printed() {
    let home = TempDir::new().unwrap();
    for (arguments, expected) in [
        (&["completions", "bash"][..], "_aibal__tui"),
        (&["man"], ".TH aibal-tui"),
        (&["prices"], "gpt-5.1"),
        (&["config", "schema"], "\"$schema\""),
        (&["config", "path"], "config.toml"),
        (&["--help"], "attach"),
    ] {
        let (code, out, err) = run(program(&home).args(arguments));
        assert_eq!(code, 0, "{arguments:?}: {err}");
        assert!(out.contains(expected), "{arguments:?}: {out}");
    }
}

#[test]
fn a_stop_while_starting_is_honoured() {
    let home = TempDir::new().unwrap();
    // A provider that accepts and never answers delays the start.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());
    let provider = format!(
        "[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\napi_key = \"k\"\n"
    );
    std::fs::write(home.path().join("aibal.toml"), provider).unwrap();
    let mut command = program(&home);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    let _asked = silent.accept().unwrap();

    running.signal("TERM");

    assert_eq!(running.code(), 0);
}

#[test]
fn a_demo_opens_on_a_history_that_providers_share() {
    let home = TempDir::new().unwrap();
    let mut command = program(&home);
    let arguments = ["demo", "--headless", "--listen", "127.0.0.1:0"];
    command.args(arguments).args(["--scenario", "outage"]);
    let (_running, address) = serving(&mut command);

    let status = get(&format!("{address}/api/status?window=15m"));

    // Eight requests a second for 15 minutes.
    let requests = status["totals"]["requests"].as_u64().unwrap();
    assert!((6_500..8_500).contains(&requests), "{requests}");
    let providers = status["providers"].as_array().unwrap();
    let served = |it: &Value| it["requests"].as_u64().unwrap();
    let all: u64 = providers.iter().map(served).sum();
    let busy = providers.iter().filter(|it| served(it) * 100 > all * 2);
    assert!(busy.count() >= 3, "{status}");
    let busiest = providers.iter().map(served).max().unwrap();
    assert!(busiest * 100 < all * 70, "{busiest} of {all}");
    // The outages of the past were seen, and saved by fallbacks.
    let events = status["events"].as_array().unwrap();
    assert!(events.iter().any(|it| it["kind"] == "trouble"), "{status}");
    assert!(status["totals"]["successRate"].as_f64().unwrap() > 0.99);

    // Four clients made them, and their budgets count what the history cost.
    let clients = get(&format!("{address}/api/clients?window=15m"));
    let clients = clients["clients"].as_array().unwrap();
    let names: Vec<&str> = clients
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["webshop", "assistant", "reports", "ci"]);
    let mut all = 0.0;
    for client in clients {
        let spent = client["budget"]["spentUsd"].as_f64().unwrap();
        let cost = client["totalCostUsd"].as_f64().unwrap();
        // The day may have begun within the history, and the window moves on.
        assert!(spent <= cost * 1.2 + 0.01, "{client}");
        all += spent;
    }
    assert!(all > 0.0, "{clients:?}");
}
