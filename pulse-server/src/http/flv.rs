//! stub
use std::{net::SocketAddr, sync::Arc};
use hyper::{Response, http::request::Parts};
use super::{App, body::Body, problem::Problem};
pub async fn answer(_: &Arc<App>, _: &Parts, _: &str, _: SocketAddr) -> Result<Response<Body>, Problem> { Err(Problem::not_found("x","x")) }
