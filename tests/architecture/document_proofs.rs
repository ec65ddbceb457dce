//! Proofs that the rules for documents find what they forbid.

use super::documents::{
    Document, broken_links, missing_source_files, overlong_readme, vague_prose,
};

fn readme(text: &str) -> Document {
    Document::new("README.md", text)
}

#[test]
fn a_readme_of_251_lines_is_found() {
    assert_eq!(overlong_readme(&readme(&"line\n".repeat(250))).len(), 0);
    assert_eq!(overlong_readme(&readme(&"line\n".repeat(251))).len(), 1);
}

#[test]
fn links_to_missing_files_and_headings_are_found() {
    let good = "# A heading, `quoted`\n[a](src/lib.rs) [b](#a-heading-quoted) [c](https://x.y/z)\n\
                ```\n[code](not/there)\n```\n";
    assert_eq!(broken_links(&readme(good)), Vec::<String>::new());

    let bad = "[a](src/missing.rs)\n\n[b](#missing) [c](CONTRIBUTING.md#missing)\n";
    let found = broken_links(&readme(bad));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("README.md:1: src/missing.rs"));
    assert!(found[2].starts_with("README.md:3: CONTRIBUTING.md#missing"));
}

#[test]
fn links_are_relative_to_their_document() {
    let good = Document::new("docs/api.md", "[a](../README.md) [b](configuration.md)");
    assert_eq!(broken_links(&good), Vec::<String>::new());
    let bad = Document::new("docs/api.md", "[a](README.md)");
    assert_eq!(broken_links(&bad).len(), 1);
}

#[test]
fn source_files_that_do_not_exist_are_found() {
    let good = "`src/lib.rs`, `domain/score.rs`, `score.rs`, `src/protocols/<kind>.rs`, `a/b`";
    assert_eq!(missing_source_files(&readme(good)), Vec::<String>::new());
    let bad = "`src/missing`, `domain/missing.rs` and `missing.rs`";
    assert_eq!(missing_source_files(&readme(bad)).len(), 3);
}

#[test]
fn vague_words_are_found_outside_of_code_blocks() {
    let text = "Somebody knows.\n```\nnobody\n```\nNamed.";
    assert_eq!(vague_prose(&readme(text)).len(), 1);
}
