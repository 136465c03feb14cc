//! Which rows, and what of them changes.

use super::record::{Record, Row, Table};
use super::value::{Cell, Value};

/// A condition on a row. All conditions of a list hold together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// The column holds this; [`Value::Null`]: nothing.
    Is(&'static str, Value),
    /// The column holds something else; [`Value::Null`]: something. An empty column is no other value.
    Not(&'static str, Value),
    /// The column holds less.
    Below(&'static str, Value),
    /// The column holds this or more.
    AtLeast(&'static str, Value),
    /// The text begins with this.
    Prefix(&'static str, String),
    /// The column holds one of these.
    OneOf(&'static str, Vec<Value>),
    /// The column holds what rows of another table hold in `select`.
    Within {
        /// The column.
        column: &'static str,
        /// The other table.
        table: &'static Table,
        /// Its column.
        select: &'static str,
        /// Which of its rows.
        filter: Vec<Condition>,
    },
    /// The integer stays from 0 to `limit` when `add` is added to it.
    Fits {
        /// The column.
        column: &'static str,
        /// What is to be added.
        add: i64,
        /// The largest sum.
        limit: i64,
    },
}

/// The column holds `value`.
pub fn is(column: &'static str, value: impl Cell) -> Condition {
    Condition::Is(column, value.into_value())
}

/// The column is empty.
pub fn null(column: &'static str) -> Condition {
    Condition::Is(column, Value::Null)
}

/// The column holds something.
pub fn some(column: &'static str) -> Condition {
    Condition::Not(column, Value::Null)
}

/// The column holds less than `value`.
pub fn below(column: &'static str, value: impl Cell) -> Condition {
    Condition::Below(column, value.into_value())
}

/// The column holds `value` or more.
pub fn at_least(column: &'static str, value: impl Cell) -> Condition {
    Condition::AtLeast(column, value.into_value())
}

/// The column holds one of `values`.
pub fn one_of<T: Cell>(column: &'static str, values: impl IntoIterator<Item = T>) -> Condition {
    Condition::OneOf(column, values.into_iter().map(T::into_value).collect())
}

/// What happens to a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Assign {
    /// It holds this from now on.
    Set(&'static str, Value),
    /// This is added to it.
    Add(&'static str, i64),
}

/// The column holds `value` from now on.
pub fn set(column: &'static str, value: impl Cell) -> Assign {
    Assign::Set(column, value.into_value())
}

/// The column becomes empty.
pub fn clear(column: &'static str) -> Assign {
    Assign::Set(column, Value::Null)
}

/// `amount` is added to the column.
pub fn add(column: &'static str, amount: i64) -> Assign {
    Assign::Add(column, amount)
}

/// A change of one row, made with others in [`Tx::change_rows`](super::Tx::change_rows).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Adds a row, unless its key or something unique in it is there already.
    Insert {
        /// To this table.
        table: &'static Table,
        /// This row.
        row: Row,
    },
    /// Changes the row under the conditions, and nothing of it that is unique.
    Update {
        /// Of this table.
        table: &'static Table,
        /// Which.
        filter: Vec<Condition>,
        /// How.
        assign: Vec<Assign>,
        /// What of it is told when it is done.
        tell: &'static str,
    },
}

impl Change {
    /// Adds a record.
    pub fn insert<R: Record>(record: &R) -> Self {
        Self::Insert { table: R::TABLE, row: record.to_row() }
    }

    /// Changes the record under these conditions, and tells what its column `tell` holds then.
    pub fn update<R: Record>(filter: Vec<Condition>, assign: Vec<Assign>, tell: &'static str) -> Self {
        Self::Update { table: R::TABLE, filter, assign, tell }
    }
}

/// In which order rows are given: by their ids, which sort by time, unless it says another column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
    /// What has least in this column first, and by ids what has as much. Empty columns are not looked for by it.
    By(&'static str),
}

impl Order {
    /// In which order rows are removed: by the first column that is to be below something, so that the index by which such
    /// rows are found is walked from its beginning, however many there are; else the oldest first.
    pub(crate) fn of_removal(filter: &[Condition]) -> Self {
        let below = filter.iter().find_map(|condition| match condition {
            Condition::Below(column, _) => Some(Self::By(column)),
            _ => None,
        });
        below.unwrap_or(Self::Oldest)
    }
}

/// Rows to be given.
#[derive(Clone, Debug)]
pub struct Select {
    /// Of this table.
    pub table: &'static Table,
    /// Under these conditions.
    pub filter: Vec<Condition>,
    /// In this order.
    pub order: Order,
    /// So many at most.
    pub limit: u32,
}
