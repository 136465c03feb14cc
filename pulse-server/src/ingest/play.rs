//! stub
use super::connection::Connection;
use crate::app::App;
use rtmp_core::server::PlayRequest;
use std::{net::SocketAddr, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
pub(super) async fn run<I>(_app: &Arc<App>, _c: Connection<I>, _r: PlayRequest, _remote: SocketAddr) where I: AsyncRead + AsyncWrite + Unpin {}
