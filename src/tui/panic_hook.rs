//! The panic hook of a process with a dashboard. Most panics end only a request or a task, so they
//! must neither take down the screen nor be written across it: their messages wait until the
//! terminal is given back. The dashboard's own threads give it back as they unwind.

use super::held_messages::hold;
use super::terminal::{is_ours, restore};
use std::panic::PanicHookInfo;
use std::sync::Once;

/// Installs the hook, once per process.
pub(super) fn install() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if ends_the_process(std::thread::current().name()) {
                restore();
            }
            if is_ours() {
                hold_back(panic);
            } else {
                previous(panic);
            }
        }));
    });
}

/// Returns whether a panic of this thread ends the process, so that no other thread would give the
/// terminal back: the main thread ends all others, and with `panic = "abort"` every thread does.
fn ends_the_process(thread: Option<&str>) -> bool {
    cfg!(panic = "abort") || thread == Some("main")
}

fn hold_back(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // The message may hold parts of a request, so the log gets only the location.
    let location = panic.location().map(ToString::to_string);
    let location = location.as_deref().unwrap_or("an unknown location");
    tracing::error!("thread {name} panicked at {location}");
    hold(format!("thread {name} {panic}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::held_messages::take_held;
    use crate::tui::terminal::pretend;

    #[test]
    fn a_panic_of_another_thread_keeps_the_screen_and_its_message_is_held() {
        install();
        pretend(true);
        let name = "request-worker".to_owned();
        let panics = std::thread::Builder::new().name(name).spawn(|| {
            panic!("test panic");
        });
        assert!(panics.unwrap().join().is_err());
        let (is_up, held) = (is_ours(), take_held());
        pretend(false);

        assert!(is_up, "the screen was given back");
        let is_held = |text: &String| {
            text.contains("request-worker panicked at") && text.contains("test panic")
        };
        assert!(held.iter().any(is_held), "{held:?}");
    }

    #[test]
    fn the_main_thread_gives_the_terminal_back_before_it_ends_all_others() {
        assert!(ends_the_process(Some("main")));
        for other in [Some("dashboard"), Some("worker-1"), None] {
            assert_eq!(ends_the_process(other), cfg!(panic = "abort"), "{other:?}");
        }
    }
}
