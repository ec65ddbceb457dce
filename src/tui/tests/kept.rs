//! What is shown again when a dashboard attaches the next time.

use super::*;
use crate::tui::input_context::Screen;
use crate::tui::kept_view::KeptView;
use crate::tui::keymap::SortOrder;
use crate::tui::model::Grouping;

#[test]
fn screen_window_order_and_filters_are_shown_again() {
    let mut before = model(Theme::default(), false, 5);
    press(&mut before, "s l / g Enter t");
    press(&mut before, "M b s c d / r e s u l t : o k Enter C");
    let kept = KeptView::of(&before);
    let text = serde_json::to_string(&kept).unwrap();
    let kept: KeptView = serde_json::from_str(&text).unwrap();

    let mut after = Model::new(options(Theme::default(), false));
    kept.show(&mut after);
    assert_eq!(after.start(), [Effect::Watch(Window::Hour)]);
    assert_eq!(after.screen, Screen::Overview, "until there is a status");
    let mut status = fixture::status(5, 7);
    status.window = Window::Hour;
    assert_eq!(
        receive(&mut after, status.clone()),
        [Effect::AskClients(Window::Hour)]
    );
    assert_eq!(after.screen, Screen::Clients);
    assert_eq!(after.order_by, SortOrder::Latency);
    assert_eq!(after.filter.as_str(), "g");
    assert_eq!(after.decisions_filter.as_str(), "result:ok");
    assert_eq!(after.models.grouping, Grouping::Route);
    assert_eq!(after.models.order, SortOrder::Cost);
    assert_eq!(KeptView::of(&after), kept);

    // An operator who goes elsewhere before the first status stays there.
    let mut early = Model::new(options(Theme::default(), false));
    kept.show(&mut early);
    press(&mut early, "v");
    receive(&mut early, status);
    assert_eq!(early.screen, Screen::Revisions);
}

#[test]
fn the_weights_open_with_a_draft() {
    let mut before = model(Theme::default(), false, 5);
    press(&mut before, "w");
    let kept = KeptView::of(&before);
    let mut after = Model::new(options(Theme::default(), false));
    kept.show(&mut after);
    send_status(&mut after, 5, 7);
    assert_eq!(after.screen, Screen::Weights);
    assert!(after.draft.is_some());
}
