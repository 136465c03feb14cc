//! `/v1/admin`: for operators of the server.

mod organizations;
mod plans;
mod settings;
mod streams;
mod users;

use utoipa_axum::router::OpenApiRouter;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(organizations::routes())
        .merge(streams::routes())
        .merge(plans::routes())
        .merge(settings::routes())
}
