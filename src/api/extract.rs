//! What a caller sent, field by field: every mistake is collected with the field's name, its value
//! and what was expected, and fields that nobody asked for are mistakes too.

use crate::client::ApiError;
use crate::contract::{FieldProblem, Problem};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Map, Value};

/// Fields that wait to be asked for.
#[derive(Debug)]
pub(super) struct FieldReader {
    /// What every mistake is answered with: 400 for a query, 422 for a well-formed body.
    status: u16,
    fields: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldProblem>,
}

/// A JSON object as body, whatever its content type says.
#[derive(Debug)]
pub(super) struct JsonFields(pub FieldReader);

/// The fields of a query.
#[derive(Debug)]
pub(super) struct QueryFields(pub FieldReader);

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await;
        FieldReader::body(&bytes.map_err(|rejection| unread(&rejection))?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(400, "the query cannot be read"))?;
        let fields = pairs.0.into_iter();
        let fields = fields.map(|(name, text)| (name, Value::String(text)));
        Ok(Self(FieldReader::new(400, fields.collect())))
    }
}

fn unread(rejection: &BytesRejection) -> ApiError {
    let problem = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let most = super::MAX_BODY_BYTES / 1_024;
        Problem::new(413, format!("the body is longer than {most} KB"))
    } else if came_too_slowly(rejection) {
        Problem::new(408, "the body came too slowly; send it in one go")
    } else {
        Problem::new(400, "the body broke off before its end")
    };
    problem.into()
}

/// So the listener says it.
fn came_too_slowly(rejection: &BytesRejection) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(rejection);
    while let Some(inner) = cause {
        let broke = inner.downcast_ref::<std::io::Error>();
        if broke.is_some_and(|broke| broke.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = inner.source();
    }
    false
}

impl FieldReader {
    fn new(status: u16, fields: Map<String, Value>) -> Self {
        Self {
            status,
            fields,
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn body(bytes: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Problem::new(400, format!("the body is not JSON (at {place})"))
        })?;
        match value {
            Value::Object(fields) => Ok(Self::new(422, fields)),
            other => Err(Problem::field("body", other, "a JSON object").into()),
        }
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let read = |value: &Value| value.as_str().map(str::to_owned);
        self.field(name, "a text", read)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> String {
        let errors = self.errors.len();
        let text = self.text(name);
        if text.is_none() && self.errors.len() == errors {
            self.refuse(name, Value::Null, "a text");
        }
        text.unwrap_or_default()
    }

    pub fn number(&mut self, name: &'static str) -> Option<f64> {
        let is_query = self.is_query();
        let read = move |value: &Value| {
            let written = value.as_str().filter(|_| is_query);
            value
                .as_f64()
                .or_else(|| written?.trim().parse().ok())
                .filter(|number: &f64| number.is_finite())
        };
        self.field(name, "a number", read)
    }

    pub fn whole(&mut self, name: &'static str) -> Option<u64> {
        let is_query = self.is_query();
        let read = move |value: &Value| {
            let written = value.as_str().filter(|_| is_query);
            value.as_u64().or_else(|| written?.trim().parse().ok())
        };
        self.field(name, "a whole number from 0 up", read)
    }

    /// A whole number of which the receiver says what it must be.
    pub fn signed(&mut self, name: &'static str) -> Option<i64> {
        self.field(name, "a whole number", Value::as_i64)
    }

    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let is_query = self.is_query();
        let read = move |value: &Value| {
            let written = value.as_str().filter(|_| is_query);
            value.as_bool().or_else(|| written?.trim().parse().ok())
        };
        self.field(name, "true or false", read)
    }

    /// A field that reads a word.
    pub fn parsed<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        expected: &str,
    ) -> Option<T> {
        self.field(name, expected, |value| value.as_str()?.parse().ok())
    }

    /// An object within; its mistakes join ours once it is handed back to [`FieldReader::join`].
    pub fn object(&mut self, name: &'static str) -> Option<Self> {
        let fields = self.field(name, "an object", |value| value.as_object().cloned())?;
        Some(Self::new(self.status, fields))
    }

    /// All fields, whatever their names are, each an object to be handed back to [`FieldReader::join`].
    pub fn objects(&mut self) -> Vec<(String, Self)> {
        let mut objects = Vec::new();
        for (name, value) in std::mem::take(&mut self.fields) {
            match value {
                Value::Object(fields) => objects.push((name, Self::new(self.status, fields))),
                value => self.refuse(&name, value, "an object"),
            }
        }
        objects
    }

    pub fn join(&mut self, name: &str, mut within: Self) {
        within.refuse_unknown();
        self.errors
            .extend(within.errors.into_iter().map(|error| FieldProblem {
                field: format!("{name}.{}", error.field),
                ..error
            }));
    }

    pub fn refuse(&mut self, name: &str, value: impl Into<Value>, expected: &str) {
        self.errors.push(FieldProblem::new(name, value, expected));
    }

    /// All mistakes at once, fields that were not asked for included.
    pub fn finish(mut self) -> Result<(), ApiError> {
        self.refuse_unknown();
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::fields(self.status, self.errors).into())
    }

    fn is_query(&self) -> bool {
        self.status == 400
    }

    fn refuse_unknown(&mut self) {
        let expected = match &*self.known {
            [] => "absent: there are no fields here".to_owned(),
            [one] => format!("absent: the only field is {one}"),
            known => format!("absent: the fields are {}", known.join(", ")),
        };
        for (name, value) in std::mem::take(&mut self.fields) {
            // A field without a value is as good as none, but its name is wrong all the same.
            let value = if value.is_null() {
                Value::from("null")
            } else {
                value
            };
            self.errors.push(FieldProblem::new(&name, value, &expected));
        }
    }

    /// Takes a field out; `null` is the same as missing.
    fn field<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.fields.remove(name).filter(|value| !value.is_null())?;
        let read = read(&value);
        if read.is_none() {
            self.refuse(name, value, expected);
        }
        read
    }
}
