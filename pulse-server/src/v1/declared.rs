//! Query parameters that an operation has, as its description says: any other is refused, as it would do nothing.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{MatchedPath, Query};
use axum::http::request::Parts;
use hyper::Method;
use platform_core::problem::code;
use platform_core::{FieldError, Problem};
use serde_json::Value;

use super::failure::Failure;

/// The query parameters of all operations, by path and method.
#[derive(Debug, Default)]
pub(super) struct Declared(HashMap<String, HashMap<String, BTreeSet<String>>>);

impl Declared {
    /// Those of an OpenAPI document.
    pub(super) fn of(document: &Value) -> Self {
        let members = |value: &Value| value.as_object().into_iter().flatten().map(owned).collect::<Vec<_>>();
        let operations = |path: &Value| {
            members(path).into_iter().map(|(method, operation)| (method, names(&operation))).collect()
        };
        let paths = document.get("paths").map(members).unwrap_or_default();
        Self(paths.into_iter().map(|(path, value)| (path, operations(&value))).collect())
    }

    /// Whether what is created by this request can be got below its path.
    pub(super) fn has_one_below(&self, parts: &Parts) -> bool {
        let Some(all) = parts.extensions.get::<MatchedPath>() else { return false };
        let mut paths = self.0.iter().filter(|(path, _)| is_one_below(all.as_str(), path));
        parts.method == Method::POST && paths.any(|(_, operations)| operations.contains_key("get"))
    }

    /// Refuses a query that cannot be read, and parameters that the operation does not have, or that are there twice.
    pub(super) fn check(&self, parts: &Parts) -> Result<(), Failure> {
        if parts.uri.query().is_none_or(str::is_empty) {
            return Ok(());
        }
        let Some(path) = parts.extensions.get::<MatchedPath>() else { return Ok(()) };
        let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
        let method = method.as_str().to_ascii_lowercase();
        let Some(names) = self.0.get(path.as_str()).and_then(|operations| operations.get(&method)) else {
            return Ok(());
        };
        let pairs: Result<Query<Vec<(String, String)>>, _> = Query::try_from_uri(&parts.uri);
        // What is no UTF-8 is replaced on reading.
        let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
        let pairs = pairs.ok().map(|Query(pairs)| pairs);
        let pairs = pairs.filter(|pairs| pairs.iter().all(|(name, value)| is_text(name) && is_text(value)));
        let Some(pairs) = pairs else {
            return Err(code::INVALID_REQUEST.problem("The query is not UTF-8, as a form has it.").into());
        };
        let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
        for (name, _) in &pairs {
            if !names.contains(name) {
                let detail = "There is no such parameter.";
                wrong.push(FieldError::parameter(name.clone(), "unknown_parameter", detail));
            } else if !seen.insert(name) {
                let detail = "This parameter is there twice.";
                wrong.push(FieldError::parameter(name.clone(), "duplicate_parameter", detail));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(wrong).into()) }
    }
}

/// Whether a path is that of one of the things below another: `/v1/streams/{stream_id}` below `/v1/streams`.
pub(super) fn is_one_below(all: &str, path: &str) -> bool {
    let name = path.strip_prefix(all).and_then(|rest| rest.strip_prefix("/{")?.strip_suffix('}'));
    name.is_some_and(|name| !name.contains('/'))
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// The names of an operation's query parameters.
fn names(operation: &Value) -> BTreeSet<String> {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let in_query = |parameter: &&Value| parameter.get("in").is_some_and(|place| place == "query");
    let name = |parameter: &Value| parameter.get("name").and_then(Value::as_str).map(str::to_owned);
    parameters.filter(in_query).filter_map(name).collect()
}
