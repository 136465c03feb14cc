//! stub
use crate::app::App;
use rtmp_core::tokio::PendingPlay;
use std::{net::SocketAddr, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
pub(super) async fn run<I>(_app: &Arc<App>, _r: PendingPlay<I>, _remote: SocketAddr) where I: AsyncRead + AsyncWrite + Unpin {}
