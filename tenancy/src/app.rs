//! RTMP application names that operators bind to projects, for encoders whose keys name no project: there the project's
//! [hook](crate::hook) decides who publishes.

use std::collections::HashMap;
use std::sync::Arc;

use platform_core::{ProjectId, WallTime};

use crate::authority::{self, Target, authorize};
use crate::call::About;
use crate::error::STATE;
use crate::page::{Page, PageRequest, page};
use crate::store::{Entity, Tx, is, record, set};
use crate::{AppId, Call, Error, Permission, Principal};

/// Bytes of a name, 64.
pub(crate) const MAX_NAME: usize = 64;
/// Application names that are bound, 10,000: a server knows all of them, in some 3 MB, so that no name that an encoder makes up is asked
/// for.
pub const MAX_APPS: u32 = 10_000;
/// What operators who bind names at the same moment may bind beyond [`MAX_APPS`].
const AT_ONCE: u32 = 1_000;
/// The application name under which RTMP plays.
const PLAY: &str = "play";

record! {
    /// An application name of a project.
    pub struct App in "tenancy_apps" {
        /// `app_…`.
        pub id: AppId,
        /// The name, as encoders give it, which no other has.
        pub name: String,
        /// Of which project.
        pub project_id: ProjectId,
        /// Whether the hook may rename a stream by a redirection.
        pub allow_rename: bool,
        /// When it was bound.
        pub created_at: WallTime,
    }
    unique "name" on "name"
}

/// The kind of the entity that caches know an app as.
pub(crate) const ENTITY: &str = "app name";

fn check(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return Err(Error::field("/name", "app_name", "1 to 64 letters, digits, `_`, `-` or `.`."));
    }
    if name == PLAY {
        return Err(Error::field("/name", "reserved", "`play` is where streams are played."));
    }
    Ok(())
}

/// Binds an application name to a project. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] for the project; [`Error::Conflict`] when the name is bound; [`Error::Refused`] beyond [`MAX_APPS`].
pub async fn bind<T: Tx>(
    tx: &mut T,
    call: &Call,
    name: &str,
    project_id: ProjectId,
    allow_rename: bool,
) -> Result<App, Error> {
    authority::operator(call)?;
    check(name)?;
    let system = call.by(Principal::System);
    authorize(tx, &system, Permission::Operate, Target::Project(project_id)).await?;
    if tx.count::<App>(Vec::new()).await? >= u64::from(MAX_APPS) {
        return Err(Error::refused(STATE, "At most 10,000 application names are bound; free one."));
    }
    let app = App { id: call.id(), name: name.to_owned(), project_id, allow_rename, created_at: call.now };
    tx.insert(&app).await?;
    record(tx, call, &app, "app.bound", &["project_id", "allow_rename"]).await?;
    Ok(app)
}

/// All application names that are bound. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    request: PageRequest<AppId>,
) -> Result<Page<App, AppId>, Error> {
    authority::operator(call)?;
    page(tx, Vec::new(), request, |app: &App| app.id).await
}

/// Says whether the hook may rename streams of an application name. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn update<T: Tx>(tx: &mut T, call: &Call, id: AppId, allow_rename: bool) -> Result<App, Error> {
    authority::operator(call)?;
    tx.update::<App>(vec![is("id", id)], vec![set("allow_rename", allow_rename)]).await?;
    let app: App = tx.get(id).await?.ok_or(Error::NotFound)?;
    record(tx, call, &app, "app.updated", &["allow_rename"]).await?;
    Ok(app)
}

/// Frees an application name. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn unbind<T: Tx>(tx: &mut T, call: &Call, id: AppId) -> Result<(), Error> {
    authority::operator(call)?;
    let app: App = tx.get(id).await?.ok_or(Error::NotFound)?;
    tx.delete::<App>(vec![is("id", id)], 1).await?;
    record(tx, call, &app, "app.unbound", &[]).await
}

/// Writes the audit row, and tells caches, which know apps by their names.
async fn record<T: Tx>(
    tx: &mut T,
    call: &Call,
    app: &App,
    action: &str,
    changed: &[&str],
) -> Result<(), Error> {
    let about = About { organization_id: None, project_id: Some(app.project_id), entity: Entity::of(app.id) };
    call.audit(tx, action, &about, changed).await?;
    tx.changed(Entity::named(ENTITY, app.name.clone()), call.now).await
}

/// All application names that are bound.
#[derive(Debug, Default)]
pub(crate) struct Apps(HashMap<String, Arc<App>>);

impl Apps {
    /// Loads them, for the live path.
    pub(crate) async fn load<T: Tx>(tx: &mut T) -> Result<Self, Error> {
        let apps: Vec<App> = tx.list(Vec::new(), MAX_APPS + AT_ONCE).await?;
        Ok(Self(apps.into_iter().map(|app| (app.name.clone(), Arc::new(app))).collect()))
    }

    /// What is bound to this name.
    pub(crate) fn of_name(&self, name: &str) -> Option<Arc<App>> {
        self.0.get(name).map(Arc::clone)
    }

    /// About how many bytes they take.
    pub(crate) fn weight(&self) -> usize {
        self.0.len() * (size_of::<App>() + 2 * MAX_NAME + 64)
    }
}
