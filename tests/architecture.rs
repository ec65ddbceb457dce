//! The boundaries of the crate: which module may import which, what `domain` may not use, how long
//! files and functions may be, and which names are allowed.
//!
//! Each rule is a function from sources to sentences. A snippet proves that the rule still finds
//! what it forbids (`architecture/proofs.rs` and its neighbours). "Module" means a top-level module
//! of `src` unless a rule says otherwise.
//!
//! A file may have 500 lines where that is the more honest shape; a function may have 70.
//!
//! Some rules hold a count or a list of the cases that remain. These only shrink: a test fails when
//! there are more, and also when there are fewer, and then says which number to lower. The ignored
//! tests `print_cycles`, `print_duplicate_names`, `print_retired_names` and `print_figures` print
//! what the rules see: `cargo test --test architecture -- --ignored --nocapture print_cycles`.
//! The environment variable `SOURCE_ROOT` lets them read another checkout.

#[path = "architecture/cycle_proofs.rs"]
mod cycle_proofs;
#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/document_proofs.rs"]
mod document_proofs;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/figures.rs"]
mod figures;
#[path = "architecture/items.rs"]
mod items;
#[path = "architecture/name_proofs.rs"]
mod name_proofs;
#[path = "architecture/proofs.rs"]
mod proofs;
#[path = "architecture/resolution.rs"]
mod resolution;
#[path = "architecture/retired_names.rs"]
mod retired_names;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/type_names.rs"]
mod type_names;

use documents::Document;
use source::Source;

/// Every module and the modules it may import, lowest first. A row names only rows above it, so
/// modules cannot form cycles. Test modules inside a module obey it too; a test that needs more
/// modules belongs in `tests/`.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("secrets", &[]),
    ("foreign", &[]),
    ("logs", &["foreign"]),
    ("config", &["domain", "secrets"]),
    ("import", &["config"]),
    ("protocols", &["domain", "secrets", "foreign"]),
    ("contract", &["domain"]),
    ("access", &["domain", "contract", "clock"]),
    ("store", &["domain", "clock", "secrets"]),
    ("engine", &["domain", "clock", "store"]),
    (
        "client",
        &[
            "contract", "store", "engine", "domain", "clock", "logs", "foreign", "secrets",
        ],
    ),
    (
        "probe",
        &["domain", "clock", "protocols", "engine", "foreign"],
    ),
    ("telemetry", &["domain", "clock", "protocols", "engine"]),
    (
        "gateway",
        &[
            "domain",
            "clock",
            "protocols",
            "engine",
            "access",
            "foreign",
            "telemetry",
        ],
    ),
    (
        "api",
        &[
            "contract",
            "client",
            "domain",
            "engine",
            "clock",
            "access",
            "store",
            "telemetry",
        ],
    ),
    (
        "webhooks",
        &[
            "domain", "clock", "secrets", "contract", "engine", "foreign",
        ],
    ),
    ("tui", &["contract", "client", "logs", "foreign"]),
    ("demo", &[]),
    ("server", &["gateway", "api", "access", "contract"]),
    (
        "cli",
        &["config", "client", "contract", "demo", "logs", "foreign"],
    ),
    ("app", ALL_ABOVE),
    ("main", &["app", "cli"]),
    ("lib", &[]),
];

/// For the one module that wires all others.
const ALL_ABOVE: &[&str] = &["*"];

/// What `src/domain` may not name: words of the code, or paths of the standard library.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "rules do not block"),
    ("serde", "wire shapes are their own types"),
    ("serde_json", "wire shapes are their own types"),
    ("reqwest", "rules do no network I/O"),
    ("axum", "rules serve no requests"),
    ("http", "rules do not know the transport"),
    ("tracing", "the caller logs the result"),
    ("rand", "a random number is an argument"),
    ("Instant", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("println", "the dashboard owns the terminal"),
    ("eprintln", "the dashboard owns the terminal"),
    ("print", "the dashboard owns the terminal"),
    ("dbg", "the dashboard owns the terminal"),
    ("std::fs", "rules touch no files"),
    ("std::net", "rules do no network I/O"),
    ("std::io", "rules do no I/O"),
    ("std::env", "settings are arguments"),
    ("std::process", "rules start no processes"),
    ("std::thread", "rules start no threads and never block"),
];

/// The words that select a protocol, as the configuration spells them.
const PROTOCOLS: &[&str] = &["openai", "anthropic", "gemini", "vertex", "ollama", "xai"];

/// Where a string may name a protocol, and why.
const PROTOCOL_PATHS: &[(&str, &str)] = &[
    ("src/protocols/", "implements them"),
    ("src/demo/", "simulates them, on the vendors' own paths"),
    ("src/config/", "knows the vendors' presets and variables"),
    (
        "src/import/",
        "knows how another gateway's configuration names vendors",
    ),
];

/// Where a string may hold a path below `/v1/`, besides [`PROTOCOL_PATHS`], and why.
const VERSIONED_PATHS: &[(&str, &str)] = &[
    ("src/gateway/", "serves these paths to clients"),
    (
        "src/server",
        "mounts the gateway and corrects doubled paths",
    ),
    (
        "src/telemetry/otlp/",
        "knows the paths of an OpenTelemetry collector, which are no model traffic",
    ),
    (
        "src/app/run.rs",
        "builds the address of the gateway, for the terminal and for the demo's traffic",
    ),
];

/// Names that do not describe their content.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "imp", "misc",
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Every folder that holds our Rust code.
const FOLDERS: &[&str] = &["src", "tests", "benches"];

#[test]
fn layers_form_no_cycle() {
    report(&unordered_layers(LAYERS));
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
fn a_protocol_is_named_only_in_its_own_module() {
    report(&each(&["src"], misplaced_protocols));
}

#[test]
fn files_are_named_by_a_noun_of_the_domain() {
    report(&each(FOLDERS, empty_name));
}

#[test]
fn every_queue_has_a_limit() {
    report(&each(FOLDERS, unlimited_queues));
}

#[test]
fn files_form_no_cycles() {
    let sources = Source::read_all(&["src"]);
    report(&cycles::file_cycles(&sources));
}

#[test]
fn a_public_type_name_stands_for_one_type() {
    let sources = Source::read_all(&["src"]);
    report(&type_names::duplicate_type_names(&sources));
    report(&type_names::stale_reasons(&sources));
}

#[test]
fn retired_names_are_gone() {
    report(&each(FOLDERS, retired_names::retired_names));
}

#[test]
fn the_readme_is_short() {
    report(&each_document(documents::overlong_readme));
}

#[test]
fn links_in_documents_exist() {
    report(&each_document(documents::broken_links));
}

#[test]
fn source_files_named_in_documents_exist() {
    report(&each_document(documents::missing_source_files));
}

#[test]
fn documents_name_their_subjects() {
    report(&each_document(documents::vague_prose));
}

#[test]
fn prose_names_its_subjects() {
    report(&each(FOLDERS, retired_names::vague_prose));
}

#[test]
#[ignore = "prints; run with --ignored --nocapture, MODULE=tui narrows it"]
fn print_cycles() {
    let module = std::env::var("MODULE").ok();
    let sources = printed_sources(&["src"]);
    println!("{}", cycles::cycle_report(&sources, module.as_deref()));
}

#[test]
#[ignore = "prints; run with --ignored --nocapture"]
fn print_figures() {
    println!("{}", figures::figures(&printed_sources(&["src"])));
}

/// What the printing tests read: this package, or the one at `SOURCE_ROOT`.
fn printed_sources(folders: &[&str]) -> Vec<Source> {
    match std::env::var_os("SOURCE_ROOT") {
        Some(root) => Source::read_below(std::path::Path::new(&root), folders),
        None => Source::read_all(folders),
    }
}

fn each(folders: &[&str], rule: fn(&Source) -> Vec<String>) -> Vec<String> {
    Source::read_all(folders).iter().flat_map(rule).collect()
}

fn each_document(rule: fn(&Document) -> Vec<String>) -> Vec<String> {
    Document::read_all().iter().flat_map(rule).collect()
}

fn report(violations: &[String]) {
    assert!(violations.is_empty(), "\n\n{}\n", violations.join("\n"));
}

/// Rows that name themselves, a row below them, or nothing that exists.
fn unordered_layers(layers: &[(&str, &[&str])]) -> Vec<String> {
    let mut violations = Vec::new();
    for (row, (module, allowed)) in layers.iter().enumerate() {
        let is_above = |name: &str| layers[..row].iter().any(|(above, _)| *above == name);
        if is_above(module) {
            violations.push(format!(
                "tests/architecture.rs: LAYERS has two rows for `{module}`; make them one."
            ));
        }
        for name in allowed
            .iter()
            .filter(|name| **name != "*" && !is_above(name))
        {
            violations.push(format!(
                "tests/architecture.rs: LAYERS lets `{module}` import `{name}`, which has no row \
                 above it; reorder the rows, and where that is impossible this is a cycle: move \
                 what both need into a lower module."
            ));
        }
    }
    violations
}

fn may_import(module: &str, other: &str) -> bool {
    let row_of = |name: &str| LAYERS.iter().position(|(row, _)| *row == name);
    let (Some(row), Some(other_row)) = (row_of(module), row_of(other)) else {
        return false;
    };
    let allowed = LAYERS[row].1;
    module == other || allowed.contains(&other) || (allowed == ALL_ABOVE && other_row < row)
}

fn forbidden_imports(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    let module = source.module();
    for (at, path) in source.paths(&["crate", "aibal_tui"]) {
        let Some(other) = path.get(1).filter(|other| !may_import(module, other)) else {
            continue;
        };
        let allowed = LAYERS.iter().find(|(name, _)| *name == module);
        let allowed = allowed.map_or(String::new(), |(_, modules)| modules.join(", "));
        let allowed = if allowed.is_empty() {
            "nothing"
        } else {
            &allowed
        };
        violations.push(format!(
            "{}: `{module}` may not name `crate::{other}` (it may import: {allowed}); pass the \
             value in, move the shared part to a lower module, or change LAYERS knowingly.",
            source.place(at)
        ));
    }
    for (at, path) in source.paths(&["super", "self"]) {
        let ups = path.iter().filter(|segment| *segment == "super").count();
        let is_root = matches!(module, "lib" | "main");
        if !is_root && ups > 0 && ups >= source.module_at(at).len() {
            violations.push(format!(
                "{}: `{}` leaves the module `{module}` by `super`; write `crate::module::…`, so that \
                 the crossing can be seen.",
                source.place(at),
                path.join("::")
            ));
        }
    }
    violations
}

fn missing_layer(source: &Source) -> Vec<String> {
    let module = source.module();
    if LAYERS.iter().any(|(name, _)| *name == module) {
        return Vec::new();
    }
    vec![format!(
        "{}: the module `{module}` has no row in LAYERS of tests/architecture.rs; add one that says \
         what it may import.",
        source.place(0)
    )]
}

fn impurities(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
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
            violations.push(format!(
                "{}: the domain names `{forbidden}`, but {reason}; let the caller do it and pass \
                 the value in.",
                source.place(at)
            ));
        }
    }
    violations
}

fn overlong_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![format!(
        "{}:{lines}: the file has {lines} lines, at most {FILE_LINES_MAX} are allowed; split it \
         by concept. A file may have {FILE_LINES_MAX} lines where that is the more honest shape.",
        source.path
    )]
}

fn overlong_functions(source: &Source) -> Vec<String> {
    let functions = source.functions().into_iter();
    let overlong = functions.filter(|function| function.lines > FUNCTION_LINES_MAX);
    let sentence = |function: source::Function| {
        format!(
            "{}:{}: `{}` has {} lines, at most {FUNCTION_LINES_MAX} are allowed; move one \
             step of it into a function of its own.",
            source.path, function.line, function.name, function.lines
        )
    };
    overlong.map(sentence).collect()
}

fn misplaced_protocols(source: &Source) -> Vec<String> {
    let is_in =
        |paths: &[(&str, &str)]| paths.iter().any(|(path, _)| source.path.starts_with(path));
    if is_in(PROTOCOL_PATHS) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (at, text) in source.literals().filter(|(at, _)| !source.is_test_at(*at)) {
        if let Some(protocol) = PROTOCOLS.iter().find(|protocol| names(text, protocol)) {
            violations.push(format!(
                "{}: the string {text:?} names the protocol `{protocol}` outside its module; ask \
                 the protocol or the configuration for the word, or add a row with a reason to \
                 PROTOCOL_PATHS.",
                source.place(at)
            ));
        }
        let is_versioned = text.contains("/v1/") || text.ends_with("/v1");
        if is_versioned && !is_in(VERSIONED_PATHS) {
            violations.push(format!(
                "{}: the string {text:?} holds a path of a protocol; let the protocol build it, \
                 or add a row with a reason to VERSIONED_PATHS.",
                source.place(at)
            ));
        }
    }
    violations
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
        "{}: `{name}` does not describe the content; name the file by a noun of the domain.",
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
