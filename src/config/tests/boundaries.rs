//! What a prepared folder must not do: send keys elsewhere, stop the program, or redirect what it writes.

use super::Workspace;
use crate::config::{Edit, WeightEdit, remove_leftovers, write_back};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::time::{Duration, SystemTime};

const OPENAI: &str = "[[providers]]\nname = \"openai\"\nkind = \"openai\"\n";
const ELSEWHERE: &str = "AIBAL__PROVIDERS__OPENAI__BASE_URL=https://elsewhere.example/v1\n";

fn skipped(workspace: &Workspace) -> Option<String> {
    let settings = workspace.loaded().settings;
    let provider = &settings.providers[0];
    assert_eq!(provider.key.is_none(), provider.skipped.is_some());
    provider.skipped.clone()
}

#[test]
fn an_address_of_an_env_file_gets_no_key_from_elsewhere() {
    let prepared = || Workspace::with_file(OPENAI).file(".env", ELSEWHERE);
    let from_environment = prepared().variable("OPENAI_API_KEY", "sk-1");

    let reason = skipped(&from_environment).expect("a reason");
    assert!(
        reason.starts_with(".env sets base_url, but its key is from elsewhere"),
        "{reason}"
    );
    assert!(from_environment.warnings().contains("--trust-env-file"));

    let mut trusting = prepared().variable("OPENAI_API_KEY", "sk-1");
    trusting.sources.trust_env_file = true;
    assert_eq!(skipped(&trusting), None);
    assert!(trusting.warnings().contains("because of --trust-env-file"));

    // A key of its own, and addresses of elsewhere.
    let own =
        Workspace::with_file(OPENAI).file(".env", &format!("{ELSEWHERE}OPENAI_API_KEY=sk-2\n"));
    assert_eq!(skipped(&own), None);
    let file = "base_url = \"https://proxy.example/v1\"\n";
    let configured =
        Workspace::with_file(&format!("{OPENAI}{file}")).variable("OPENAI_API_KEY", "k");
    assert_eq!(skipped(&configured), None);
}

#[test]
fn a_file_that_an_env_file_names_is_no_key_of_its_own() {
    let env = format!("{ELSEWHERE}AIBAL__PROVIDERS__OPENAI__API_KEY=file:secret\n");
    let workspace = Workspace::with_file(OPENAI)
        .file(".env", &env)
        .file("secret", "sk-1");
    assert!(skipped(&workspace).is_some());

    let env = "AIBAL__PROVIDERS__OPENAI__UNIX_SOCKET=/tmp/elsewhere.sock\n";
    let workspace = Workspace::with_file(OPENAI)
        .file(".env", env)
        .variable("OPENAI_API_KEY", "k");
    assert!(skipped(&workspace).is_some());
}

#[test]
fn keys_and_tokens_without_encryption_draw_a_warning() {
    let at = |url: &str| {
        let file = format!("{OPENAI}base_url = \"{url}\"\n");
        Workspace::with_file(&file)
            .variable("OPENAI_API_KEY", "k")
            .warnings()
    };
    assert!(
        at("http://10.0.0.7:8000/v1").contains("the key is sent to 10.0.0.7 without encryption")
    );
    for url in [
        "http://localhost:1/v1",
        "http://127.0.0.2:1",
        "http://[::1]:1",
        "https://a.example",
    ] {
        assert!(!at(url).contains("without encryption"), "{url}");
    }

    let token = format!(
        "[[auth.tokens]]\nname = \"a\"\nrole = \"client\"\nsha256 = \"{}\"\n",
        "0".repeat(64)
    );
    let listening = |address: &str| {
        let text = format!("[server]\nlisten = \"{address}\"\n{token}");
        Workspace::with_file(&text).warnings()
    };
    assert!(listening("0.0.0.0:1").contains("server.listen: clients' tokens"));
    assert!(!listening("127.0.0.1:1").contains("server.listen"));
}

#[test]
fn an_env_file_that_cannot_be_read_is_left_out() {
    let folder = Workspace::with_file("");
    std::fs::create_dir(folder.sources.cwd.join(".env")).unwrap();
    assert!(folder.warnings().contains("could not be read"));

    let bytes = Workspace::with_file("");
    std::fs::write(bytes.sources.cwd.join(".env"), b"A=\xff\n").unwrap();
    assert!(
        bytes.warnings().contains("it is not UTF-8"),
        "{}",
        bytes.warnings()
    );
}

#[test]
fn a_key_with_a_line_break_is_named() {
    let workspace = Workspace::with_file(OPENAI).variable("OPENAI_API_KEY", "sk-1\nsk-2");
    let reason = skipped(&workspace).expect("a reason");
    assert!(
        reason.contains("the variable OPENAI_API_KEY has a line break"),
        "{reason}"
    );
    assert!(!reason.contains("sk-"));

    let file = format!("{OPENAI}api_key = \"file:key\"\n");
    let workspace = Workspace::with_file(&file).file("key", "a\r\nb\n");
    assert!(
        skipped(&workspace)
            .unwrap()
            .contains("the file key has a line break")
    );
}

fn save(workspace: &Workspace) {
    let edit = Edit::Weights(WeightEdit {
        cost: Some(20.0),
        latency: Some(50.0),
        reliability: Some(30.0),
        ..WeightEdit::default()
    });
    write_back(&workspace.loaded(), &[edit]).expect("a written file");
}

#[test]
fn line_ends_and_byte_order_mark_are_kept() {
    let file = "\u{feff}# Ours.\r\n[balancing.weights]\r\ncost = 30 # points\r\nlatency = 40\r\nreliability = 30\r\n";
    let workspace = Workspace::with_file(file);
    save(&workspace);
    let expected = file.replace("30 #", "20 #").replace("40", "50");
    assert_eq!(workspace.content("aibal.toml"), expected);

    let file = "[balancing.weights]\ncost = 30\nlatency = 40\nreliability = 30\n";
    let workspace = Workspace::with_file(file);
    save(&workspace);
    assert!(!workspace.content("aibal.toml").contains('\r'));
}

#[test]
fn owner_and_mode_are_kept_and_a_planted_link_is_not_followed() {
    let workspace = Workspace::with_file("# Ours.\n").file("victim", "untouched");
    let path = workspace.sources.cwd.join("aibal.toml");
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        chown(&path, Some(1_234), Some(1_235)).unwrap();
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let guessed = format!(".aibal.toml.{}.new", std::process::id());
    symlink("victim", workspace.sources.cwd.join(guessed)).unwrap();

    save(&workspace);

    assert_eq!(workspace.content("victim"), "untouched");
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    if is_root {
        assert_eq!((metadata.uid(), metadata.gid()), (1_234, 1_235));
    }
    assert!(workspace.content("aibal.toml").contains("cost = 20"));
}

#[test]
fn temporary_files_of_a_killed_process_are_removed() {
    let cases = [
        (".aibal.toml.0123456789abcdef.new", 3_600, false),
        (".aibal.toml.0123456789abcdef.new2", 3_600, true),
        (".aibal.toml.backup.new", 3_600, true),
        (".aibal.toml.fedcba9876543210.new", 0, true),
    ];
    let mut workspace = Workspace::with_file("");
    for (name, age, _) in cases {
        workspace = workspace.file(name, "");
        let file = std::fs::File::options()
            .write(true)
            .open(workspace.sources.cwd.join(name));
        let modified = SystemTime::now() - Duration::from_secs(age);
        file.unwrap().set_modified(modified).unwrap();
    }

    remove_leftovers(&workspace.sources);

    for (name, _, stays) in cases {
        assert_eq!(workspace.sources.cwd.join(name).exists(), stays, "{name}");
    }
    assert!(workspace.sources.cwd.join("aibal.toml").exists());
}
