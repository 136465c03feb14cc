//! Requests made of the OpenAPI document: paths, parameters and bodies, with values by name where something real is needed and with
//! the document's examples elsewhere.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::rig::text;

/// What parameters and fields of these names are to have.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// The filters by which a list is of something; one of them is enough.
const OF: [&str; 2] = ["organization_id", "project_id"];

/// An operation of the document.
pub(super) struct Operation<'a> {
    document: &'a Value,
    description: &'a Value,
    /// Its name.
    pub(super) id: &'a str,
    /// In capitals.
    pub(super) method: String,
    /// With names in braces.
    pub(super) path: &'a str,
}

/// A request that the document allows.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Null where there is none.
    pub(super) body: Value,
}

/// All operations of a document.
pub(super) fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, description) in operations.as_object().unwrap() {
            let (id, method) = (text(&description["operationId"]), method.to_uppercase());
            all.push(Operation { document, description, id, method, path });
        }
    }
    all
}

impl Operation<'_> {
    /// Whether the document asks for no credentials.
    pub(super) fn is_public(&self) -> bool {
        self.description["security"] == json!([])
    }

    /// Whether path or body has this name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.path.contains(&format!("{{{name}}}")) || self.fields().is_some_and(|all| all.contains_key(name))
    }

    /// The request with these values. Where it can be of an organization or of a project, one of each.
    pub(super) fn requests(&self, values: &Values) -> Vec<Request> {
        let path = values.iter().fold(self.path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
        });
        assert!(!path.contains('{'), "{}: nothing for {path}", self.id);
        let body = self.schema().map_or(Value::Null, |schema| self.example(schema, values));
        let request = |query: &[(&str, &str)]| {
            let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let path = if query.is_empty() { path.clone() } else { format!("{path}?{}", query.join("&")) };
            Request { method: self.method.clone(), path, body: body.clone() }
        };
        let query = self.query(values);
        let (of, rest): (Vec<_>, Vec<_>) = query.into_iter().partition(|(name, _)| OF.contains(name));
        if of.is_empty() {
            return vec![request(&rest)];
        }
        of.into_iter().map(|one| request(&[vec![one], rest.clone()].concat())).collect()
    }

    /// Parameters of the query for which there is a value.
    fn query<'v>(&self, values: &'v Values) -> Vec<(&'static str, &'v str)> {
        let parameters = self.description["parameters"].as_array();
        let named = |name: &str| {
            let is_it = |one: &&Value| one["in"] == "query" && one["name"] == name;
            parameters.into_iter().flatten().any(|one| is_it(&one))
        };
        values.iter().filter(|(name, _)| named(name)).map(|(name, value)| (*name, text(value))).collect()
    }

    fn schema(&self) -> Option<&Value> {
        self.description.pointer("/requestBody/content/application~1json/schema")
    }

    fn fields(&self) -> Option<&Map<String, Value>> {
        self.resolve(self.schema()?)["properties"].as_object()
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    /// A value that a schema allows.
    fn example(&self, schema: &Value, values: &Values) -> Value {
        let schema = self.resolve(schema);
        let given = [&schema["example"], &schema["default"], &schema["examples"][0], &schema["enum"][0]];
        if let Some(given) = given.into_iter().find(|value| !value.is_null()) {
            return given.clone();
        }
        if let Some(one) = schema["oneOf"].get(0) {
            return self.example(one, values);
        }
        let kind = if schema["type"].is_array() { &schema["type"][0] } else { &schema["type"] };
        match kind.as_str() {
            Some("object") => self.object(schema, values),
            Some("array") if schema["minItems"].as_u64() > Some(0) => {
                json!([self.example(&schema["items"], values)])
            }
            Some("array") => json!([]),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap())),
        }
    }

    fn object(&self, schema: &Value, values: &Values) -> Value {
        let needed =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let fields = schema["properties"].as_object().into_iter().flatten();
        let filled = fields.filter_map(|(name, field)| {
            let value = match values.get(name.as_str()) {
                Some(value) => value.clone(),
                None if needed(name) || !self.is_about_something_else(field) => self.example(field, values),
                None => return None,
            };
            Some((name.clone(), value))
        });
        Value::Object(filled.collect())
    }

    /// Whether a field that need not be there is an id or a moment, for which no example is right, or can be null, which is left out.
    fn is_about_something_else(&self, field: &Value) -> bool {
        let can_be_null = field["oneOf"].is_array() || field["type"].is_array();
        let resolved = self.resolve(field);
        can_be_null || resolved["pattern"].is_string() || resolved["format"] == "date-time"
    }
}
