//! Projects of organizations.

use platform_core::{OrganizationId, ProjectId, WallTime};
use serde::{Deserialize, Serialize};

use crate::authority::{self, Access, Permission, Target, authorize};
use crate::call::About;
use crate::field::Fields;
use crate::name::{name_key, search_key};
use crate::organization::Organization;
use crate::page::{Page, PageRequest, page};
use crate::principal::Principal;
use crate::quota::{self, Resource};
use crate::store::{
    Change, Condition, Entity, Json, Tx, add, at_least, clear, is, null, one_of, record, set,
};
use crate::{Call, Error, member, retention};

/// Origins of a project, 50.
const MAX_ORIGINS: usize = 50;

record! {
    /// A project.
    pub struct Project in "tenancy_projects" {
        /// `prj_…`.
        pub id: ProjectId,
        /// Its organization.
        pub organization_id: OrganizationId,
        /// Its name, which no other project of the organization has.
        pub name: String,
        /// What it is compared by.
        pub(crate) name_key: String,
        /// What it is for.
        pub description: String,
        /// How it behaves.
        pub settings: Json<ProjectSettings>,
        /// How many streams it has, so that deleting it gives back as many, whatever is created meanwhile.
        pub streams: i64,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
        /// When it was deleted.
        pub deleted_at: Option<WallTime>,
    }
    unique "name" on "organization_id", "name_key"; while "deleted_at" is null
}

/// How a project behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ProjectSettings {
    /// Web origins whose pages may read the project's media: `https://example.org`, or `*`. Empty: any.
    pub allowed_origins: Vec<String>,
}

impl ProjectSettings {
    /// Settings with these origins.
    pub fn with_allowed_origins(allowed_origins: Vec<String>) -> Self {
        Self { allowed_origins }
    }

    fn check(&self, fields: &mut Fields) {
        if self.allowed_origins.len() > MAX_ORIGINS {
            fields.wrong("/settings/allowed_origins", "too_many", "At most 50 origins.");
        }
        if !self.allowed_origins.iter().all(|origin| is_origin(origin)) {
            fields.wrong(
                "/settings/allowed_origins",
                "not_an_origin",
                "An origin is `https://host`, with a port if it has one and nothing behind, or `*`.",
            );
        }
    }
}

/// Whether this is an origin (RFC 6454 §6.2) with a host, or `*`.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "*"
        || host.is_some_and(|host| {
            !host.is_empty()
                && host.len() <= 255
                && host.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)
                })
        })
}

impl Project {
    pub(crate) fn about(&self) -> About {
        About {
            organization_id: Some(self.organization_id),
            project_id: Some(self.id),
            entity: Entity::of(self.id),
        }
    }
}

/// A project to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectInput {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How it behaves.
    pub settings: ProjectSettings,
}

/// What of a project is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectPatch {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it behaves.
    pub settings: Option<ProjectSettings>,
}

/// Creates a project.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Conflict`] for its name; [`Error::QuotaExceeded`].
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    input: &ProjectInput,
) -> Result<Project, Error> {
    let access =
        authorize(tx, call, Permission::ProjectsManage, Target::Organization(organization_id)).await?;
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    let description = fields.description("/description", &input.description);
    input.settings.check(&mut fields);
    fields.check()?;
    quota::take(tx, call, &access, Resource::Projects, 1).await?;
    let project = Project {
        id: call.id(),
        organization_id,
        name_key: name_key(&name),
        name,
        description,
        settings: Json(input.settings.clone()),
        streams: 0,
        created_at: call.now,
        updated_at: call.now,
        deleted_at: None,
    };
    tx.insert(&project).await?;
    call.record(tx, "project.created", project.about(), &[]).await?;
    Ok(project)
}

/// A project.
///
/// # Errors
///
/// See [`authorize`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<Project, Error> {
    open(tx, call, Permission::ProjectsRead, id).await?;
    let project: Option<Project> = tx.get(id).await?;
    project.filter(|project| project.deleted_at.is_none()).ok_or(Error::NotFound)
}

/// Goes through the gate to a project.
pub(crate) async fn open<T: Tx>(
    tx: &mut T,
    call: &Call,
    permission: Permission,
    id: ProjectId,
) -> Result<Access, Error> {
    authorize(tx, call, permission, Target::Project(id)).await
}

/// Projects: of one organization, or all that the caller reaches.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: Option<OrganizationId>,
    search: Option<&str>,
    request: PageRequest<ProjectId>,
) -> Result<Page<Project, ProjectId>, Error> {
    let mut filter = vec![null("deleted_at")];
    match (organization_id, &call.principal) {
        (Some(id), _) => {
            authorize(tx, call, Permission::ProjectsRead, Target::Organization(id)).await?;
            filter.push(is("organization_id", id));
        }
        (None, Principal::Key(key)) => {
            open(tx, call, Permission::ProjectsRead, key.project_id).await?;
            filter.push(is("id", key.project_id));
        }
        (None, _) => {
            // Every role reads projects.
            let organizations = member::organizations_of(tx, call.user()?).await?;
            let there = vec![one_of("id", organizations), null("deleted_at"), null("suspended_at")];
            let there: Vec<Organization> = tx.list(there, member::MAX_MEMBERSHIPS).await?;
            filter.push(one_of("organization_id", there.iter().map(|organization| organization.id)));
        }
    }
    filter.extend(search.map(|text| Condition::Prefix("name_key", search_key(text))));
    page(tx, filter, request, |project: &Project| project.id).await
}

/// Counts a stream more or less; `false` when the project is not there.
pub(crate) async fn count_stream<T: Tx>(tx: &mut T, id: ProjectId, change: i64) -> Result<bool, Error> {
    let [counted] = tx.change([counting_stream(id, change)]).await?;
    Ok(counted.is_some())
}

/// The change that counts a stream more or less, and finds nothing when the project is not there.
pub(crate) fn counting_stream(id: ProjectId, change: i64) -> Change {
    let filter = vec![is("id", id), null("deleted_at")];
    Change::update::<Project>(filter, vec![add("streams", change)], "id")
}

/// Changes a project.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Conflict`] for its name.
pub async fn update<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: ProjectId,
    patch: &ProjectPatch,
) -> Result<Project, Error> {
    let access = open(tx, call, Permission::ProjectsUpdate, id).await?;
    let (mut fields, mut assign, mut changed) = (Fields::new(), Vec::new(), Vec::new());
    if let Some(name) = &patch.name {
        let name = fields.name("/name", name);
        assign.extend([set("name_key", name_key(&name)), set("name", name)]);
        changed.push("name");
    }
    if let Some(description) = &patch.description {
        assign.push(set("description", fields.description("/description", description)));
        changed.push("description");
    }
    if let Some(settings) = &patch.settings {
        settings.check(&mut fields);
        assign.push(set("settings", Json(settings.clone())));
        changed.push("settings");
    }
    fields.check()?;
    assign.push(set("updated_at", call.now));
    tx.update::<Project>(vec![is("id", id), null("deleted_at")], assign).await?;
    call.record(tx, "project.updated", access.about(Entity::of(id)), &changed).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Deletes a project. Only it is marked; its streams and keys are out of reach with it. An operator can bring it back for 30
/// days.
///
/// # Errors
///
/// See [`authorize`].
pub async fn delete<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<(), Error> {
    let access = open(tx, call, Permission::ProjectsManage, id).await?;
    let assign = vec![set("deleted_at", call.now), set("updated_at", call.now)];
    if tx.update::<Project>(vec![is("id", id), null("deleted_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    let deleted: Project = tx.get(id).await?.ok_or(Error::NotFound)?;
    quota::give_back(tx, access.organization_id, Resource::Projects, 1).await?;
    quota::give_back(tx, access.organization_id, Resource::Streams, deleted.streams).await?;
    call.record(tx, "project.deleted", access.about(Entity::of(id)), &[]).await
}

/// Brings a deleted project back. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] when it was not deleted in the last 30 days, or its organization is deleted; [`Error::Conflict`] when
/// its name was given to another; [`Error::QuotaExceeded`].
pub async fn restore<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<Project, Error> {
    authority::operator(call)?;
    let deleted: Project = tx.get(id).await?.ok_or(Error::NotFound)?;
    let target = Target::Organization(deleted.organization_id);
    let access = authorize(tx, call, Permission::ProjectsManage, target).await?;
    let filter = vec![is("id", id), at_least("deleted_at", call.now.minus(retention::KEPT))];
    let assign = vec![clear("deleted_at"), set("updated_at", call.now)];
    if tx.update::<Project>(filter, assign).await? == 0 {
        return Err(Error::NotFound);
    }
    // Read again, as it was restored and deleted meanwhile by somebody else perhaps.
    let restored: Project = tx.get(id).await?.ok_or(Error::NotFound)?;
    quota::take(tx, call, &access, Resource::Projects, 1).await?;
    quota::take(tx, call, &access, Resource::Streams, restored.streams).await?;
    call.record(tx, "project.restored", restored.about(), &[]).await?;
    Ok(restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_path() {
        for origin in ["*", "https://example.org", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "",
            "example.org",
            "https://",
            "https://example.org/",
            "https://EXAMPLE.org",
            "ftp://a",
            "https://a b",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
