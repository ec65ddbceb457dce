//! The inside of a confirm dialog, from top to bottom: what would change, the fields, the buttons.
//!
//! ```text
//!   cost          30 → 50
//!  effect: moves about 40% of the traffic from the next request on
//!
//!  ✗ Type big-shift to allow it: 40% of the traffic is more than 15%
//!  >confirm [big-sh_______________________________]
//!   reason  [____________________________________]  optional, for the history
//!   [ Cancel ]
//!   [ Apply on trial: reverts in 120 s unless kept (K) ]
//! ```

use super::excerpt::{excerpt, fits, inside};
use crate::tui::confirm_dialog::{ConfirmDialog, ConfirmPhrase, DialogChoice, DialogFocus};
use crate::tui::format;
use crate::tui::input_context::InputContext;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Cells of a confirm dialog, whatever it says, so that it does not jump while its text changes.
pub const WIDTH: u16 = 78;
/// Cells of the name left of a field, its mark included.
const LABEL: usize = 10;
/// Cells of a field, with its brackets.
const FIELD: usize = 38;

/// The rows of a dialog on a screen of this size, `width` cells wide.
pub fn rows(
    model: &Model,
    dialog: &ConfirmDialog,
    screen: Rect,
    width: usize,
) -> Vec<Line<'static>> {
    let theme = model.theme();
    if !fits(dialog, screen) {
        let text = " too small for this dialog: Esc cancels";
        return vec![Line::styled(text, theme.warn())];
    }
    let lines = dialog.lines.iter();
    let lines = lines.flat_map(|line| format::wrap(line, width.saturating_sub(1), 3));
    let lines: Vec<String> = lines.collect();
    let excerpt = excerpt(dialog, &lines, inside(screen.height));
    let blank = excerpt.is_loose.then(Line::default);
    let mut rows: Vec<Line<'static>> = blank.iter().cloned().collect();
    let text = |line: &String| {
        let line = format!(" {}", format::plain(line, theme.ascii));
        Line::raw(format::cut(&line, width))
    };
    rows.extend(excerpt.lines.iter().map(text));
    rows.extend(blank.clone());
    if let Some(phrase) = &dialog.phrase {
        rows.push(demand(dialog, phrase, theme, width));
        let is_focused = dialog.focus == DialogFocus::Phrase;
        rows.push(field(
            "confirm",
            &phrase.typed,
            is_focused,
            "",
            theme,
            width,
        ));
    }
    if let Some(reason) = &dialog.reason {
        let is_focused = dialog.focus == DialogFocus::Reason;
        let note = "optional, for the history";
        rows.push(field("reason", reason, is_focused, note, theme, width));
    }
    rows.push(button(dialog, DialogFocus::Cancel, "[ Cancel ]", theme));
    for (at, choice) in dialog.choices.iter().enumerate() {
        let label = label(model, dialog, choice);
        rows.push(button(dialog, DialogFocus::Choice(at), &label, theme));
    }
    if excerpt.has_keys {
        rows.extend(blank);
        rows.push(Line::styled(keys(model, dialog), theme.dim()));
    }
    rows
}

/// What must be typed, and why; marked once it was missed.
fn demand(
    dialog: &ConfirmDialog,
    phrase: &ConfirmPhrase,
    theme: Theme,
    width: usize,
) -> Line<'static> {
    let (mark, style) = if dialog.is_allowed() {
        (theme.mark('✓', '+'), theme.good())
    } else if dialog.is_phrase_missing {
        (theme.mark('✗', 'X'), theme.bad())
    } else {
        ('!', theme.warn())
    };
    let missing = if dialog.is_phrase_missing && !dialog.is_allowed() {
        "missing: type"
    } else {
        "type"
    };
    let text = format!(
        " {mark} {missing} {} to allow it: {}",
        phrase.expected, phrase.why
    );
    let text = format::plain(&text, theme.ascii);
    Line::styled(format::cut(&text, width), style)
}

/// A field: its name, its text between brackets with the caret, and a note if there is room.
fn field(
    name: &str,
    text: &str,
    is_focused: bool,
    note: &str,
    theme: Theme,
    width: usize,
) -> Line<'static> {
    let room = FIELD.min(width.saturating_sub(LABEL)).saturating_sub(2);
    // The end of a long text is shown, because characters are added there.
    let available = room.saturating_sub(1);
    let mut shown = text;
    while shown.width() > available {
        let mut rest = shown.chars();
        rest.next();
        shown = rest.as_str();
    }
    let left = room.saturating_sub(shown.width());
    let mark = if is_focused { ">" } else { " " };
    let edge = if is_focused {
        theme.accent()
    } else {
        Style::default()
    };
    let mut spans = vec![
        Span::styled(format!(" {mark}{}", format::left(name, LABEL - 2)), edge),
        Span::styled("[", edge),
        Span::styled(shown.to_owned(), theme.strong()),
    ];
    if is_focused && left > 0 {
        spans.push(Span::styled(" ", theme.cursor()));
        spans.push(Span::styled("_".repeat(left - 1), theme.dim()));
    } else {
        spans.push(Span::styled("_".repeat(left), theme.dim()));
    }
    spans.push(Span::styled("]", edge));
    if LABEL + room + 4 + note.len() <= width {
        spans.push(Span::styled(format!("  {note}"), theme.dim()));
    }
    Line::from(spans)
}

fn button(dialog: &ConfirmDialog, focus: DialogFocus, label: &str, theme: Theme) -> Line<'static> {
    let is_choice = matches!(focus, DialogFocus::Choice(_));
    if dialog.focus == focus {
        Line::styled(format!(" >{label}"), theme.cursor())
    } else if is_choice && !dialog.is_allowed() {
        Line::styled(format!("  {label}"), theme.dim())
    } else {
        Line::raw(format!("  {label}"))
    }
}

/// A button, with the key that presses it if letters are not text.
fn label(model: &Model, dialog: &ConfirmDialog, choice: &DialogChoice) -> String {
    match choice.key.filter(|_| !dialog.has_fields()) {
        Some(key) => format!("[ {} ]  {}", choice.label, hint(model, key)),
        None => format!("[ {} ]", choice.label),
    }
}

/// The keys of the dialog, in one row.
fn keys(model: &Model, dialog: &ConfirmDialog) -> String {
    let key = |action| hint(model, action);
    let (next, previous) = (key(Action::Focus(1)), key(Action::Focus(-1)));
    let press = key(Action::Press);
    if dialog.has_fields() {
        format!(" {next} and {previous} move, {press} presses; letters are text; Esc cancels")
    } else {
        format!(" {next} and {previous} move, {press} presses; Esc cancels")
    }
}

fn hint(model: &Model, action: Action) -> String {
    let keymap = &model.options.keymap;
    keymap.hint(InputContext::Confirm, action, model.theme().ascii)
}
