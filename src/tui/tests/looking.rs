//! The provider screen, masking, the bell, and reports.

use super::*;
use crate::client::ClientError;
use crate::contract::{HealthState, ModelPerformance, Problem};
use crate::tui::change::{Applied, Change};

#[test]
fn the_chart_shows_the_whole_response_or_the_first_token() {
    let mut model = default_model();
    press(&mut model, "j j j Enter");
    let whole = text(&model, 120, 40);
    assert!(whole.contains("── LATENCY 15m"), "{whole}");
    press(&mut model, "f");
    let first = text(&model, 120, 40);
    assert!(first.contains("── FIRST TOKEN 15m"), "{first}");
    // Other numbers, and another line.
    assert!(
        first.contains("p50    157") && whole.contains("p50    472"),
        "{first}"
    );
    press(&mut model, "f");
    assert_eq!(text(&model, 120, 40), whole);
}

#[test]
fn each_model_shows_its_state_trouble_first() {
    let mut status = fixture::status(5, 7);
    let healthy = status.providers[1].performance.models[0].clone();
    let open = ModelPerformance {
        model: "large".to_owned(),
        state: HealthState::Open,
        why: "breaker open for 9 s more".to_owned(),
        ..healthy
    };
    status.providers[1].performance.models.push(open);
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    press(&mut model, "j j j Enter");
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let screen = text(&model, width, height);
        let at = |what: &str| {
            screen
                .find(what)
                .unwrap_or_else(|| panic!("{what}\n{screen}"))
        };
        assert!(at("✗OPEN   large") < at("●OK     model-1"), "{screen}");
        assert!(screen.contains("breaker open for 9 s"), "{screen}");
    }
}

#[test]
fn a_masked_screen_hides_amounts_people_and_addresses() {
    let mut model = default_model();
    screens::fill(&mut model);
    press(&mut model, "p");
    for keys in ["", "Enter", "w >", "d", "v", "3 z", "L", "M"] {
        press(&mut model, &format!("H Esc {keys}"));
        let screen = text(&model, 200, 60);
        assert!(screen.contains("MASKED"), "{keys:?}");
        for hidden in [
            "4.12",
            "1.88",
            "0.0052",
            "alice",
            "4o slow",
            "local ●",
            "request-4",
            "$3.2",
        ] {
            assert!(
                !screen.contains(hidden),
                "{keys:?} shows {hidden}\n{screen}"
            );
        }
    }
    press(&mut model, "H p");
    assert!(text(&model, 200, 60).contains("alice"));
}

#[test]
fn an_enabled_bell_rings_for_new_trouble_but_not_too_often() {
    let failing = |at: usize| {
        let mut status = fixture::status(5, 8);
        for provider in [1, 3].into_iter().take(at) {
            status.providers[provider].performance.state = HealthState::Down;
        }
        Message::Update(Update::Status(Arc::new(status)))
    };
    let mut quiet = default_model();
    assert_eq!(update(&mut quiet, failing(1), NOW), []);

    let mut model = default_model();
    press(&mut model, "B");
    assert_eq!(update(&mut model, failing(0), NOW), [], "nothing is new");
    assert_eq!(update(&mut model, failing(1), NOW), [Effect::Bell]);
    assert_eq!(update(&mut model, failing(2), NOW), [], "it has just rung");
    update(&mut model, failing(0), NOW);
    let later = NOW + Duration::from_mins(3);
    assert_eq!(update(&mut model, failing(2), later), [Effect::Bell]);
}

#[test]
fn a_reload_asks_first_and_shows_the_changes() {
    let mut model = default_model();
    press(&mut model, "^r");
    assert!(is_dialog(&model, "RELOAD THE CONFIGURATION"));
    assert_eq!(
        press(&mut model, "y"),
        [Effect::Change(vec![Change::Reload])]
    );
    let report = [
        "balancing.weights.cost 30 → 40",
        "providers[a] not set → added",
    ];
    let applied = Applied {
        text: "configuration reloaded: 2 changes, rev 43".to_owned(),
        report: report.map(str::to_owned).to_vec(),
        ..Applied::default()
    };
    update(&mut model, Message::Changed(Ok(applied)), NOW);
    let screen = text(&model, 80, 24);
    assert!(screen.contains("RELOADED"), "{screen}");
    for line in report {
        assert!(screen.contains(line), "{screen}");
    }
    press(&mut model, "Enter");
    assert_eq!(model.dialog, None);
    assert!(text(&model, 120, 40).contains("reloaded: 2 changes, rev 43"));
}

#[test]
fn all_errors_of_a_configuration_are_listed() {
    let mut model = default_model();
    press(&mut model, "^r y");
    let mistakes: Vec<String> = (0..40)
        .map(|line| format!("aibal.toml:{line}: key{line} is unknown"))
        .collect();
    let refused = ClientError::from(Problem::new(
        422,
        format!(
            "the configuration has 40 mistakes, so nothing changed:\n{}",
            mistakes.join("\n")
        ),
    ));
    update(&mut model, Message::Changed(Err(refused)), NOW);
    let screen = text(&model, 80, 24);
    assert!(screen.contains("NOTHING CHANGED (j k scroll)"), "{screen}");
    assert!(
        screen.contains("key0 is unknown") && !screen.contains("key39"),
        "{screen}"
    );
    press(&mut model, "j j j j j");
    assert!(text(&model, 80, 24).contains("key39 is unknown"));
    press(&mut model, "Esc");
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("40 mistakes, so nothing changed"),
        "{screen}"
    );
}

#[test]
fn a_text_that_is_too_long_for_its_line_is_wrapped() {
    for keys in ["", "Enter", "w", "d", "M", "C", "a", "v", "L"] {
        let mut model = default_model();
        press(&mut model, keys);
        press(&mut model, "?");
        let screen = text(&model, 80, 24);
        let rows = screen.lines().skip(1);
        let cut: Vec<&str> = rows.filter(|row| row.contains("~│")).collect();
        assert!(cut.is_empty(), "{keys}: {cut:?}");
    }
    let mut model = default_model();
    press(&mut model, "^r");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("key files") && !screen.contains("~│"),
        "{screen}"
    );
    let why = "this instance was started without a configuration that could be read once more";
    let refused = ClientError::from(Problem::new(409, why.to_owned()));
    press(&mut model, "Esc");
    update(&mut model, Message::Changed(Err(refused)), NOW);
    let screen = text(&model, 80, 24);
    assert!(screen.contains("NOTHING CHANGED"), "{screen}");
    let inside = screen.lines().filter_map(|row| row.split('│').nth(1));
    let words: Vec<&str> = inside.flat_map(str::split_whitespace).collect();
    assert!(words.join(" ").contains(why), "{screen}");
}

#[test]
fn the_footer_of_a_dialog_names_only_its_choices() {
    let footer = |keys: &str| {
        let mut model = default_model();
        press(&mut model, keys);
        assert!(model.confirm_dialog().is_some(), "{keys}");
        text(&model, 80, 24).lines().last().unwrap().to_owned()
    };
    assert!(footer(". d").contains("y yes"));
    assert!(!footer("q").contains("y yes"), "{}", footer("q"));
}

#[test]
fn rows_do_not_move_with_every_change_of_the_shares() {
    let mut model = default_model();
    let order = model.order.clone();
    let mut status = fixture::status(5, 8);
    for (at, provider) in status.providers.iter_mut().enumerate() {
        provider.share = [0.1, 0.05, 0.5, 0.05, 0.3][at];
    }
    receive(&mut model, status);
    assert_eq!(model.order, order);
}

#[test]
fn a_filter_that_hides_every_row_says_so() {
    let mut model = default_model();
    press(&mut model, "/ z z z Enter");
    assert!(text(&model, 80, 24).contains("0 of 5 match · Esc clears"));
    press(&mut model, "Esc");
    assert!(!text(&model, 80, 24).contains("match"));
}

#[test]
fn the_footer_of_a_small_screen_has_the_views() {
    let screen = text(&default_model(), 80, 24);
    let footer = screen.lines().last().unwrap();
    for hint in ["w weights", "d decisions", "a alerts", "q quit"] {
        assert!(footer.contains(hint), "{footer}");
    }
}

#[test]
fn a_small_screen_previews_a_weight_in_one_line() {
    let mut model = default_model();
    press(&mut model, "w >");
    let screen = text(&model, 60, 15);
    assert!(
        screen.contains("→") && screen.contains("Enter reviews"),
        "{screen}"
    );
}

#[test]
fn the_help_is_searched_and_leaves_the_first_lines() {
    let mut model = default_model();
    let before = text(&model, 80, 24);
    press(&mut model, "?");
    let screen = text(&model, 80, 24);
    assert!(screen.lines().take(3).eq(before.lines().take(3)));
    for word in ["OPEN", "HALF", "NODAT", "RUN", "TTFT"] {
        assert!(screen.contains(word), "{word}");
    }
    press(&mut model, "/ f r e e z e");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("HELP /freeze_") && screen.contains("Space"),
        "{screen}"
    );
    assert!(!screen.contains("decisions about"), "{screen}");
    press(&mut model, "Enter Esc");
    assert!(
        text(&model, 80, 24).contains("HELP: overview"),
        "Esc clears the search"
    );
    press(&mut model, "Esc");
    assert_eq!(model.dialog, None);
}

#[test]
fn many_providers_are_grouped_by_vendor_and_leave_room_for_panels() {
    let model = model(Theme::default(), true, 200);
    let screen = text(&model, 120, 40);
    let rows: Vec<&str> = screen.lines().collect();
    let panels = rows
        .iter()
        .position(|row| row.contains("1 LATENCY"))
        .unwrap();
    assert!(panels - 3 <= 35 * 3 / 5, "{screen}");
    assert!(
        rows.iter().any(|row| row.contains("borealis x40")),
        "{screen}"
    );
    // The shares over time are those of vendors too.
    assert!(screen.matches("google x40").count() >= 2, "{screen}");
}

#[test]
fn a_hue_belongs_to_a_provider_on_every_panel_and_no_hue_is_a_state() {
    for palette in ["default", "light", "high-contrast", "deuter", "true-colour"] {
        let theme = Theme {
            palette: palette.parse().unwrap(),
            ..Theme::default()
        };
        let states = [theme.good().fg, theme.warn().fg, theme.bad().fg];
        for place in 0..8 {
            assert!(!states.contains(&theme.hue(place)), "{palette} {place}");
        }
    }
    assert_eq!(mono(false).hue(0), None);
    assert_eq!(mono(true).hue(0), None);
}
