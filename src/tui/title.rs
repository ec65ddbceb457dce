//! The terminal's title: what runs in it, where it looks, and which process to look for where
//! nothing answers any more.
//!
//! ```text
//! aibal-tui PROD gw-1.fra:8080 (process 4242)
//! ```

use super::format;
use super::model::Model;

/// Keeps the title that was there (XTWINOPS), and gives it back. A terminal that keeps none gets an
/// empty one, for which most show their own.
pub const SAVE_TITLE: &[u8] = b"\x1b[22;2t";
pub const RESTORE_TITLE: &[u8] = b"\x1b]2;\x07\x1b[23;2t";
/// Longer names are cut, so that the process stays to be seen.
const MAX_NAME: usize = 40;

/// The title of a dashboard.
pub fn of(model: &Model) -> String {
    let theme = model.theme();
    let environment = model.status.as_ref().map_or("", |it| &it.environment);
    let place = theme.secret(&model.options.location);
    let mut names = String::new();
    for name in [environment.to_uppercase(), place] {
        let name = format::cut(&clean(&name, theme.ascii), MAX_NAME);
        if !name.is_empty() {
            names = format!("{names} {name}");
        }
    }
    format!("aibal-tui{names} (process {})", model.options.process)
}

/// What tells the terminal (OSC 2).
pub fn sequence(title: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x07", clean(title, false)).into_bytes()
}

/// Without what would end the sequence, begin another or turn the text around.
fn clean(text: &str, ascii: bool) -> String {
    let is_turning = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept = text.chars().filter(|c| !c.is_control() && !is_turning(*c));
    kept.map(|c| if ascii && !c.is_ascii() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{Theme, fixture};
    use proptest::prelude::*;

    fn title(place: &str, theme: Theme) -> String {
        let mut options = crate::tui::tests::options(theme, false);
        place.clone_into(&mut options.location);
        of(&Model::showing(options, fixture::status(1, 0)))
    }

    #[test]
    fn a_title_names_the_instance_and_the_process_and_hides_what_is_masked() {
        let usual = Theme::default();
        let told = "aibal-tui DEV gw-1.fra:8080 (process 4242)";
        assert_eq!(title("gw-1.fra:8080", usual), told);
        let masked = Theme {
            masked: true,
            ..usual
        };
        assert_eq!(title("gw-1", masked), "aibal-tui DEV *** (process 4242)");
        assert!(title(&"long.".repeat(60), usual).ends_with("~ (process 4242)"));
        let ascii = Theme {
            ascii: true,
            ..usual
        };
        assert_eq!(
            title("zürich", ascii),
            "aibal-tui DEV z?rich (process 4242)"
        );
    }

    proptest! {
        #[test]
        fn no_name_ends_the_sequence_or_begins_another(place in any::<String>()) {
            let bytes = sequence(&title(&place, Theme::default()));
            let text = String::from_utf8(bytes).unwrap();
            let inside = text.strip_prefix("\x1b]2;").and_then(|it| it.strip_suffix('\x07'));
            prop_assert!(inside.is_some_and(|it| !it.contains(char::is_control)));
        }
    }
}
