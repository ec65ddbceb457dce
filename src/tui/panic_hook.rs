//! Panics while the dashboard has the terminal. Most of them end nobody: a request's is caught by
//! the server, a task's by its runtime. Such a one must neither take the screen away under somebody
//! who looks at it nor be written across it, so what it says waits until the terminal is given back.
//! The dashboard's own threads give it back as they unwind.

use super::terminal::{is_ours, restore};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once, PoisonError};

/// What was said under the screen, in the order in which it was.
static HELD_MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// The first ones tell what the matter is.
const MAX_HELD_MESSAGES: usize = 8;

/// From now on no panic is written across the screen.
pub(super) fn install() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if ends_the_process(std::thread::current().name()) {
                restore();
            }
            if is_ours() {
                hold_back(panic);
            } else {
                usual(panic);
            }
        }));
    });
}

/// Whether nobody will be left to give the terminal back: the first thread takes all others with
/// it, and where nothing unwinds every thread does.
fn ends_the_process(thread: Option<&str>) -> bool {
    cfg!(panic = "abort") || thread == Some("main")
}

fn hold_back(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // What it says may hold what a request did, so the log gets only the place.
    let place = panic.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    tracing::error!("thread {name} panicked at {place}");
    let mut untold = HELD_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if untold.len() < MAX_HELD_MESSAGES {
        untold.push(format!("thread {name} {panic}\n"));
    }
}

/// Tells what was held back, on a terminal that is nobody's screen any more.
pub(super) fn print_held() {
    for text in take() {
        let _gone = std::io::stderr().write_all(text.as_bytes());
    }
}

fn take() -> Vec<String> {
    std::mem::take(&mut *HELD_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::terminal::pretend;

    #[test]
    fn a_panic_of_another_thread_leaves_the_screen_up_and_is_told_afterwards() {
        install();
        pretend(true);
        let name = "somebody-else".to_owned();
        let panics = std::thread::Builder::new().name(name).spawn(|| {
            panic!("the sky falls");
        });
        assert!(panics.unwrap().join().is_err());
        let (is_up, untold) = (is_ours(), take());
        pretend(false);

        assert!(is_up, "the screen was given away");
        let is_told = |text: &String| {
            text.contains("somebody-else panicked at") && text.contains("the sky falls")
        };
        assert!(untold.iter().any(is_told), "{untold:?}");
    }

    #[test]
    fn the_first_thread_gives_the_terminal_back_before_it_ends_all_others() {
        assert!(ends_the_process(Some("main")));
        for other in [Some("dashboard"), Some("worker-1"), None] {
            assert_eq!(ends_the_process(other), cfg!(panic = "abort"), "{other:?}");
        }
    }
}
