//! Differences that a reload reports.

use super::Workspace;
use crate::config::{Edit, ProviderEdit, SettingDiff, SettingsDiff, WeightEdit, write_back};

const FILE: &str = "\
[[providers]]
name = \"a\"
kind = \"openai-compatible\"
base_url = \"http://127.0.0.1:1/v1\"
api_key = \"sk-first\"
models = [{ id = \"m\" }]
";

fn difference(before: &str, after: &str) -> SettingsDiff {
    let old = Workspace::with_file(before).loaded();
    Workspace::with_file(after).loaded().difference(&old)
}

fn lines(difference: &SettingsDiff) -> Vec<String> {
    let line = |change: &SettingDiff| {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        format!("{} {} {}", change.key, side(&change.from), side(&change.to))
    };
    difference.changes.iter().map(line).collect()
}

#[test]
fn a_reload_reports_what_changed() {
    let changed = difference("[balancing]\nmax_retries = 1\n", "[cache]\nmax_mb = 5\n");

    assert_eq!(
        lines(&changed),
        ["balancing.max_retries 1 3", "cache.max_mb 64 5"]
    );
    assert!(changed.touches("balancing") && changed.touches("balancing.max_retries"));
    assert!(!changed.touches("balancing.max") && !changed.touches("probe"));
    assert!(difference(FILE, FILE).is_empty());
    assert!(difference(FILE, &format!("# only a comment\n{FILE}")).is_empty());
}

#[test]
fn a_setting_that_needs_a_restart_is_noted() {
    let notes = |after: &str| {
        let changed = difference("", after);
        let note = changed.changes[0].note.clone();
        note.unwrap_or_default()
    };

    assert_eq!(
        notes("[server]\nlisten = \"127.0.0.1:9\"\n"),
        "needs a restart"
    );
    assert!(notes("[dashboard]\ntheme = \"mono\"\n").contains("dashboard"));
    assert_eq!(notes("[server]\ndrain_seconds = 1\n"), "");
    assert!(notes("[store]\nretention_days = 1\n").contains("needs a restart"));
}

#[test]
fn an_exchanged_key_is_reported_and_never_shown_wherever_it_is_stored() {
    let literal = difference(FILE, &FILE.replace("sk-first", "sk-other"));
    assert_eq!(lines(&literal), ["providers[a].api_key **** ****"]);
    assert_eq!(literal.descriptions(), ["providers[a].api_key exchanged"]);

    let by_variable = FILE.replace("api_key = \"sk-first\"", "api_key_env = \"KEY\"");
    let workspace = Workspace::with_file(&by_variable).file(".env", "KEY=sk-first\n");
    let old = workspace.loaded();
    let workspace = workspace.file(".env", "KEY=sk-other\n");
    let changed = workspace.loaded().difference(&old);
    assert_eq!(lines(&changed), ["providers[a].api_key **** ****"]);

    let in_file = FILE.replace("sk-first", "file:secret");
    let workspace = Workspace::with_file(&in_file).file("secret", "sk-first");
    let old = workspace.loaded();
    assert_eq!(old.key_files, [workspace.sources.cwd.join("secret")]);
    let changed = workspace
        .file("secret", "sk-other")
        .loaded()
        .difference(&old);
    assert_eq!(lines(&changed), ["providers[a].api_key **** ****"]);

    let workspace = Workspace::with_file(FILE);
    let old = workspace.loaded();
    let workspace = workspace.variable("AI_GATEWAY_API_KEY", "client-token");
    assert_eq!(
        lines(&workspace.loaded().difference(&old)),
        ["AI_GATEWAY_API_KEY - ****"]
    );
}

#[test]
fn whole_tables_are_one_phrase() {
    let other = FILE.replace("name = \"a\"", "name = \"b\"");
    let changed = difference(FILE, &format!("{other}[balancing]\nmax_retries = 9\n"));

    assert_eq!(
        changed.descriptions(),
        [
            "balancing.max_retries 3→9",
            "providers[b] added",
            "providers[a] removed"
        ]
    );
}

#[test]
fn our_own_write_is_no_difference_and_a_concurrent_edit_is_one() {
    let edits = [
        Edit::Weights(WeightEdit {
            cost: Some(20.0),
            latency: Some(50.0),
            reliability: Some(30.0),
            ..WeightEdit::default()
        }),
        Edit::Provider(ProviderEdit {
            name: "a".to_owned(),
            priority: Some(90),
            enabled: Some(true),
            max_concurrent: Some(7),
            weights: Some(WeightEdit {
                cost: Some(5.0),
                ..WeightEdit::default()
            }),
        }),
    ];
    for edit in edits {
        let workspace = Workspace::with_file(FILE);
        let active = workspace.loaded();
        let edited = format!("{FILE}[balancing]\nmax_retries = 9\n");
        let workspace = workspace.file("aibal.toml", &edited);
        let report = write_back(&active, std::slice::from_ref(&edit)).expect("a written file");
        let written = workspace.loaded();
        // Another write has begun meanwhile: the next comparison finds it, not this one.
        let workspace = workspace.file("aibal.toml", "");

        let active = active.after_writing(&edit, &report, &workspace.sources);

        assert_eq!(
            lines(&written.difference(&active)),
            ["balancing.max_retries 3 9"],
            "{edit:?}"
        );
    }
}

#[test]
fn a_provider_that_our_write_adds_to_the_file_is_no_difference() {
    let workspace = Workspace::new().variable("OPENAI_API_KEY", "k");
    let active = workspace.loaded();
    let edit = Edit::Provider(ProviderEdit {
        name: "openai".to_owned(),
        priority: Some(70),
        ..ProviderEdit::default()
    });
    let report = write_back(&active, std::slice::from_ref(&edit)).expect("a written file");
    let written = workspace.loaded();

    let active = active.after_writing(&edit, &report, &workspace.sources);

    assert_eq!(lines(&written.difference(&active)), [""; 0]);
    assert_eq!(active.files, written.files);
}
