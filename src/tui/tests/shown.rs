//! The screen shows the actual state: nothing is hidden, marked or named by mistake.

use super::*;
use crate::contract::{AlertReport, EventKind, EventReport, HealthState, StoreReport};
use crate::tui::input_context::Screen;
use ratatui::layout::Rect;

fn with_filter(model: &mut Model, words: &str) {
    press(model, "/");
    type_in(model, words);
    press(model, "Enter");
}

fn run(model: &mut Model, command: &str) -> Vec<Effect> {
    press(model, ":");
    type_in(model, command);
    press(model, "Enter")
}

#[test]
fn the_filter_of_the_overview_hides_no_trouble_and_no_other_list() {
    let mut model = default_model();
    screens::fill(&mut model);
    with_filter(&mut model, "google");
    assert_eq!(model.rows().len(), 1);

    press(&mut model, "a");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("ALERTS: 2 in trouble"), "{screen}");
    assert!(!screen.contains("filter google"), "it does not apply here");
    press(&mut model, "d");
    assert_eq!(model.decision_rows().len(), 4);
    press(&mut model, "w");
    assert_eq!(model.rows().len(), 5);
    press(&mut model, "H");
    assert_eq!(model.rows().len(), 1, "it applies again");
}

#[test]
fn decisions_have_their_own_filter_and_open_their_provider() {
    let mut model = default_model();
    screens::fill(&mut model);
    with_filter(&mut model, "google");
    press(&mut model, "d");
    with_filter(&mut model, "state:error");
    assert_eq!(model.decision_rows().len(), 1);
    assert!(text(&model, 120, 40).contains("filter state:error"));

    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Detail);
    assert_eq!(model.selected_name().as_deref(), Some("aurora"));
    assert!(!text(&model, 120, 40).contains("no provider to show"));
    press(&mut model, "d Esc");
    assert_eq!(model.decision_rows().len(), 4, "Esc clears it");
    press(&mut model, "H");
    assert_eq!(model.filter.as_str(), "google", "and no other");
}

#[test]
fn goto_shows_a_provider_despite_the_filter() {
    let mut model = default_model();
    with_filter(&mut model, "google");
    run(&mut model, "goto cumulus");
    assert_eq!(model.selected_name().as_deref(), Some("cumulus"));
    assert!(text(&model, 120, 40).contains(" cumulus ▲429"));
    press(&mut model, ".");
    assert_eq!(
        model.dialog,
        Some(Dialog::Menu(crate::tui::model::Subject::Provider(
            "cumulus".to_owned()
        )))
    );
}

#[test]
fn alerts_mark_the_selected_provider_and_move_step_by_step() {
    let mut model = default_model();
    press(&mut model, "G");
    assert_eq!(model.selected_name().as_deref(), Some("local"));
    press(&mut model, "a");
    let selected = |model: &Model| {
        let name = model.selected_name().unwrap();
        let screen = text(model, 120, 40);
        let marked = screen.lines().find(|row| row.starts_with(" >")).unwrap();
        assert!(marked.contains(&format!(" {name} ")), "{marked}");
        name
    };
    assert_eq!(selected(&model), "aurora");
    for (key, expected) in [
        ("↓", "cumulus"),
        ("↓", "cumulus"),
        ("g", "aurora"),
        ("↑", "aurora"),
        ("G", "cumulus"),
        ("PgUp", "aurora"),
    ] {
        press(&mut model, key);
        assert_eq!(selected(&model), expected, "{key}");
    }
    press(&mut model, "Enter");
    assert_eq!(model.selected_name().as_deref(), Some("aurora"));
}

#[test]
fn without_trouble_alerts_select_no_provider() {
    let mut model = default_model();
    let mut status = fixture::status(5, 8);
    for provider in &mut status.providers {
        provider.performance.state = HealthState::Ok;
    }
    receive(&mut model, status);
    press(&mut model, "a .");
    assert_eq!(model.dialog, None);
    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Alerts);
    assert!(text(&model, 120, 40).contains("all providers are healthy"));
}

#[test]
fn numbers_are_labelled_with_their_window() {
    let mut model = default_model();
    update(
        &mut model,
        Message::Update(Update::Disconnected("connection refused".to_owned())),
        NOW,
    );
    press(&mut model, "t 3");
    let screen = text(&model, 120, 40);
    for title in ["win 15m, loading 1h", "COST 15m", "SHARE OF ATTEMPTS 15m"] {
        assert!(screen.contains(title), "{title}\n{screen}");
    }
    press(&mut model, "Enter");
    let screen = text(&model, 120, 40);
    for title in ["LATENCY 15m", "ERRORS 15m"] {
        assert!(screen.contains(title), "{title}\n{screen}");
    }
}

#[test]
fn a_frozen_screen_keeps_its_window_and_shows_a_lost_connection() {
    let mut model = default_model();
    press(&mut model, "Space");
    let frozen = model.frozen.clone();
    assert_eq!(press(&mut model, "t"), []);
    assert_eq!(run(&mut model, "window 1h"), []);
    assert_eq!(
        (model.frozen.clone(), model.window),
        (frozen, Window::Quarter)
    );
    assert!(text(&model, 120, 40).contains("frozen at 15m"));

    update(
        &mut model,
        Message::Update(Update::Disconnected("connection refused".to_owned())),
        NOW + Duration::from_secs(12),
    );
    let screen = text(&model, 120, 40);
    assert!(screen.contains("FROZEN ✗ STALE 12s, retrying"), "{screen}");
}

#[test]
fn retries_are_counted_apart_from_attempts() {
    let mut model = default_model();
    let mut status = fixture::status(5, 8);
    status.totals.requests = 10;
    status.totals.attempts = 1_010;
    status.totals.retries = 3;
    receive(&mut model, status);
    assert!(text(&model, 120, 40).contains("retried 30.0%"));
}

#[test]
fn the_smallest_screen_shows_rejections_trials_and_live_trouble() {
    let mut model = default_model();
    press(&mut model, "Space");
    let mut status = fixture::status(5, 9);
    status.providers[1].performance.state = HealthState::Down;
    status.reverts_at = Some("2026-11-24T03:16:07.000Z".to_owned());
    receive(&mut model, status.clone());
    let screen = text(&model, 40, 10);
    assert!(
        screen.contains("DOWN") && screen.contains("borealis"),
        "{screen}"
    );

    press(&mut model, "Space");
    let screen = text(&model, 40, 10);
    let words: Vec<&str> = screen.split_whitespace().collect();
    assert!(words.join(" ").contains("unless K keeps it"), "{screen}");
    model.notify("rejected: rev 43 by bob came first", true);
    let screen = text(&model, 40, 10);
    assert!(
        screen.contains("rejected: rev 43") && screen.contains("(Esc)"),
        "{screen}"
    );
    assert!(
        screen.contains("OPEN") && screen.contains("+2 not in trouble"),
        "{screen}"
    );
}

#[test]
fn the_smallest_screen_names_the_screen_that_keys_act_on() {
    let mut model = default_model();
    press(&mut model, "w");
    assert!(text(&model, 40, 10).contains("weights: too small"));
}

#[test]
fn a_long_dialog_keeps_its_fields_and_choices() {
    let mut model = model(Theme::default(), true, 40);
    press(&mut model, "w >");
    for _ in 0..30 {
        press(&mut model, "Tab Tab");
    }
    press(&mut model, "Enter");
    let Some(Dialog::Confirm(dialog)) = &mut model.dialog else {
        panic!("no review");
    };
    let rows = (0..30).map(|row| format!("  row {row}"));
    dialog.lines = rows.chain(dialog.lines.clone()).collect();
    for (width, height) in [(40, 10), (80, 24), (120, 40)] {
        let screen = text(&model, width, height);
        for part in [
            "reason  [",
            "[ Cancel ]",
            "[ Apply on trial",
            "[ Apply for good",
        ] {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
        assert!(height == 10 || screen.contains("effect: moves"), "{screen}");
        assert!(screen.contains(" more"), "{screen}");
    }
}

#[test]
fn choices_that_do_not_fit_are_not_accepted() {
    let mut model = default_model();
    model.size = Some(Rect::new(0, 0, 60, 4));
    press(&mut model, ". d");
    assert!(is_dialog(&model, "CONFIRM"));
    assert!(text(&model, 60, 4).contains("too small for this dialog"));
    assert_eq!(press(&mut model, "y Tab Enter"), []);
    assert!(is_dialog(&model, "CONFIRM"));
    press(&mut model, "Esc");
    assert_eq!(model.dialog, None);

    press(&mut model, ". d");
    model.size = Some(Rect::new(0, 0, 60, 24));
    assert!(matches!(press(&mut model, "y")[..], [Effect::Change(_)]));
}

#[test]
fn a_masked_screen_hides_texts_of_events_and_errors() {
    let masked = Theme {
        masked: true,
        ..Theme::default()
    };
    let mut options = options(masked, true);
    "gw-7.example".clone_into(&mut options.address);
    let mut model = Model::new(options);
    assert!(!text(&model, 120, 40).contains("gw-7"), "while it waits");
    let lost = Update::Disconnected("gw-7.example closed the connection".to_owned());
    update(&mut model, Message::Update(lost.clone()), NOW);
    assert!(!text(&model, 120, 40).contains("gw-7"), "while it is lost");

    let mut status = fixture::status(5, 8);
    status.events.push(EventReport {
        id: 9,
        at: "2026-11-24T03:13:28.000Z".to_owned(),
        kind: EventKind::Budget,
        bad: true,
        provider: None,
        text: "team-blue has used $950 of $1000".to_owned(),
        alert: None,
        trouble: None,
    });
    receive(&mut model, status);
    for keys in ["", "a", ". d", "Esc w > Enter"] {
        press(&mut model, keys);
        let screen = text(&model, 120, 40);
        for secret in ["gw-7", "$950", "team-blue", "alice"] {
            assert!(!screen.contains(secret), "{keys}: {secret}\n{screen}");
        }
    }
    press(&mut model, "Esc");
    update(&mut model, Message::Update(lost), NOW);
    assert!(!text(&model, 120, 40).contains("gw-7"), "lost again");
}

#[test]
fn names_take_the_width_that_columns_leave() {
    let mut status = fixture::status(5, 7);
    for (provider, name) in status
        .providers
        .iter_mut()
        .zip(["azure-openai-eu-west", "azure-openai-us-east"])
    {
        name.clone_into(&mut provider.performance.provider);
    }
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    let screen = text(&model, 210, 60);
    for (model, name) in [
        ("model-0", "azure-openai-eu-west"),
        ("model-1", "azure-openai-us-east"),
    ] {
        let row = screen
            .lines()
            .find(|row| row.contains(&format!(" {model}  ")));
        assert!(row.unwrap().contains(&format!("{name} ")), "{screen}");
    }
}

#[test]
fn no_column_is_cut_at_any_width() {
    let model = default_model();
    for width in 60..=230 {
        let screen = text(&model, width, 40);
        let head = screen
            .lines()
            .find(|row| row.starts_with("  STATE"))
            .unwrap();
        assert!(!head.ends_with('~'), "{width}: {head}");
    }
}

#[test]
fn active_alerts_are_shown_where_no_row_of_a_provider_says_the_same() {
    let mut model = default_model();
    let alert = |rule: &str, provider: Option<&str>, state: &str, message: &str| AlertReport {
        id: format!("id-{rule}"),
        rule: rule.to_owned(),
        severity: "warning".to_owned(),
        provider: provider.map(str::to_owned),
        model: None,
        state: state.to_owned(),
        since: "2026-11-24T03:13:00.000Z".to_owned(),
        until: None,
        value: 0.8,
        threshold: 0.8,
        message: message.to_owned(),
        help: String::new(),
        acknowledged_by: None,
        muted_until: None,
        effect: None,
        history: None,
    };
    let mut status = fixture::status(5, 8);
    let troubled = status
        .providers
        .iter()
        .find(|it| it.trouble_since.is_some());
    let troubled = troubled.unwrap().performance.provider.clone();
    status.alerts = vec![
        alert("budget", None, "firing", "80 % of the day"),
        alert("error_rate", Some(&troubled), "firing", "9 % failed"),
        alert("latency", Some("aurora"), "muted", "slow answers"),
    ];
    receive(&mut model, status);

    let overview = text(&model, 200, 40);
    assert!(overview.contains("WARNING  80 % of the day"), "{overview}");
    assert!(!overview.contains("9 % failed") && !overview.contains("slow answers"));

    press(&mut model, "a");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("2 firing, 1 muted"), "{screen}");
    assert!(screen.contains("muted slow answers"), "{screen}");
}

#[test]
fn a_store_in_trouble_is_on_the_screen() {
    for (state, dropped, expected) in [
        ("failing", 0, "STORE FAILING 12 WAIT"),
        ("behind", 0, "STORE BEHIND 12"),
        ("ok", 7, "STORE LOST 7"),
    ] {
        let mut model = default_model();
        let mut status = fixture::status(5, 8);
        status.store = Some(StoreReport {
            state: state.to_owned(),
            queued: 12,
            dropped,
            ..StoreReport::default()
        });
        let news = Message::Update(Update::Status(Arc::new(status)));
        update(&mut model, news, NOW + Duration::from_secs(1));

        let screen = text(&model, 120, 40);
        assert!(screen.contains(expected), "{screen}");
    }
}
