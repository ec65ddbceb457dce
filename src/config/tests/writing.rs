//! Changes written back: comments and order stay, and values of the environment stay in memory.

use super::Workspace;
use crate::config::{Edit, ProviderEdit, WeightEdit, WriteError, write_back};
use crate::domain::{BreakerSettings, GlobalSettings, Money, SharedBudget, Strategy};
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
    let workspace = Workspace::with_file(FILE);
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

    let report = write_back(&workspace.loaded(), &edits).expect("a written file");

    assert_eq!(report.unpersisted, []);
    assert_eq!(report.written[0].content, workspace.content("aibal.toml"));
    assert_snapshot!(workspace.content("aibal.toml"), @r#"
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
    let settings = workspace.loaded().settings;
    assert_eq!(settings.balancing.weights.latency, 45.5);
    assert_eq!(settings.providers[0].priority, 90);
    let left: Vec<_> = std::fs::read_dir(&workspace.sources.cwd)
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn without_a_file_one_is_created_in_the_home_directory() {
    let workspace = Workspace::new().variable("OPENAI_API_KEY", "k");
    let provider = ProviderEdit {
        name: "openai".to_owned(),
        priority: Some(70),
        ..ProviderEdit::default()
    };

    let edits = [weights(50.0, 30.0, 20.0), Edit::Provider(provider)];
    write_back(&workspace.loaded(), &edits).expect("a written file");

    let content = std::fs::read_to_string(workspace.home_path()).expect("a file");
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
    let settings = workspace.loaded().settings;
    assert_eq!(settings.balancing.weights.cost, 50.0);
    assert_eq!(
        (settings.providers.len(), settings.providers[0].priority),
        (1, 70)
    );
}

#[test]
fn weights_that_share_100_stay_in_memory_together() {
    let workspace = Workspace::with_file(FILE).variable("LOAD_BALANCER_WEIGHT_COST", "30");
    let mut edit = weights(20.0, 50.0, 30.0);
    if let Edit::Weights(weights) = &mut edit {
        weights.load = Some(25.0);
    }

    let report = write_back(&workspace.loaded(), &[edit]).expect("a written file");

    let unpersisted: Vec<String> = report.unpersisted.iter().map(ToString::to_string).collect();
    assert_snapshot!(unpersisted.join("\n"), @"
    balancing.weights.cost stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    balancing.weights.latency stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    balancing.weights.reliability stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it
    ");
    let weights = workspace.loaded().settings.balancing.weights;
    assert_eq!(
        (weights.cost, weights.latency, weights.load),
        (30.0, 40.0, 25.0)
    );
}

#[cfg(unix)]
#[test]
fn the_mode_of_the_file_and_a_link_to_it_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let workspace = Workspace::new().file("real.toml", FILE);
    let (real, link) = (
        workspace.sources.cwd.join("real.toml"),
        workspace.sources.cwd.join("aibal.toml"),
    );
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    std::os::unix::fs::symlink(&real, &link).expect("a link");

    write_back(&workspace.loaded(), &[weights(20.0, 40.0, 40.0)]).expect("a written file");

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
    assert!(
        workspace
            .content("real.toml")
            .contains("cost = 20      # cheap")
    );
}

#[test]
fn concurrent_edits_are_kept() {
    let workspace = Workspace::with_file(FILE);
    let loaded = workspace.loaded();
    let workspace = workspace.file("aibal.toml", &format!("{FILE}\n[cache]\nenabled = true\n"));

    write_back(&loaded, &[weights(20.0, 40.0, 40.0)]).expect("a written file");

    assert!(
        workspace
            .content("aibal.toml")
            .ends_with("[cache]\nenabled = true\n")
    );
}

#[test]
fn a_file_that_is_no_longer_valid_is_not_changed() {
    let workspace = Workspace::with_file(FILE);
    let loaded = workspace.loaded();
    let workspace = workspace.file("aibal.toml", "broken = \n");

    let error = write_back(&loaded, &[weights(20.0, 40.0, 40.0)]).expect_err("a refusal");

    assert!(matches!(error, WriteError::Unreadable { .. }), "{error}");
    assert_eq!(workspace.content("aibal.toml"), "broken = \n");
}

#[test]
fn removed_weights_of_a_provider_leave_the_file() {
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
    let workspace = Workspace::with_file(file);

    write_back(&workspace.loaded(), &[own(Some(80.0), None)]).expect("a written file");
    let content = workspace.content("aibal.toml");
    assert!(
        content.contains("cost = 80") && !content.contains("latency"),
        "{content}"
    );

    write_back(&workspace.loaded(), &[own(None, None)]).expect("a written file");
    let content = workspace.content("aibal.toml");
    assert!(content.contains("priority = 40"), "{content}");
    assert!(!content.contains("weights"), "{content}");
}

#[test]
fn settings_that_differ_go_back_to_their_file_and_a_limit_that_is_gone_is_removed() {
    let workspace = Workspace::with_file(
        "[balancing]\nstrategy = \"best\" # ours\n[budget]\nusd_per_day = 5.0\n\n[[providers]]\nname = \"a\"\nkind = \"ollama\"\n",
    );
    let settings = GlobalSettings {
        strategy: Strategy::LeastBusy,
        budget: SharedBudget {
            per_month: Some(Money::from_usd(90.5)),
            ..SharedBudget::default()
        },
        breaker: BreakerSettings {
            failures: 6,
            ..BreakerSettings::default()
        },
    };
    write_back(&workspace.loaded(), &[Edit::Settings(settings)]).expect("a written file");

    assert_eq!(
        workspace.content("aibal.toml"),
        "[balancing]\nstrategy = \"least-busy\" # ours\n\n[balancing.breaker]\nfailures = 6\n[budget]\nusd_per_month = 90.5\n\n[[providers]]\nname = \"a\"\nkind = \"ollama\"\n"
    );
}
