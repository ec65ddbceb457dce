//! The program in a real terminal, with real keys and signals.

use crate::program::{program, until};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const ROWS: u16 = 40;
const COLUMNS: u16 = 120;

/// A demo on a screen.
struct Seen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    raw: Arc<Mutex<Vec<u8>>>,
    _home: TempDir,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn contents(raw: &[u8], rows: u16, columns: u16) -> String {
    let size = |cells: u16| cells.try_into().unwrap();
    let mut parser = vt100::Parser::new(size(rows), size(columns), 0);
    parser.process(raw);
    parser.screen().contents()
}

impl Seen {
    fn demo(more: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let size = PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let plain = program(&home);
        let mut command = CommandBuilder::new(plain.get_program());
        command.env_clear();
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap());
        }
        command.env("TERM", "xterm-256color");
        command.cwd(home.path());
        command.args(["demo", "--listen", "127.0.0.1:0", "--rps", "20"]);
        command.args(more);
        let child = pair.slave.spawn_command(command).unwrap();
        let (raw, mut reader) = (
            Arc::<Mutex<Vec<u8>>>::default(),
            pair.master.try_clone_reader().unwrap(),
        );
        let sink = Arc::clone(&raw);
        std::thread::spawn(move || {
            let mut bytes = [0; 8_192];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                sink.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self {
            child,
            master: pair.master,
            keys,
            raw,
            _home: home,
        }
    }

    fn screen(&self) -> String {
        contents(&self.raw.lock().unwrap(), ROWS, COLUMNS)
    }

    fn see(&self, text: &str) {
        until(&format!("{text:?} on the screen"), || {
            self.screen().contains(text)
        });
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn code(&mut self) -> u32 {
        let mut ended = None;
        until("the program's end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap().exit_code()
    }

    /// Whether the terminal is as it was: the usual screen, the cursor, and no mode of ours.
    fn is_restored(&self) -> bool {
        let raw = self.raw.lock().unwrap().clone();
        let last = |sequence: &[u8]| {
            raw.windows(sequence.len())
                .rposition(|window| window == sequence)
        };
        let over = |on: &[u8], off: &[u8]| last(on) < last(off);
        over(b"\x1b[?1049h", b"\x1b[?1049l")
            && over(b"\x1b[?25l", b"\x1b[?25h")
            && over(b"\x1b[?2026h", b"\x1b[?2026l")
    }
}

#[test]
fn a_weight_is_moved_by_hand_and_the_terminal_is_given_back() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    seen.see("ollama");

    seen.press("w");
    seen.see("WEIGHTS in force, rev 1");
    seen.press("100");
    seen.see("DRAFT on rev 1");
    seen.press("\r");
    seen.see("APPLY THE DRAFT?");
    seen.press("\r");
    seen.see("applied as rev 2");
    seen.see("WEIGHTS in force, rev 2");
    seen.press("\x1b");
    seen.see("cost 100 latency 0 reliability 0");

    seen.press("?");
    seen.see("HELP");
    seen.press("q");
    seen.press("q");
    seen.see("The gateway runs in this process.");
    seen.press("s");
    assert_eq!(seen.code(), 0);
    assert!(seen.is_restored());
}

#[test]
fn every_signal_gives_the_terminal_back() {
    for (signal, code) in [("TERM", 0), ("INT", 130), ("QUIT", 131)] {
        let mut seen = Seen::demo(&[]);
        seen.see("LIVE");
        seen.signal(signal);
        assert_eq!(seen.code(), code, "{signal}");
        assert!(seen.is_restored(), "{signal}");
    }
}

#[test]
fn a_hang_up_ends_the_dashboard_and_the_gateway_serves_on() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    seen.signal("HUP");
    until("the terminal's return", || seen.is_restored());
    assert!(seen.child.try_wait().unwrap().is_none(), "it serves on");

    seen.signal("TERM");
    assert_eq!(seen.code(), 0);
}

#[test]
fn another_size_is_drawn_anew() {
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
    until("a new picture", || {
        let raw = seen.raw.lock().unwrap();
        let screen = contents(&raw[before..], 24, 80);
        screen.contains("LIVE") && screen.contains("quit")
    });
}
