//! A tenant in a store in memory: somebody with an organization and a project.

use platform_core::{ProjectId, Secret, WallTime};
use tenancy::project::{self, ProjectInput};
use tenancy::store::memory::{Memory, MemoryTx};
use tenancy::user::{self, Registration};
use tenancy::vault::MasterKey;
use tenancy::{Call, Error, Principal, Tenancy, UserPrincipal, organization, password};

/// The moment of all this, in seconds since 1970; the corpus knows it.
pub const NOW_S: i64 = 1_790_000_000;
/// The same.
pub const NOW: WallTime = WallTime::from_unix_ms(NOW_S * 1000);

/// The person's address.
pub const EMAIL: &str = "a@example.org";

/// An empty store, its rules, and who may do everything.
pub async fn opened() -> Result<(Memory, Tenancy, Call), Box<dyn std::error::Error>> {
    let store = Memory::new();
    let tenancy = Tenancy::open(&store, &MasterKey::generate(), NOW).await?;
    let operator = tenancy.call(Principal::Operator, NOW);
    Ok((store, tenancy, operator))
}

/// The password.
pub fn word() -> Secret {
    Secret::from("correct horse battery")
}

/// A person who registers with it.
pub fn registration() -> Result<Registration, Error> {
    Ok(Registration { email: EMAIL.to_owned(), name: "A".to_owned(), password: password::hash(&word())? })
}

/// Makes the person, an organization of theirs and a project in it.
pub async fn make(
    tx: &mut MemoryTx,
    operator: &Call,
    registration: &Registration,
) -> Result<(Call, ProjectId), Error> {
    let id = user::create(tx, operator, registration, false).await?.id;
    let user = UserPrincipal { id, session_id: operator.id(), is_admin: false };
    let owner = operator.by(Principal::User(user));
    let organization = organization::create(tx, &owner, "A").await?;
    let main = ProjectInput { name: "A".to_owned(), ..ProjectInput::default() };
    let project = project::create(tx, &owner, organization.id, &main).await?;
    Ok((owner, project.id))
}
