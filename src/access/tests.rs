use super::*;
use crate::domain::TokenDefinition;
use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderValue, Method};

fn token(name: &str, secret: &str, role: Role) -> Token {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    Token::new(TokenDefinition::new(name, role), sha256, &[])
}

fn auth() -> TokenAuth {
    TokenAuth::new(vec![
        token("apps", "c-secret", Role::Client),
        token("screen", "v-secret", Role::Viewer),
        token("ops", "o-secret", Role::Operator),
    ])
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|&(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

/// A request of a peer with these headers.
fn request(
    peer: Option<Peer>,
    method: Method,
    pairs: &[(&'static str, &'static str)],
) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.headers_mut() = headers(pairs);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request
}

fn tcp(address: &str) -> Peer {
    Peer::Tcp(address.parse().unwrap())
}

#[test]
fn each_role_has_its_permissions() {
    let permissions = [
        Permission::Use,
        Permission::Select,
        Permission::Read,
        Permission::Change,
    ];
    let may = |role: Role| permissions.map(|permission| role.may(permission));

    assert_eq!(may(Role::Client), [true, true, false, false]);
    assert_eq!(may(Role::Viewer), [false, true, true, false]);
    assert_eq!(may(Role::Operator), [true; 4]);
}

#[test]
fn a_token_is_accepted_in_any_of_its_headers() {
    let remote = tcp("192.0.2.7:9");
    for header in [
        ("authorization", "Bearer o-secret"),
        ("authorization", "bearer  o-secret "),
        ("x-api-key", "o-secret"),
        ("x-goog-api-key", "o-secret"),
        ("api-key", "o-secret"),
    ] {
        let principal = auth().admit(
            &request(Some(remote), Method::GET, &[header]),
            Permission::Change,
        );

        assert_eq!(principal.map(|principal| principal.who), Ok("ops".into()));
    }
}

#[test]
fn a_missing_an_unknown_and_a_weak_token_differ() {
    let remote = tcp("127.0.0.1:9");
    let admit = |pairs| {
        auth().admit(
            &request(Some(remote), Method::GET, pairs),
            Permission::Change,
        )
    };

    assert_eq!(admit(&[]), Err(AuthError::NoToken));
    assert_eq!(
        admit(&[("x-api-key", "guess")]),
        Err(AuthError::UnknownToken)
    );
    let weak = admit(&[("x-api-key", "v-secret")]).unwrap_err();
    assert_eq!(weak.status(), 403);
    assert_eq!(
        weak.to_string(),
        "the token \"screen\" has the role viewer, but this call needs operator"
    );
}

#[test]
fn loopback_is_trusted_only_while_there_are_no_tokens() {
    let open = TokenAuth::default();
    let asks = |peer, permission| open.admit(&request(peer, Method::GET, &[]), permission);
    for address in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        let principal = asks(Some(tcp(address)), Permission::Change);
        assert_eq!(principal.map(|principal| principal.who), Ok("local".into()));
    }

    let rejected = asks(Some(tcp("192.0.2.7:9")), Permission::Read);
    assert_eq!(rejected, Err(AuthError::NoToken));
    assert_eq!(asks(None, Permission::Read), Err(AuthError::NoToken));
}

#[test]
fn the_socket_is_trusted_with_any_token() {
    let sent = request(
        Some(Peer::Unix),
        Method::GET,
        &[("x-api-key", "guess"), ("host", "any")],
    );

    let principal = auth().admit(&sent, Permission::Change);

    assert_eq!(
        principal.map(|principal| principal.role),
        Ok(Role::Operator)
    );
}

#[tokio::test]
async fn a_response_that_lasts_ends_when_its_token_is_revoked() {
    let auth = auth();
    let read = |token| {
        let asked = request(
            Some(tcp("192.0.2.7:9")),
            Method::GET,
            &[("x-api-key", token)],
        );
        tokio::spawn(auth.clone().until_denied(asked, Permission::Read))
    };
    let (viewer, operator) = (read("v-secret"), read("o-secret"));
    tokio::task::yield_now().await;
    auth.follow(&TokenAuth::new(vec![token(
        "ops",
        "o-secret",
        Role::Operator,
    )]));

    viewer.await.unwrap();
    tokio::task::yield_now().await;
    assert!(!operator.is_finished());
    operator.abort();
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let known = Sites::new(&[], &["https://page.example".to_owned()]);
    for auth in [auth(), TokenAuth::default()] {
        let auth = auth.with_sites(known.clone());
        let is_cross = |method: Method, pairs: &[(&'static str, &'static str)]| {
            let sent = [
                pairs,
                &[("host", "127.0.0.1:8080"), ("x-api-key", "o-secret")],
            ]
            .concat();
            let sent = request(Some(tcp("127.0.0.1:9")), method, &sent);
            match auth.admit(&sent, Permission::Change) {
                Ok(_) => false,
                Err(error) => matches!(error, AuthError::Site(SiteError::Origin(_))),
            }
        };

        assert!(!is_cross(Method::PUT, &[]));
        for own in ["http://127.0.0.1:8080", "https://page.example"] {
            assert!(!is_cross(Method::PUT, &[("origin", own)]), "{own}");
        }
        for foreign in ["http://127.0.0.1:3000", "https://page.example:1"] {
            assert!(is_cross(Method::PUT, &[("origin", foreign)]), "{foreign}");
        }
        assert!(is_cross(Method::POST, &[("origin", "null")]));
    }
}

#[test]
fn without_tokens_only_names_of_this_instance_are_answered() {
    let open = TokenAuth::default().with_sites(Sites::new(&["Box.lan".to_owned()], &[]));
    let admit = |method, pairs: &[(&'static str, &'static str)]| {
        let sent = request(Some(tcp("127.0.0.1:9")), method, pairs);
        open.admit(&sent, Permission::Change).map(|_| ())
    };
    for host in [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]",
        "[::1]:8080",
        "box.lan:8080",
    ] {
        assert_eq!(admit(Method::GET, &[("host", host)]), Ok(()), "{host}");
    }
    for host in [
        "rebound.example",
        "rebound.example:8080",
        "localhost.example",
        "127.0.0.1.example",
        "10.0.0.1",
        "[::2]:8080",
        "::1",
        "localhost:x",
        "user@localhost",
        "",
        "0.0.0.0:8080",
    ] {
        let rejected = AuthError::Site(SiteError::Host(host.to_owned()));
        for method in [Method::GET, Method::POST] {
            assert_eq!(
                admit(method, &[("host", host)]),
                Err(rejected.clone()),
                "{host}"
            );
        }
    }
    let own = ("host", "localhost");
    assert!(admit(Method::GET, &[own, ("host", "rebound.example")]).is_err());
    assert!(admit(Method::GET, &[own, ("origin", "https://rebound.example")]).is_err());
    assert!(admit(Method::GET, &[own, ("origin", "null")]).is_err());
    assert_eq!(
        admit(Method::GET, &[own, ("origin", "http://localhost:3000")]),
        Ok(())
    );
    let mut two = request(Some(tcp("127.0.0.1:9")), Method::GET, &[]);
    *two.uri_mut() = http::Uri::from_static("http://rebound.example/api/status");
    assert!(open.admit(&two, Permission::Read).is_err());
}

#[test]
fn a_stated_operator_is_recorded_beside_the_token_and_permits_nothing() {
    let actor = |pairs: &[(&'static str, &'static str)], peer| {
        let request = request(Some(peer), Method::PUT, pairs);
        let admitted = auth().admit(&request, Permission::Change);
        admitted.map(|principal| (principal.actor(), principal.who))
    };
    let far = tcp("192.0.2.7:9");
    let (bearer, alice) = ("authorization", ("x-aibal-operator", "alice@ops1"));

    let with = actor(&[(bearer, "Bearer o-secret"), alice], far).unwrap();
    assert_eq!((&*with.0, &*with.1), ("alice@ops1 (token ops)", "ops"));
    let without = actor(&[(bearer, "Bearer o-secret")], far).unwrap();
    assert_eq!(without.0, "ops");
    let local = actor(&[alice], Peer::Unix).unwrap();
    assert_eq!((&*local.0, &*local.1), ("alice@ops1 (local)", "local"));
    let refused = [
        (bearer, "Bearer v-secret"),
        ("x-aibal-operator", "ops@ops1"),
    ];
    assert!(actor(&refused, far).is_err(), "a viewer stays a viewer");
    assert!(actor(&[alice], far).is_err());
}

#[test]
fn tokens_that_only_name_keep_loopback_trusted() {
    let auth = TokenAuth::naming([("webshop", "demo-webshop")].into_iter());
    let admit = |pairs: &[(&'static str, &'static str)], peer: Peer| {
        auth.admit(&request(Some(peer), Method::POST, pairs), Permission::Use)
    };
    let bearer = [("authorization", "Bearer demo-webshop")];
    let here = tcp("127.0.0.1:9");

    let named = admit(&bearer, here).unwrap();
    assert_eq!((&*named.who, named.is_named), ("webshop", true));
    for pairs in [&[][..], &[("authorization", "Bearer other")]] {
        let local = admit(pairs, here).unwrap();
        assert_eq!((&*local.who, local.is_named), ("local", false));
    }
    assert_eq!(admit(&[], tcp("10.0.0.7:9")), Err(AuthError::NoToken));
    assert!(admit(&bearer, tcp("10.0.0.7:9")).is_ok());
}
