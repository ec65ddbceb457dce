//! A panic in a real terminal.

use crate::tui::terminal::TerminalScreen;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

#[test]
#[ignore = "panics; run by the test below"]
fn panics_on_its_screen() {
    crate::tui::panic_hook::install();
    let mut screen = TerminalScreen::enter().unwrap();
    let draw = |frame: &mut ratatui::Frame<'_>| {
        let area = frame.area();
        frame
            .buffer_mut()
            .set_string(area.x, area.y, "a frame", ratatui::style::Style::new());
    };
    screen.draw(false, draw).unwrap();
    panic!("on purpose");
}

#[test]
fn a_panic_restores_the_terminal_before_its_message() {
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tui::tests::leaving::panics_on_its_screen"]);
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut bytes = Vec::new();
    let mut reader = pair.master.try_clone_reader().unwrap();
    // Reading from a closed terminal fails after its last output.
    let _ended = reader.read_to_end(&mut bytes);
    child.wait().unwrap();

    let seen = String::from_utf8_lossy(&bytes);
    let last = |what: &str| {
        seen.rfind(what)
            .unwrap_or_else(|| panic!("no {what:?} in {seen:?}"))
    };
    assert!(last("\x1b[?1049h") < last("\x1b[?1049l"));
    assert!(last("\x1b[?25l") < last("\x1b[?25h"));
    assert!(last("\x1b[?2004h") < last("\x1b[?2004l"));
    assert!(last("\x1b[?1049l") < last("on purpose"));
}
