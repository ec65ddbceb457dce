//! The models view: one model across providers.

use super::*;
use crate::contract::{HealthState, ModelPerformance, RouteReport, RouteTargetReport};
use crate::tui::input_context::Screen;
use crate::tui::keymap::SortOrder;
use crate::tui::model::ModelRow;

/// `large` at aurora, whose breaker is open, and at google; `small` at google only.
fn status() -> Status {
    let mut status = fixture::status(5, 7);
    let named = |name: &str, of: &ModelPerformance, requests: u64| ModelPerformance {
        model: name.to_owned(),
        requests,
        total_cost_usd: Some(0.25),
        cost_per_token: Some(3.1e-6),
        ..of.clone()
    };
    let of = |at: usize| status.providers[at].performance.models[0].clone();
    let (aurora, google) = (of(0), of(3));
    status.providers[0].performance.models = vec![named("large", &aurora, 812)];
    status.providers[3].performance.models = vec![
        named("large", &google, 2_130),
        named("small", &google, 4_000),
    ];
    let target = |provider: &str, odds: f64| RouteTargetReport {
        provider: provider.to_owned(),
        model: "large".to_owned(),
        odds,
    };
    status.routes = vec![RouteReport {
        model: "best".to_owned(),
        targets: vec![target("aurora", 0.0), target("google", 1.0)],
    }];
    status
}

fn opened() -> Model {
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status());
    press(&mut model, "M");
    model
}

fn listed(model: &Model) -> Vec<[String; 3]> {
    model.model_rows().iter().map(ModelRow::key).collect()
}

fn key(group: &str, provider: &str, model: &str) -> [String; 3] {
    [group, provider, model].map(str::to_owned)
}

#[test]
fn a_model_is_compared_across_its_providers_trouble_first() {
    let model = opened();
    let rows = model.model_rows();
    assert_eq!(rows[0].key(), key("large", "aurora", "large"));
    assert_eq!(rows[1].key(), key("large", "google", "large"));
    assert!(rows[0].is_first && !rows[1].is_first);
    // Of the attempts at this model, not of all.
    assert_eq!((rows[0].share, rows[1].share), (0.0, 1.0));
    assert_eq!(rows[0].usd_per_1k().map(f64::round), Some(0.0));
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let screen = text(&model, width, height);
        for part in [
            "✗OPEN",
            "812",
            "2130",
            "3.10",
            "at 2 providers",
            "breaker open",
        ] {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
        insta::assert_snapshot!(format!("models_{width}x{height}"), screen);
    }
}

#[test]
fn the_rows_are_grouped_by_route_on_request() {
    let mut model = opened();
    press(&mut model, "b");
    assert!(listed(&model).contains(&key("best", "google", "large")));
    assert!(listed(&model).contains(&key("(no route)", "google", "small")));
    let rows = model.model_rows();
    let odds = |provider: &str| {
        let mut rows = rows.iter().filter(|row| row.group == "best");
        rows.find(|row| row.provider == provider).unwrap().odds
    };
    assert_eq!((odds("aurora"), odds("google")), (0.0, 1.0));
    assert!(text(&model, 120, 40).contains("grouped by route"));
    press(&mut model, "b");
    assert!(listed(&model).contains(&key("large", "google", "large")));
}

#[test]
fn the_cursor_follows_its_row_and_enter_opens_the_provider() {
    let mut model = opened();
    press(&mut model, "j");
    assert_eq!(model.selected_name().as_deref(), Some("google"));
    let mut other = status();
    other.providers[3].performance.models[0].state = HealthState::Down;
    receive(&mut model, other);
    assert_eq!(
        listed(&model)[0],
        key("large", "google", "large"),
        "moved up"
    );
    assert_eq!(model.model_at(&model.model_rows()), 0);
    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Detail);
    assert_eq!(model.selected_name().as_deref(), Some("google"));
}

#[test]
fn rows_are_filtered_sorted_and_trouble_is_one_key_away() {
    let mut model = opened();
    press(&mut model, "G n");
    assert_eq!(model.selected_name().as_deref(), Some("aurora"));
    press(&mut model, "s n");
    assert_eq!(model.models.order, SortOrder::Name);
    assert_eq!(
        model.order_by,
        SortOrder::Trouble,
        "that of the overview stays"
    );
    assert_eq!(listed(&model)[0], key("large", "aurora", "large"));
    press(&mut model, "/");
    type_in(&mut model, "small");
    press(&mut model, "Enter");
    assert_eq!(listed(&model), [key("small", "google", "small")]);
    assert!(text(&model, 120, 40).contains("filter small"));
    press(&mut model, "/");
    type_in(&mut model, "x");
    press(&mut model, "Enter");
    assert!(text(&model, 120, 40).contains("match"));
    press(&mut model, "Esc");
    assert!(listed(&model).len() > 1);
}
