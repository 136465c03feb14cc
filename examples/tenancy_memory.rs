//! `tenancy` alone, in memory: Ada creates an organization with a project and a stream.
//!
//! `cargo run -p pulse-examples --example tenancy_memory` prints the stream's id and its key.

use platform_core::{Secret, WallTime};
use tenancy::store::{Store as _, memory::Memory};
use tenancy::{
    Principal, Tenancy, UserPrincipal, organization, password, project, stream, user, vault::MasterKey,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (store, now) = (Memory::new(), WallTime::from(std::time::SystemTime::now()));
    let tenancy = Tenancy::open(&store, &MasterKey::generate(), now).await?;
    let password = password::hash(&Secret::from("correct horse battery"))?;
    let ada = user::Registration { email: "ada@example.org".into(), name: "Ada".into(), password };
    let created = store.write((tenancy.call(Principal::Operator, now), ada), |tx, (operator, ada)| {
        Box::pin(async move {
            let id = user::create(tx, operator, ada, false).await?.id;
            let ada = UserPrincipal { id, session_id: operator.id(), is_admin: false };
            let ada = operator.by(Principal::User(ada));
            let acme = organization::create(tx, &ada, "Acme").await?;
            let main = project::ProjectInput { name: "Main".into(), ..Default::default() };
            let main = project::create(tx, &ada, acme.id, &main).await?;
            stream::create(tx, &ada, main.id, &stream::StreamInput::named("Camera 1")).await
        })
    });
    let stream::Created { stream, secret, .. } = created.await?;
    println!("{} is published with {}", stream.id, secret.expose_str().unwrap_or_default());
    Ok(())
}
