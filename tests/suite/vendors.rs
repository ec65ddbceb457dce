//! The demo's vendors without its gateway, and a gateway that is started by hand for them.

use crate::program::{Running, program, run, serving};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The vendors, and their output on stdout.
fn vendors(home: &TempDir, more: &[&str]) -> (Running, String) {
    let output = home.path().join("demo.toml");
    let mut command = program(home);
    command.args(["demo", "--vendors"]).args(more);
    let mut child = command
        .stdout(File::create(&output).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    let is_up = lines.any(|line| line.unwrap().contains("vendors are up"));
    assert!(is_up, "the vendors ended early");
    (running, fs::read_to_string(output).unwrap())
}

fn exported(configuration: &str) -> impl Iterator<Item = (&str, &str)> {
    let exports = configuration.lines();
    exports.filter_map(|line| line.strip_prefix("# export ")?.split_once('='))
}

/// A command with this configuration and the variables that it exports.
fn configured(home: &TempDir, configuration: &str, arguments: &[&str]) -> Command {
    let mut command = program(home);
    command
        .args(arguments)
        .args(["--config", "demo.toml"])
        .envs(exported(configuration));
    command
}

/// All listed names of the form `provider/model`, with the status of a chat with each.
async fn chats(url: &str) -> Vec<(String, u16)> {
    let client = reqwest::Client::new();
    let list = client.get(format!("{url}/v1/models")).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    let names = list["data"].as_array().unwrap().iter();
    let names = names.map(|model| model["id"].as_str().unwrap().to_owned());
    let mut statuses = Vec::new();
    for name in names.filter(|name| name.contains('/') && !name.contains("embed")) {
        let question = json!([{"role": "user", "content": "Hello?"}]);
        let body = json!({"model": name, "max_tokens": 4, "messages": question});
        let url = format!("{url}/v1/chat/completions");
        let answer = client.post(url).json(&body).send().await.unwrap();
        statuses.push((name, answer.status().as_u16()));
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_the_printed_configuration_reaches_every_vendor() {
    let home = TempDir::new().unwrap();
    let (mut vendors, configuration) = vendors(&home, &["--seed", "3"]);

    let (code, out, err) = run(&mut configured(&home, &configuration, &["config", "check"]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(!(out + &err).contains("warning"), "{configuration}");

    let arguments = ["serve", "--no-save", "--listen", "127.0.0.1:0"];
    let (_gateway, url) = serving(&mut configured(&home, &configuration, &arguments));
    let statuses = chats(&url).await;
    assert_eq!(statuses.len(), 5, "{statuses:?}");
    assert!(
        statuses.iter().all(|(_, status)| *status == 200),
        "{statuses:?}"
    );

    vendors.signal("TERM");
    assert_eq!(vendors.code(), 0);
}

#[test]
fn vendors_alone_reject_flags_for_traffic_scenario_and_screen() {
    let home = TempDir::new().unwrap();
    for more in [
        &["--rps", "5"][..],
        &["--scenario", "outage"],
        &["--headless"],
    ] {
        let (code, out, err) = run(program(&home).args(["demo", "--vendors"]).args(more));

        assert_eq!((code, out.as_str()), (2, ""), "{more:?}: {err}");
        assert!(err.contains("--vendors") && err.contains(more[0]), "{err}");
    }
}
