//! RTMP application names that operators bind to projects, for encoders whose keys name no project: there the project's
//! [hook](crate::hook) decides who publishes.

use platform_core::{ProjectId, WallTime};

use crate::authority::{self, Target, authorize};
use crate::call::About;
use crate::page::{Page, PageRequest, page};
use crate::store::{Entity, Tx, is, record, set};
use crate::{Call, Error, Permission};

/// Bytes of a name, 64.
pub(crate) const MAX_NAME: usize = 64;
/// The application name under which RTMP plays.
const PLAY: &str = "play";

record! {
    /// An application name of a project.
    pub struct App in "tenancy_apps" {
        /// The name, as encoders give it.
        pub id: String,
        /// Of which project.
        pub project_id: ProjectId,
        /// Whether the hook may rename a stream by a redirection.
        pub allow_rename: bool,
        /// When it was bound.
        pub created_at: WallTime,
    }
}

/// The kind of the entity that caches know an app as.
pub(crate) const ENTITY: &str = "app";

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

/// Binds an application name to a project, or changes how. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] for the project; [`Error::Conflict`] when the name is another project's.
pub async fn bind<T: Tx>(
    tx: &mut T,
    call: &Call,
    name: &str,
    project_id: ProjectId,
    allow_rename: bool,
) -> Result<App, Error> {
    authority::operator(call)?;
    check(name)?;
    let system = call.by(crate::Principal::System);
    let access = authorize(tx, &system, Permission::Operate, Target::Project(project_id)).await?;
    let app = App { id: name.to_owned(), project_id, allow_rename, created_at: call.now };
    if !tx.insert_new(&app).await? {
        let own = vec![is("id", app.id.clone()), is("project_id", project_id)];
        if tx.update::<App>(own, vec![set("allow_rename", allow_rename)]).await? == 0 {
            return Err(Error::Conflict { key: "name" });
        }
    }
    let about = access.about(Entity::named(ENTITY, name));
    call.record(tx, "app.bound", about, &["project_id", "allow_rename"]).await?;
    tx.get(app.id).await?.ok_or(Error::NotFound)
}

/// All application names that are bound. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    request: PageRequest<String>,
) -> Result<Page<App, String>, Error> {
    authority::operator(call)?;
    page(tx, Vec::new(), request, |app: &App| app.id.clone()).await
}

/// Frees an application name. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn unbind<T: Tx>(tx: &mut T, call: &Call, name: &str) -> Result<(), Error> {
    authority::operator(call)?;
    let app: App = tx.get(name.to_owned()).await?.ok_or(Error::NotFound)?;
    tx.delete::<App>(vec![is("id", app.id)], 1).await?;
    let about = About {
        organization_id: None,
        project_id: Some(app.project_id),
        entity: Entity::named(ENTITY, name),
    };
    call.record(tx, "app.unbound", about, &[]).await
}

/// The project of an application name, for the live path.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn of_name<T: Tx>(tx: &mut T, name: &str) -> Result<App, Error> {
    tx.get(name.to_owned()).await?.ok_or(Error::NotFound)
}
