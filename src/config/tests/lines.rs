//! Providers behind a socket, and certificates to trust.

use super::Workspace;
use std::path::Path;

#[test]
fn a_socket_replaces_the_vendors_address_but_not_a_configured_one() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key = \"env:K\"\nunix_socket = \"/run/a.sock\"\n\
         [[providers]]\nname = \"b\"\nkind = \"ollama\"\nunix_socket = \"b.sock\"\n\
         [[providers]]\nname = \"c\"\nkind = \"openai-compatible\"\nunix_socket = \"/c\"\n\
         base_url = \"https://c.example/api\"\n",
    )
    .variable("K", "k");

    let names: Vec<String> = workspace
        .loaded()
        .settings
        .providers
        .iter()
        .map(|provider| format!("{} {}", provider.name, provider.base_url))
        .collect();
    assert_eq!(
        names,
        [
            "a http://localhost/v1",
            "b http://localhost",
            "c https://c.example/api/v1"
        ]
    );
    let providers = workspace.loaded().settings.providers;
    let socket = |index: usize| providers[index].unix_socket.clone().expect("a socket");
    assert_eq!(socket(0), Path::new("/run/a.sock"));
    assert!(socket(1).ends_with("work/b.sock") && socket(1).is_absolute());
}

#[test]
fn invalid_sockets_and_certificates_are_named() {
    let long = "x".repeat(120);
    let workspace = Workspace::with_file(&format!(
        "[[providers]]\nname = \"a\"\nkind = \"ollama\"\nunix_socket = \"/{long}\"\nca_file = \"none.pem\"\n\
         [[providers]]\nname = \"b\"\nkind = \"ollama\"\nca_file = \"empty.pem\"\n"
    ))
    .file("empty.pem", "no certificate\n");

    let errors = workspace.errors();

    for part in [
        "providers[a].unix_socket",
        "is 121 bytes long",
        "providers[a].ca_file: \"none.pem\": cannot be read",
        "providers[b].ca_file: \"empty.pem\": contains no PEM certificate",
    ] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
}
