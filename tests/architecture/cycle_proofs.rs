//! Proofs that the rule against cycles follows names to their definitions.

use super::cycles::{Graph, count, cycle_report, file_cycles, graphs};
use super::source::Source;

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    let source = |(path, text): &(&str, &str)| Source::new(path, text);
    files.iter().map(source).collect()
}

/// The edges of module `a` as `dependent -> definition: items`.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let graphs = graphs(&sources(files));
    let Some(graph) = graphs.get("a") else {
        return Vec::new();
    };
    let name = |file: usize| graph.files[file].trim_start_matches("src/a/").to_owned();
    let edges = graph.edges.iter();
    let sentence = |((from, to), items): (&(usize, usize), &super::cycles::Edge)| {
        let items: Vec<&str> = items.keys().map(String::as_str).collect();
        format!("{} -> {}: {}", name(*from), name(*to), items.join(" "))
    };
    edges.map(sentence).collect()
}

const PARENT: &str = "mod b;\nmod c;\npub use b::B;\npub use c::*;\npub struct Own;";
const B: &str = "pub struct B;\npub fn make() {}\npub enum Kind { One }";

/// What `src/a/c.rs` depends on when it holds a text.
fn of_c(text: &str) -> Vec<String> {
    edges(&[
        ("src/a/mod.rs", PARENT),
        ("src/a/b.rs", B),
        ("src/a/c.rs", text),
    ])
}

#[test]
fn a_dependency_is_found_in_every_form() {
    let on_b = |item: &str| vec![format!("c.rs -> b.rs: {item}")];
    assert_eq!(of_c("use super::b::B; fn f(_: B) {}"), on_b("B"));
    assert_eq!(of_c("use crate::a::{b::B as D}; fn f(_: D) {}"), on_b("B"));
    assert_eq!(of_c("use super::b; fn f() { b::make(); }"), on_b("make"));
    assert_eq!(
        of_c("use super::b::{self}; fn f() { b::Kind::One; }"),
        on_b("Kind")
    );
    assert_eq!(of_c("fn f() -> Vec<super::b::B> { vec![] }"), on_b("B"));
    assert_eq!(of_c("fn f() { use super::b::Kind::*; One; }"), on_b("Kind"));
    assert_eq!(
        of_c("mod d { use super::super::b::B; struct D(B); }"),
        on_b("B")
    );
    assert_eq!(of_c("use super::*; fn f(_: B) {}"), on_b("B"));
    assert_eq!(of_c("fn f(_: super::Own) {}"), ["c.rs -> mod.rs: Own"]);
}

#[test]
fn a_reexport_leads_to_the_definition() {
    assert_eq!(of_c("use super::B; fn f(_: B) {}"), ["c.rs -> b.rs: B"]);
    let through_glob = edges(&[
        ("src/a/mod.rs", "mod b; mod c; pub use c::*;"),
        ("src/a/b.rs", "use super::C; struct B(C);"),
        ("src/a/c.rs", "pub struct C;"),
    ]);
    assert_eq!(through_glob, ["b.rs -> c.rs: C"]);
    let passed_on = edges(&[
        ("src/a/mod.rs", "mod b; mod c; use c::C;"),
        ("src/a/b.rs", "use super::C; struct B(C);"),
        ("src/a/c.rs", "pub struct C;"),
    ]);
    assert_eq!(passed_on, ["b.rs -> c.rs: C"]);
}

#[test]
fn an_import_that_the_parent_uses_is_a_dependency() {
    let of_parent = |text| edges(&[("src/a.rs", text), ("src/a/b.rs", B)]);
    assert_eq!(of_parent("mod b; use b::B; struct A(B);").len(), 1);
    assert_eq!(of_parent("mod b; struct A(b::B);").len(), 1);
    assert_eq!(of_parent("mod b; pub use b::B; struct A(B);").len(), 1);
    assert_eq!(of_parent("mod b { pub trait T {} } use b::T;").len(), 0);

    assert!(of_parent("mod b; pub use b::{B, make};").is_empty());
    assert!(of_parent("mod b; pub(super) use b::*;").is_empty());

    let of_trait = |text| edges(&[("src/a.rs", text), ("src/a/b.rs", "pub trait T {}")]);
    assert_eq!(of_trait("mod b; use b::T as _;").len(), 1);
}

#[test]
fn what_is_no_dependency_passes() {
    assert!(of_c("#[cfg(test)]\nmod tests { use super::super::b::B; fn f(_: B) {} }").is_empty());
    assert!(of_c("// super::b::B\nconst C: &str = \"super::b::B\";").is_empty());
    assert!(of_c("use super::b;").is_empty());
    let variable = "use super::b::make; fn f() { let make = 1; make.g(); }";
    assert_eq!(of_c(variable), Vec::<String>::new());
    assert!(of_c("use other::b::B; fn f(b: B) { b.make(); }").is_empty());
    assert!(of_c("struct B; fn f<'make>(_: B) { let x = D { make: 1 }; }").is_empty());
    assert!(of_c("impl C { fn make() { Self::make(); } }").is_empty());
    assert!(of_c("pub(in crate::a) fn f() -> impl C + use<> {}").is_empty());
    let elsewhere = [
        ("src/a/c.rs", "use crate::d::D; struct C(D);"),
        ("src/d.rs", "struct D;"),
    ];
    assert!(edges(&elsewhere).is_empty());
}

#[test]
fn imports_that_name_each_other_end() {
    let text = "pub use super::b::*; pub use super::b::X; fn f(_: X, _: Y) {}";
    let other = "pub use super::c::*; pub use super::c::X;";
    let files = [
        ("src/a/mod.rs", "mod b; mod c;"),
        ("src/a/b.rs", other),
        ("src/a/c.rs", text),
    ];
    assert!(edges(&files).is_empty());
}

const TIED: &[(&str, &str)] = &[
    ("src/a/mod.rs", "mod b; mod c; mod d;"),
    ("src/a/b.rs", "use super::c::C;\npub struct B(C);"),
    ("src/a/c.rs", "pub struct C;\nfn f(_: super::d::D) {}"),
    ("src/a/d.rs", "pub struct D;\nfn f(_: super::b::B) {}"),
];

#[test]
fn a_cycle_is_caught_and_described() {
    let sources = sources(TIED);
    let violations = file_cycles(&sources);
    assert_eq!(violations.len(), 1);
    let lines: Vec<&str> = violations[0].lines().skip(2).map(str::trim).collect();
    let expected = [
        "src/a/b.rs:1: names `C` of src/a/c.rs",
        "src/a/c.rs:2: names `D` of src/a/d.rs",
        "src/a/d.rs:2: names `B` of src/a/b.rs",
    ];
    assert_eq!(lines, expected);
    assert!(cycle_report(&sources, Some("a")).contains("b.rs -> src/a/c.rs: C (1,2)"));
    assert!(cycle_report(&sources, Some("z")).is_empty());
    assert!(file_cycles(&sources[..3]).is_empty());
}

#[test]
fn a_plan_ends_the_cycle() {
    let graphs = graphs(&sources(TIED));
    let graph: &Graph = &graphs["a"];
    let cycles = graph.cycles();
    assert_eq!(count(&cycles), 3);
    let plan = graph.plan(&cycles[0]);
    assert_eq!(plan.len(), 1);
    assert_eq!(plan[0].0, 3);
    assert_eq!(graph.order(&cycles[0]).len(), 3);
}
