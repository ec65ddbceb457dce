//! Changes written back: comments and order stay, and what the environment sets stays in memory.

use super::Desk;
use crate::config::{Edit, ProviderEdit, WeightEdit, WriteError, write_back};
use insta::assert_snapshot;

const FILE: &str = "\
# Ours.
[balancing.weights] # points
latency = 40   # fast
cost = 30      # cheap
reliability = 30

[[providers]]
name = \"a\"   # first
kind = \"ollama\"
priority = 10  # low

[[providers]]
name = \"b\"
kind = \"ollama\"
weights = { cost = 1 }
";

fn weights(cost: f64, latency: f64, reliability: f64) -> Edit {
    Edit::Weights(WeightEdit {
        cost: Some(cost),
        latency: Some(latency),
        reliability: Some(reliability),
        ..WeightEdit::default()
    })
}

#[test]
fn weights_and_provider_settings_go_back_to_their_file() {
    let desk = Desk::with_file(FILE);
    let edits = [
        weights(20.0, 45.5, 34.5),
        Edit::Provider(ProviderEdit {
            name: "a".to_owned(),
            priority: Some(90),
            enabled: Some(false),
            ..ProviderEdit::default()
        }),
        Edit::Provider(ProviderEdit {
            name: "b".to_owned(),
            max_concurrent: Some(8),
            weights: Some(WeightEdit {
                cost: Some(70.0),
                load: Some(5.0),
                ..WeightEdit::default()
            }),
            ..ProviderEdit::default()
        }),
    ];

    let report = write_back(&desk.loaded(), &edits).expect("a written file");

    assert_eq!(report.held, []);
    assert_eq!(report.written[0].content, desk.content("aibal.toml"));
    assert_snapshot!(desk.content("aibal.toml"), @r#"
    # Ours.
    [balancing.weights] # points
    latency = 45.5   # fast
    cost = 20      # cheap
    reliability = 34.5

    [[providers]]
    name = "a"   # first
    kind = "ollama"
    priority = 90  # low
    enabled = false

    [[providers]]
    name = "b"
    kind = "ollama"
    weights = { cost = 70 , load = 5 }
    max_concurrent = 8
    "#);
    let settings = desk.loaded().settings;
    assert_eq!(settings.balancing.weights.latency, 45.5);
    assert_eq!(settings.providers[0].priority, 90);
    let left: Vec<_> = std::fs::read_dir(&desk.sources.cwd)
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn without_a_file_one_is_made_at_home() {
    let desk = Desk::new().variable("OPENAI_API_KEY", "k");
    let provider = ProviderEdit {
        name: "openai".to_owned(),
        priority: Some(70),
        ..ProviderEdit::default()
    };

    let edits = [weights(50.0, 30.0, 20.0), Edit::Provider(provider)];
    write_back(&desk.loaded(), &edits).expect("a written file");

    let content = std::fs::read_to_string(desk.home_path()).expect("a file");
    assert_snapshot!(content, @r#"
    [balancing.weights]
    cost = 50
    latency = 30
    reliability = 20

    [[providers]]
    name = "openai"
    kind = "openai"
    api_key_env = "OPENAI_API_KEY"
    priority = 70
    "#);
    let settings = desk.loaded().settings;
    assert_eq!(settings.balancing.weights.cost, 50.0);
    assert_eq!(
        (settings.providers.len(), settings.providers[0].priority),
        (1, 70)
    );
}

#[test]
fn weights_that_share_100_stay_in_memory_together() {
    let desk = Desk::with_file(FILE).variable("LOAD_BALANCER_WEIGHT_COST", "30");
    let mut edit = weights(20.0, 50.0, 30.0);
    if let Edit::Weights(weights) = &mut edit {
        weights.load = Some(25.0);
    }

    let report = write_back(&desk.loaded(), &[edit]).expect("a written file");

    let held: Vec<String> = report.held.iter().map(ToString::to_string).collect();
    assert_snapshot!(held.join("\n"), @"
    balancing.weights.cost stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    balancing.weights.latency stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    balancing.weights.reliability stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    ");
    let weights = desk.loaded().settings.balancing.weights;
    assert_eq!(
        (weights.cost, weights.latency, weights.load),
        (30.0, 40.0, 25.0)
    );
}

#[cfg(unix)]
#[test]
fn the_mode_of_the_file_and_a_link_to_it_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new().file("real.toml", FILE);
    let (real, link) = (
        desk.sources.cwd.join("real.toml"),
        desk.sources.cwd.join("aibal.toml"),
    );
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    std::os::unix::fs::symlink(&real, &link).expect("a link");

    write_back(&desk.loaded(), &[weights(20.0, 40.0, 40.0)]).expect("a written file");

    assert!(
        std::fs::symlink_metadata(&link)
            .expect("a link")
            .is_symlink()
    );
    assert_eq!(
        std::fs::metadata(&real)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777,
        0o640
    );
    assert!(desk.content("real.toml").contains("cost = 20      # cheap"));
}

#[test]
fn edits_that_others_made_meanwhile_are_kept() {
    let desk = Desk::with_file(FILE);
    let loaded = desk.loaded();
    let desk = desk.file("aibal.toml", &format!("{FILE}\n[cache]\nenabled = true\n"));

    write_back(&loaded, &[weights(20.0, 40.0, 40.0)]).expect("a written file");

    assert!(
        desk.content("aibal.toml")
            .ends_with("[cache]\nenabled = true\n")
    );
}

#[test]
fn a_file_that_is_broken_by_now_is_left_alone() {
    let desk = Desk::with_file(FILE);
    let loaded = desk.loaded();
    let desk = desk.file("aibal.toml", "broken = \n");

    let error = write_back(&loaded, &[weights(20.0, 40.0, 40.0)]).expect_err("a refusal");

    assert!(matches!(error, WriteError::Unreadable { .. }), "{error}");
    assert_eq!(desk.content("aibal.toml"), "broken = \n");
}

#[test]
fn own_weights_that_are_taken_back_leave_the_file() {
    let own = |cost, latency| {
        Edit::Provider(ProviderEdit {
            name: "a".to_owned(),
            weights: Some(WeightEdit {
                cost,
                latency,
                ..WeightEdit::default()
            }),
            ..ProviderEdit::default()
        })
    };
    let file = "[[providers]]\nname = \"a\"\nkind = \"ollama\"\npriority = 40\n\n\
                [providers.weights] # ours\ncost = 70\nlatency = 30\n";
    let desk = Desk::with_file(file);

    write_back(&desk.loaded(), &[own(Some(80.0), None)]).expect("a written file");
    let content = desk.content("aibal.toml");
    assert!(
        content.contains("cost = 80") && !content.contains("latency"),
        "{content}"
    );

    write_back(&desk.loaded(), &[own(None, None)]).expect("a written file");
    let content = desk.content("aibal.toml");
    assert!(content.contains("priority = 40"), "{content}");
    assert!(!content.contains("weights"), "{content}");
}
