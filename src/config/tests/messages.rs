//! The message of every error.

use super::Workspace;
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn a_number_out_of_range() {
    let workspace = Workspace::with_file(
        "[balancing.weights]\n# points\ncost = 130\nlatency = -1\nload = nan\n",
    );

    assert_snapshot!(workspace.errors(), @"
    aibal.toml:3: balancing.weights.cost: 130: must be a number from 0 to 100
    aibal.toml:4: balancing.weights.latency: -1: must be a number from 0 to 100
    aibal.toml:5: balancing.weights.load: NaN: must be a number from 0 to 100
    ");
}

#[test]
fn a_value_of_another_type() {
    let workspace = Workspace::with_file(
        "[server]\nmax_body_mb = \"big\"\nlisten = 8080\ndrain_seconds = 1.5\n\
         [cache]\nenabled = \"yes\"\n[dashboard]\nrefresh_ms = 2026-01-01\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:2: server.max_body_mb: "big": must be a whole number from 1 to 1024
    aibal.toml:3: server.listen: 8080: must be an address with a port, for example 127.0.0.1:8080
    aibal.toml:4: server.drain_seconds: 1.5: must be a whole number from 0 to 3600
    aibal.toml:6: cache.enabled: "yes": must be true or false
    aibal.toml:8: dashboard.refresh_ms: "2026-01-01": must be a whole number from 100 to 60000
    "#);
}

#[test]
fn an_unknown_key_and_the_most_similar_name() {
    let workspace = Workspace::with_file(
        "[balancing.wieghts]\ncost = 1\n[server]\nlisen = \"x\"\nmax_body = 5\n\
         [sever]\nport = 1\n[[providers]]\nname = \"a\"\nkind = \"ollama\"\nprioritty = 5\n\
         apikey = \"sk-secret\"\n",
    );

    assert_snapshot!(workspace.errors(), @"
    aibal.toml:1: balancing.wieghts: unknown key; did you mean weights?
    aibal.toml:4: server.lisen: unknown key; did you mean listen?
    aibal.toml:5: server.max_body: 5: unknown key; did you mean max_body_mb?
    aibal.toml:6: sever: unknown key; did you mean server?
    aibal.toml:11: providers[a].prioritty: 5: unknown key; did you mean priority?
    aibal.toml:12: providers[a].apikey: unknown key; did you mean api_key or api_keys or api_key_env?
    ");
}

#[test]
fn a_table_where_a_list_belongs_and_the_reverse() {
    let workspace = Workspace::with_file(
        "server = 5\nroutes = [1]\n[providers]\nname = \"a\"\n[[balancing]]\nmax_retries = 1\n",
    );

    assert_snapshot!(workspace.errors(), @"
    aibal.toml:1: server: 5: must be a table: write [server]
    aibal.toml:2: routes: must be a list of tables: write [[routes]]
    aibal.toml:3: providers: must be a list of tables: write [[providers]]
    aibal.toml:5: balancing: must be a table: write [balancing]
    ");
}

#[test]
fn unknown_words() {
    let workspace = Workspace::with_file(
        "[balancing]\nstrategy = \"bset\"\n[dashboard]\nwindow = \"2h\"\n\
         [[providers]]\nname = \"a\"\nkind = \"open-ai\"\n\
         [[providers.models]]\nid = \"m\"\ntypes = [\"chat\", \"audio\"]\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:2: balancing.strategy: "bset": must be one of adaptive, best, weighted, round-robin, least-busy, lowest-latency, lowest-cost; did you mean best?
    aibal.toml:4: dashboard.window: "2h": must be one of 1m, 5m, 15m, 1h, 6h, 24h
    aibal.toml:7: providers[a].kind: "open-ai": must be one of openai, anthropic, gemini, vertex, xai, ollama, openai-compatible; did you mean openai or openai-compatible?
    aibal.toml:10: providers[a].models[m].types: ["chat", "audio"]: must be a list of at least one of chat, vision, reasoning, artifact, embedding
    "#);
}

#[test]
fn names_that_must_be_unique() {
    let provider = "[[providers]]\nname = \"a\"\nkind = \"ollama\"\n";
    let route = "[[routes]]\nmodel = \"smart\"\ntargets = [\"a/m\"]\n";
    let token = format!(
        "[[auth.tokens]]\nname = \"t\"\nsha256 = \"{}\"\nrole = \"client\"\n",
        "ab".repeat(32)
    );
    let models = "models = [{ id = \"m\" }, { id = \"m\" }]\n";
    let workspace = Workspace::with_file(&format!(
        "{provider}{models}{provider}{route}{route}{token}{token}"
    ));

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:4: providers[a].models[m].id: "m": is given twice in a, but must be unique
    aibal.toml:6: providers[a].name: "a": is also the name of another provider (aibal.toml:2), but must be unique
    aibal.toml:9: routes[smart].model: "smart": is also the name of another route, but must be unique
    aibal.toml:15: auth.tokens[t].name: "t": is also the name of another token, but must be unique
    "#);
}

#[test]
fn weights_that_do_not_sum_to_100() {
    let workspace = Workspace::with_file("[balancing.weights]\ncost = 50\n")
        .variable("LOAD_BALANCER_WEIGHT_LATENCY", "30");

    assert_snapshot!(workspace.errors(), @"env LOAD_BALANCER_WEIGHT_LATENCY: balancing.weights: 110: cost + latency + reliability must be 100: cost = 50 (aibal.toml:2), latency = 30 (env LOAD_BALANCER_WEIGHT_LATENCY), reliability = 30 (built-in)");
}

#[test]
fn weights_of_a_provider_that_are_all_zero() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"ollama\"\n\
         weights = { cost = 0, latency = 0, reliability = 0 }\n",
    );

    assert_snapshot!(workspace.errors(), @"aibal.toml:4: providers[a].weights: cost, latency and reliability are all 0, but one must be more");
}

#[test]
fn invalid_addresses() {
    let workspace = Workspace::with_file(
        "[server]\nlisten = \"8080\"\n[alerts]\nwebhook_url = \"ftp://x/secret\"\n\
         [store]\nurl = \"mysql://me:secret@host/db\"\n\
         [[providers]]\nname = \"a\"\nkind = \"openai\"\nbase_url = \"api.openai.com/v1\"\n\
         [[providers]]\nname = \"b\"\nkind = \"openai\"\nbase_url = \"https://me:secret@host/v1\"\n\
         [[providers]]\nname = \"c\"\nkind = \"openai-compatible\"\n",
    )
    .variable("OLLAMA_HOST", "not a host");

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:2: server.listen: "8080": must be an address with a port, for example 127.0.0.1:8080
    aibal.toml:4: alerts.webhook_url: "ftp://x/****": must be an http or https address, or empty
    aibal.toml:6: store.url: "mysql://****@host/db": must be sqlite:PATH, postgres://…, memory: or off
    aibal.toml:10: providers[a].base_url: "api.openai.com/v1": must be an http or https address without user, query or fragment, for example https://api.openai.com/v1
    aibal.toml:14: providers[b].base_url: "https://****@host/v1": must be an http or https address without user, query or fragment, for example https://api.openai.com/v1
    aibal.toml:17: providers[c].base_url: missing, but must be given for kind "openai-compatible"
    env OLLAMA_HOST: providers[ollama].base_url: "not a host": must be a host with or without http:// and port, for example 127.0.0.1:11434
    "#);
}

#[test]
fn routes_to_targets_that_do_not_exist() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"openai\"\nkind = \"openai\"\nmodels = [{ id = \"gpt-4o\" }]\n\
         [[routes]]\nmodel = \"smart\"\n\
         targets = [\"opnai/gpt-4o\", \"openai/gpt-40\", \"gpt-4o\", \"zzz/x\"]\n\
         [[routes]]\nmodel = \"auto:chat\"\ntargets = [\"openai/gpt-4o\"]\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:7: routes[smart].targets: "opnai/gpt-4o": there is no provider "opnai"; did you mean openai?
    aibal.toml:7: routes[smart].targets: "openai/gpt-40": openai has no model "gpt-40"; did you mean gpt-4o?
    aibal.toml:7: routes[smart].targets: "gpt-4o": must be provider/model
    aibal.toml:7: routes[smart].targets: "zzz/x": there is no provider "zzz"; known: openai
    aibal.toml:9: routes[auto:chat].model: "auto:chat": is reserved: the balancer selects among all models for it
    "#);
}

#[test]
fn tables_without_required_keys() {
    let workspace = Workspace::with_file(
        "[[providers]]\nkind = \"openai\"\n[[providers]]\nname = \"b\"\n[[providers.models]]\n\
         types = [\"chat\"]\n[[routes]]\nmodel = \"\"\n[[auth.tokens]]\nsha256 = \"12\"\n\
         [[providers]]\nname = \"v\"\nkind = \"vertex\"\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:1: providers[#1].name: missing, but must be given
    aibal.toml:3: providers[b].kind: missing, but must be given
    aibal.toml:5: providers[b].models[#1].id: missing, but must be given
    aibal.toml:7: routes[#1].targets: missing, but must be given
    aibal.toml:8: routes[#1].model: "": must be text in quotation marks, and not empty
    aibal.toml:9: auth.tokens[#1].name: missing, but must be given
    aibal.toml:9: auth.tokens[#1].role: missing, but must be given
    aibal.toml:10: auth.tokens[#1].sha256: ****: must be the SHA-256 of the token: 64 hexadecimal digits
    aibal.toml:13: providers[v].project: missing, but must be given for kind "vertex"; GOOGLE_CLOUD_PROJECT also names it
    "#);
}

#[test]
fn toml_that_cannot_be_read() {
    let workspace =
        Workspace::with_file("[server]\nlisten = \"127.0.0.1:1\"\n\napi_key = sk-secret\n")
            .home_file("[cache]\nenabled = true\nenabled = false\n");

    assert_snapshot!(workspace.errors(), @"
    /home/.config/aibal-tui/config.toml:3: not valid TOML: duplicate key
    aibal.toml:4: not valid TOML: string values must be quoted, expected literal string
    ");
}

#[test]
fn a_key_pasted_where_a_variable_is_named() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key_env = \"sk-secret\"\n\
         [[providers]]\nname = \"b\"\nkind = \"openai\"\napi_key_env = \"B_KEY\"\napi_key = \"env:C\"\n\
         project = \"p\"\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:4: providers[a].api_key_env: ****: must be the name of an environment variable, not the key itself
    aibal.toml:8: providers[b].api_key_env: is given together with api_key, but only one of the two may be given
    aibal.toml:10: providers[b].project: must not be given unless kind is "vertex"
    "#);
}

#[test]
fn an_open_address_without_tokens() {
    // A store that lasts may hold a token.
    let workspace = Workspace::with_file("[server]\nlisten = \"0.0.0.0:8080\"\n");
    assert!(workspace.loaded().needs_stored_token.is_some());
    let nothing_stored = "[server]\nlisten = \"0.0.0.0:8080\"\n[store]\nurl = \"off\"\n";
    let workspace = Workspace::with_file(nothing_stored);

    assert_snapshot!(workspace.errors(), @r#"aibal.toml:2: server.listen: "0.0.0.0:8080": must be a loopback address while there is no token: any client that reaches it could spend your keys; add [[auth.tokens]], or run `aibal-tui tokens create NAME --offline`"#);

    let token = format!(
        "[[auth.tokens]]\nname = \"t\"\nsha256 = \"{}\"\nrole = \"client\"\n",
        "0f".repeat(32)
    );
    let workspace = Workspace::with_file(&format!("[server]\nlisten = \"0.0.0.0:8080\"\n{token}"));
    assert_eq!(workspace.loaded().settings.tokens[0].sha256, [0x0f; 32]);
}

#[test]
fn invalid_variables() {
    let workspace = Workspace::new()
        .file(".env", "A=1\nLOAD_BALANCER_MAX_RETRIES=many\nsk-secret\n")
        .variable("LOAD_BALANCER_WEIGHT_COST", "abc")
        .variable("AIBAL__BALANCING__WEIGTHS__COST", "1")
        .variable("AIBAL__SERVER__LISTN", "1")
        .variable("AIBAL__ROUTES", "x")
        .variable("AIBAL__PROVIDERS__OPENAI__PRIORITY", "5")
        .variable("AIBAL__PROVIDERS__OPENAI__PRIO", "5")
        .variable("AIBAL__CACHE__ENABLED", "maybe");

    assert_snapshot!(workspace.errors(), @r#"
    .env:2 LOAD_BALANCER_MAX_RETRIES: balancing.max_retries: "many": must be a whole number from 0 to 20
    env AIBAL__BALANCING__WEIGTHS__COST: balancing.weigths.cost: unknown key; did you mean balancing.weights.cost or balancing.weights.load or balancing.weights.priority?
    env AIBAL__CACHE__ENABLED: cache.enabled: "maybe": must be true or false
    env AIBAL__PROVIDERS__OPENAI__PRIO: providers[openai].prio: unknown key; did you mean priority or project?
    env AIBAL__PROVIDERS__OPENAI__PRIORITY: providers[openai].priority: there is no provider of that name; known: none
    env AIBAL__ROUTES: routes: is a list of tables, which only a file can hold
    env AIBAL__SERVER__LISTN: server.listn: unknown key; did you mean listen?
    env LOAD_BALANCER_WEIGHT_COST: balancing.weights.cost: "abc": must be a number from 0 to 100
    "#);
}

#[test]
fn a_named_file_that_does_not_exist_and_an_invalid_flag() {
    let mut workspace = Workspace::new();
    workspace.sources.config_flag = Some("missing.toml".into());
    workspace.sources.flags.listen = Some("everywhere".to_owned());

    assert_snapshot!(workspace.errors(), @r#"
    missing.toml: there is no such file
    flag --listen: server.listen: "everywhere": must be an address with a port, for example 127.0.0.1:8080
    "#);
}

/// Random files made of pieces that are often valid.
fn toml_ish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z_.]{1,8}".prop_map(|name| format!("[{name}]\n")),
        "(server|balancing|balancing.weights|probe|store|dashboard.keys|auth)"
            .prop_map(|name| format!("[{name}]\n")),
        "(providers|routes|auth.tokens|providers.models)".prop_map(|name| format!("[[{name}]]\n")),
        "(name|kind|model|id|cost|listen|targets|types|models|\"a\\.b\"|\"providers\\[\\]\\.name\"|weights)",
        "( = |=)(1|-5|1e40|nan|\"x\"|\"openai\"|\"vertex\"|\"a/b\"|\"auto\"|\\[\\]|\\[\"x\"\\]|\\{\\}|true)\n",
        ".{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics(
        file in toml_ish(),
        dot_env in "(([A-Z_]{1,6}|AIBAL__SERVER__[A-Z]{1,4})=.{0,8}\n){0,4}",
        name in "AIBAL__[A-Z_]{0,12}",
        value in ".{0,8}",
    ) {
        let workspace = Workspace::with_file(&file).file(".env", &dot_env).variable(&name, &value);

        if let Err(errors) = workspace.load() {
            prop_assert!(!errors.0.is_empty());
        }
    }
}

#[test]
fn shares_and_order_of_a_route_that_do_not_fit() {
    let route = |settings: &str| {
        format!(
            "[[providers]]\nname = \"a\"\nkind = \"ollama\"\nmodels = [{{ id = \"m\" }}, {{ id = \"n\" }}]\n\
             [[routes]]\nmodel = \"r\"\ntargets = [\"a/m\", \"a/n\"]\n{settings}\n"
        )
    };
    for (settings, error) in [
        (
            "weights = [90]",
            "aibal.toml:8: routes[r].weights: [90]: must have one number for each of the 2 targets",
        ),
        (
            "weights = [0, 0]",
            "aibal.toml:8: routes[r].weights: [0, 0]: must have a number above 0",
        ),
        (
            "weights = [90, 10.5]",
            "aibal.toml:8: routes[r].weights: [90, 10.5]: must be a list of whole numbers from 0 to 1000, for example [90, 10]",
        ),
        (
            "order = \"weighted\"",
            "aibal.toml:8: routes[r].order: \"weighted\": needs weights, one whole number for each target, such as [90, 10]",
        ),
        (
            "order = \"strict\"\nweights = [90, 10]",
            "aibal.toml:9: routes[r].weights: [90, 10]: has an effect with order = \"weighted\" only; remove one of them",
        ),
        (
            "order = \"first\"",
            "aibal.toml:8: routes[r].order: \"first\": must be one of balanced, strict, weighted",
        ),
    ] {
        let workspace = Workspace::with_file(&route(settings));
        assert_eq!(workspace.errors().trim_end(), error);
    }
}
