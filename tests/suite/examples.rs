//! The example configurations, checked by the program itself.

use crate::program::{program, run};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The variables that the examples name, with keys that are made up.
const KEYS: [(&str, &str); 4] = [
    ("OPENAI_API_KEY", "sk-example"),
    ("ANTHROPIC_API_KEY", "sk-ant-example"),
    ("GEMINI_API_KEY", "AIza-example"),
    ("AZURE_OPENAI_API_KEY", "azure-example"),
];

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    paths
}

#[test]
fn every_example_passes_config_check() {
    let home = TempDir::new().unwrap();
    let examples = examples();
    assert_eq!(examples.len(), 6, "{examples:?}");
    for path in examples {
        let mut command = program(&home);
        command.args(["config", "check", "--config"]).arg(&path);

        let (code, out, err) = run(command.envs(KEYS));

        assert_eq!(code, 0, "{}: {out}{err}", path.display());
        assert!(out.contains("no errors"), "{}: {out}{err}", path.display());
    }
}
