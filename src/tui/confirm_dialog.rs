//! A dialog that asks before anything changes. It opens on Cancel or, if it has text fields, on the
//! first of them; it states the effect, and it presses nothing before it could be read. With text
//! fields, letters are text and never shortcuts.

use super::change::Change;
use super::effect::ExitReason;
use super::keymap::Action;
use crate::foreign::is_unsafe;
use std::fmt;
use std::time::Duration;

/// Keys that arrive sooner after the dialog reached the terminal were meant for something else.
pub const MIN_READ_TIME: Duration = Duration::from_millis(300);
/// Characters in a reason or a typed phrase.
const MAX_TEXT: usize = 120;

/// The subject of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogKind {
    /// Applies the draft as this revision.
    ApplyDraft {
        revision: u64,
    },
    /// Restores the weights of this revision.
    Rollback {
        revision: u64,
    },
    /// Undoes the last change made here.
    Undo,
    /// Drains or disables a provider, or reverts that.
    Provider,
    Probe,
    ResetBreakers,
    /// Silences an alert, or ends that.
    Mute,
    Reload,
    /// Leaves the dashboard, the gateway, or both.
    Leave,
    /// Stops a gateway that serves clients.
    Stop,
    /// The draft was based on an older revision than the one in effect.
    Conflict {
        revision: u64,
    },
}

impl fmt::Display for DialogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApplyDraft { revision } => write!(f, "APPLY THE DRAFT? rev {revision}"),
            Self::Rollback { revision } => write!(f, "ROLL BACK TO rev {revision}"),
            Self::Undo => f.write_str("UNDO"),
            Self::Provider => f.write_str("CONFIRM"),
            Self::Probe => f.write_str("PROBE"),
            Self::ResetBreakers => f.write_str("RESET BREAKERS"),
            Self::Mute => f.write_str("MUTE"),
            Self::Reload => f.write_str("RELOAD THE CONFIGURATION"),
            Self::Leave => f.write_str("LEAVE"),
            Self::Stop => f.write_str("STOP THE GATEWAY"),
            Self::Conflict { revision } => write!(f, "CONFLICT: rev {revision} CAME FIRST"),
        }
    }
}

/// The effect of a choice.
#[derive(Debug, Clone, PartialEq)]
pub enum DialogAction {
    Nothing,
    Change {
        changes: Vec<Change>,
        /// The changes that undo them, in the same order; empty if nothing does.
        inverse: Vec<Change>,
    },
    End(ExitReason),
    /// Opens another dialog.
    Open(Box<ConfirmDialog>),
    /// Bases the draft on the settings in effect.
    Rebase,
    /// Drops the draft.
    Discard,
}

/// One choice besides Cancel.
#[derive(Debug, Clone, PartialEq)]
pub struct DialogChoice {
    pub label: String,
    /// The action whose key makes this choice at once, in a dialog without text fields.
    pub key: Option<Action>,
    pub action: DialogAction,
}

/// A phrase that must be typed before any choice but Cancel is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmPhrase {
    pub expected: String,
    pub typed: String,
    /// The reason for requiring it.
    pub why: String,
}

impl ConfirmPhrase {
    /// A phrase of which nothing is typed yet.
    pub fn new(expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            typed: String::new(),
            why: why.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogFocus {
    Cancel,
    Reason,
    Phrase,
    Choice(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmDialog {
    pub kind: DialogKind,
    /// The changes in words.
    pub lines: Vec<String>,
    /// Choices besides Cancel.
    pub choices: Vec<DialogChoice>,
    /// A reason for the change history, in dialogs that ask for one.
    pub reason: Option<String>,
    pub phrase: Option<ConfirmPhrase>,
    pub focus: DialogFocus,
    /// A choice was made without the phrase.
    pub is_phrase_missing: bool,
    /// A frame with the dialog was sent to the terminal.
    pub is_drawn: bool,
    /// Arrival of such a frame at the terminal.
    pub seen_at: Option<Duration>,
}

impl ConfirmDialog {
    pub fn new(kind: DialogKind, lines: Vec<String>, choices: Vec<DialogChoice>) -> Self {
        Self {
            kind,
            lines,
            choices,
            reason: None,
            phrase: None,
            focus: DialogFocus::Cancel,
            is_phrase_missing: false,
            is_drawn: false,
            seen_at: None,
        }
    }

    /// Adds text fields: a phrase to type, and a reason. The first one gets the focus.
    #[must_use]
    pub fn with_fields(mut self, phrase: Option<ConfirmPhrase>, asks_reason: bool) -> Self {
        self.phrase = phrase;
        self.reason = asks_reason.then(String::new);
        self.focus = self.stops()[0];
        self
    }

    /// Returns whether letters are text here.
    pub fn has_fields(&self) -> bool {
        self.phrase.is_some() || self.reason.is_some()
    }

    /// Returns whether it has been on the screen long enough to be read.
    pub fn is_read(&self, now: Duration) -> bool {
        self.seen_at.is_some_and(|seen| seen + MIN_READ_TIME <= now)
    }

    /// Everything that can have the focus, from top to bottom, which is the order of Tab too.
    fn stops(&self) -> Vec<DialogFocus> {
        let mut stops: Vec<DialogFocus> = Vec::new();
        stops.extend(self.phrase.as_ref().map(|_| DialogFocus::Phrase));
        stops.extend(self.reason.as_ref().map(|_| DialogFocus::Reason));
        stops.push(DialogFocus::Cancel);
        stops.extend((0..self.choices.len()).map(DialogFocus::Choice));
        stops
    }

    pub fn step(&mut self, by: isize) {
        let stops = self.stops();
        let at = stops.iter().position(|stop| *stop == self.focus);
        let count = isize::try_from(stops.len()).unwrap_or(1);
        let next = isize::try_from(at.unwrap_or(0)).unwrap_or(0) + by;
        self.focus = usize::try_from(next.rem_euclid(count))
            .ok()
            .and_then(|next| stops.get(next).copied())
            .unwrap_or(DialogFocus::Cancel);
    }

    /// The field that characters go to.
    pub fn field(&mut self) -> Option<&mut String> {
        match self.focus {
            DialogFocus::Reason => self.reason.as_mut(),
            DialogFocus::Phrase => self.phrase.as_mut().map(|phrase| &mut phrase.typed),
            DialogFocus::Cancel | DialogFocus::Choice(_) => None,
        }
    }

    fn is_on_field(&self) -> bool {
        matches!(self.focus, DialogFocus::Reason | DialogFocus::Phrase)
    }

    /// The first field with nothing in it.
    fn empty_field(&self) -> Option<DialogFocus> {
        let is_empty = |text: Option<&String>| text.is_some_and(String::is_empty);
        if is_empty(self.phrase.as_ref().map(|phrase| &phrase.typed)) {
            return Some(DialogFocus::Phrase);
        }
        is_empty(self.reason.as_ref()).then_some(DialogFocus::Reason)
    }

    /// Types into the focused field; with a button focused, into the first empty field.
    pub fn type_in(&mut self, text: &str) {
        if !self.is_on_field() {
            let Some(field) = self.empty_field() else {
                return;
            };
            self.focus = field;
        }
        if let Some(field) = self.field() {
            let left = MAX_TEXT.saturating_sub(field.chars().count());
            field.extend(text.chars().filter(|c| !is_unsafe(*c)).take(left));
        }
    }

    /// Returns whether the phrase was typed, if one is required.
    pub fn is_allowed(&self) -> bool {
        self.phrase
            .as_ref()
            .is_none_or(|phrase| phrase.typed == phrase.expected)
    }

    /// The effect of a choice, with the typed reason in its changes.
    pub fn action(&self, choice: usize) -> DialogAction {
        let Some(choice) = self.choices.get(choice) else {
            return DialogAction::Nothing;
        };
        let mut action = choice.action.clone();
        let reason = self.reason.as_ref().map(|reason| reason.trim());
        if let (DialogAction::Change { changes, .. }, Some(reason)) = (&mut action, reason) {
            for change in changes {
                if let Change::Weights(weights) = change
                    && !reason.is_empty()
                {
                    weights.reason = Some(reason.to_owned());
                }
            }
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog() -> ConfirmDialog {
        let choice = DialogChoice {
            label: "Apply".to_owned(),
            key: Some(Action::Yes),
            action: DialogAction::Nothing,
        };
        ConfirmDialog::new(DialogKind::Undo, Vec::new(), vec![choice])
    }

    #[test]
    fn without_fields_a_dialog_opens_on_cancel() {
        assert_eq!(dialog().focus, DialogFocus::Cancel);
    }

    #[test]
    fn tab_goes_from_the_first_field_down_to_the_last_button_and_wraps_around() {
        let phrase = ConfirmPhrase::new("big-shift", "40% of the traffic");
        let mut dialog = dialog().with_fields(Some(phrase), true);
        let mut seen = vec![dialog.focus];
        for _ in 0..4 {
            dialog.step(1);
            seen.push(dialog.focus);
        }
        assert_eq!(
            seen,
            [
                DialogFocus::Phrase,
                DialogFocus::Reason,
                DialogFocus::Cancel,
                DialogFocus::Choice(0),
                DialogFocus::Phrase
            ]
        );
        dialog.step(-1);
        assert_eq!(dialog.focus, DialogFocus::Choice(0));
    }

    #[test]
    fn text_goes_to_the_first_empty_field_if_a_button_is_focused() {
        let phrase = ConfirmPhrase::new("big-shift", "40% of the traffic");
        let mut dialog = dialog().with_fields(Some(phrase), true);
        dialog.type_in("big-shift");
        dialog.focus = DialogFocus::Choice(0);
        dialog.type_in("go");
        assert_eq!(dialog.focus, DialogFocus::Reason);
        assert_eq!(dialog.reason.as_deref(), Some("go"));
        // Both have text: another letter has nowhere to go, and presses nothing.
        dialog.focus = DialogFocus::Choice(0);
        dialog.type_in("y");
        assert_eq!(dialog.focus, DialogFocus::Choice(0));
        assert_eq!(dialog.reason.as_deref(), Some("go"));
    }

    #[test]
    fn a_dialog_ignores_keys_before_it_could_be_read() {
        let mut dialog = ConfirmDialog::new(DialogKind::Undo, Vec::new(), Vec::new());
        assert!(!dialog.is_read(Duration::from_secs(9)));
        dialog.seen_at = Some(Duration::from_secs(9));
        assert!(!dialog.is_read(Duration::from_millis(9_299)));
        assert!(dialog.is_read(Duration::from_millis(9_300)));
    }
}
