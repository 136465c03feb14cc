//! Many streams at once, in one transaction. Each item has a result of its own: what one of them gets wrong does not undo the
//! others.

use std::collections::{BTreeMap, HashSet};

use platform_core::ProjectId;

use crate::authority::Permission;
use crate::preset::StreamDraft;
use crate::quota::{self, Resource};
use crate::store::{Tx, is, null, one_of, set};
use crate::stream::{self, Created, Stream, StreamInput};
use crate::{Call, Error, StreamId, preset, project};

/// Items of a request, 1,000.
pub const MAX_ITEMS: usize = 1_000;

fn check(count: usize, pointer: &'static str) -> Result<(), Error> {
    if count == 0 || count > MAX_ITEMS {
        return Err(Error::field(pointer, "length", "1 to 1,000 items."));
    }
    Ok(())
}

/// Creates streams with their first keys, in the order of the drafts. Those that find no room in the plan are the last.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize). An item's error is one that [`stream::create`] gives, or that its preset is
/// unknown.
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    drafts: &[StreamDraft],
) -> Result<Vec<Result<Created, Error>>, Error> {
    let access = project::open(tx, call, Permission::StreamsWrite, project_id).await?;
    check(drafts.len(), "/streams")?;
    let inputs = preset::fill(tx, call, project_id, drafts).await?;
    // Holds the project's row: who creates a stream in it waits, so that names stay as they are found.
    if !project::count_stream(tx, project_id, 0).await? {
        return Err(Error::NotFound);
    }
    let mut results: Vec<Result<Stream, Error>> =
        inputs.into_iter().map(|input| made(call, project_id, input)).collect();
    let twins = refuse_taken(tx, project_id, &mut results).await?;
    let wanted = results.iter().filter(|result| result.is_ok()).count() as i64;
    let (granted, full) = quota::take_up_to(tx, call, &access, Resource::Streams, wanted).await?;
    let (mut room, mut created) = (granted, 0);
    let mut done = Vec::with_capacity(results.len());
    let mut without_room = HashSet::new();
    for (result, twin) in results.into_iter().zip(twins) {
        done.push(match (result, &full) {
            // There is no other of its name: that one found no room either.
            (Err(_), Some(full)) if twin.is_some_and(|name| without_room.contains(&name)) => {
                Err(full.clone())
            }
            (Err(error), _) => Err(error),
            (Ok(stream), Some(full)) if room == 0 => {
                without_room.insert(stream.name_key);
                Err(full.clone())
            }
            (Ok(stream), _) => {
                room -= 1;
                if tx.insert_new(&stream).await? {
                    created += 1;
                    Ok(stream::complete(tx, call, &access, stream).await?)
                } else {
                    // Brought back by an operator at this moment.
                    Err(Error::Conflict { key: "name" })
                }
            }
        });
    }
    quota::give_back(tx, access.organization_id, Resource::Streams, granted - created).await?;
    project::count_stream(tx, project_id, created).await?;
    Ok(done)
}

fn made(call: &Call, project_id: ProjectId, input: Result<StreamInput, Error>) -> Result<Stream, Error> {
    stream::made(call, project_id, &input?)
}

/// Refuses names that a stream of the project has, or an earlier item; for each item the name that an earlier one has.
async fn refuse_taken<T: Tx>(
    tx: &mut T,
    project_id: ProjectId,
    results: &mut [Result<Stream, Error>],
) -> Result<Vec<Option<String>>, Error> {
    let keys: Vec<String> = results.iter().flatten().map(|stream| stream.name_key.clone()).collect();
    let filter = vec![is("project_id", project_id), null("deleted_at"), one_of("name_key", keys)];
    let there: Vec<Stream> = tx.list(filter, MAX_ITEMS as u32).await?;
    let there: HashSet<String> = there.into_iter().map(|stream| stream.name_key).collect();
    let mut earlier = HashSet::new();
    let refused = results.iter_mut().map(|result| {
        let name = result.as_ref().ok()?.name_key.clone();
        let of_another = there.contains(&name);
        let twin = !earlier.insert(name.clone());
        if of_another || twin {
            *result = Err(Error::Conflict { key: "name" });
        }
        (twin && !of_another).then_some(name)
    });
    Ok(refused.collect())
}

/// Deletes streams of a project. An operator can bring each back for 30 days.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize). An item's error is [`Error::NotFound`]: the project has no such stream, or
/// it was named before.
pub async fn delete<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    ids: &[StreamId],
) -> Result<Vec<Result<(), Error>>, Error> {
    let access = project::open(tx, call, Permission::StreamsWrite, project_id).await?;
    check(ids.len(), "/stream_ids")?;
    if !project::count_stream(tx, project_id, 0).await? {
        return Err(Error::NotFound);
    }
    let these = || vec![is("project_id", project_id), null("deleted_at"), one_of("id", ids.iter().copied())];
    let there: Vec<Stream> = tx.list(these(), MAX_ITEMS as u32).await?;
    let mut there: BTreeMap<StreamId, Stream> = there.into_iter().map(|stream| (stream.id, stream)).collect();
    let deleted = there.len() as i64;
    let assign = vec![set("deleted_at", call.now), set("updated_at", call.now)];
    tx.update::<Stream>(these(), assign).await?;
    project::count_stream(tx, project_id, -deleted).await?;
    quota::give_back(tx, access.organization_id, Resource::Streams, deleted).await?;
    let mut done = Vec::with_capacity(ids.len());
    for id in ids {
        done.push(match there.remove(id) {
            Some(stream) => Ok(stream::tell_deleted(tx, call, &access, stream.id).await?),
            None => Err(Error::NotFound),
        });
    }
    Ok(done)
}
