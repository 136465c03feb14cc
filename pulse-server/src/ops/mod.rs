//! The operator's listener: `/metrics` and what is live. Without authentication, hence on loopback by default.

mod metrics;
mod streams;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;

/// Serves until `draining` says otherwise.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, mut draining: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/streams", get(streams))
        .route("/healthz", get(async || "ok\n"))
        .with_state(app);
    let drained = async move {
        // An error means that the server is gone, which is as good a reason.
        let _ = draining.wait_for(|draining| *draining).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(drained).await {
        tracing::error!(%error, "the operations listener ended");
    }
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render(&app))
}

async fn streams(State(app): State<Arc<App>>) -> impl IntoResponse {
    axum::Json(streams::list(&app))
}
