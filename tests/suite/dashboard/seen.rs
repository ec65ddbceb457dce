//! The program in a pseudo-terminal.

use crate::program::{program, until};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

pub const ROWS: u16 = 40;
pub const COLUMNS: u16 = 120;

/// A program in a terminal.
pub struct Seen {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    pub keys: Box<dyn Write + Send>,
    pub raw: Arc<Mutex<Vec<u8>>>,
    _home: TempDir,
}

impl Drop for Seen {
    #[expect(clippy::print_stderr, reason = "the screen shows what went wrong")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the last screen:\n{}", self.screen());
        }
        let _ = self.child.kill();
    }
}

pub fn contents(raw: &[u8], rows: u16, columns: u16) -> String {
    let size = |cells: u16| cells.try_into().unwrap();
    let mut parser = vt100::Parser::new(size(rows), size(columns), 0);
    parser.process(raw);
    parser.screen().contents()
}

impl Seen {
    pub fn demo(more: &[&str]) -> Self {
        let usual = ["demo", "--listen", "127.0.0.1:0", "--rps", "20"];
        // Nothing waits for the time before a demo, which takes seconds in a debug build.
        let usual = [&usual[..], &["--history", "0"]].concat();
        Self::start(&[&usual[..], more].concat(), &[])
    }

    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let program = env!("CARGO_BIN_EXE_aibal-tui");
        Self::run(&[&[program], arguments].concat(), environment)
    }

    /// Runs a command line in its own terminal.
    pub fn run(words: &[&str], environment: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let size = PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let plain = program(&home);
        let mut command = CommandBuilder::new(words[0]);
        command.env_clear();
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap());
        }
        command.env("TERM", "xterm-256color");
        command.cwd(home.path());
        for (name, value) in environment {
            command.env(name, value);
        }
        command.args(&words[1..]);
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

    pub fn screen(&self) -> String {
        contents(&self.raw.lock().unwrap(), ROWS, COLUMNS)
    }

    pub fn see(&self, text: &str) {
        until(&format!("{text:?} on the screen"), || {
            self.screen().contains(text)
        });
    }

    /// Presses keys until a text appears: a dialog ignores keys before it could be read.
    pub fn press_until(&mut self, keys: &str, text: &str) {
        let mut polls = 0;
        until(&format!("{text:?} after {keys:?}"), || {
            if self.screen().contains(text) {
                return true;
            }
            if polls % 10 == 0 {
                self.keys.write_all(keys.as_bytes()).unwrap();
            }
            polls += 1;
            false
        });
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn code(&mut self) -> u32 {
        let mut ended = None;
        until("the program's end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap().exit_code()
    }

    /// Whether the terminal is restored: main screen, cursor, title, and no modes.
    pub fn is_restored(&self) -> bool {
        let raw = self.raw.lock().unwrap().clone();
        let last = |sequence: &[u8]| {
            raw.windows(sequence.len())
                .rposition(|window| window == sequence)
        };
        let over = |on: &[u8], off: &[u8]| last(on) < last(off);
        over(b"\x1b[?1049h", b"\x1b[?1049l")
            && over(b"\x1b[?25l", b"\x1b[?25h")
            && over(b"\x1b[?2026h", b"\x1b[?2026l")
            && over(b"\x1b[22;2t", b"\x1b[23;2t")
            && over(b"\x1b]2;aibal-tui", b"\x1b[23;2t")
    }
}
