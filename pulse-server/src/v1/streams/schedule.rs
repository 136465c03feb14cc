//! `/v1/streams/{id}/schedule`.

use std::time::Duration;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::WallTime;
use serde::{Deserialize, Serialize};
use tenancy::StreamId;
use tenancy::schedule::{self, LEAD};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read, replace, delete))
}

/// When a stream may be published: from `opens_at` until before `ends_at`. Where both are null, at any time.
#[derive(Serialize, ToSchema)]
struct Schedule {
    #[schema(value_type = Option<schema::Time>, required)]
    starts_at: Option<WallTime>,
    #[schema(value_type = Option<schema::Time>, required)]
    ends_at: Option<WallTime>,
    /// How long before the start it may be published.
    lead_seconds: u64,
    /// The start less the lead.
    #[schema(value_type = Option<schema::Time>, required)]
    opens_at: Option<WallTime>,
}

impl From<schedule::Schedule> for Schedule {
    fn from(schedule: schedule::Schedule) -> Self {
        Self {
            starts_at: schedule.starts_at,
            ends_at: schedule.ends_at,
            lead_seconds: schedule.lead.as_secs(),
            opens_at: schedule.opens_at(),
        }
    }
}

/// When a stream is planned to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutSchedule {
    /// When it starts; if it is left out, it may be published at once.
    #[schema(value_type = Option<schema::Time>)]
    starts_at: Option<WallTime>,
    /// When it ends, after now and the start; if it is left out, whenever its encoder does. Who publishes then is dropped.
    #[schema(value_type = Option<schema::Time>)]
    ends_at: Option<WallTime>,
    /// How long before the start it may be published, up to 86,400 (a day). 900, if it is left out.
    #[serde(default = "lead")]
    #[schema(maximum = 86400, example = 900)]
    lead_seconds: u64,
}

fn lead() -> u64 {
    LEAD.as_secs()
}

/// When a stream may be published
#[utoipa::path(get, path = "/v1/streams/{stream_id}/schedule", operation_id = "read_stream_schedule", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = Schedule)))]
async fn read(ctx: Context, Path(id): Path<StreamId>) -> Result<axum::Json<Schedule>, Failure> {
    let schedule = schedule::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(schedule.into()))
}

/// Plan when a stream runs
///
/// Out of its schedule it cannot be published, and who publishes is dropped. Who watches is not concerned.
#[utoipa::path(put, path = "/v1/streams/{stream_id}/schedule", operation_id = "replace_stream_schedule",
    tag = "streams", params(("stream_id" = schema::StreamId, Path)), request_body = PutSchedule,
    responses((status = 200, body = Schedule)))]
async fn replace(
    ctx: Context,
    Path(id): Path<StreamId>,
    Input(input): Input<PutSchedule>,
) -> Result<Response, Failure> {
    let lead = Duration::from_secs(input.lead_seconds);
    let schedule = schedule::Schedule { starts_at: input.starts_at, ends_at: input.ends_at, lead };
    ctx.change(StatusCode::OK, (id, schedule), |tx, call, (id, schedule)| {
        Box::pin(async move { schedule::put(tx, call, *id, schedule).await.map(Schedule::from) })
    })
    .await
}

/// Let a stream be published at any time
#[utoipa::path(delete, path = "/v1/streams/{stream_id}/schedule", operation_id = "delete_stream_schedule",
    tag = "streams", params(("stream_id" = schema::StreamId, Path)),
    responses((status = 204, description = "It has no schedule.")))]
async fn delete(ctx: Context, Path(id): Path<StreamId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| {
        Box::pin(async move { schedule::put(tx, call, *id, &schedule::Schedule::default()).await.map(drop) })
    })
    .await
}
