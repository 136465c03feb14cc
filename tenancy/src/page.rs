//! Pages of lists.

use crate::Error;
use crate::store::{Cell, Condition, Record, Tx, below};

/// A wish for a page of a list, whose order is by id, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<I> {
    /// After this one, the last of the page before: what is created meanwhile does not shift anything.
    pub after: Option<I>,
    /// So many at most.
    pub limit: u32,
}

/// Most that a page has, 100.
pub const MAX_LIMIT: u32 = 100;

impl<I> Default for PageRequest<I> {
    /// The first 25.
    fn default() -> Self {
        Self { after: None, limit: 25 }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, I> {
    /// What is on it, the newest first.
    pub data: Vec<T>,
    /// After which the next page begins; `None` on the last.
    pub next: Option<I>,
}

impl<T, I> Page<T, I> {
    /// The same page of other things.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U, I> {
        Page { data: self.data.into_iter().map(convert).collect(), next: self.next }
    }
}

/// A page of the records under these conditions.
pub(crate) async fn page<T: Tx, R: Record, I: Cell + Send>(
    tx: &mut T,
    mut filter: Vec<Condition>,
    request: PageRequest<I>,
    id: impl Fn(&R) -> I + Send,
) -> Result<Page<R, I>, Error> {
    let limit = request.limit.clamp(1, MAX_LIMIT);
    filter.extend(request.after.map(|after| below("id", after)));
    // One more than is shown tells whether there is another page.
    let mut data: Vec<R> = tx.list(filter, limit + 1).await?;
    let more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next = if more { data.last().map(id) } else { None };
    Ok(Page { data, next })
}
