//! A public type name stands for one type in the whole crate.

use std::collections::{BTreeMap, BTreeSet};

use super::items::{FileItems, Scope, TYPE_KEYWORDS, Visibility};
use super::source::Source;

/// Names that several types may share, with the reason.
pub const SHARED_TYPE_NAMES: &[(&str, &str)] = &[
    (
        "Candidate",
        "a target in selection; the word of Gemini's responses",
    ),
    (
        "Choice",
        "the word of OpenAI's responses, also for the neutral one",
    ),
    ("Decoder", "every protocol has one, named with its module"),
    (
        "Delta",
        "the word of OpenAI's streams, also for the neutral one",
    ),
    (
        "Effect",
        "the result of an update, in the rules and in the dashboard",
    ),
    ("Encoder", "every protocol has one, named with its module"),
    ("Event", "an event of the instance; an event of a stream"),
    ("Message", "the input of the dashboard; Anthropic's word"),
    (
        "PassThrough",
        "every client API has one, named with its module",
    ),
];

/// Files whose type names are fixed from outside, with the reason.
const FIXED_NAMES: &[(&str, &str)] = &[(
    "src/config/file.rs",
    "its names are the `$defs` of the published schema",
)];

/// The suffix of a vendor's wire shape below `src/protocols`; every protocol names its own.
const WIRE_SHAPE: &str = "Shape";

/// Two modules whose types mirror each other: a name may stand once in each of them.
const MIRRORS: (&str, &str) = ("domain", "contract");

/// One type: its name, the file and the line.
#[derive(Debug)]
pub struct TypeName<'a> {
    pub name: &'a str,
    pub source: &'a Source,
    pub line: usize,
    pub is_public: bool,
}

/// Every type of the code outside tests.
pub fn types(sources: &[Source]) -> Vec<TypeName<'_>> {
    let mut types = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test) {
        for item in FileItems::read(source).items {
            // A `type` in an `impl` or a `trait` belongs to the trait.
            if TYPE_KEYWORDS.contains(&item.keyword) && item.scope != Scope::Associated {
                types.push(TypeName {
                    name: item.name,
                    source,
                    line: item.line,
                    is_public: item.visibility != Visibility::Private,
                });
            }
        }
    }
    types
}

/// The types for each public name that stands in more than one file, fixed names left out.
fn shared<'a, 'b>(types: &'b [TypeName<'a>]) -> BTreeMap<&'a str, Vec<&'b TypeName<'a>>> {
    let mut by_name: BTreeMap<&str, Vec<&TypeName>> = BTreeMap::new();
    for one in types.iter().filter(|one| one.is_public) {
        let path = one.source.path.as_str();
        let is_fixed = FIXED_NAMES.iter().any(|(file, _)| *file == path);
        let is_wire_shape = path.starts_with("src/protocols/") && one.name.ends_with(WIRE_SHAPE);
        if !is_fixed && !is_wire_shape {
            by_name.entry(one.name).or_default().push(one);
        }
    }
    by_name.retain(|_, types| {
        let files: BTreeSet<&str> = types.iter().map(|one| one.source.path.as_str()).collect();
        files.len() > 1
    });
    by_name
}

/// The public names that stand in more than one file without a reason, with their places.
pub fn duplicates(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let types = types(sources);
    let has_reason = |name: &str| SHARED_TYPE_NAMES.iter().any(|(shared, _)| *shared == name);
    let mut duplicates = BTreeMap::new();
    for (name, types) in shared(&types) {
        if !has_reason(name) && !is_mirror(&types) {
            let place = |one: &&TypeName| format!("{}:{}", one.source.path, one.line);
            duplicates.insert(name.to_owned(), types.iter().map(place).collect());
        }
    }
    duplicates
}

fn is_mirror(types: &[&TypeName]) -> bool {
    let mut modules: Vec<&str> = types.iter().map(|one| one.source.module()).collect();
    modules.sort_unstable();
    let (one, other) = MIRRORS;
    modules == [other, one]
}

/// Names that several types share without a reason.
pub fn duplicate_type_names(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, places) in &duplicates(sources) {
        if let [first, others @ ..] = &places[..] {
            violations.push(format!(
                "{first}: the name `{name}` also stands for a type at {}; give each type a name of \
                 its own, or add the name with a reason to SHARED_TYPE_NAMES.",
                others.join(", ")
            ));
        }
    }
    violations
}

/// Reasons for names that no two types share any more.
pub fn stale_reasons(sources: &[Source]) -> Vec<String> {
    let types = types(sources);
    let shared = shared(&types);
    let names = SHARED_TYPE_NAMES.iter().map(|(name, _)| *name);
    let is_stale = |name: &&str| !shared.contains_key(name);
    let sentence = |name: &str| {
        format!(
            "tests/architecture/type_names.rs: no two public types share the name `{name}`; remove \
             it from SHARED_TYPE_NAMES."
        )
    };
    names.filter(is_stale).map(sentence).collect()
}
