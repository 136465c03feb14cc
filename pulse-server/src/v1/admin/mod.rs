//! `/v1/admin`: for operators of the server.

mod apps;
mod organizations;
mod plans;
mod settings;
mod streams;
mod users;

use tenancy::{Call, Error};
use utoipa_axum::router::OpenApiRouter;

/// The call as the server's operator's, for what a person who is one may do in organizations that they are no member of.
fn operator(call: &Call) -> Result<Call, Error> {
    call.as_operator()
}

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(organizations::routes())
        .merge(streams::routes())
        .merge(plans::routes())
        .merge(settings::routes())
        .merge(apps::routes())
}
