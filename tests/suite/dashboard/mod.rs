//! The program in a real terminal, with real keys and signals.

mod leaving;
mod seen;

use crate::program::{Running, program, until};
use portable_pty::PtySize;
use seen::{COLUMNS, ROWS, Seen, contents};
use std::io::Write;
use tempfile::TempDir;

#[test]
fn a_weight_is_changed_by_hand_and_the_terminal_is_restored() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    seen.see("ollama");

    seen.press("w");
    seen.see("WEIGHTS in effect, rev 1");
    seen.press("100");
    seen.see("DRAFT on rev 1");
    seen.press("\r");
    seen.see("APPLY THE DRAFT?");
    if seen.screen().contains("type big-shift") {
        seen.press("big-shift");
        seen.see("big-shift to allow it");
    }
    seen.press_until("\t", ">[ Apply on trial");
    seen.press_until("\t", ">[ Apply for good");
    seen.press("\r");
    seen.see("cost 100 latency 0 reliability 0 applied as rev 2");
    seen.see("WEIGHTS in effect, rev 2");
    seen.press("\x1b");
    seen.see("1 LATENCY");
    seen.see("cost 100 latency 0 reliability 0");

    seen.press("u");
    seen.see("Undo the last change made here");
    seen.press_until("y", "rev 3");
    seen.see("cost 30 latency 40 reliability 30");

    seen.press("?");
    seen.see("HELP");
    seen.press("q");
    seen.press("q");
    seen.see("The gateway runs in this process.");
    let mut polls = 0;
    until("the end", || {
        if polls % 10 == 0 {
            let _ended = seen.keys.write_all(b"s");
        }
        polls += 1;
        seen.child.try_wait().unwrap().is_some()
    });
    assert_eq!(seen.code(), 0);
    until("the restored terminal", || seen.is_restored());
}

#[test]
fn a_provider_is_drained_and_enabled_and_a_decision_explained() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    seen.see("ollama");
    // With fewer healthy providers the name would be required.
    until("three healthy providers", || {
        seen.screen().matches("●OK").count() >= 3
    });
    seen.press("G.");
    seen.see("d          drain ");
    seen.press("d");
    seen.see("finish running requests, accept no new ones");
    seen.press_until("3", "◌DRAIN");
    seen.see("drains for 30 min");
    seen.see("m left");
    seen.press(".");
    seen.see("d          stop draining ");
    seen.press("d");
    seen.see(": send it requests again");
    let mut polls = 0;
    until("the provider's return", || {
        if polls % 10 == 0 {
            seen.keys.write_all(b"y").unwrap();
        }
        polls += 1;
        !seen.screen().contains("◌DRAIN")
    });

    seen.press("d");
    seen.see("EXPLAIN");
    seen.see(", odds ");
    seen.see("weights  cost 30 latency 40 reliability 30");
}

#[test]
fn the_first_lines_show_the_failing_provider_and_since_when() {
    let mut seen = Seen::demo(&["--scenario", "outage"]);
    seen.see("LIVE");
    seen.see("!!1 ");
    // Name and time, in every state that follows.
    until("a time beside the name", || {
        let screen = seen.screen();
        let line = screen.lines().nth(2).unwrap_or_default();
        let name_and_time = line.split(':').next().unwrap_or_default();
        name_and_time.split_whitespace().last().is_some_and(|last| {
            let digits = last.trim_end_matches(['s', 'm']);
            digits.len() < last.len() && digits.parse::<u32>().is_ok()
        })
    });
    seen.press("a");
    seen.see("ALERTS: 1 in trouble");
    seen.press("\r");
    seen.see("── MODELS");
}

#[test]
fn keys_in_pieces_and_pastes_are_recognised() {
    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--rps",
        "20",
        "--history",
        "0",
    ];
    let mut seen = Seen::start(&arguments, &[("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")]);
    seen.see("LIVE");
    seen.press("?");
    seen.see("HELP");
    // An arrow key in two pieces scrolls; it does not close the box.
    seen.press("\x1b");
    seen.press("[B");
    seen.press("\x1b[200~q\x1b[201~");
    assert!(seen.screen().contains("HELP"));
    seen.press("\x1b");
    seen.see("1 LATENCY");
    seen.press("\x1b[200~q\x1b[201~");
    seen.see("pasted text is ignored without an open field");
    // Ctrl-Z is refused, and a name is copied to the clipboard.
    seen.press("\x1a");
    seen.see("the gateway runs in this process; q, then d detaches");
    seen.press("\x1by");
    until("a text for the clipboard", || {
        let raw = seen.raw.lock().unwrap();
        raw.windows(7).any(|bytes| bytes == b"\x1b]52;c;")
    });
    // Over a network each frame carries a query.
    let raw = seen.raw.lock().unwrap();
    assert!(raw.windows(4).any(|bytes| bytes == b"\x1b[5n"));
}

#[test]
fn a_stalled_connection_shows_the_current_state_after_one_old_frame() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let state = TempDir::new().unwrap();
    let environment = [
        ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22"),
        ("XDG_STATE_HOME", state.path().to_str().unwrap()),
    ];
    let mut seen = Seen::start(&["attach", &address], &environment);
    let count = |seen: &Seen, wanted: &[u8]| {
        let raw = seen.raw.lock().unwrap();
        let places = raw.windows(wanted.len());
        places.filter(|bytes| *bytes == wanted).count()
    };
    // The terminal replies until the first frame with data.
    let mut answered = 0;
    until("a frame with data", || {
        while answered < count(&seen, b"\x1b[5n") {
            seen.keys.write_all(b"\x1b[0n").unwrap();
            answered += 1;
        }
        seen.screen().contains("LIVE")
    });
    // The connection stalls: the frame in flight has not arrived.
    until("a frame in flight", || count(&seen, b"\x1b[5n") > answered);
    let frames = count(&seen, b"\x1b[?2026h");
    seen.press("wx");
    let written = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "json"))
    };
    until("all keys are handled", || {
        let files = std::fs::read_dir(state.path().join("aibal-tui"));
        files.is_ok_and(|mut files| files.any(written))
    });
    assert_eq!(count(&seen, b"\x1b[?2026h"), frames, "no frame is queued");
    // It recovers: one frame follows, of the current state.
    seen.press("\x1b[0n");
    seen.see("saved to");
    seen.see("WEIGHTS");
    assert_eq!(count(&seen, b"\x1b[?2026h"), frames + 1);
}

#[test]
fn a_burst_of_keys_is_read_at_once() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let mut seen = Seen::start(&["attach", &address], &[]);
    seen.see("LIVE");
    // More than one read takes, and no further input that would wake the reader.
    seen.press(&format!("{}?", "jk".repeat(1_500)));
    seen.see("HELP");
}

#[test]
fn a_terminal_gets_no_query_and_no_mouse_mode() {
    let seen = Seen::demo(&["--ascii", "--no-color"]);
    seen.see("LIVE");
    seen.see("ollama");
    let raw = String::from_utf8(seen.raw.lock().unwrap().clone()).unwrap();
    for query in [
        "\x1b[6n",
        "\x1b[5n",
        "\x1b[c",
        "\x1b]11;?",
        "$p",
        "?1000h",
        "?1003h",
    ] {
        assert!(!raw.contains(query), "{}", query.escape_debug());
    }
    let strange: String = raw.chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(strange, "");
}

#[test]
fn a_locale_without_utf8_gets_ascii_characters() {
    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--rps",
        "20",
        "--history",
        "0",
    ];
    let seen = Seen::start(&arguments, &[("LANG", "C")]);
    seen.see("LIVE");
    seen.see("ollama");
    let raw = seen.raw.lock().unwrap().clone();
    assert!(raw.is_ascii(), "{}", String::from_utf8_lossy(&raw));
}

#[test]
fn the_screen_is_cleared_once() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    let cleared = |seen: &Seen| {
        let raw = seen.raw.lock().unwrap();
        raw.windows(4).filter(|bytes| bytes == b"\x1b[2J").count()
    };
    for (key, there) in [
        ("w", "WEIGHTS"),
        ("a", "ALERTS"),
        ("?", "HELP"),
        ("\x1b", "ALERTS"),
    ] {
        seen.press(key);
        seen.see(there);
    }
    seen.press("H");
    seen.see("1 LATENCY");
    assert_eq!(cleared(&seen), 1);
    seen.press("\x0c");
    until("it is cleared on request", || cleared(&seen) == 2);
}

#[test]
fn an_attached_dashboard_can_be_suspended_and_redraws_itself() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let mut seen = Seen::start(&["attach", &address], &[]);
    seen.see("LIVE");
    seen.press("\x1a");
    until("the restored terminal", || seen.is_restored());
    let before = seen.raw.lock().unwrap().len();
    seen.signal("CONT");
    until("a new frame", || {
        let raw = seen.raw.lock().unwrap();
        contents(&raw[before..], ROWS, COLUMNS).contains("LIVE")
    });
    seen.press("q");
    assert_eq!(seen.code(), 0);
    until("the restored terminal", || seen.is_restored());
}

#[test]
fn an_attached_dashboard_survives_a_restart_of_its_instance() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let home = TempDir::new().unwrap();
    let serve = || {
        let mut command = program(&home);
        command.args([
            "demo",
            "--headless",
            "--listen",
            &address,
            "--rps",
            "20",
            "--history",
            "0",
        ]);
        let quiet = std::process::Stdio::null;
        Running(command.stdout(quiet()).stderr(quiet()).spawn().unwrap())
    };
    let running = serve();
    let mut seen = Seen::start(&["attach", &format!("http://{address}")], &[]);
    seen.see("LIVE");
    seen.press("w");
    seen.press(">");
    seen.see("DRAFT on rev 1");

    drop(running);
    seen.see("STALE");
    assert!(
        seen.screen().contains("DRAFT on rev 1"),
        "view and draft are kept"
    );
    let _running = serve();
    seen.see("LIVE");
    assert!(seen.screen().contains("DRAFT"));
    seen.press("q");
    assert_eq!(seen.code(), 0);
    until("the restored terminal", || seen.is_restored());
}

#[test]
fn a_new_size_is_redrawn() {
    let seen = Seen::demo(&[]);
    seen.see("LIVE");
    let before = seen.raw.lock().unwrap().len();
    seen.master
        .resize(PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        })
        .unwrap();
    until("a new frame", || {
        let raw = seen.raw.lock().unwrap();
        let screen = contents(&raw[before..], 24, 80);
        screen.contains("LIVE") && screen.contains("quit")
    });
}
