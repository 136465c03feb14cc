//! `/v1/audit-logs/export`: CSV, streamed page by page.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use platform_core::problem::code;
use tenancy::store::{AuditEntry, AuditFilter};
use tenancy::{MAX_LIMIT, PageRequest, audit};
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Wanted, running};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Filter;

/// Rows of an export, 1,000,000.
const MAX_ROWS: usize = 1_000_000;
/// Pages that wait for a slow client.
const AHEAD: usize = 2;
/// How long an export may take, 10 minutes: a client that takes its time does not keep others waiting for ever.
const LONGEST: Duration = Duration::from_secs(600);

const HEAD: &str = "id,created_at,organization_id,project_id,actor_kind,actor_id,action,resource_kind,resource_id,changed,\
                    address,request_id\r\n";

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(export))
}

/// The audit log as CSV
///
/// RFC 4180, the newest first, up to 1,000,000 rows.
#[utoipa::path(get, path = "/v1/audit-logs/export", operation_id = "export_audit_logs", tag = "audit log",
    params(Wanted), responses((status = 200, body = String, content_type = "text/csv")))]
async fn export(ctx: Context, Filter(wanted): Filter<Wanted>) -> Result<Response, Failure> {
    let filter = wanted.filter();
    // The first page here, so that what is wrong is an answer and no broken file.
    let report = ctx.api.reports.begin(&ctx.call.principal)?;
    let first = read(&ctx, &filter, None).await?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let sent = tokio::time::timeout(LONGEST, send(&ctx, &filter, first, &sender)).await;
        drop(report);
        let broken = match sent {
            Ok(sent) => sent.err(),
            Err(_) => Some(code::UNAVAILABLE.problem("The export took too long.").into()),
        };
        if let Some(failure) = broken {
            // The client sees that the file breaks off.
            let _ = sender.send(Err(failure)).await;
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit-log.csv\""),
    ];
    Ok((headers, axum::body::Body::new(Chunks(receiver))).into_response())
}

type Page = tenancy::Page<AuditEntry, platform_core::AuditId>;

fn page(after: Option<platform_core::AuditId>) -> PageRequest<platform_core::AuditId> {
    PageRequest { after, limit: MAX_LIMIT }
}

async fn read(
    ctx: &Context,
    filter: &AuditFilter,
    after: Option<platform_core::AuditId>,
) -> Result<Page, Failure> {
    let mut tx = ctx.reader().await?;
    running::in_time(audit::list(&mut tx, &ctx.call, filter, page(after))).await
}

async fn send(
    ctx: &Context,
    filter: &AuditFilter,
    first: Page,
    sender: &mpsc::Sender<Result<Bytes, Failure>>,
) -> Result<(), Failure> {
    let (mut current, mut rows, mut text) = (first, 0, HEAD.to_owned());
    loop {
        for entry in &current.data {
            line(&mut text, entry);
        }
        rows += current.data.len();
        // A client that has left is nobody to send to.
        if sender.send(Ok(std::mem::take(&mut text).into())).await.is_err() {
            return Ok(());
        }
        let Some(after) = current.next.filter(|_| rows < MAX_ROWS) else { return Ok(()) };
        current = read(ctx, filter, Some(after)).await?;
    }
}

fn line(text: &mut String, entry: &AuditEntry) {
    let optional = |value: Option<String>| value.unwrap_or_default();
    let resource = entry.resource.as_ref();
    let fields = [
        entry.id.to_string(),
        entry.created_at.to_string(),
        optional(entry.organization_id.map(|id| id.to_string())),
        optional(entry.project_id.map(|id| id.to_string())),
        entry.actor_kind.to_string(),
        optional(entry.actor_id.clone()),
        entry.action.clone(),
        optional(resource.map(|resource| resource.kind.to_string())),
        optional(resource.map(|resource| resource.id.clone())),
        entry.changed.join(" "),
        optional(entry.address.map(|address| address.to_string())),
        optional(entry.request_id.clone()),
    ];
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        push_field(text, field);
    }
    text.push_str("\r\n");
}

/// A field, quoted where RFC 4180 §2 asks for it. What a spreadsheet would take for a formula becomes text.
fn push_field(text: &mut String, field: &str) {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !field.contains([',', '"', '\r', '\n']) {
        text.push_str(field);
        return;
    }
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

/// A body of what comes through a channel.
struct Chunks(mpsc::Receiver<Result<Bytes, Failure>>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx).map(|chunk| {
            chunk.map(|chunk| {
                chunk.map(Frame::data).map_err(|failure| std::io::Error::other(failure.code().name()))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_formulas_disarmed() {
        for (field, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("@x", "\"'@x\""),
            ("", ""),
        ] {
            let mut text = String::new();
            push_field(&mut text, field);
            assert_eq!(text, written);
        }
    }
}
