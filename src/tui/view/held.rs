//! What operators hold: drained and pinned providers, in the line of trouble.

use crate::contract::Status;
use crate::tui::format;
use crate::tui::theme::Theme;
use ratatui::text::Span;

/// `◌DRAIN google 12m left   ◆PINNED xai 4m left`; empty without any.
pub(super) fn held<'a>(status: &Status, theme: Theme) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    let left = |until: &str| format!("{} left", format::between(&status.generated_at, until));
    for provider in &status.providers {
        let name = &provider.performance.provider;
        if provider.draining {
            let word = format!(" {}DRAIN", theme.mark('◌', '-'));
            spans.push(Span::styled(word, theme.accent()));
            let end = provider.draining_until.as_deref().map(left);
            let end = end.unwrap_or_else(|| "until undone".to_owned());
            spans.push(Span::raw(format!(" {name} {end}  ")));
        }
        if let Some(until) = &provider.pinned_until {
            let word = format!(" {}PINNED", theme.mark('◆', '*'));
            spans.push(Span::styled(word, theme.accent()));
            spans.push(Span::raw(format!(" {name} {}  ", left(until))));
        }
    }
    spans
}
