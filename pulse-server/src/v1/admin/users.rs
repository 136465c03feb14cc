//! `/v1/admin/users`.

use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use tenancy::UserId;
use tenancy::user::{self, UserFilter};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::auth::User;
use crate::v1::body::{Input, given};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, update)).routes(routes!(reset_totp))
}

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Addresses that begin with this.
    search: Option<String>,
    suspended: Option<bool>,
    is_admin: Option<bool>,
}

/// What of an account is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateUser {
    /// Whether they are suspended; all their logins end.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    suspended: Option<bool>,
    /// Whether they are an operator of the server.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    is_admin: Option<bool>,
}

/// All accounts
#[utoipa::path(get, path = "/v1/admin/users", operation_id = "admin_list_users", tag = "operators", params(Filter),
    responses((status = 200, body = Listed<User>)))]
async fn list(ctx: Context, list: List<Filter>) -> Result<axum::Json<Listed<User>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let Filter { search, suspended, is_admin } = &list.filter;
    let filter = UserFilter { search: search.clone(), suspended: *suspended, is_admin: *is_admin };
    let request = list.page(keys)?;
    let page = user::list_all(&mut ctx.reader().await?, &ctx.call, &filter, request).await?;
    list.answer(keys, page, User::from)
}

/// An account
#[utoipa::path(get, path = "/v1/admin/users/{user_id}", operation_id = "admin_read_user", tag = "operators",
    params(("user_id" = schema::UserId, Path)), responses((status = 200, body = User)))]
async fn read(ctx: Context, Path(id): Path<UserId>) -> Result<axum::Json<User>, Failure> {
    let user = user::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(user.into()))
}

/// Suspend an account, or make it an operator's
#[utoipa::path(patch, path = "/v1/admin/users/{user_id}", operation_id = "admin_update_user", tag = "operators",
    params(("user_id" = schema::UserId, Path)), request_body = UpdateUser, responses((status = 200, body = User)))]
async fn update(
    ctx: Context,
    Path(id): Path<UserId>,
    Input(input): Input<UpdateUser>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, input), |tx, call, (id, input)| {
        Box::pin(async move {
            let mut user = user::read(tx, call, *id).await?;
            if let Some(suspended) = input.suspended {
                user = user::suspend(tx, call, *id, suspended).await?;
            }
            if let Some(is_admin) = input.is_admin {
                user = user::set_admin(tx, call, *id, is_admin).await?;
            }
            Ok(User::from(user))
        })
    })
    .await
}

/// Turn the second factor of an account off
///
/// For somebody who has lost authenticator and recovery codes.
#[utoipa::path(delete, path = "/v1/admin/users/{user_id}/totp", operation_id = "admin_reset_totp", tag = "operators",
    params(("user_id" = schema::UserId, Path)),
    responses((status = 204, description = "The password alone is asked for.")))]
async fn reset_totp(ctx: Context, Path(id): Path<UserId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(user::totp::reset(tx, call, *id))).await
}
