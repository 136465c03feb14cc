//! A viewer's way in.

use anyhow::ensure;

use super::client::{Body, Client};
use super::playlist::{renditions, resolve};

/// Opens a session at the multivariant playlist at `path`. The paths of its first variant and of its first audio rendition.
///
/// # Errors
/// When it is refused, or has no variant.
pub async fn open(client: &mut Client, path: &str) -> anyhow::Result<Vec<String>> {
    let answer = client.get(path, Body::Keep).await?;
    ensure!(answer.status == 200, "{} for {path}", answer.status);
    Ok(renditions(&answer.body)?.iter().map(|uri| resolve(path, uri)).collect())
}
