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

/// The file that a ConfigMap holds: the lines below its name, without their indent.
fn embedded_config(manifest: &str) -> String {
    let lines = manifest.lines();
    let below = lines
        .skip_while(|line| !line.ends_with("config.toml: |"))
        .skip(1);
    let own = below.take_while(|line| line.is_empty() || line.starts_with("    "));
    own.map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn the_configuration_for_kubernetes_passes_config_check() {
    let home = TempDir::new().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/kubernetes");
    let manifest = fs::read_to_string(folder.join("aibal-tui.yaml")).unwrap();
    let config = embedded_config(&manifest);
    assert!(config.contains("/etc/aibal-keys/openai"), "{config}");
    fs::write(home.path().join("openai"), "sk-example").unwrap();
    let config = config.replace("/etc/aibal-keys/", "");
    fs::write(home.path().join("config.toml"), config).unwrap();

    let (code, out, err) = run(program(&home).args(["config", "check", "--config", "config.toml"]));

    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("1 of 1 providers usable"), "{out}{err}");
}
