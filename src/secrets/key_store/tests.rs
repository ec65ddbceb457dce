use super::*;

fn material(text: &str) -> UnlockMaterial {
    UnlockMaterial::new(text.as_bytes().to_vec()).expect("material")
}

fn store() -> (KeyStore, DataKey) {
    let created = KeyStore::create(
        "passphrase",
        &material("correct horse"),
        Derivation::quick(),
    );
    let (mut store, key) = created.unwrap();
    for (name, value) in [("openai", "sk-first"), ("anthropic", "sk-other")] {
        let at = "2026-12-01T00:00:00Z".to_owned();
        let secret = Secret::from(value);
        assert_eq!(store.set(&key, (name, at), &secret), Ok(1));
    }
    (store, key)
}

fn exposed(store: &KeyStore, key: &DataKey, name: &str) -> Option<String> {
    let secret = store.secret(key, name).unwrap();
    secret.map(|secret| secret.expose().to_owned())
}

/// The text of a store with one part replaced.
fn changed(store: &KeyStore, from: &str, to: &str) -> Result<KeyStore, KeyStoreError> {
    let text = store.to_text().unwrap();
    assert!(text.contains(from), "{from}");
    KeyStore::parse(text.replacen(from, to, 1).as_bytes())
}

#[test]
fn what_is_stored_is_read_again_and_the_file_shows_no_value() {
    let (store, _) = store();
    let text = store.to_text().unwrap();

    let read = KeyStore::parse(text.as_bytes()).unwrap();
    let key = read.unlock(&material(" correct horse\n")).unwrap();

    assert_eq!(read, store);
    assert_eq!(exposed(&read, &key, "openai").as_deref(), Some("sk-first"));
    assert_eq!(
        exposed(&read, &key, "anthropic").as_deref(),
        Some("sk-other")
    );
    assert_eq!(exposed(&read, &key, "xai"), None);
    let names: Vec<&str> = read.keys().iter().map(|key| &*key.name).collect();
    assert_eq!(names, ["anthropic", "openai"]);
    assert!(!text.contains("sk-") && !format!("{store:?} {key:?}").contains("sk-"));
}

#[test]
fn only_what_wrapped_it_opens_it_and_rewrapping_changes_that() {
    let (mut store, key) = store();
    let wrong = store.unlock(&material("battery staple"));
    assert_eq!(wrong.unwrap_err(), KeyStoreError::WrongMaterial);
    let before = store.clone();

    let new = material("battery staple");
    store
        .rewrap(&key, "file", &new, Derivation::quick())
        .unwrap();

    let old = store.unlock(&material("correct horse"));
    assert_eq!(old.unwrap_err(), KeyStoreError::WrongMaterial);
    let key = store.unlock(&new).unwrap();
    assert_eq!(exposed(&store, &key, "openai").as_deref(), Some("sk-first"));
    assert_eq!(store.method(), "file");
    assert!(!store.is_wrapped_as(&before) && store.is_wrapped_as(&store.clone()));
}

#[test]
fn a_new_value_is_a_new_version_and_a_removed_one_is_gone() {
    let (mut store, key) = store();
    let at = "2026-12-02T00:00:00Z".to_owned();

    let version = store.set(&key, ("openai", at), &Secret::from("sk-second"));

    assert_eq!(version, Ok(2));
    assert_eq!(
        exposed(&store, &key, "openai").as_deref(),
        Some("sk-second")
    );
    assert_eq!(store.key("openai").unwrap().created, "2026-12-02T00:00:00Z");
    assert!(store.remove("openai") && !store.remove("openai"));
    assert_eq!(exposed(&store, &key, "openai"), None);
}

#[test]
fn a_secret_belongs_to_its_name_version_and_time() {
    let (store, key) = store();
    let all = [
        changed(&store, "\"openai\"", "\"other\"").map(|it| it.secret(&key, "other")),
        changed(
            &store,
            "\"version\": 1,\n      \"created\"",
            "\"version\": 7,\n      \"created\"",
        )
        .map(|it| it.secret(&key, "anthropic")),
        changed(&store, "2026-12-01", "2026-12-03").map(|it| it.secret(&key, "anthropic")),
    ];
    for read in all {
        let error = read.unwrap().unwrap_err();
        assert!(matches!(error, KeyStoreError::Damaged(_)), "{error}");
    }
    // The parameters are bound to the data key.
    let weaker = changed(&store, "\"passes\": 1", "\"passes\": 2").unwrap();
    let opened = weaker.unlock(&material("correct horse"));
    assert_eq!(opened.unwrap_err(), KeyStoreError::WrongMaterial);
}

#[test]
fn a_hostile_file_takes_no_memory_and_an_unknown_one_is_refused() {
    let (store, _) = store();
    let problem = |from: &str, to: &str| changed(&store, from, to).unwrap_err().to_string();

    for (from, to) in [
        ("\"memory_kib\": 8192", "\"memory_kib\": 4294967295"),
        ("\"memory_kib\": 8192", "\"memory_kib\": 0"),
        ("\"passes\": 1", "\"passes\": 100000"),
        ("\"lanes\": 1", "\"lanes\": 0"),
    ] {
        let text = problem(from, to);
        assert!(text.contains("accepted are 8 to 256 MiB"), "{text}");
    }
    assert!(problem("\"version\": 1", "\"version\": 2").contains("use a newer program"));
    assert!(problem("aibal-tui key store", "other").contains("\"format\" must be"));
    assert!(problem("argon2id", "none").contains("must be argon2id"));
    assert!(problem("\"openai\"", "\"a/b\"").contains("must be a name"));
    assert!(problem("\"method\"", "\"methods\"").contains("is not as expected"));
    assert!(
        KeyStore::parse(b"sk-secret")
            .unwrap_err()
            .to_string()
            .contains("line 1")
    );
}

#[test]
fn names_and_sizes_have_limits() {
    let (mut store, key) = store();
    let mut set =
        |name: &str, value: &str| store.set(&key, (name, String::new()), &Secret::from(value));

    assert!(matches!(set("", "v"), Err(KeyStoreError::WrongName(_))));
    assert!(matches!(set("a b", "v"), Err(KeyStoreError::WrongName(_))));
    assert_eq!(set("a", &"v".repeat(70_000)), Err(KeyStoreError::TooLong));
    assert_eq!(set("a.b-c_D9", "v"), Ok(1));
    assert_eq!(UnlockMaterial::new(b" \n".to_vec()), None);
}

#[test]
fn new_stores_have_the_recommended_cost() {
    let (first, second) = (Derivation::recommended(), Derivation::recommended());
    let (first, second) = (first.unwrap(), second.unwrap());

    assert!(first.label().ends_with("65536\u{0}3\u{0}4"));
    assert_ne!(first, second, "each store has a salt of its own");
}
