//! The starter file, the shape and the table of settings agree.

use super::Workspace;
use crate::config::{
    CheckReport, StarterProvider, layers, listen, path, price_list, sample, schema, starter,
    unsupported, vendors_with_keys, write_new,
};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn the_starter_file_equals_the_defaults_and_draws_no_warning() {
    let defaults = Workspace::new().loaded().settings;
    let workspace = Workspace::with_file(sample());

    assert_eq!(workspace.loaded().settings, defaults);
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn the_defaults_that_the_starter_file_only_shows_are_those_that_are_not_built() {
    let workspace = Workspace::with_file(&layers::defaults_text());
    let defaults = Workspace::new().loaded().settings;

    assert_eq!(workspace.loaded().settings, defaults);
    let shown = sample().lines().filter(|line| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    assert_eq!(shown.count(), workspace.loaded().warnings.len());
}

#[test]
fn the_starter_file_names_every_setting() {
    let names = crate::config::setting_specs::SETTINGS
        .iter()
        .filter(|key| !key.path.ends_with('*'));
    for key in names {
        let (_, name) = key.path.rsplit_once('.').expect("a section");
        let is_named = sample().contains(&format!("{name} = "));
        assert!(
            is_named,
            "{} is missing in assets/config.sample.toml",
            key.path
        );
    }
}

#[test]
fn every_default_stands_in_the_starter_file() {
    let defaults = layers::defaults().expect("defaults");
    let optional = [
        "budget.usd_per_day",
        "budget.usd_per_week",
        "budget.usd_per_month",
        "store.retention_days",
    ];

    for key in crate::config::setting_specs::SETTINGS {
        let is_optional = key.path.contains(['[', '*']) || optional.contains(&key.path);
        let has_default = defaults.iter().any(|entry| entry.key == key.path);
        assert_eq!(has_default, !is_optional, "{}", key.path);
    }
}

/// The examples of the starter file: from each `# [header]` to the end of its comment.
fn examples() -> String {
    let mut text = String::new();
    let mut is_inside = false;
    for line in sample().lines() {
        is_inside = line.starts_with("# [") || is_inside && line.starts_with('#');
        if is_inside {
            text.push_str(line.trim_start_matches('#').trim_start());
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_examples_of_the_starter_file_are_right() {
    // Each of these replaces another setting, or is for another kind.
    let alternatives = [
        "api_key =",
        "api_keys =",
        "like =",
        "project =",
        "location =",
        "credentials =",
    ];
    let is_alternative = |line: &&str| alternatives.iter().any(|name| line.starts_with(name));
    let text = examples();
    let lines: Vec<&str> = text.lines().filter(|line| !is_alternative(line)).collect();
    let authority = rcgen::generate_simple_self_signed(["authority".to_owned()]);
    let workspace = Workspace::with_file(&lines.join("\n"))
        .file(
            "company-ca.pem",
            &authority.expect("a certificate").cert.pem(),
        )
        .variable("OPENAI_API_KEY", "k")
        .variable("ANTHROPIC_API_KEY", "k");

    let settings = workspace.loaded().settings;

    assert_eq!(settings.providers[0].models[0].id, "gpt-4o");
    assert_eq!(settings.routes[0].targets.len(), 2);
    assert_eq!(settings.dashboard.keys["quit"], "q");
    assert_eq!(&**settings.tokens[0].definition.name(), "app");
}

/// Every property of the schema, written as in the table of settings.
fn properties(schema: &Value, table: &Value, path: &str, found: &mut BTreeSet<String>) {
    let Some(all) = table.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, property) in all {
        let is_list = property.get("type") == Some(&Value::from("array"));
        let choices = property
            .get("anyOf")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut schemas = vec![property.clone()];
        schemas.extend(choices);
        schemas.extend(property.get("items").cloned());
        let reference = schemas
            .iter()
            .find_map(|schema| schema.get("$ref")?.as_str().map(str::to_owned));
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match reference
            .as_deref()
            .and_then(|text| text.strip_prefix("#/$defs/"))
        {
            Some(definition) => {
                let path = if is_list { format!("{path}[]") } else { path };
                properties(schema, &schema["$defs"][definition], &path, found);
            }
            None if property.get("additionalProperties").is_some() => {
                found.insert(format!("{path}.*"));
            }
            None => {
                found.insert(path);
            }
        }
    }
}

#[test]
fn the_shape_and_the_table_of_settings_know_the_same_keys() {
    let schema: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut found = BTreeSet::new();
    properties(&schema, &schema, "", &mut found);

    let keys = crate::config::setting_specs::SETTINGS
        .iter()
        .map(|key| key.path.to_owned());

    assert_eq!(found, keys.collect());
}

#[test]
fn the_schema_states_ranges_words_defaults_and_what_is_required() {
    let schema: Value = serde_json::from_str(&schema()).expect("JSON");
    let definition = |name: &str| &schema["$defs"][name];

    let cost = &definition("Weights")["properties"]["cost"];
    assert_eq!(
        (&cost["maximum"], &cost["default"]),
        (&100.0.into(), &30.into())
    );
    let strategy = &definition("Balancing")["properties"]["strategy"];
    assert_eq!(strategy["enum"][0], "adaptive");
    assert_eq!(
        definition("Provider")["required"],
        serde_json::json!(["name", "kind"])
    );
    assert_eq!(schema.get("required"), None);
    let provider = &definition("Provider")["properties"];
    assert_eq!(provider["priority"]["default"], 50);
    assert_eq!(provider["enabled"]["default"], true);
}

#[test]
fn init_writes_the_starter_file_once() {
    let workspace = Workspace::new();
    let path = workspace.home_path();

    write_new(&path, sample(), false).expect("a new file");
    let again = write_new(&path, "", false);

    assert_eq!(std::fs::read_to_string(&path).expect("a file"), sample());
    assert_eq!(
        again.expect_err("an error").kind(),
        std::io::ErrorKind::AlreadyExists
    );
    write_new(&path, "# new\n", true).expect("a replaced file");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "# new\n");
}

#[test]
fn path_and_check_report_which_files_are_read() {
    let workspace =
        Workspace::with_file("[probe]\nusd_per_day = 9\n").variable("OPENAI_API_KEY", "k");

    let files =
        path(&workspace.sources).replace(&workspace.folder.path().display().to_string(), "");
    let report = CheckReport::new(&workspace.loaded(), &workspace.sources).to_string();

    insta::assert_snapshot!(files, @"
    /home/.config/aibal-tui/config.toml (not found)
    /work/aibal.toml (read)
    /work/.env (not found)
    ");
    insta::assert_snapshot!(report, @"
    warning: aibal.toml:2: probe.usd_per_day: accepted, but not built yet
    no errors in aibal.toml; 1 of 1 providers usable
    ");
}

#[test]
fn a_starter_file_has_the_providers_that_were_found_and_is_valid() {
    let workspace = Workspace::new()
        .variable("GROQ_API_KEY", "gsk-canary")
        .file(".env", "ANTHROPIC_API_KEY=sk-canary\n");
    let mut found = vendors_with_keys(&workspace.sources);
    found.push(StarterProvider {
        name: "lm-studio".to_owned(),
        kind: "openai-compatible".to_owned(),
        base_url: Some("http://127.0.0.1:1234/v1".to_owned()),
        api_key_env: None,
        comment: "LM Studio answers.".to_owned(),
    });

    let text = starter(&found);

    assert!(!text.contains("canary"), "{text}");
    let workspace = workspace.file("aibal.toml", &text);
    assert_eq!(workspace.warnings(), "");
    let providers = workspace.loaded().settings.providers;
    let providers = providers
        .iter()
        .map(|it| (it.name.as_str(), it.is_usable()));
    let expected = [("anthropic", true), ("groq", true), ("lm-studio", true)];
    assert_eq!(providers.collect::<Vec<_>>(), expected);
    assert!(
        text.contains("# ANTHROPIC_API_KEY is set in .env.\n"),
        "{text}"
    );
    assert_eq!(starter(&[]), sample());
}

#[test]
fn the_address_to_listen_on_is_known_even_where_other_settings_are_wrong() {
    let file = "[server]\nlisten = \"0.0.0.0:9000\"\nmax_body_mb = -1\n";
    let workspace = Workspace::with_file(file);

    let (address, origin) = listen(&workspace.sources).expect("an address");

    let found = (address.to_string(), origin.to_string());
    assert_eq!(
        found,
        ("0.0.0.0:9000".to_owned(), "aibal.toml:2".to_owned())
    );
    assert!(workspace.load().is_err());
    let (address, origin) = listen(&Workspace::new().sources).expect("the default");
    assert_eq!((address.port(), origin.is_set()), (8080, false));
}

#[test]
fn the_price_list_names_its_source_and_what_the_configuration_sets() {
    let file = "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
                models = [{ id = \"gpt-4o\", input_usd_per_1m = 1, output_usd_per_1m = 2 }, \
                { id = \"gpt-4.1\" }, { id = \"mystery\", tools = false }, { id = \"new\" }]\n";

    let text = price_list(Some(&Workspace::with_file(file).loaded()));

    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let (built_in, configured) = text.split_once("\n\nModels that").expect("two parts");
    assert!(built_in.contains("Source: LiteLLM"), "{text}");
    insta::assert_snapshot!(configured, @r"
     the configuration changes or adds:
    o         gpt-4o                           1      2     0.5    n/a   128k v-tj-
      input_usd_per_1m: aibal.toml:5
      output_usd_per_1m: aibal.toml:5
    o         mystery                        n/a    n/a     n/a    n/a    n/a ??-??
      tools: aibal.toml:5
    o         new                            n/a    n/a     n/a    n/a    n/a ?????
      not in the table
    ");
    let mut rows = built_in
        .lines()
        .skip_while(|line| !line.contains(" gpt-6-sol "));
    insta::assert_snapshot!(rows.by_ref().take(2).collect::<Vec<_>>().join("\n"), @r"
    openai    gpt-6-sol                        2     10     0.2    2.5   922k vrtj-
              > 272k                           4     15     0.4
    ");
    let embedder = built_in
        .lines()
        .find(|line| line.contains("text-embedding-3-small"));
    insta::assert_snapshot!(embedder.expect("a row"), @"openai    text-embedding-3-small        0.02      0     n/a    n/a   8191 ---?e");
}

#[test]
fn a_default_that_is_not_built_is_marked() {
    let defaults = layers::defaults().expect("defaults");
    let note_of = |key| {
        let entry = defaults.iter().find(|entry| entry.key == key);
        unsupported::note(entry.expect("a default"))
    };

    assert_eq!(
        note_of("probe.usd_per_day").as_deref(),
        Some("accepted, but not built yet")
    );
    assert_eq!(note_of("balancing.strategy"), None);
}
