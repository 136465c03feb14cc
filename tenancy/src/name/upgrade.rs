//! Names in a store that was written by a version which compared them in another way.

use crate::Error;
use crate::organization::Organization;
use crate::plan::Plan;
use crate::preset::Preset;
use crate::project::Project;
use crate::settings::{self, Settings};
use crate::store::{
    Assign, BoxFuture, Cell as _, Condition, Order, Record as _, Row, Select, Store, Table, Tx as _,
};
use crate::stream::Stream;

/// How names are compared: 1, by [`name_key`](super::name_key); 0, in lower case. Raised whenever that makes other keys.
pub(crate) const VERSION: i64 = 1;
/// Rows that are looked at in one journey, 500.
const BATCH: u32 = 500;

/// Tables of what has a name.
const NAMED: [&Table; 5] = [Plan::TABLE, Organization::TABLE, Project::TABLE, Stream::TABLE, Preset::TABLE];

/// Writes what names are compared by anew, if they are not compared as this version does. Once for a store; a process that ends on the way
/// leaves the rest to the next. Boxed, so that it is plain to whoever spawns it that it can be sent, whatever the store.
pub(crate) fn bring_up<S: Store>(store: &S) -> BoxFuture<'_, Result<(), Error>> {
    Box::pin(async move {
        if settings::current(&mut store.read().await?).await?.name_keys >= VERSION {
            return Ok(());
        }
        for table in NAMED {
            bring_up_table(store, table).await?;
        }
        let keyed = store.write((), |tx, ()| Box::pin(Settings::names_are_keyed(tx, VERSION)));
        keyed.await
    })
}

async fn bring_up_table<S: Store>(store: &S, table: &'static Table) -> Result<(), Error> {
    let mut before = None;
    loop {
        let filter = before.take().map(|id| Condition::Below("id", id)).into_iter().collect();
        let select = Select { table, filter, order: Order::Newest, limit: BATCH };
        let rows = store.read().await?.select_rows(select).await?;
        for row in &rows {
            if let Some(outdated) = outdated(table, row)? {
                write(store, table, outdated).await?;
            }
        }
        let Some(last) = rows.last() else { return Ok(()) };
        before = last.get(table.place("id")?).cloned();
    }
}

/// A row that has another key than its name says.
struct Outdated {
    id: String,
    name: String,
    key: String,
}

fn outdated(table: &'static Table, row: &Row) -> Result<Option<Outdated>, Error> {
    let text = |column| Ok::<_, Error>(row.get(table.place(column)?).cloned().and_then(String::from_value));
    let (Some(id), Some(name), Some(stored)) = (text("id")?, text("name")?, text("name_key")?) else {
        return Err(Error::internal(format!("a row of {} has no name", table.name)));
    };
    let key = super::name_key(&name);
    Ok((key != stored).then_some(Outdated { id, name, key }))
}

/// Writes a key, unless another has it: then both were there before, and this one keeps the key that it had.
async fn write<S: Store>(store: &S, table: &'static Table, outdated: Outdated) -> Result<(), Error> {
    let written = store.write(outdated, move |tx, Outdated { id, name, key }| {
        Box::pin(async move {
            // Whoever has another name by now has its key as well.
            let same = vec![
                Condition::Is("id", id.clone().into_value()),
                Condition::Is("name", name.clone().into_value()),
            ];
            let assign = vec![Assign::Set("name_key", key.clone().into_value())];
            tx.update_rows(table, same, assign).await.map(drop)
        })
    });
    match written.await {
        Err(Error::Conflict { .. }) => Ok(()),
        written => written,
    }
}
