//! What the screen says is what is so: nothing is hidden, marked or named that is not meant.

use super::*;

#[test]
fn retries_are_told_apart_from_attempts() {
    let mut model = usual();
    let mut status = specimen::status(5, 8);
    status.totals.requests = 10;
    status.totals.attempts = 1_010;
    status.totals.retries = 3;
    hear(&mut model, status);
    assert!(text(&model, 120, 40).contains("retried 30.0%"));
}

#[test]
fn names_take_what_the_columns_leave() {
    let mut status = specimen::status(5, 7);
    for (provider, name) in status
        .providers
        .iter_mut()
        .zip(["azure-openai-eu-west", "azure-openai-us-east"])
    {
        name.clone_into(&mut provider.performance.provider);
    }
    let mut model = Model::new(options(Theme::default(), true));
    hear(&mut model, status);
    let screen = text(&model, 210, 60);
    assert!(screen.contains(" azure-openai-eu-west "), "{screen}");
    assert!(screen.contains(" azure-openai-us-east "), "{screen}");
}

#[test]
fn no_column_is_cut_at_any_width() {
    let model = usual();
    for width in 60..=230 {
        let screen = text(&model, width, 40);
        let head = screen
            .lines()
            .find(|row| row.starts_with("  STATE"))
            .unwrap();
        assert!(!head.ends_with('~'), "{width}: {head}");
    }
}
