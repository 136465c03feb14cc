//! Fills a database before a server opens it, by the rules that the server goes by, a project a transaction.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use platform_core::sql::{Config, Db, Location, Tx};
use platform_core::{OrganizationId, Secret, WallTime};
use serde_json::json;
use tenancy::plan::PlanInput;
use tenancy::quota::Resource;
use tenancy::signing_key::{SigningAlgorithm, SigningKeyInput};
use tenancy::store::sql::MIGRATIONS;
use tenancy::vault::MasterKey;
use tenancy::{
    Call, Error, KeyPrincipal, MAX_LIMIT, PageRequest, Permission, PlanId, Principal, Tenancy, UserPrincipal,
};
use tenancy::{api_key, organization, password, plan, project, signing_key, stream, user};
use tokio::task::JoinSet;

use super::catalogue::{Catalogue, Project};

/// A project's streams are one transaction, which takes longer than a request's may.
const PATIENCE: Duration = Duration::from_secs(300);

/// Organizations, among which projects are dealt out in turn: those of one count its streams in one row.
const ORGANIZATIONS: usize = 10;

/// Projects that are made at once, where the database has more than one writer.
const AT_ONCE: usize = 4;

/// Arguments of `seed`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The server's data folder, for the master key and SQLite's file.
    #[arg(long)]
    pub data: PathBuf,
    /// The database, as in the server's configuration; SQLite's file in the data folder, if it is left out.
    #[arg(long)]
    pub database: Option<String>,
    /// Where the catalogue goes, for `api`.
    #[arg(long)]
    pub catalogue: PathBuf,
    /// How many projects.
    #[arg(long, default_value_t = 100)]
    pub projects: usize,
    /// How many streams each has.
    #[arg(long, default_value_t = 1_000)]
    pub streams: usize,
    /// How many people, `known-0@example.org` and so on.
    #[arg(long, default_value_t = 500)]
    pub people: usize,
    /// How many viewers at once the organizations' plan allows; without a limit, if it is left out.
    #[arg(long)]
    pub viewers: Option<i64>,
}

/// Seeds, and prints how long it took.
///
/// # Errors
/// When the folder or the database is not to be had.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let began = std::time::Instant::now();
    fill(&args).await?.write(&args.catalogue)?;
    crate::load::print(&json!({
        "load": "seed",
        "projects": args.projects,
        "streams": args.projects * args.streams,
        "seconds": began.elapsed().as_secs_f64(),
    }));
    Ok(())
}

/// Makes the database, and returns what is in it.
///
/// # Errors
/// As [`run`].
pub async fn fill(args: &Args) -> anyhow::Result<Catalogue> {
    std::fs::create_dir_all(&args.data)?;
    let master = MasterKey::generate();
    save(&args.data.join("master.key"), master.secret())?;
    let location = match &args.database {
        None => Location::File(args.data.join(Location::FILE_NAME)),
        Some(url) => Location::parse(url, &args.data)?,
    };
    let mut config = Config::new(location);
    config.job_timeout = PATIENCE;
    let now = WallTime::from(SystemTime::now());
    let db = Db::open(config).await?;
    db.migrate(now, &[MIGRATIONS]).await?;
    let tenancy = Tenancy::open(&db, &master, now).await?;
    let operator = tenancy.call(Principal::Operator, now);
    let plan_id = plan_of(&db, &operator, args.viewers).await?;
    let owners = people(&db, &operator, args.people.max(1), plan_id).await?;
    let catalogue = Catalogue { projects: projects(&db, &owners, args).await? };
    db.close().await;
    Ok(catalogue)
}

/// The server takes a key only from a file that nobody else may read.
fn save(path: &Path, secret: &Secret) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(secret.expose())
}

/// An organization and a call by its owner.
type Owner = (Call, OrganizationId);

/// The plan without limits, or a new one that has only this.
async fn plan_of(db: &Db, operator: &Call, viewers: Option<i64>) -> anyhow::Result<PlanId> {
    let plan = db.write((operator.clone(), viewers), |tx, (operator, viewers)| {
        Box::pin(async move {
            if let Some(viewers) = *viewers {
                let limits = [(Resource::ConcurrentViewers, viewers)].into();
                let input = PlanInput { name: "Bench".to_owned(), limits, ..PlanInput::default() };
                return Ok::<_, Error>(Some(plan::create(tx, operator, &input).await?.id));
            }
            let all = PageRequest { after: None, limit: MAX_LIMIT };
            let plans = plan::list(tx, operator, all).await?.data;
            Ok(plans.iter().find(|plan| plan.limits.0.is_empty()).map(|plan| plan.id))
        })
    });
    plan.await?.context("no plan without limits")
}

/// Everybody has the same password, which is hashed once. The first ones own an organization each.
async fn people(db: &Db, operator: &Call, count: usize, plan_id: PlanId) -> anyhow::Result<Vec<Owner>> {
    let password = password::hash(&Secret::from("correct horse battery"))?;
    let job = (operator.clone(), password, count, plan_id);
    let made = db.write(job, |tx, (operator, password, count, plan_id)| {
        Box::pin(async move {
            let mut owners = Vec::new();
            for n in 0..*count {
                let email = format!("known-{n}@example.org");
                let registration =
                    user::Registration { email, name: format!("Known {n}"), password: password.clone() };
                let user = user::create(tx, operator, &registration, false).await?;
                if n < ORGANIZATIONS {
                    let principal = UserPrincipal { id: user.id, session_id: operator.id(), is_admin: false };
                    let owner = operator.by(Principal::User(principal));
                    let organization = organization::create(tx, &owner, &format!("Bench {n}")).await?;
                    plan::assign(tx, operator, organization.id, *plan_id).await?;
                    owners.push((owner, organization.id));
                }
            }
            Ok::<_, Error>(owners)
        })
    });
    Ok(made.await?)
}

/// Makes the projects, a few at once, and returns them in their order.
async fn projects(db: &Db, owners: &[Owner], args: &Args) -> anyhow::Result<Vec<Project>> {
    let (mut running, mut made) = (JoinSet::new(), Vec::new());
    for (n, owner) in owners.iter().cycle().take(args.projects).enumerate() {
        if running.len() == AT_ONCE {
            made.extend(running.join_next().await.transpose()?.transpose()?);
        }
        let (db, job) = (db.clone(), (owner.clone(), n, args.streams));
        running.spawn(async move {
            let project = db.write(job, |tx, ((owner, organization), n, streams)| {
                Box::pin(one_project(tx, owner, *organization, *n, *streams))
            });
            project.await.map(|project| (n, project))
        });
    }
    while let Some(project) = running.join_next().await {
        made.push(project??);
    }
    made.sort_by_key(|(n, _)| *n);
    Ok(made.into_iter().map(|(_, project)| project).collect())
}

async fn one_project(
    tx: &mut Tx,
    owner: &Call,
    organization: OrganizationId,
    n: usize,
    streams: usize,
) -> Result<Project, Error> {
    let input = project::ProjectInput { name: format!("Project {n}"), ..Default::default() };
    let project = project::create(tx, owner, organization, &input).await?;
    let scopes = vec![Permission::StreamsRead, Permission::StreamsWrite, Permission::TokensMint];
    let input = api_key::ApiKeyInput { name: "backend".to_owned(), scopes, expires_at: None };
    let key = api_key::create(tx, owner, project.id, &input).await?;
    let algorithm = if n.is_multiple_of(2) { SigningAlgorithm::Hs256 } else { SigningAlgorithm::EdDsa };
    let input = SigningKeyInput { name: "player".to_owned(), algorithm };
    signing_key::create(tx, owner, project.id, &input).await?;
    let text = |secret: &Secret| secret.expose_str().unwrap_or_default().to_owned();
    let mut seeded = Project { public: key.key.public, secret: text(&key.secret), streams: Vec::new() };
    // As the project's backend would: nobody's role is looked up for each of them.
    let backend = owner.by(Principal::Key(Arc::new(KeyPrincipal {
        id: key.key.id,
        project_id: project.id,
        organization_id: organization,
        scopes: key.key.scopes.0.clone(),
        limits: Arc::default(),
    })));
    for n in 0..streams {
        let mut input = stream::StreamInput::named(format!("Stream {n}"));
        "A stream like those that people have.".clone_into(&mut input.description);
        input.labels = [("team".to_owned(), "news".to_owned()), ("room".to_owned(), n.to_string())].into();
        seeded.streams.push(stream::create(tx, &backend, project.id, &input).await?.stream.id.to_string());
    }
    Ok(seeded)
}
