//! Parameters of requests: ids in paths, filters and pages in queries.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use platform_core::id::{Id, Kind};
use platform_core::problem::code;
use platform_core::{FieldError, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenancy::vault::{DataKey, Keys};
use tenancy::{MAX_LIMIT, Page, PageRequest};

use super::failure::Failure;

/// Ids in the path. What is no id of the expected kind is 400.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => Ok(Self(ids)),
            Err(rejection) => Err(wrong_id(&rejection)),
        }
    }
}

fn wrong_id(rejection: &PathRejection) -> Failure {
    let detail = match rejection {
        PathRejection::FailedToDeserializePathParams(error) => match error.kind() {
            ErrorKind::Message(message) | ErrorKind::DeserializeError { message, .. } => message.clone(),
            _ => "Not an id of the expected kind.".to_owned(),
        },
        _ => "Not an id of the expected kind.".to_owned(),
    };
    code::INVALID_ID.problem(detail).into()
}

/// Filters of a request that is no list.
pub(crate) struct Filter<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Filter<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        read_filter(&parts.uri, &pairs(&parts.uri)).map(Self)
    }
}

/// A list's filters, and which page of it.
pub(crate) struct List<T> {
    /// The filters.
    pub(crate) filter: T,
    limit: u32,
    cursor: Option<String>,
    /// The list and its filters: a cursor belongs to one.
    scope: String,
}

/// No filters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unfiltered {}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for List<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let all = pairs(&parts.uri);
        let last = |name: &str| all.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let limit = match last("limit") {
            None => PageRequest::<()>::default().limit,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                limit
                    .ok_or_else(|| Failure::parameter("limit", "out_of_range", "A limit is from 1 to 100."))?
            }
        };
        let mut rest: Vec<_> =
            all.iter().filter(|(key, _)| key != "limit" && key != "cursor").cloned().collect();
        let filter = read_filter(&parts.uri, &rest)?;
        rest.sort();
        Ok(Self {
            filter,
            limit,
            cursor: last("cursor").filter(|text| !text.is_empty()),
            scope: format!("{} {rest:?}", parts.uri.path()),
        })
    }
}

impl<T> List<T> {
    /// The page that is asked for.
    pub(crate) fn page<K: Kind>(&self, keys: &Keys) -> Result<PageRequest<Id<K>>, Failure> {
        let after = match &self.cursor {
            None => None,
            Some(cursor) => Some(self.open(keys, cursor).ok_or_else(|| {
                Failure::from(code::INVALID_CURSOR.problem(
                    "Take the cursor of the page before, with the same filters, or leave it out to begin anew.",
                ))
            })?),
        };
        Ok(PageRequest { after, limit: self.limit })
    }

    fn open<K: Kind>(&self, keys: &Keys, cursor: &str) -> Option<Id<K>> {
        let sealed = platform_core::Secret::from_base64url(cursor)?;
        let id = keys.open(DataKey::Cursor, &self.context(), sealed.expose())?;
        Id::parse(id.expose_str()?).ok()
    }

    /// The page as it is answered.
    pub(crate) fn answer<U, V, K: Kind>(
        &self,
        keys: &Keys,
        page: Page<U, Id<K>>,
        view: impl FnMut(U) -> V,
    ) -> Result<axum::Json<Listed<V>>, Failure> {
        let next_cursor = match page.next {
            None => None,
            Some(id) => {
                let sealed = keys.seal(DataKey::Cursor, &self.context(), id.to_string().as_bytes())?;
                let text = platform_core::Secret::new(sealed).base64url();
                text.expose_str().map(str::to_owned)
            }
        };
        Ok(axum::Json(Listed { data: page.data.into_iter().map(view).collect(), next_cursor }))
    }

    fn context(&self) -> String {
        format!("cursor {}", self.scope)
    }
}

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Listed<T> {
    /// What is on it, the newest first.
    data: Vec<T>,
    /// For `?cursor=` of the next page; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// Reads filters, of which each may be there once.
fn read_filter<T: DeserializeOwned>(uri: &Uri, pairs: &[(String, String)]) -> Result<T, Failure> {
    if let Some((name, _)) = pairs.iter().find(|(_, value)| value.contains('\0')) {
        let detail = "Text cannot have the character U+0000.";
        let error = FieldError::parameter(name.clone(), "invalid_text", detail);
        return Err(Problem::invalid(vec![error]).into());
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let uri: Result<Uri, _> = format!("{}?{}", uri.path(), query.finish()).parse();
    let broken = || Failure::from(code::INVALID_REQUEST.problem("The query cannot be read."));
    let uri = uri.map_err(|_| broken())?;
    Query::try_from_uri(&uri).map(|Query(filter)| filter).map_err(|error| {
        let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        let named = text.split('`').nth(1).unwrap_or_default().to_owned();
        let error = if text.contains("unknown field") {
            FieldError::parameter(named, "unknown_parameter", "There is no such parameter.")
        } else if text.contains("missing field") {
            FieldError::parameter(named, "required", "This parameter is needed.")
        } else if text.contains("duplicate field") {
            FieldError::parameter(named, "duplicate_parameter", "This parameter is there twice.")
        } else {
            let (name, detail) = text.split_once(": ").unwrap_or(("", &text));
            FieldError::parameter(name.to_owned(), "invalid", format!("{detail}."))
        };
        Problem::invalid(vec![error]).into()
    })
}
