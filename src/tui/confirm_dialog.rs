//! A question on top of the screen. It opens on Cancel, says what it would do, and takes no key
//! that was typed before it could be read.

use super::change::Change;
use super::message::ExitReason;
use std::time::Duration;

/// Keys that come sooner after the question came to the terminal were meant for something else.
pub const MIN_READ_TIME: Duration = Duration::from_millis(300);
/// A reason or a word is not longer.
const MAX_TEXT: usize = 120;

/// What an answer does.
#[derive(Debug, Clone, PartialEq)]
pub enum DialogAction {
    Nothing,
    Change {
        changes: Vec<Change>,
        /// What undoes each of them, in the same order; nothing where nothing does.
        inverse: Vec<Change>,
    },
    End(ExitReason),
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct DialogChoice {
    pub label: String,
    /// Presses it at once.
    pub key: char,
    pub wish: DialogAction,
}

/// A word that must be typed before anything but Cancel is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmPhrase {
    pub expected: String,
    pub typed: String,
    /// Why it is asked for.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogFocus {
    Cancel,
    Reason,
    Word,
    Answer(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmDialog {
    pub title: String,
    /// What would change, in words.
    pub lines: Vec<String>,
    /// What to press, besides Cancel.
    pub answers: Vec<DialogChoice>,
    /// A field for the record of changes, where there is one.
    pub reason: Option<String>,
    pub word: Option<ConfirmPhrase>,
    pub focus: DialogFocus,
    /// A frame has it that was sent to the terminal.
    pub is_drawn: bool,
    /// When such a frame had come to the terminal.
    pub seen_at: Option<Duration>,
}

impl ConfirmDialog {
    pub fn new(title: impl Into<String>, lines: Vec<String>, answers: Vec<DialogChoice>) -> Self {
        Self {
            title: title.into(),
            lines,
            answers,
            reason: None,
            word: None,
            focus: DialogFocus::Cancel,
            is_drawn: false,
            seen_at: None,
        }
    }

    /// Whether it has been on the screen for long enough to be meant.
    pub fn is_read(&self, now: Duration) -> bool {
        self.seen_at.is_some_and(|seen| seen + MIN_READ_TIME <= now)
    }

    /// Everything that can be reached, in the order of Tab.
    fn stops(&self) -> Vec<DialogFocus> {
        let mut stops = vec![DialogFocus::Cancel];
        stops.extend(self.reason.as_ref().map(|_| DialogFocus::Reason));
        stops.extend(self.word.as_ref().map(|_| DialogFocus::Word));
        stops.extend((0..self.answers.len()).map(DialogFocus::Answer));
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
            DialogFocus::Word => self.word.as_mut().map(|word| &mut word.typed),
            _ => None,
        }
    }

    pub fn is_on_field(&self) -> bool {
        matches!(self.focus, DialogFocus::Reason | DialogFocus::Word)
    }

    pub fn type_in(&mut self, text: &str) {
        if let Some(field) = self.field() {
            let room = MAX_TEXT.saturating_sub(field.chars().count());
            field.extend(text.chars().filter(|c| !c.is_control()).take(room));
        }
    }

    /// Whether the word was typed, where one is asked for.
    pub fn is_allowed(&self) -> bool {
        self.word
            .as_ref()
            .is_none_or(|word| word.typed == word.expected)
    }

    /// The wish of an answer, with the reason put in.
    pub fn wish(&self, answer: usize) -> DialogAction {
        let Some(answer) = self.answers.get(answer) else {
            return DialogAction::Nothing;
        };
        let mut wish = answer.wish.clone();
        let reason = self.reason.as_ref().map(|reason| reason.trim());
        if let (DialogAction::Change { changes, .. }, Some(reason)) = (&mut wish, reason) {
            for change in changes {
                if let Change::Weights(weights) = change
                    && !reason.is_empty()
                {
                    weights.reason = Some(reason.to_owned());
                }
            }
        }
        wish
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_opens_on_cancel_and_tab_goes_around() {
        let answer = DialogChoice {
            label: "Apply".to_owned(),
            key: 'y',
            wish: DialogAction::Nothing,
        };
        let mut question = ConfirmDialog::new("T", Vec::new(), vec![answer]);
        question.reason = Some(String::new());
        assert_eq!(question.focus, DialogFocus::Cancel);
        let mut seen = Vec::new();
        for _ in 0..3 {
            question.step(1);
            seen.push(question.focus);
        }
        assert_eq!(
            seen,
            [
                DialogFocus::Reason,
                DialogFocus::Answer(0),
                DialogFocus::Cancel
            ]
        );
        question.step(-1);
        assert_eq!(question.focus, DialogFocus::Answer(0));
    }

    #[test]
    fn nothing_is_taken_before_it_could_be_read() {
        let mut question = ConfirmDialog::new("T", Vec::new(), Vec::new());
        assert!(!question.is_read(Duration::from_secs(9)));
        question.seen_at = Some(Duration::from_secs(9));
        assert!(!question.is_read(Duration::from_millis(9_299)));
        assert!(question.is_read(Duration::from_millis(9_300)));
    }
}
