use super::address::Address;
use super::error::{AnswerFault, ApiError, ClientError};
use crate::contract::{OPERATOR_HEADER, Problem};
use crate::foreign::read_body;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time of one call; for an event stream, until its headers arrive.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for a call that reads or computes much.
const SLOW_CALL_TIMEOUT: Duration = Duration::from_mins(10);
/// Largest answer of an instance, after decompression: the report of a thousand providers.
pub(super) const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Largest description of an error.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// Checks that no other user owns a socket: it would get the token, and could show anything. One that
/// root gave a folder to, as a service's, is not another. One that does not exist yet passes; the call
/// itself will fail.
fn check_owner(path: &Path) -> Result<(), ClientError> {
    let Ok(socket) = std::fs::metadata(path) else {
        return Ok(());
    };
    let (owner, user) = (socket.uid(), rustix::process::geteuid().as_raw());
    if owner == user || owner == 0 || has_folder_from_root(path, owner) {
        return Ok(());
    }
    Err(ClientError::ForeignSocket {
        path: path.display().to_string(),
        owner,
    })
}

/// Whether only root can have given the owner of a socket the folder that it lies in: no other user can
/// write above it.
fn has_folder_from_root(socket: &Path, owner: u32) -> bool {
    let metadata = |path: Option<&Path>| std::fs::metadata(path?).ok();
    let Ok(socket) = socket.canonicalize() else {
        return false;
    };
    let folder = socket.parent();
    let is_owned = metadata(folder).is_some_and(|it| it.uid() == owner);
    let above = folder.map(|folder| folder.ancestors().skip(1));
    let is_roots = |it: std::fs::Metadata| it.uid() == 0 && it.mode() & 0o022 == 0;
    is_owned
        && above
            .is_some_and(|mut above| above.all(|path| metadata(Some(path)).is_some_and(is_roots)))
}

/// Succeeds if the instance at an address can serve requests now; needs no token.
///
/// # Errors
///
/// It does not answer, or why it cannot serve.
pub async fn check_ready(address: Address) -> Result<(), ClientError> {
    let connection = HttpConnection::new(address, None, None)?;
    let ready = connection.request(Method::GET, "/readyz");
    let answer = ready.timeout(CALL_TIMEOUT).send().await;
    connection.accepted(answer).await.map(drop)
}

/// HTTP client for one instance; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct HttpConnection {
    address: Arc<Address>,
    client: reqwest::Client,
}

impl HttpConnection {
    /// Connects with the first call. The token and the operator are sent with every call.
    pub fn new(
        address: Address,
        token: Option<&str>,
        operator: Option<&str>,
    ) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| ClientError::InvalidToken)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A name that no header can carry is not worth failing for.
        if let Some(value) = operator.and_then(|it| HeaderValue::from_str(it).ok()) {
            headers.insert(OPERATOR_HEADER, value);
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers)
            .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")));
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        // Compression gains nothing on the same machine.
        builder = builder.gzip(!address.is_loopback());
        if let Address::Unix(path) = &address {
            check_owner(path)?;
            builder = builder.unix_socket(path.clone());
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Setup(Arc::new(error)))?;
        Ok(Self {
            address: Arc::new(address),
            client,
        })
    }

    /// Address of the instance.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Request without body; `path` begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address.base()))
    }

    /// GET with a query; reads the answer.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(self.request(Method::GET, path).query(query))
            .await
    }

    /// GET of what takes a while; reads the answer.
    pub async fn get_slowly<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call_within(self.request(Method::GET, path), SLOW_CALL_TIMEOUT)
            .await
    }

    /// Sends a JSON body; reads the answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(self.request(method, path).json(body)).await
    }

    /// Sends a JSON body to a call that computes for long; reads the answer.
    pub async fn send_slowly<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.request(method, path).json(body);
        self.call_within(request, SLOW_CALL_TIMEOUT).await
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        self.call_within(request, CALL_TIMEOUT).await
    }

    async fn call_within<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<T, ClientError> {
        let response = request.timeout(limit).send().await;
        let response = self.accepted(response).await?;
        let status = response.status().as_u16();
        let unreadable = |fault: AnswerFault| ClientError::Unreadable {
            address: self.address.to_string(),
            status,
            source: Arc::new(fault),
        };
        let body = read_body(response, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|error| unreadable(error.into()))?;
        serde_json::from_slice(&body).map_err(|error| unreadable(error.into()))
    }

    /// The response if it is a success, else the reason why not.
    pub async fn accepted(
        &self,
        response: Result<Response, reqwest::Error>,
    ) -> Result<Response, ClientError> {
        let response = response.map_err(|error| self.no_answer(Some(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = timeout(CALL_TIMEOUT, read_body(response, MAX_PROBLEM_BYTES)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ApiError::Other {
                problem,
                retry_after: retry_after.map(Duration::from_secs),
            }
            .into()),
            Err(_) => Err(ClientError::Status {
                address: self.address.to_string(),
                status,
            }),
        }
    }

    /// Error of a call without an answer; without a cause, the time limit was reached.
    pub fn no_answer(&self, cause: Option<reqwest::Error>) -> ClientError {
        ClientError::NoAnswer {
            address: self.address.to_string(),
            source: cause.map(Arc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_another_user_gets_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("8080.sock");
        let connect = || HttpConnection::new(Address::Unix(path.clone()), Some("token"), None);
        assert!(connect().is_ok(), "there is none yet");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(connect().is_ok(), "it is ours");
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give a file away.
        }
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();

        let error = connect().unwrap_err();

        assert!(
            error.to_string().contains("the user with the number 12345"),
            "{error}"
        );

        // Root gave that user the folder too, but anyone could have made one beside it.
        std::os::unix::fs::chown(folder.path(), Some(12_345), None).unwrap();
        assert!(connect().is_err(), "its folder lies in one for all");
    }

    #[test]
    fn a_socket_in_a_folder_that_only_root_can_give_is_trusted() {
        let services = Path::new("/run");
        let is_roots = std::fs::metadata(services).is_ok_and(|it| it.mode() & 0o022 == 0);
        if !rustix::process::geteuid().is_root() || !is_roots {
            return; // Only root can make the folder of a service.
        }
        let folder = tempfile::Builder::new().tempdir_in(services).unwrap();
        let path = folder.path().join("8080.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let connect = || HttpConnection::new(Address::Unix(path.clone()), None, None);
        assert!(connect().is_err(), "the folder is another user's");

        std::os::unix::fs::chown(folder.path(), Some(12_345), None).unwrap();

        assert!(connect().is_ok());
    }
}
