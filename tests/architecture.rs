//! The walls: who may import whom, what the rules may not touch, and how long things may get.
//!
//! Each rule is a function from one file to sentences, so that a snippet can prove that it still
//! bites (`architecture/proofs.rs`). A room is a top-level module of `src`.

#[path = "architecture/proofs.rs"]
mod proofs;
#[path = "architecture/source.rs"]
mod source;

use source::Source;

/// Every room and the rooms it may import, lowest first: a row names only rows above it, which is
/// what makes circles impossible. Test modules inside a room obey it too; a test that needs more
/// rooms belongs in `tests/`.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("secrets", &[]),
    ("access", &[]),
    ("logs", &[]),
    ("config", &["domain", "secrets"]),
    ("protocols", &["domain", "secrets"]),
    ("contract", &["domain"]),
    ("engine", &["domain", "clock"]),
    ("client", &["contract", "engine", "domain", "clock", "logs"]),
    ("probe", &["domain", "clock", "protocols", "engine"]),
    (
        "gateway",
        &["domain", "clock", "protocols", "engine", "access"],
    ),
    (
        "api",
        &["contract", "client", "domain", "engine", "clock", "access"],
    ),
    ("tui", &["contract", "client", "logs"]),
    ("demo", &[]),
    ("server", &["gateway", "api", "access"]),
    ("cli", &["config", "client", "contract", "demo", "logs"]),
    ("app", ALL_ABOVE),
    ("main", &["app", "cli"]),
    ("lib", &[]),
];

/// For the one room that wires all others.
const ALL_ABOVE: &[&str] = &["*"];

/// What `src/domain` may not name: words of the code, or paths of the standard library.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "rules do not wait"),
    ("serde", "wire shapes are their own types"),
    ("serde_json", "wire shapes are their own types"),
    ("reqwest", "rules do not talk"),
    ("axum", "rules do not listen"),
    ("http", "rules do not know how they are asked"),
    ("tracing", "the caller logs, with the answer in hand"),
    ("rand", "a draw is an argument"),
    ("Instant", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("println", "the dashboard owns the terminal"),
    ("eprintln", "the dashboard owns the terminal"),
    ("print", "the dashboard owns the terminal"),
    ("dbg", "the dashboard owns the terminal"),
    ("std::fs", "rules touch no files"),
    ("std::net", "rules do not talk"),
    ("std::io", "rules neither read nor write"),
    ("std::env", "settings are arguments"),
    ("std::process", "rules start nothing"),
    ("std::thread", "rules start nothing and never block"),
];

/// The words that select a protocol, as the configuration spells them.
const PROTOCOLS: &[&str] = &["openai", "anthropic", "gemini", "vertex", "ollama", "xai"];

/// Where a string may name a protocol, and why.
const PROTOCOL_ROOMS: &[(&str, &str)] = &[
    ("src/protocols/", "speaks them"),
    ("src/demo/", "imitates them, on the vendors' own paths"),
    ("src/config/", "knows the vendors' presets and variables"),
];

/// Where a string may hold a path below `/v1/`, besides [`PROTOCOL_ROOMS`], and why.
const VERSIONED_PATH_ROOMS: &[(&str, &str)] = &[
    ("src/gateway/", "serves these paths to clients"),
    ("src/server", "mounts the gateway and mends doubled paths"),
    (
        "src/app/running.rs",
        "says where the door is, to people and to the demo's traffic",
    ),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "imp", "misc",
];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Every folder that holds our Rust code.
const FOLDERS: &[&str] = &["src", "tests", "benches"];

#[test]
fn layers_form_no_circle() {
    report(&disorder(LAYERS));
}

#[test]
fn imports_follow_the_layers() {
    report(&each(&["src"], forbidden_imports));
}

#[test]
fn every_module_has_its_layer() {
    report(&each(&["src"], missing_layer));
}

#[test]
fn domain_is_pure() {
    report(&each(&["src/domain"], impurities));
}

#[test]
fn files_stay_short() {
    report(&each(FOLDERS, overlong_file));
}

#[test]
fn functions_stay_short() {
    report(&each(FOLDERS, overlong_functions));
}

#[test]
fn a_protocol_is_named_only_in_its_own_room() {
    report(&each(&["src"], strays));
}

#[test]
fn files_are_named_by_a_noun_of_the_domain() {
    report(&each(FOLDERS, empty_name));
}

#[test]
fn every_queue_has_a_limit() {
    report(&each(FOLDERS, unlimited_queues));
}

fn each(folders: &[&str], rule: fn(&Source) -> Vec<String>) -> Vec<String> {
    Source::read_all(folders).iter().flat_map(rule).collect()
}

fn report(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "\n\n{}\n", mistakes.join("\n"));
}

/// Rows that name themselves, a row below them, or nothing that exists.
fn disorder(layers: &[(&str, &[&str])]) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (row, (room, allowed)) in layers.iter().enumerate() {
        let is_above = |name: &str| layers[..row].iter().any(|(above, _)| *above == name);
        if is_above(room) {
            mistakes.push(format!(
                "tests/architecture.rs: LAYERS has two rows for `{room}`; make them one."
            ));
        }
        for name in allowed
            .iter()
            .filter(|name| **name != "*" && !is_above(name))
        {
            mistakes.push(format!(
                "tests/architecture.rs: LAYERS lets `{room}` import `{name}`, which has no row \
                 above it; reorder the rows, and where that is impossible this is a circle: move \
                 what both need into a lower room."
            ));
        }
    }
    mistakes
}

fn may_import(room: &str, other: &str) -> bool {
    let row_of = |name: &str| LAYERS.iter().position(|(row, _)| *row == name);
    let (Some(row), Some(other_row)) = (row_of(room), row_of(other)) else {
        return false;
    };
    let allowed = LAYERS[row].1;
    room == other || allowed.contains(&other) || (allowed == ALL_ABOVE && other_row < row)
}

fn forbidden_imports(source: &Source) -> Vec<String> {
    let mut mistakes = Vec::new();
    let room = source.room();
    for (at, path) in source.paths(&["crate", "aibal_tui"]) {
        let Some(other) = path.get(1).filter(|other| !may_import(room, other)) else {
            continue;
        };
        let allowed = LAYERS.iter().find(|(name, _)| *name == room);
        let allowed = allowed.map_or(String::new(), |(_, rooms)| rooms.join(", "));
        let allowed = if allowed.is_empty() {
            "nothing"
        } else {
            &allowed
        };
        mistakes.push(format!(
            "{}: `{room}` may not name `crate::{other}` (it may import: {allowed}); pass the \
             value in, move the shared part to a lower room, or change LAYERS knowingly.",
            source.place(at)
        ));
    }
    for (at, path) in source.paths(&["super", "self"]) {
        let ups = path.iter().filter(|segment| *segment == "super").count();
        let is_root = matches!(room, "lib" | "main");
        if !is_root && ups > 0 && ups >= source.module_at(at).len() {
            mistakes.push(format!(
                "{}: `{}` leaves the room `{room}` by `super`; write `crate::room::…`, so that \
                 the crossing can be seen.",
                source.place(at),
                path.join("::")
            ));
        }
    }
    mistakes
}

fn missing_layer(source: &Source) -> Vec<String> {
    let room = source.room();
    if LAYERS.iter().any(|(name, _)| *name == room) {
        return Vec::new();
    }
    vec![format!(
        "{}: the module `{room}` has no row in LAYERS of tests/architecture.rs; add one that says \
         what it may import.",
        source.place(0)
    )]
}

fn impurities(source: &Source) -> Vec<String> {
    let mut mistakes = Vec::new();
    let paths = source.paths(&["std", "core"]);
    for (forbidden, reason) in IMPURE {
        let places: Vec<usize> = match forbidden.split_once("::") {
            None => source.words(forbidden),
            Some((_, module)) => {
                let hits = paths
                    .iter()
                    .filter(|(_, path)| path.get(1).is_some_and(|m| m == module));
                hits.map(|(at, _)| *at).collect()
            }
        };
        for at in places {
            mistakes.push(format!(
                "{}: the domain names `{forbidden}`, but {reason}; let the caller do it and pass \
                 the value in.",
                source.place(at)
            ));
        }
    }
    mistakes
}

fn overlong_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![format!(
        "{}:{lines}: the file has {lines} lines, at most {FILE_LINES_MAX} are allowed; split it \
         by the nouns in it.",
        source.path
    )]
}

fn overlong_functions(source: &Source) -> Vec<String> {
    let functions = source.functions().into_iter();
    let overlong = functions.filter(|function| function.lines > FUNCTION_LINES_MAX);
    let sentence = |function: source::Function| {
        format!(
            "{}:{}: `{}` has {} lines, at most {FUNCTION_LINES_MAX} are allowed; look for the \
             noun that wants to be a function of its own.",
            source.path, function.line, function.name, function.lines
        )
    };
    overlong.map(sentence).collect()
}

fn strays(source: &Source) -> Vec<String> {
    let is_in =
        |rooms: &[(&str, &str)]| rooms.iter().any(|(room, _)| source.path.starts_with(room));
    if is_in(PROTOCOL_ROOMS) {
        return Vec::new();
    }
    let mut mistakes = Vec::new();
    for (at, text) in source.literals().filter(|(at, _)| !source.is_test_at(*at)) {
        if let Some(protocol) = PROTOCOLS.iter().find(|protocol| names(text, protocol)) {
            mistakes.push(format!(
                "{}: the string {text:?} names the protocol `{protocol}` outside its room; ask \
                 the protocol or the configuration for the word, or add a row with a reason to \
                 PROTOCOL_ROOMS.",
                source.place(at)
            ));
        }
        let is_versioned = text.contains("/v1/") || text.ends_with("/v1");
        if is_versioned && !is_in(VERSIONED_PATH_ROOMS) {
            mistakes.push(format!(
                "{}: the string {text:?} holds a path of a protocol; let the protocol build it, \
                 or add a row with a reason to VERSIONED_PATH_ROOMS.",
                source.place(at)
            ));
        }
    }
    mistakes
}

/// Whether a text names a protocol as a word, as configurations (`openai`) or variables
/// (`OPENAI_API_KEY`) spell it. The vendor's name in a sentence (`OpenAI`) is prose.
fn names(text: &str, protocol: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == protocol || word == protocol.to_ascii_uppercase())
}

fn empty_name(source: &Source) -> Vec<String> {
    let mut parts = source.path.trim_end_matches(".rs").split('/');
    let Some(name) = parts.find(|part| EMPTY_NAMES.contains(part)) else {
        return Vec::new();
    };
    vec![format!(
        "{}: `{name}` does not say what is inside; name it by a noun of the domain.",
        source.place(0)
    )]
}

fn unlimited_queues(source: &Source) -> Vec<String> {
    let sentence = |at: usize| {
        format!(
            "{}: a queue without a limit hides overload; choose a capacity, and count what is \
             dropped when it is full.",
            source.place(at)
        )
    };
    let unlimited = ["unbounded_channel", "UnboundedSender", "UnboundedReceiver"];
    let places = unlimited.iter().flat_map(|word| source.words(word));
    places.map(sentence).collect()
}
