//! Proofs for the rules about names and words, and for the figures.

use super::figures::figures;
use super::proofs::source;
use super::retired_names::{RETIRED_NAMES, retired_names, use_of_names, vague_prose};
use super::source::Source;
use super::type_names::{duplicate_type_names, types};

fn pair(one: (&str, &str), other: (&str, &str)) -> Vec<Source> {
    vec![source(one.0, one.1), source(other.0, other.1)]
}

#[test]
fn a_name_of_two_public_types_is_caught() {
    let of = |one, other| duplicate_type_names(&pair(one, other));
    let engine = ("src/engine/a.rs", "\npub struct Thing;");
    let violations = of(engine, ("src/tui/b.rs", "pub(super) enum Thing {}"));
    assert_eq!(violations.len(), 1);
    assert!(violations[0].starts_with("src/engine/a.rs:2: "));
    assert!(violations[0].contains("src/tui/b.rs:1"));
    assert_eq!(
        of(engine, ("src/tui/b.rs", "pub type Thing = u8;")).len(),
        1
    );
    assert_eq!(
        of(engine, ("src/tui/b.rs", "mod c { pub trait Thing {} }")).len(),
        1
    );
    assert_eq!(
        of(engine, ("src/contract/b.rs", "pub struct Thing;")).len(),
        1
    );

    assert!(of(engine, ("src/tui/b.rs", "struct Thing;")).is_empty());
    assert!(
        of(
            engine,
            ("src/tui/b.rs", "impl A for B { type Thing = u8; }")
        )
        .is_empty()
    );
    assert!(
        of(
            engine,
            ("src/tui/b.rs", "#[cfg(test)] mod t { pub struct Thing; }")
        )
        .is_empty()
    );
    assert!(
        of(
            engine,
            ("src/tui/b.rs", "pub fn Thing() {} // pub struct Thing;")
        )
        .is_empty()
    );
    assert!(of(engine, ("src/config/file.rs", "pub struct Thing;")).is_empty());
    let mirror = ("src/contract/b.rs", "pub struct Thing;");
    assert!(of(("src/domain/a.rs", "pub struct Thing;"), mirror).is_empty());
    let shape = "pub struct ThingShape;";
    assert!(of(("src/protocols/a.rs", shape), ("src/protocols/b.rs", shape)).is_empty());
}

#[test]
fn a_retired_name_is_caught() {
    let retired = [("Crowd", "InFlightLimiter"), ("purse", "period_budget")];
    let of = |text| use_of_names(&source("src/domain/a.rs", text), &retired);
    assert_eq!(
        of("\nstruct Crowd;"),
        ["src/domain/a.rs:2: write `InFlightLimiter` instead of `Crowd`."]
    );
    assert_eq!(of("fn a() { b::purse::c(); }").len(), 1);
    assert_eq!(
        of("/// See [`Crowd`] or `a::Crowd::b`.\nfn a() {}").len(),
        2
    );
    assert_eq!(of("// `é` and `Crowd`").len(), 1);

    assert!(of("struct Crowds; fn crowd() {}").is_empty());
    assert!(of("// Crowd, `b` Crowd").is_empty());
    assert!(of("const A: &str = \"Crowd\";").is_empty());
    assert!(retired_names(&source("tests/architecture/a.rs", "struct Payer;")).is_empty());
}

#[test]
fn the_retired_names_are_sorted_and_replaced_by_others() {
    assert!(RETIRED_NAMES.is_sorted_by(|(one, _), (other, _)| one < other));
    for (old, new) in RETIRED_NAMES {
        let mut words = new.split(['`', ' ']);
        assert!(
            !words.any(|word| RETIRED_NAMES.iter().any(|(name, _)| *name == word)),
            "{old}"
        );
    }
}

#[test]
fn a_vague_word_is_caught_in_prose_only() {
    let of = |text| vague_prose(&source("src/tui/a.rs", text)).len();
    assert_eq!(of("// Whoever asks"), 1);
    assert_eq!(of("/// For whom\nfn a() { b(\"nobody\"); }"), 2);
    assert_eq!(of("fn nobody() {} // everybody"), 0);
}

#[test]
fn types_and_figures_are_counted() {
    let text = "/// A.\n#[derive(\n    Debug,\n)]\npub struct A;\npub(crate) enum B {}\nunion C { a: u8 }\n\
                pub const fn union(a: A) { a.union(b); type D = u8; }\ntrait E { type F; }";
    let sources = [source("src/a.rs", text)];
    let names: Vec<&str> = types(&sources).iter().map(|one| one.name).collect();
    assert_eq!(names, ["A", "B", "C", "D", "E"]);
    let figures = figures(&sources);
    assert!(figures.contains("types: 5, distinct names: 5"));
    assert!(
        figures.contains("public items: 2, with a doc comment: 1 (50 %)"),
        "{figures}"
    );
}
