//! stub
use std::sync::Arc;
use tokio::{net::TcpListener, sync::watch};
use crate::{app::App, tls::Certificate};
pub async fn serve(_: Arc<App>, _: TcpListener, _: Option<Arc<Certificate>>, _: watch::Receiver<bool>) {}
