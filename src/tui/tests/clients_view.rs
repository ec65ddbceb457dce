//! The clients view: who calls.

use super::*;
use crate::contract::{ClientReport, ClientsReport, CostBasisCounts, Percentiles, SpendingReport};
use crate::tui::input_context::Screen;

fn client(name: &str, requests: u64, rate: f64) -> ClientReport {
    let each = u32::try_from(requests / 60).unwrap();
    ClientReport {
        name: name.to_owned(),
        share: requests as f64 / 12_840.0,
        requests,
        failed: 4,
        success_rate: Some(rate),
        latency_ms: Percentiles {
            p50: Some(612.0),
            p95: Some(1_930.0),
            p99: Some(4_100.0),
        },
        attempts: requests + 9,
        total_cost_usd: Some(requests as f64 / 1e3),
        cost_basis: CostBasisCounts {
            exact: requests,
            estimated: 3,
            unknown: 0,
        },
        total_tokens: requests * 300,
        rated: vec![each; 60],
        errors: vec![0; 60],
        ..ClientReport::default()
    }
}

/// `app-7` with a budget of which little is left, `batch`, and `ci`, whose requests fail.
fn report() -> ClientsReport {
    let app = ClientReport {
        budget: Some(SpendingReport {
            limit_usd: Some(50.0),
            spent_usd: 47.5,
            reserved_usd: 0.5,
            resets_at: "2026-11-25T00:00:00.000Z".to_owned(),
            exhausted_at: Some("2026-11-24T05:30:00.000Z".to_owned()),
            ..SpendingReport::default()
        }),
        ..client("app-7", 7_900, 0.9994)
    };
    ClientsReport {
        window: Window::Quarter,
        since: "2026-11-24T02:59:07.000Z".to_owned(),
        generated_at: "2026-11-24T03:14:07.000Z".to_owned(),
        requests: 12_840,
        bucket_seconds: 15,
        last_start: 1_795_489_200,
        clients: vec![app, client("batch", 4_040, 1.0), client("ci", 900, 0.931)],
    }
}

fn opened() -> Model {
    let mut model = default_model();
    let effects = press(&mut model, "C");
    assert_eq!(effects, [Effect::AskClients(Window::Quarter)]);
    update(&mut model, Message::Clients(Ok(report())), NOW);
    model
}

#[test]
fn each_client_has_its_share_cost_and_what_is_left_of_its_budget() {
    let model = opened();
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let screen = text(&model, width, height);
        for part in ["62%", "7900", "12.8k requests", "$2.00", "no limit", "93.1"] {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
        insta::assert_snapshot!(format!("clients_{width}x{height}"), screen);
    }
    // The one whose requests fail comes first.
    assert_eq!(model.client_rows()[0].name, "ci");
}

#[test]
fn enter_lists_the_decisions_of_the_client() {
    let mut model = opened();
    press(&mut model, "j");
    assert_eq!(model.selected_client().unwrap().name, "app-7");
    assert_eq!(press(&mut model, "y"), [Effect::Copy("app-7".to_owned())]);
    let mut later = report();
    later.clients.rotate_left(1);
    update(&mut model, Message::Clients(Ok(later)), NOW);
    assert_eq!(model.selected_client().unwrap().name, "app-7", "it follows");
    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Decisions);
    assert_eq!(model.decisions_filter.as_str(), "client:app-7");
}

#[test]
fn clients_are_sorted_filtered_and_asked_for_while_they_are_shown() {
    let mut model = opened();
    press(&mut model, "s s");
    assert_eq!(model.client_rows()[0].name, "app-7");
    press(&mut model, "n");
    assert_eq!(model.selected_client().unwrap().name, "ci");
    press(&mut model, "/");
    type_in(&mut model, "share>20 -app");
    press(&mut model, "Enter");
    let rows = model.client_rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].name, "batch");
    let tick = |model: &mut Model| update(model, Message::Tick, NOW);
    assert_eq!(tick(&mut model), [Effect::AskClients(Window::Quarter)]);
    assert_eq!(tick(&mut model), [], "one request at a time");
    press(&mut model, "H");
    update(&mut model, Message::Clients(Ok(report())), NOW);
    assert_eq!(tick(&mut model), []);
}

#[test]
fn a_window_that_is_not_whole_says_since_when_and_names_are_masked() {
    let mut model = opened();
    assert!(!text(&model, 120, 40).contains("since"));
    let young = ClientsReport {
        since: "2026-11-24T03:10:00.000Z".to_owned(),
        ..report()
    };
    update(&mut model, Message::Clients(Ok(young)), NOW);
    assert!(text(&model, 120, 40).contains("since 03:10:00Z"));
    press(&mut model, "p");
    let screen = text(&model, 120, 40);
    for hidden in ["app-7", "$2.00", "$47"] {
        assert!(!screen.contains(hidden), "{hidden}\n{screen}");
    }
}
