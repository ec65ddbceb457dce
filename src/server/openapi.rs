//! The description of both APIs as OpenAPI 3.1, made of the tables of routes. The program serves the
//! committed file; a test makes it again and compares.

use crate::access::{AnswerForm, RouteDescription, SchemaOf};
use crate::{api, gateway};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// The description as it is committed.
const DOCUMENT: &str = include_str!("../../assets/openapi.json");

/// `GET /openapi.json`
pub(super) async fn document() -> impl IntoResponse {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], DOCUMENT)
}

/// All calls of both APIs, and of this description.
pub fn descriptions() -> Vec<RouteDescription> {
    let own = RouteDescription::new(
        (Method::GET, "/openapi.json"),
        None,
        "This description of the API, OpenAPI 3.1",
    );
    let all = api::descriptions().into_iter().chain([own]);
    all.chain(gateway::descriptions()).collect()
}

/// Makes the description anew.
pub fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in descriptions() {
        let operation = operation(&route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let problem = generator.subschema_for::<crate::contract::Problem>();
    let mut schemas = generator.take_definitions(true);
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "aibal-tui",
            "description": "Model traffic in the APIs of OpenAI, Anthropic, Gemini and Ollama, and \
                            the management API.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "http://127.0.0.1:8080"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": {
                "description": "An error, RFC 9457",
                "content": {"application/problem+json": {"schema": problem}},
            }},
            "schemas": schemas,
        },
    })
}

fn operation(route: &RouteDescription, generator: &mut SchemaGenerator) -> Value {
    let mut parameters = path_parameters(route.path);
    parameters.extend(
        route
            .query
            .map_or_else(Vec::new, |of| query_parameters(of, generator)),
    );
    let is_model_call = matches!(route.answer, AnswerForm::ForeignJson) && route.needs.is_some();
    let mut operation = json!({
        "summary": route.about,
        "operationId": operation_id(route),
        "tags": [if is_model_call { "models" } else { "management" }],
        "responses": responses(route, is_model_call, generator),
    });
    let Some(members) = operation.as_object_mut() else {
        return operation;
    };
    match route.needs {
        Some(permission) => {
            members.insert("x-roles".to_owned(), permission.roles().into());
        }
        None => {
            members.insert("security".to_owned(), json!([]));
        }
    }
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    let body = route.request.map(|of| of(generator).to_value());
    let any = (is_model_call && route.method == Method::POST).then(|| json!({"type": "object"}));
    if let Some(schema) = body.or(any) {
        let content = json!({"application/json": {"schema": schema}});
        let body = json!({"required": true, "content": content});
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

fn responses(
    route: &RouteDescription,
    is_model_call: bool,
    generator: &mut SchemaGenerator,
) -> Value {
    let content = match route.answer {
        AnswerForm::Json(of) => json!({"application/json": {"schema": of(generator)}}),
        AnswerForm::ForeignJson => json!({"application/json": {}}),
        AnswerForm::Text(media_type) => json!({media_type: {"schema": {"type": "string"}}}),
    };
    let mut responses = Map::new();
    let success = json!({"description": "Success", "content": content});
    responses.insert(route.status.to_string(), success);
    let error = if is_model_call {
        json!({"description": "An error in the client's protocol", "content": {"application/json": {}}})
    } else {
        json!({"$ref": "#/components/responses/Problem"})
    };
    responses.insert("default".to_owned(), error);
    responses.into()
}

/// The parts of a path in braces.
fn path_parameters(path: &str) -> Vec<Value> {
    let parts = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let kind = if name == "number" {
            "integer"
        } else {
            "string"
        };
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}}))
    });
    parts.collect()
}

/// The members of a query's shape.
fn query_parameters(of: SchemaOf, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut schema = of(generator).to_value();
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or_default();
        let definition = generator.definitions().get(name).cloned();
        schema = definition.unwrap_or_default();
    }
    let required: Vec<String> = schema
        .get("required")
        .and_then(|names| serde_json::from_value(names.clone()).ok())
        .unwrap_or_default();
    let members = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let is_required = required.contains(name);
        json!({"name": name, "in": "query", "required": is_required, "schema": schema})
    };
    members.into_iter().flatten().map(parameter).collect()
}

/// Method and path as one word.
fn operation_id(route: &RouteDescription) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let path: Vec<&str> = words.collect();
    format!(
        "{}_{}",
        route.method.as_str().to_lowercase(),
        path.join("_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    /// Compares a file with what it must be, or writes it with `UPDATE_DOCS=1`.
    fn check(path: &str, expected: &str) {
        let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{path} differs; run this test with UPDATE_DOCS=1"
        );
    }

    #[test]
    fn the_committed_description_is_that_of_the_routes() {
        check(
            "assets/openapi.json",
            &(serde_json::to_string_pretty(&openapi()).unwrap() + "\n"),
        );
    }

    #[test]
    fn the_page_of_calls_is_that_of_the_routes() {
        let mut page = "# All calls\n\nMade of the tables of routes; `GET /openapi.json` has the \
                        shapes of queries, bodies and answers. [API](api.md) explains them.\n\n\
                        | call | role | what it does |\n| --- | --- | --- |\n"
            .to_owned();
        for route in descriptions() {
            let roles = route.needs.map_or("none", |it| it.roles());
            writeln!(
                page,
                "| `{} {}` | {roles} | {} |",
                route.method, route.path, route.about
            )
            .unwrap();
        }
        check("docs/api-calls.md", &page);
    }

    #[test]
    fn every_call_has_a_name_and_every_reference_a_target() {
        let document = openapi();
        let ids: Vec<String> = descriptions().iter().map(operation_id).collect();
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
