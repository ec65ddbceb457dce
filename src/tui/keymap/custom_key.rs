//! Keys that an operator binds to actions.

use super::binding::Binding;
use crate::tui::key::{Code, Key};

/// Returns whether `written` is a range of digits, such as `0-9`, that contains `digit`.
pub(super) fn holds(written: &str, digit: &str) -> bool {
    let Some((first, last)) = written
        .split_once('-')
        .filter(|(first, last)| is_digit(first) && is_digit(last))
    else {
        return false;
    };
    is_digit(digit) && (first..=last).contains(&digit)
}

fn is_digit(text: &str) -> bool {
    text.len() == 1 && text.starts_with(|c: char| c.is_ascii_digit())
}

/// Reads the key that an operator binds to an action. The error states why it could never reach
/// the action.
pub(super) fn usable(name: &str, binding: &Binding) -> Result<Key, String> {
    let key: Key = name.parse()?;
    if key == Key::plain(Code::Esc) || key == Key::ctrl('c') {
        return Err(format!("{key} always closes or leaves; choose another key"));
    }
    let same = [('i', "Tab"), ('m', "Enter"), ('j', "Enter"), ('h', "Bksp")];
    if let Some((_, same_as)) = same.iter().find(|(letter, _)| key == Key::ctrl(*letter)) {
        return Err(format!(
            "a terminal cannot tell {key} from {same_as}; choose another key"
        ));
    }
    if key.typed().is_some() && binding.contexts.iter().any(|context| context.takes_text()) {
        return Err(format!(
            "{key} is typed into the field there; choose a key that types nothing"
        ));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::super::Keymap;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_range_of_digits_contains_its_digits_only() {
        assert!(holds("0-9", "5") && holds("1-5", "1"));
        assert!(!holds("1-5", "6") && !holds("5", "5") && !holds("M-x", "a"));
    }

    #[test]
    fn a_key_that_could_never_arrive_is_rejected_with_the_reason() {
        let error = |id: &str, key: &str| {
            let keys = BTreeMap::from([(id.to_owned(), key.to_owned())]);
            Keymap::with(&keys).unwrap_err().to_string()
        };
        let cases = [
            ("freeze", "5", "both"),
            ("freeze", "Esc", "always"),
            ("freeze", "^c", "always"),
            ("freeze", "^i", "Tab"),
            ("freeze", "^m", "Enter"),
            ("text.clear", "x", "typed into the field"),
            ("answer.next", "n", "typed into the field"),
        ];
        for (id, key, why) in cases {
            let error = error(id, key);
            assert!(error.contains(why) && error.contains(key), "{id}: {error}");
        }
    }
}
