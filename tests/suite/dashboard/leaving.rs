//! Every exit restores the terminal.

use super::*;

#[test]
fn every_signal_restores_the_terminal() {
    for (signal, code) in [("TERM", 0), ("INT", 130), ("QUIT", 131)] {
        let mut seen = Seen::demo(&[]);
        seen.see("LIVE");
        seen.signal(signal);
        assert_eq!(seen.code(), code, "{signal}");
        until("the restored terminal", || seen.is_restored());
    }
}

#[test]
fn the_title_names_the_process_and_is_restored_with_the_terminal() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let mut seen = Seen::start(&["attach", &address], &[]);
    seen.see("LIVE");
    let process = seen.child.process_id().unwrap();
    let count = |seen: &Seen, wanted: &str| {
        let raw = seen.raw.lock().unwrap();
        String::from_utf8_lossy(&raw).matches(wanted).count()
    };
    let location = address.trim_start_matches("http://");
    let title = format!("\x1b]2;aibal-tui DEMO {location} (process {process})\x07");
    until("the title", || count(&seen, &title) == 1);
    for (key, there) in [("w", "WEIGHTS"), ("?", "HELP"), ("\x1b", "WEIGHTS")] {
        seen.press(key);
        seen.see(there);
    }
    assert_eq!(count(&seen, &title), 1, "it is set only when it changes");
    // After SIGSTOP and SIGCONT the title is set again, and saved once.
    seen.signal("STOP");
    seen.signal("CONT");
    until("the title again", || count(&seen, &title) == 2);
    seen.press("q");
    assert_eq!(seen.code(), 0);
    until("the restored terminal", || seen.is_restored());
    assert_eq!(count(&seen, "\x1b[22;2t"), 1);
    assert_eq!(count(&seen, "\x1b[23;2t"), 1);
}

#[test]
fn a_hang_up_ends_the_dashboard_and_the_gateway_keeps_serving() {
    let mut seen = Seen::demo(&[]);
    seen.see("LIVE");
    seen.signal("HUP");
    until("the restored terminal", || seen.is_restored());
    assert!(seen.child.try_wait().unwrap().is_none(), "it keeps serving");

    seen.signal("TERM");
    assert_eq!(seen.code(), 0);
}

#[test]
fn a_hang_up_ends_only_an_attached_dashboard() {
    let (running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let mut seen = Seen::start(&["attach", &address], &[]);
    seen.see("LIVE");
    seen.signal("HUP");
    assert_eq!(seen.code(), 0);
    let mut again = Seen::start(&["attach", &address], &[]);
    again.see("LIVE");
    again.press("q");
    assert_eq!(again.code(), 0);
    drop(running);
}

#[test]
fn mouse_reports_at_the_end_are_not_typed_into_the_shell() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let script = "\"$0\" attach \"$1\"; stty -icanon -echo min 0 time 2; \
                  echo left $(dd bs=4096 count=1 2>/dev/null | wc -c) bytes";
    let program = env!("CARGO_BIN_EXE_aibal-tui");
    let mut seen = Seen::run(&["/bin/sh", "-c", script, program, &address], &[]);
    seen.see("LIVE");
    seen.press("m");
    seen.see("MOUSE");
    let wheel = "\x1b[<65;10;10M".repeat(100);
    seen.press(&format!("{wheel}q{wheel}"));
    seen.see("left 0 bytes");
    assert!(seen.is_restored());
}

#[test]
fn a_dashboard_without_a_terminal_for_keys_reports_it() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let program = env!("CARGO_BIN_EXE_aibal-tui");
    // In another session there is no controlling terminal.
    let script = "setsid -w \"$0\" attach \"$1\" </dev/null; echo code $?";
    let seen = Seen::run(&["/bin/sh", "-c", script, program, &address], &[]);
    seen.see("there is no terminal to read keys from");
    seen.see("code 2");

    let script = "setsid \"$0\" demo --listen 127.0.0.1:0 </dev/null & \
                  trap 'kill $!' HUP; read line; kill $!; wait $!; echo code $?";
    let mut seen = Seen::run(&["/bin/sh", "-c", script, program], &[]);
    seen.see("no dashboard: there is no terminal to read keys from");
    seen.see("without one");
    seen.press("\r");
    seen.see("code 0");
}

#[test]
fn a_dumb_terminal_gets_the_report_and_no_escape_byte() {
    let (_running, address) = crate::program::demo(&TempDir::new().unwrap(), &[]);
    let mut seen = Seen::start(&["attach", &address], &[("TERM", "dumb")]);
    assert!([0, 1].contains(&seen.code()));
    let raw = seen.raw.lock().unwrap();
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains("ollama"), "{text}");
    assert!(!raw.contains(&0x1b), "{text}");
}
