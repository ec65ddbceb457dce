//! The alerts view: what it shows, and what operators do there.

use super::*;
use crate::contract::{AlertEffectReport, AlertHistoryReport, AlertList, AlertReport};
use crate::tui::change::{AlertHandling, Change};
use crate::tui::input_context::Screen;

fn alert(rule: &str, provider: Option<&str>, until: Option<&str>) -> AlertReport {
    AlertReport {
        id: format!("id-{rule}"),
        rule: rule.to_owned(),
        severity: "error".to_owned(),
        provider: provider.map(str::to_owned),
        model: None,
        state: if until.is_some() {
            "resolved"
        } else {
            "firing"
        }
        .to_owned(),
        since: "2026-11-24T03:10:11.000Z".to_owned(),
        until: until.map(str::to_owned),
        value: 0.124,
        threshold: 0.1,
        message: "12 % of 97 attempts failed".to_owned(),
        help: "Look at its failures by code. See docs/alerts.md#error_rate.".to_owned(),
        acknowledged_by: None,
        muted_until: None,
        effect: Some(AlertEffectReport {
            requests: 1_240,
            failed_requests: 0,
            attempts: 97,
            failed_attempts: 12,
        }),
        history: Some(AlertHistoryReport {
            times: 3,
            longest_seconds: Some(1_320.0),
            ended: Some("2026-11-23T01:54:11.000Z".to_owned()),
        }),
    }
}

/// The alerts view with two alerts and one that is over.
fn alerts() -> Model {
    let mut model = default_model();
    press(&mut model, "a");
    let alerts = vec![
        alert("error_rate", Some("google"), None),
        alert("budget", None, None),
        alert("latency", Some("local"), Some("2026-11-24T03:12:00.000Z")),
    ];
    let list = AlertList {
        alerts,
        webhooks: Vec::new(),
    };
    update(&mut model, Message::Alerts(Ok(list)), NOW);
    model
}

fn done(effects: &[Effect]) -> Option<AlertHandling> {
    let [Effect::Change(changes)] = effects else {
        return None;
    };
    match &changes[..] {
        [Change::Alert { operation, .. }] => Some(*operation),
        _ => None,
    }
}

fn answer(model: &mut Model) {
    let applied = crate::tui::change::Applied::default();
    update(model, Message::Changed(Ok(applied)), NOW);
}

#[test]
fn the_alert_under_the_cursor_has_effect_history_and_what_to_do() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let model = alerts();
        let screen = text(&model, width, height);
        for part in [
            "2 firing, 1 over",
            "callers saw no error in 1240 requests; google failed 12 of 97",
            "error_rate: 0.124, the threshold is 0.1",
            "3 times among the last 50 alerts; the longest 22m",
            "Look at its failures by code.",
            "A acknowledge",
        ] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        if height < 60 {
            insta::assert_snapshot!(format!("alerts_with_details_{width}x{height}"), screen);
        }
    }
}

#[test]
fn an_alert_is_acknowledged_within_three_keys_and_that_is_undone() {
    let mut model = alerts();
    let effects = press(&mut model, "A");
    assert_eq!(done(&effects), Some(AlertHandling::Acknowledge));
    answer(&mut model);

    press(&mut model, "u");
    assert!(is_dialog(&model, "UNDO"));
    assert!(text(&model, 80, 24).contains("error_rate google"));
    let effects = press(&mut model, "y");
    assert_eq!(done(&effects), Some(AlertHandling::Withdraw));
}

#[test]
fn an_alert_is_muted_for_a_chosen_time() {
    for (key, seconds) in [("3", 1_800), ("1", 3_600), ("y", 86_400)] {
        let mut model = alerts();
        press(&mut model, ". m");
        assert!(is_dialog(&model, "MUTE"), "{}", text(&model, 80, 24));
        let effects = press(&mut model, key);
        assert_eq!(done(&effects), Some(AlertHandling::Mute(seconds)), "{key}");
    }
    let mut model = alerts();
    model.alerts.rows[0].muted_until = Some("2026-11-24T04:00:00.000Z".to_owned());
    press(&mut model, ". m");
    let effects = press(&mut model, "y");
    assert_eq!(done(&effects), Some(AlertHandling::Mute(0)));
}

#[test]
fn a_protected_instance_asks_to_be_armed_first() {
    let mut model = alerts();
    let mut status = fixture::status(5, 8);
    status.environment = "prod".to_owned();
    receive(&mut model, status);
    assert_eq!(press(&mut model, "A"), []);
    let notice = model.notice.take().unwrap();
    assert!(notice.text.contains("view-only"), "{}", notice.text);
    press(&mut model, "!");
    assert!(done(&press(&mut model, "A")).is_some());
}

#[test]
fn an_alert_that_is_over_and_a_provider_are_not_acknowledged() {
    let mut model = alerts();
    press(&mut model, "G");
    assert_eq!(press(&mut model, "A"), []);
    assert!(model.notice.take().unwrap().text.contains("is over"));
    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Detail);
    assert_eq!(model.selected_name().as_deref(), Some("local"));

    press(&mut model, "a g j j");
    assert_eq!(press(&mut model, "A"), []);
    let text = model.notice.take().unwrap().text;
    assert!(text.contains("no alert is selected"), "{text}");
}
