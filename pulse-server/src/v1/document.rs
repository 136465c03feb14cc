//! The OpenAPI 3.1 document: what the handlers say, and what holds for all of them.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::declared::is_one_below;

/// What the document says of the API as a whole.
const ABOUT: &str = "Live video: organizations, projects, keys, streams. Errors are RFC 9457 problem documents with a stable `code`. \
Lists take `limit` and `cursor`. Writes take an `Idempotency-Key`.";

/// Methods that change something.
const WRITES: [&str; 4] = ["post", "put", "patch", "delete"];

/// The document as it is served.
pub(super) fn finish(description: &OpenApi) -> Bytes {
    let mut document = serde_json::to_value(description).unwrap_or_default();
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    if let Some(document) = document.as_object_mut() {
        describe(document);
        if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
            let can_be_got: Vec<String> = paths
                .iter()
                .filter(|(_, operations)| operations.get("get").is_some())
                .map(|(path, _)| path.clone())
                .collect();
            for (path, operations) in paths.iter_mut() {
                let located = can_be_got.iter().any(|one| is_one_below(path, one));
                for (method, operation) in operations.as_object_mut().into_iter().flatten() {
                    complete(method, operation, &schemas, located);
                }
            }
        }
    }
    serde_json::to_vec(&document).unwrap_or_default().into()
}

fn describe(document: &mut Map<String, Value>) {
    document.insert(
        "info".to_owned(),
        json!({
            "title": "Pulse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        }),
    );
    document.insert("servers".to_owned(), json!([{"url": "/"}]));
    let components = document.entry("components").or_insert_with(|| json!({}));
    if let Some(components) = components.as_object_mut() {
        components.insert("securitySchemes".to_owned(), security_schemes());
        components.insert("responses".to_owned(), json!({"Problem": problem_response()}));
        let schemas = components.entry("schemas").or_insert_with(|| json!({}));
        if let Some(schemas) = schemas.as_object_mut() {
            schemas.insert("Problem".to_owned(), problem_schema());
        }
    }
}

fn security_schemes() -> Value {
    json!({
        "access_token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A person's access token, from `/v1/auth/login`.",
        },
        "api_key": {
            "type": "http", "scheme": "basic",
            "description": "An API key: its public part as user, its secret as password. The same two go in `X-Pulse-Key` and `X-Pulse-Secret`.",
        },
    })
}

fn problem_response() -> Value {
    json!({
        "description": "It was not done; `code` says why.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why it was not done (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "description": "What kind of problem, as a path."},
            "title": {"type": "string", "description": "A few words, always the same for a code."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What was wrong this time, and what to do."},
            "code": {"type": "string", "description": "Stable, for machines: `not_found`."},
            "request_id": {"type": "string", "description": "As in the header `X-Request-Id` and in the server's log."},
            "errors": {
                "type": "array",
                "description": "The fields at fault.",
                "items": {
                    "type": "object",
                    "required": ["rule", "detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                        "parameter": {"type": "string", "description": "The name of a parameter or header."},
                        "rule": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    })
}

/// Adds what every operation has. What it creates can be got below it if it is `located`.
fn complete(method: &str, operation: &mut Value, schemas: &Value, located: bool) {
    let Some(operation) = operation.as_object_mut() else { return };
    let public = operation.get("security").is_some();
    if public {
        operation.insert("security".to_owned(), json!([]));
    } else {
        operation.insert("security".to_owned(), json!([{"access_token": []}, {"api_key": []}]));
    }
    let lists = is_list(operation);
    // Another token does no harm, so minting stores nothing.
    let mints = operation
        .get("operationId")
        .is_some_and(|id| id == "mint_playback_token" || id == "mint_publish_token");
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        if lists {
            parameters.push(json!({
                "name": "limit", "in": "query", "description": "How many at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25},
            }));
            parameters.push(json!({
                "name": "cursor", "in": "query", "description": "The `next_cursor` of the page before.",
                "schema": {"type": "string"},
            }));
        }
        if WRITES.contains(&method) && !public && !mints {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header",
                "description": "Under the same key the same request is carried out once, for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }));
        }
    }
    if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
        let needed = needs_fields(body, schemas);
        body.insert("required".to_owned(), needed.into());
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        if let Some(created) = responses.get_mut("201").and_then(Value::as_object_mut).filter(|_| located) {
            let location = json!({"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}});
            created.insert("headers".to_owned(), json!({"Location": location}));
        }
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Problem"}));
    }
}

/// Whether a body has fields that must be there. Where it has none, no body counts as `{}`.
fn needs_fields(body: &Map<String, Value>, schemas: &Value) -> bool {
    let reference = body.get("content").and_then(|content| content.pointer("/application~1json/schema/$ref"));
    let name = reference.and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    let schema = name.and_then(|name| schemas.get(name));
    schema.is_none_or(requires)
}

/// Whether a schema has fields that must be there; of several alternatives, each.
fn requires(schema: &Value) -> bool {
    match schema.get("oneOf").and_then(Value::as_array) {
        Some(alternatives) => alternatives.iter().all(requires),
        None => schema.get("required").is_some(),
    }
}

/// Whether an operation answers with a page.
fn is_list(operation: &Map<String, Value>) -> bool {
    let body = operation
        .get("responses")
        .and_then(|responses| responses.pointer("/200/content/application~1json/schema/$ref"))
        .and_then(Value::as_str);
    body.is_some_and(|reference| reference.contains("/Listed"))
}

/// The answer to `GET /openapi.json`.
pub(super) fn answer(document: Bytes) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (headers, document).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::router;

    fn document() -> Value {
        serde_json::from_slice(&finish(router::operations().get_openapi())).unwrap()
    }

    fn operations(document: &Value) -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, operations)| {
            operations
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        });
        all.collect()
    }

    #[test]
    fn it_is_openapi_3_1_and_every_operation_has_a_name_of_its_own_a_summary_and_problems() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut names = std::collections::BTreeSet::new();
        for (place, operation) in operations(&document) {
            let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
            assert!(!name.is_empty() && names.insert(name), "{place}");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{place}");
            assert!(operation["responses"]["default"].is_object(), "{place}");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{place}");
        }
        assert!(names.len() > 40, "{}", names.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn only_what_can_be_got_says_where_it_is() {
        let document = document();
        for (path, located) in [
            ("~1v1~1streams", true),
            ("~1v1~1streams~1{stream_id}~1keys", false),
            ("~1v1~1projects~1{project_id}~1presets", true),
            ("~1v1~1projects~1{project_id}~1keys", false),
            ("~1v1~1projects~1{project_id}~1signing-keys", false),
            ("~1v1~1organizations~1{organization_id}~1invitations", false),
            ("~1v1~1streams~1{stream_id}~1tokens", false),
        ] {
            let created = document.pointer(&format!("/paths/{path}/post/responses/201"));
            assert_eq!(created.unwrap().pointer("/headers/Location").is_some(), located, "{path}");
        }
    }

    #[test]
    fn a_body_is_needed_where_it_has_a_field_that_is() {
        let document = document();
        let needed = |path: &str| document.pointer(&format!("/paths/{path}/requestBody/required")).cloned();
        assert_eq!(needed("~1v1~1auth~1register/post"), Some(json!(true)));
        assert_eq!(needed("~1v1~1auth~1logout/post"), Some(json!(false)));
        assert_eq!(needed("~1v1~1streams~1{stream_id}~1tokens/post"), Some(json!(false)));
        assert_eq!(
            needed("~1v1~1streams~1{stream_id}~1tokens~1revoke/post"),
            Some(json!(true)),
            "one of its fields"
        );
    }

    #[test]
    fn each_way_to_revoke_tokens_has_an_example_of_its_own() {
        let document = document();
        let ways =
            document.pointer("/components/schemas/RevokeTokens/oneOf").and_then(Value::as_array).unwrap();
        let examples = |name: &str| {
            ways.iter().find_map(|way| way.pointer(&format!("/properties/{name}/examples/0")).cloned())
        };
        assert_eq!(examples("viewer_id"), Some(json!("viewer-17")));
        assert!(
            examples("jti").is_some_and(|jti| jti != "viewer-17" && jti.as_str().map(str::len) == Some(22))
        );
    }

    /// Whoever adds one decides here that anybody may ask.
    #[test]
    fn public_operations_are_a_list() {
        let document = document();
        let public: Vec<String> = operations(&document)
            .into_iter()
            .filter(|(_, operation)| operation["security"].as_array().is_none_or(Vec::is_empty))
            .map(|(place, _)| place)
            .collect();
        let expected = [
            "post /v1/auth/email/verify",
            "post /v1/auth/login",
            "post /v1/auth/logout",
            "post /v1/auth/password/forgot",
            "post /v1/auth/password/reset",
            "post /v1/auth/refresh",
            "post /v1/auth/register",
            "get /v1/status",
        ];
        assert_eq!(public, expected);
    }
}
