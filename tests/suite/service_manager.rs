//! What a service manager hears of the program, on a socket in its place.

use crate::program::{Running, program, run, until};
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
drain_seconds = 20

[[providers]]
name = "local"
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
[[providers.models]]
id = "m"
"#;

/// The socket of a manager, and the messages that it has received.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn at(address: &SocketAddr, name: String) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        let patience = Some(Duration::from_mins(1));
        socket.set_read_timeout(patience).unwrap();
        Self { socket, name }
    }

    fn with_path(home: &TempDir) -> Self {
        let path = home.path().join("notify");
        let address = SocketAddr::from_pathname(&path).unwrap();
        Self::at(&address, path.to_str().unwrap().to_owned())
    }

    fn with_abstract_name() -> Self {
        let name = format!("aibal-tui-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self::at(&address, format!("@{name}"))
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message with this beginning, and those before it except signs of life.
    fn until(&self, beginning: &str) -> (String, Vec<String>) {
        let mut before = Vec::new();
        loop {
            let message = self.next();
            if message.starts_with(beginning) {
                return (message, before);
            }
            if message != "WATCHDOG=1" {
                before.push(message);
            }
        }
    }
}

fn serve(home: &TempDir, manager: &Manager) -> Command {
    fs::write(home.path().join("aibal.toml"), CONFIG).unwrap();
    let mut command = program(home);
    command
        .args(["serve", "--log-file", "log"])
        .env("NOTIFY_SOCKET", &manager.name)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_service_manager_hears_of_start_life_reload_and_stop() {
    let home = TempDir::new().unwrap();
    let manager = Manager::with_path(&home);
    let mut command = serve(&home, &manager);
    command.env("WATCHDOG_USEC", "200000");
    let mut running = Running(command.spawn().unwrap());

    assert_eq!(manager.next(), "READY=1");
    let (status, _) = manager.until("STATUS=");
    assert!(status.contains("serving on http://127.0.0.1:"), "{status}");
    for _ in 0..2 {
        manager.until("WATCHDOG=1");
    }

    let before = aibal_tui::clock::monotonic_micros();
    running.signal("HUP");
    let (began, others) = manager.until("RELOADING=1");
    assert_eq!(others, Vec::<String>::new());
    let micros = began.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    let after = aibal_tui::clock::monotonic_micros();
    assert!(
        (before..=after).contains(&micros.parse().unwrap()),
        "{began}"
    );
    manager.until("READY=1");

    // A reload that fails has ended too, and the status says why.
    fs::write(home.path().join("aibal.toml"), "[server]\nport = 1\n").unwrap();
    running.signal("HUP");
    manager.until("RELOADING=1");
    manager.until("READY=1");
    let (status, _) = manager.until("STATUS=");
    assert!(status.contains("the last reload failed"), "{status}");

    running.signal("TERM");
    let (stop, _) = manager.until("STOPPING=1");
    assert_eq!(stop, "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000");
    assert_eq!(running.code(), 0);
}

#[test]
fn an_abstract_socket_is_told_too_and_without_a_watchdog_there_is_no_sign_of_life() {
    let home = TempDir::new().unwrap();
    let manager = Manager::with_abstract_name();
    let mut command = serve(&home, &manager);
    command
        .env("WATCHDOG_USEC", "200000")
        .env("WATCHDOG_PID", "1");
    let mut running = Running(command.spawn().unwrap());
    manager.until("STATUS=serving");

    running.signal("TERM");

    assert!(manager.next().starts_with("STOPPING=1"));
    assert_eq!(running.code(), 0);
}

#[test]
fn start_and_stop_are_logged_with_what_runs() {
    let home = TempDir::new().unwrap();
    let manager = Manager::with_path(&home);
    let mut running = Running(serve(&home, &manager).spawn().unwrap());
    manager.until("READY=1");
    running.signal("TERM");
    assert_eq!(running.code(), 0);

    let log = fs::read_to_string(home.path().join("log")).unwrap();
    let line = |text: &str| {
        let found = log.lines().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no {text:?}: {log}"))
    };
    let started = line("started");
    for part in ["127.0.0.1:", "aibal.toml", "local (1 model)", "sqlite:"] {
        assert!(started.contains(part), "{part}: {started}");
    }
    assert!(line("stopping: SIGTERM").contains("in_flight=0"), "{log}");
    line("stopped");
}

#[test]
fn the_version_tells_features_and_commit() {
    let home = TempDir::new().unwrap();
    let (code, out, _) = run(program(&home).arg("--version"));
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    let [version, commit, features] = lines[..] else {
        panic!("not three lines: {out}");
    };
    assert_eq!(version, concat!("aibal-tui ", env!("CARGO_PKG_VERSION")));
    assert!(commit.starts_with("commit: "), "{out}");
    assert_eq!(features.contains("otlp"), cfg!(feature = "otlp"), "{out}");
    assert_eq!(features.contains("mimalloc"), cfg!(feature = "mimalloc"));

    let (_, short, _) = run(program(&home).arg("-V"));
    assert_eq!(short.lines().collect::<Vec<_>>(), [version]);
}

#[test]
fn a_manager_that_is_not_there_does_not_hinder_the_start() {
    let home = TempDir::new().unwrap();
    let manager = Manager::with_path(&home);
    let mut command = serve(&home, &manager);
    command.env("NOTIFY_SOCKET", "vsock:2:1");
    let mut running = Running(command.spawn().unwrap());
    let log = || fs::read_to_string(home.path().join("log")).unwrap_or_default();
    until("the warning", || {
        log().contains("NOTIFY_SOCKET is \"vsock:2:1\"")
    });
    running.signal("TERM");
    assert_eq!(running.code(), 0);
}
