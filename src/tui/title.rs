//! The terminal title: the program, the instance, and the process id, in case nothing responds.
//!
//! ```text
//! aibal-tui PROD gw-1.fra:8080 (process 4242)
//! ```

use super::format;
use super::model::Model;
use crate::foreign::is_unsafe;

/// Saves the previous title (XTWINOPS), and restores it. A terminal without a title stack gets an
/// empty title, for which most show their own.
pub const SAVE_TITLE: &[u8] = b"\x1b[22;2t";
pub const RESTORE_TITLE: &[u8] = b"\x1b]2;\x07\x1b[23;2t";
/// Longer names are cut, so that the process id stays visible.
const MAX_NAME: usize = 40;

/// The title of a dashboard.
pub fn title_text(model: &Model) -> String {
    let theme = model.theme();
    let environment = model.status.as_ref().map_or("", |it| &it.environment);
    let location = theme.secret(&model.options.address);
    let mut names = String::new();
    for name in [environment.to_uppercase(), location] {
        let name = format::cut(&clean(&name, theme.ascii), MAX_NAME);
        if !name.is_empty() {
            names = format!("{names} {name}");
        }
    }
    format!("aibal-tui{names} (process {})", model.options.process)
}

/// The sequence that sets the title (OSC 2).
pub fn sequence(title: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x07", clean(title, false)).into_bytes()
}

/// Removes control and bidirectional characters, which would end the sequence or reorder the text.
fn clean(text: &str, ascii: bool) -> String {
    let kept = text.chars().filter(|c| !is_unsafe(*c));
    kept.map(|c| if ascii && !c.is_ascii() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{Theme, fixture};
    use proptest::prelude::*;

    fn title(location: &str, theme: Theme) -> String {
        let mut options = crate::tui::tests::options(theme, false);
        location.clone_into(&mut options.address);
        title_text(&Model::showing(options, fixture::status(1, 0)))
    }

    #[test]
    fn a_title_names_the_instance_and_the_process_and_hides_what_is_masked() {
        let default = Theme::default();
        let expected = "aibal-tui DEV gw-1.fra:8080 (process 4242)";
        assert_eq!(title("gw-1.fra:8080", default), expected);
        let masked = Theme {
            masked: true,
            ..default
        };
        assert_eq!(title("gw-1", masked), "aibal-tui DEV *** (process 4242)");
        assert!(title(&"long.".repeat(60), default).ends_with("~ (process 4242)"));
        let ascii = Theme {
            ascii: true,
            ..default
        };
        assert_eq!(
            title("zürich", ascii),
            "aibal-tui DEV z?rich (process 4242)"
        );
    }

    proptest! {
        #[test]
        fn no_name_ends_the_sequence_or_begins_another(location in any::<String>()) {
            let bytes = sequence(&title(&location, Theme::default()));
            let text = String::from_utf8(bytes).unwrap();
            let inside = text.strip_prefix("\x1b]2;").and_then(|it| it.strip_suffix('\x07'));
            prop_assert!(inside.is_some_and(|it| !it.contains(is_unsafe)));
        }
    }
}
