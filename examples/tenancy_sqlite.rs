//! `tenancy` over SQLite: each run adds a plan, and lists those of the runs before.
//!
//! `cargo run -p pulse-examples --example tenancy_sqlite -- /tmp/tenancy.db`

use platform_core::sql::{Config, Db, Location};
use platform_core::{Secret, WallTime};
use tenancy::plan::{self, PlanInput};
use tenancy::store::sql::MIGRATIONS;
use tenancy::{PageRequest, Principal, Tenancy, quota::Resource, vault::MasterKey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args_os().nth(1).ok_or("say where: tenancy_sqlite FILE")?;
    let now = WallTime::from(std::time::SystemTime::now());
    let db = Db::open(Config::new(Location::File(file.into()))).await?;
    db.migrate(now, &[MIGRATIONS]).await?;
    // A real one is 32 random bytes that the operator keeps.
    let tenancy = Tenancy::open(&db, &MasterKey::new(Secret::new([7; 32]))?, now).await?;
    let call = tenancy.call(Principal::Operator, now);
    let limits = [(Resource::Streams, 10)].into();
    let input = PlanInput { name: format!("Plan of {now}"), limits, ..PlanInput::default() };
    db.write((call.clone(), input), |tx, (call, input)| Box::pin(plan::create(tx, call, input))).await?;
    for plan in plan::list(&mut db.read().await?, &call, PageRequest::default()).await?.data {
        println!("{}: {}", plan.id, plan.name);
    }
    db.close().await;
    Ok(())
}
