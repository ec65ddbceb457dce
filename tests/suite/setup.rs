//! Commands that set an instance up: import of another gateway's configuration and prices, the doctor.

use super::program::{program, run, serving};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A provider that speaks OpenAI's protocol: answers every request that has its key, others with 401.
fn provider(key: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || answer(stream, key));
        }
    });
    format!("http://{address}/v1")
}

fn answer(mut stream: TcpStream, key: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let head = head.to_lowercase();
    let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().unwrap()
    });
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, body) = if !head.contains(&format!("bearer {key}\r\n")) {
        (
            "401 Unauthorized",
            json!({"error": {"message": "no such key"}}),
        )
    } else if head.starts_with("get ") {
        (
            "200 OK",
            json!({"object": "list", "data": [{"id": "house-model", "object": "model"}]}),
        )
    } else {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let message = json!({"role": "assistant", "content": "hello from the house"});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        (
            "200 OK",
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"],
                "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}),
        )
    };
    let body = body.to_string();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = jiff::Timestamp::from_second(i64::try_from(now.as_secs()).unwrap()).unwrap();
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let _gone = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ndate: {date}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn litellm(base_url: &str) -> String {
    format!(
        "model_list:\n  - model_name: house\n    litellm_params:\n      model: openai/house-model\n      \
         api_base: {base_url}\n      api_key: os.environ/HOUSE_KEY\n      rpm: 600\n\
         router_settings:\n  num_retries: 1\n  model_group_alias: {{home: house}}\n\
         general_settings:\n  master_key: sk-canary-master\n"
    )
}

fn chat(address: &str, model: &str) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        let client = reqwest::Client::new();
        let request = client
            .post(format!("{address}/v1/chat/completions"))
            .json(&body);
        let response = request
            .timeout(Duration::from_secs(30))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    })
}

#[test]
fn an_imported_configuration_passes_the_check_and_serves() {
    let home = TempDir::new().unwrap();
    let key = ("HOUSE_KEY", "house-key");
    std::fs::write(
        home.path().join("config.yaml"),
        litellm(&provider("house-key")),
    )
    .unwrap();

    let import = ["import", "litellm", "config.yaml", "--output", "aibal.toml"];
    let (code, out, err) = run(program(&home).args(import));

    assert_eq!(code, 0, "{err}");
    assert!(out.contains("1 provider and 2 routes"), "{out}");
    assert!(
        err.contains("config.yaml: line 12: general_settings.master_key"),
        "{err}"
    );
    let written = std::fs::read_to_string(home.path().join("aibal.toml")).unwrap();
    assert!(
        !format!("{out}{err}{written}").contains("canary"),
        "{written}"
    );
    let (code, out, err) = run(program(&home).args(["config", "check"]).envs([key]));
    assert_eq!(code, 0, "{out}{err}{written}");
    let mut serve = program(&home);
    serve.args(["serve", "--listen", "127.0.0.1:0"]).envs([key]);
    let (_running, address) = serving(&mut serve);
    for model in ["house", "home"] {
        let (status, body) = chat(&address, model);
        assert_eq!(status, 200, "{body}");
        assert_eq!(
            body["choices"][0]["message"]["content"],
            "hello from the house"
        );
    }

    let (code, _, err) = run(program(&home).args(import));
    assert_eq!(code, 2, "the file exists");
    assert!(err.contains("--force"), "{err}");
    let (code, _, err) = run(program(&home).args(["import", "litellm", "missing.yaml"]));
    assert_eq!(code, 2);
    assert!(err.contains("missing.yaml"), "{err}");
}

#[test]
fn every_example_of_another_gateway_passes_the_check() {
    for name in ["team", "deployments", "local"] {
        let home = TempDir::new().unwrap();
        let source = format!(
            "{}/tests/fixtures/litellm/{name}.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        let variables = [
            "OPENAI_API_KEY",
            "ANTHROPIC_API_KEY",
            "AZURE_API_KEY",
            "WEST_KEY",
            "SECOND_KEY",
            "GROQ_API_KEY",
            "CEREBRAS_API_KEY",
            "OPENROUTER_API_KEY",
            "HOUSE_KEY",
            "OPENAI_2_API_KEY",
        ];
        let variables = variables.map(|name| (name, "k"));
        let url = ("VLLM_URL", "http://127.0.0.1:9/v1");
        let import = ["import", "litellm", &source, "--output", "aibal.toml"];
        let (code, _, err) = run(program(&home).args(import).envs([url]));
        assert_eq!(code, 0, "{name}: {err}");

        let (code, out, err) = run(program(&home).args(["config", "check"]).envs(variables));

        assert_eq!(code, 0, "{name}: {out}{err}");
    }
}

#[test]
fn imported_prices_are_in_force_from_the_next_start() {
    let home = TempDir::new().unwrap();
    let table = r#"{"gpt-4o": {"litellm_provider": "openai", "mode": "chat",
        "input_cost_per_token": 7e-06, "output_cost_per_token": 9e-06},
        "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation"}}"#;
    std::fs::write(home.path().join("prices.json"), table).unwrap();

    let (code, out, err) = run(program(&home).args(["prices", "import", "prices.json"]));

    assert_eq!(code, 0, "{err}");
    assert!(out.contains("prices.toml: 1 model\n"), "{out}");
    assert!(err.contains("skipped 1: mode image_generation"), "{err}");
    let (code, out, _) = run(program(&home).arg("prices"));
    assert_eq!(code, 0);
    let row = out.lines().find(|line| line.contains(" gpt-4o "));
    let row: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!(row[2..4], ["7", "9"]);
    assert!(out.contains("LiteLLM's prices.json"), "{out}");

    let path = home.path().join(".config/aibal-tui/prices.toml");
    std::fs::write(&path, "models = 1\n").unwrap();
    let (code, _, err) = run(program(&home).args(["config", "show"]));
    assert_eq!(code, 2);
    assert!(
        err.contains("prices.toml") && err.contains("prices import"),
        "{err}"
    );
    let (code, _, err) = run(program(&home).args(["prices", "import", "prices.json"]));
    assert_eq!(code, 0, "{err}");
}

/// The checks of a report, by their names and subjects.
fn result<'r>(report: &'r Value, check: &str, subject: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap().iter();
    let mut found = checks.filter(|it| it["check"] == check);
    found
        .find(|it| subject.is_empty() || it["subject"] == subject)
        .unwrap_or_else(|| panic!("{check} {subject}: {report}"))
}

/// A home with two keys for a provider, one of them right, and the provider's address.
struct Patient {
    home: TempDir,
    url: String,
}

impl Patient {
    fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
            url: provider("right-canary"),
        }
    }

    fn write(&self, entries: &[String]) {
        let text = format!("[server]\nlisten = \"127.0.0.1:0\"\n{}", entries.concat());
        std::fs::write(self.home.path().join("aibal.toml"), text).unwrap();
    }

    fn good(&self) -> String {
        entry("good", &self.url, "RIGHT")
    }

    /// Exit code and report, in which no key is.
    fn doctor(&self, more: &[&str]) -> (i32, Value) {
        let mut command = program(&self.home);
        command.args(["doctor", "--json"]).args(more);
        command.envs([("RIGHT", "right-canary"), ("WRONG", "wrong-canary")]);
        let (code, out, err) = run(&mut command);
        assert!(!format!("{out}{err}").contains("canary"), "{out}{err}");
        let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        (code, report)
    }
}

fn entry(name: &str, url: &str, variable: &str) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\n\
         api_key_env = \"{variable}\"\nmodels = [{{ id = \"house-model\" }}]\n"
    )
}

#[test]
fn the_doctor_finds_a_healthy_instance_healthy() {
    let patient = Patient::new();
    patient.write(&[patient.good()]);

    let (code, report) = patient.doctor(&[]);

    assert_eq!((code, &report["result"]), (0, &json!("ok")), "{report}");
    for (check, subject) in [
        ("configuration", ""),
        ("provider", "good"),
        ("clock", ""),
        ("database", "sqlite:aibal.db"),
        ("descriptors", ""),
        ("listen", "127.0.0.1:0"),
    ] {
        assert_eq!(result(&report, check, subject)["result"], "ok", "{report}");
    }
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let patient = Patient::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    patient.write(&[
        patient.good(),
        entry("refused-key", &patient.url, "WRONG"),
        entry("gone", &gone, "RIGHT"),
        entry("nameless", "https://nosuch.invalid/v1", "RIGHT"),
        entry("keyless", &patient.url, "NOT_SET"),
    ]);

    let (code, report) = patient.doctor(&[]);

    assert_eq!((code, &report["result"]), (2, &json!("broken")), "{report}");
    for (check, subject, verdict, part) in [
        (
            "provider",
            "refused-key",
            "broken",
            "set a valid key in WRONG",
        ),
        ("provider", "gone", "broken", "start the server"),
        ("provider", "nameless", "broken", "name server"),
        ("provider", "keyless", "warning", "set its key"),
        ("dns", "nosuch.invalid", "broken", "name server"),
        ("provider", "good", "ok", ""),
    ] {
        let found = result(&report, check, subject);
        let advice = found["advice"].as_str().unwrap_or_default();
        assert_eq!(found["result"], verdict, "{found}");
        assert!(advice.contains(part), "{found}");
    }
    let (code, report) = patient.doctor(&["--offline"]);
    assert_eq!(code, 1, "{report}");
    assert_eq!(result(&report, "clock", "")["result"], "skipped");
}

#[test]
fn the_doctor_names_mistakes_of_the_configuration() {
    let patient = Patient::new();
    patient.write(&["max_body_mb = -1\n".to_owned()]);

    let (code, report) = patient.doctor(&[]);

    assert_eq!(code, 2);
    let found = result(&report, "configuration", "");
    let message = found["message"].as_str().unwrap();
    assert!(
        message.starts_with("aibal.toml:3: server.max_body_mb"),
        "{message}"
    );
}
