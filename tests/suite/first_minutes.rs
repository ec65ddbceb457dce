//! What a newcomer meets: nothing set up, a first configuration, an instance that is looked for.

use super::program::{program, run, serving};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

const LOCAL_PROVIDER: &str = "[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
                              base_url = \"http://127.0.0.1:9/v1\"\napi_key = \"env:A_KEY\"\n\
                              models = [{ id = \"m\" }]\n";

fn write(home: &TempDir, content: &str) {
    std::fs::write(home.path().join("aibal.toml"), content).unwrap();
}

#[test]
fn a_check_without_a_usable_provider_fails_as_serve_does() {
    let home = TempDir::new().unwrap();
    let arguments = [&["config", "check"][..], &["serve"]];

    let [check, serve] = arguments.map(|arguments| run(program(&home).args(arguments)));
    assert_eq!(check, serve);
    let (code, out, err) = check;
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    for part in [
        "none of OPENAI_API_KEY",
        "no Ollama answers at http://127.0.0.1:11434: connection refused",
        "aibal-tui config init",
        "aibal-tui demo",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }

    write(&home, LOCAL_PROVIDER);
    let [check, serve] = arguments.map(|arguments| run(program(&home).args(arguments)));
    assert_eq!(check, serve);
    assert_eq!(check.0, 2, "{}", check.2);
    assert!(check.2.contains("A_KEY"), "{}", check.2);
    let (code, _, err) = run(program(&home).args(["config", "check"]).env("A_KEY", "k"));
    assert_eq!(code, 0, "{err}");
}

#[test]
fn keys_of_the_dashboard_that_cannot_be_used_carry_file_and_line() {
    let home = TempDir::new().unwrap();
    let keys = "[dashboard.keys]\nfly = \"x\"\nfreeze = \"Hyper\"\n";
    write(&home, &format!("{keys}{LOCAL_PROVIDER}"));

    let (code, _, err) = run(program(&home).args(["config", "check"]).env("A_KEY", "k"));

    assert_eq!(code, 2, "{err}");
    for part in [
        "aibal.toml:2: dashboard.keys.fly: ",
        "aibal.toml:3: dashboard.keys.freeze: ",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
}

#[test]
fn a_command_finds_the_instance_that_the_configuration_names() {
    let home = TempDir::new().unwrap();
    let port = free_port();
    write(
        &home,
        &format!("[server]\nlisten = \"127.0.0.1:{port}\"\n{LOCAL_PROVIDER}"),
    );

    let (code, _, err) = run(program(&home).args(["reload"]));
    assert_eq!((code, err.lines().count()), (2, 1), "{err}");
    for part in [
        format!("127.0.0.1:{port}: connection refused"),
        "[server] listen of aibal.toml:2".to_owned(),
    ] {
        assert!(err.contains(&part), "{part}: {err}");
    }

    let mut serve = program(&home);
    let (_running, address) = serving(serve.arg("serve").env("A_KEY", "k"));
    assert!(address.ends_with(&format!(":{port}")), "{address}");
    let (code, out, err) = run(program(&home).args(["status", "--ready"]));
    assert_eq!((code, out.as_str()), (0, "ready\n"), "{err}");
    let (code, out, err) = run(program(&home).args(["reload"]).env("A_KEY", "k"));
    assert_eq!(code, 0, "{out}{err}");
    let (code, _, err) = run(program(&home)
        .arg("status")
        .env("AIBAL_URL", "http://127.0.0.1:9"));
    assert_eq!(code, 2);
    assert!(err.contains("from AIBAL_URL"), "{err}");
}

#[test]
fn with_json_logs_every_line_of_stderr_is_json() {
    let home = TempDir::new().unwrap();
    write(&home, LOCAL_PROVIDER);
    let mut command = program(&home);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
    command.args(arguments).env("A_KEY", "k");
    let (running, out) = logged(&mut command, "serving on http://127.0.0.1:");
    running.signal("TERM");

    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let started = lines.iter().find(|line| line["message"] == "started");
    let started = started.expect("a line of the start");
    assert_eq!(started["files"], "aibal.toml", "{started}");
    assert_eq!(started["providers"], "a (1 model)", "{started}");
}

/// Starts a program and reads its log up to a line.
fn logged(command: &mut Command, end: &str) -> (super::program::Running, String) {
    use std::io::{BufRead, BufReader};
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = super::program::Running(child);
    let mut text = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.contains(end) {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    (running, text)
}

#[test]
fn init_writes_what_it_found_and_never_overwrites_unasked() {
    let home = TempDir::new().unwrap();
    let key = ("OPENAI_API_KEY", "sk-canary-1234567890");
    let init = |more: &[&str]| {
        run(program(&home)
            .args(["config", "init"])
            .args(more)
            .envs([key]))
    };
    let path = home.path().join(".config/aibal-tui/config.toml");

    let (code, printed, _) = init(&["--print"]);
    assert_eq!((code, path.exists()), (0, false));
    let (code, out, err) = init(&[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("config.toml"), "{out}");
    for part in ["found: openai", "not found: LM Studio", "aibal-tui serve"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, printed);
    assert!(
        written.contains("api_key_env = \"OPENAI_API_KEY\""),
        "{written}"
    );
    assert!(!format!("{written}{out}{err}").contains("sk-canary"));
    let (code, out, err) = run(program(&home).args(["config", "check"]).envs([key]));
    assert_eq!(code, 0, "{out}{err}");

    std::fs::write(&path, "# mine\n").unwrap();
    let (code, _, err) = init(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
    assert_eq!(init(&["--force"]).0, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), printed);
}

#[test]
fn a_lost_connection_says_which_in_answer_decision_status_and_log() {
    let home = TempDir::new().unwrap();
    write(
        &home,
        &LOCAL_PROVIDER.replace(":9/", &format!(":{}/", free_port())),
    );
    let log = home.path().join("gateway.log");
    let mut command = program(&home);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--log-file"])
        .arg(&log);
    let (_running, address) = serving(command.env("A_KEY", "k"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let call = |path: &str, body: Option<serde_json::Value>| {
        runtime.block_on(async {
            let (client, url) = (reqwest::Client::new(), format!("{address}{path}"));
            let request = match body {
                Some(body) => client.post(url).json(&body),
                None => client.get(url),
            };
            request.send().await.unwrap().text().await.unwrap()
        })
    };
    let expected = "connection refused: nothing listens there";

    let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let answer = call("/v1/chat/completions", Some(body));
    assert!(
        answer.contains(expected) && answer.contains("upstream_disconnected"),
        "{answer}"
    );
    let list: serde_json::Value = serde_json::from_str(&call("/api/decisions", None)).unwrap();
    let id = list["decisions"][0]["decisionId"].as_str().unwrap();
    let decision = call(&format!("/api/decisions/{id}"), None);
    assert!(decision.contains(expected), "{decision}");
    super::program::until("a state that says why", || {
        call("/api/status", None).contains(expected)
    });
    super::program::until("a line that says why", || {
        std::fs::read_to_string(&log).unwrap().contains(expected)
    });
}
