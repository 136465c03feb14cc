//! The routes, from which the OpenAPI document is made.

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::declared::Declared;
use super::{
    admin, audit_logs, auth, docs, document, failure, organizations, projects, status, streams, usage,
};

/// All operations with their descriptions.
pub(super) fn operations() -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(status::routes())
        .merge(auth::routes())
        .merge(organizations::routes())
        .merge(projects::routes())
        .merge(streams::routes())
        .merge(usage::routes())
        .merge(audit_logs::routes())
        .merge(admin::routes())
}

/// All that is answered below the API's paths, and which parameters it takes.
pub(super) fn routes() -> (Router, Declared) {
    let (operations, description) = operations().split_for_parts();
    let document = document::finish(&description);
    let declared = Declared::of(&serde_json::from_slice(&document).unwrap_or_default());
    let router = operations
        .route("/openapi.json", get(move || std::future::ready(document::answer(document.clone()))))
        .merge(docs::routes())
        .method_not_allowed_fallback(failure::method_not_allowed)
        .fallback(failure::not_found);
    (router, declared)
}
