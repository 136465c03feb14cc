//! Databases full of tenants, for the API to be asked about.

use std::path::{Path, PathBuf};

use platform_core::sql::Location;
use platform_core::testing::Postgres;

use super::context::Context;
use super::tool::Tool;
use crate::clip::target_dir;

/// Where the tenants are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    /// A file in the data folder.
    Sqlite,
    /// Debian's PostgreSQL with its defaults, over a Unix socket; it does not sync, which reading has no need of.
    Postgres,
}

/// A data folder and a database. The folder is removed when this is dropped.
pub(super) struct Tenants {
    data: PathBuf,
    /// The database's URL, where it is not in the folder.
    url: Option<String>,
}

impl Tenants {
    /// 100 projects of 1,000 streams; of 100 in short runs.
    pub(super) fn seed(context: &Context, database: Database) -> anyhow::Result<Self> {
        Self::make(context, database, "100", if context.quick { "100" } else { "1000" }, &[])
    }

    /// People, and hardly a stream.
    pub(super) fn small(context: &Context) -> anyhow::Result<Self> {
        Self::make(context, Database::Sqlite, "1", "1", &[])
    }

    /// Two projects, which sign by HS256 and by Ed25519, and whose plan counts viewers.
    pub(super) fn watched(context: &Context) -> anyhow::Result<Self> {
        Self::make(context, Database::Sqlite, "2", "1", &["--people", "1", "--viewers", "1000000"])
    }

    fn make(
        context: &Context,
        database: Database,
        projects: &str,
        streams: &str,
        others: &[&str],
    ) -> anyhow::Result<Self> {
        // Beside the build, not in memory like the other servers' folders: a disk is what durable writes are about.
        let name = format!("tenants-{}-{database:?}-{projects}", std::process::id());
        let data = target_dir().join("bench").join(name);
        std::fs::create_dir_all(&data)?;
        let url = match database {
            Database::Sqlite => None,
            Database::Postgres => url(&Postgres::shared().database()),
        };
        let tenants = Self { data: data.canonicalize()?, url };
        let (folder, catalogue) = (tenants.data.to_string_lossy(), tenants.catalogue());
        let mut arguments = vec!["seed", "--data", &folder, "--catalogue", &catalogue];
        arguments.extend(["--projects", projects, "--streams", streams]);
        arguments.extend(others);
        if let Some(url) = &tenants.url {
            arguments.extend(["--database", url]);
        }
        let run = Tool::run(context, &arguments)?;
        context.note("seed", &run);
        drop(folder);
        Ok(tenants)
    }

    /// The server's data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// The catalogue's path.
    pub(super) fn catalogue(&self) -> String {
        self.data.join("catalogue").to_string_lossy().into_owned()
    }

    /// Where the server finds the database.
    pub(super) fn config(&self) -> String {
        self.url.as_ref().map_or(String::new(), |url| format!("[database]\nurl = \"{url}\"\n"))
    }
}

impl Drop for Tenants {
    fn drop(&mut self) {
        // It lies in cargo's target folder, where what stays does no harm.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn url(location: &Location) -> Option<String> {
    match location {
        Location::Postgres(url) => url.expose_str().map(str::to_owned),
        _ => None,
    }
}
