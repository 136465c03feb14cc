//! Records: Rust structs that are rows, declared once with their table.

use super::value::{Cell, Kind, Value};
use crate::Error;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
}

/// Columns that no two rows share. Rows with nothing in one of them do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unique {
    /// What is taken, in the words of the API: `name`. The index in the database is the table's name and this.
    pub key: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
    /// Only rows in which this column is empty count: `deleted_at`.
    pub while_null: Option<&'static str>,
}

/// A table. Its first column is the primary key, `id`, a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns, in the order of the rows' values.
    pub columns: &'static [Column],
    /// The columns' names, joined by commas.
    pub column_list: &'static str,
    /// What is unique beside the primary key.
    pub unique: &'static [Unique],
}

impl Table {
    /// The place of a column.
    ///
    /// # Errors
    ///
    /// When there is none: a fault of ours.
    pub fn place(&self, column: &str) -> Result<usize, Error> {
        self.columns
            .iter()
            .position(|one| one.name == column)
            .ok_or_else(|| Error::internal(format!("table {} has no column {column}", self.name)))
    }

    /// The type of a column.
    ///
    /// # Errors
    ///
    /// As [`place`](Self::place).
    pub fn kind(&self, column: &str) -> Result<Kind, Error> {
        self.columns
            .get(self.place(column)?)
            .map(|column| column.kind)
            .ok_or_else(|| Error::internal("a place lies in its table"))
    }
}

/// A row's values, in the order of the table's columns.
pub type Row = Vec<Value>;

/// A struct that is a row of a table.
pub trait Record: Clone + Send + Sync + 'static {
    /// The table.
    const TABLE: &'static Table;

    /// The row.
    fn to_row(&self) -> Row;

    /// The struct of a row.
    ///
    /// # Errors
    ///
    /// When the row was not written by this program.
    fn from_row(row: Row) -> Result<Self, Error>;
}

/// Takes the next value of a row.
pub(crate) fn take<T: Cell>(row: &mut std::vec::IntoIter<Value>, column: &'static str) -> Result<T, Error> {
    row.next()
        .and_then(T::from_value)
        .ok_or_else(|| Error::internal(format!("column {column} holds what this program did not write")))
}

/// Declares a record.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident in $table:literal {
            $(#[$id_meta:meta])* pub id: $id_type:ty,
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)*
        }
        $(unique $key:literal on $($column:literal),+ $(; while $while_null:literal is null)?)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        $vis struct $name {
            $(#[$id_meta])* pub id: $id_type,
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        impl std::fmt::Debug for $name {
            /// The id alone: the rest may be personal or secret.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("id", &self.id).finish_non_exhaustive()
            }
        }

        impl $crate::store::Record for $name {
            const TABLE: &'static $crate::store::Table = &$crate::store::Table {
                name: $table,
                columns: &[
                    $crate::store::Column {
                        name: "id",
                        kind: <$id_type as $crate::store::Cell>::KIND,
                        nullable: false,
                    },
                    $($crate::store::Column {
                        name: stringify!($field),
                        kind: <$type as $crate::store::Cell>::KIND,
                        nullable: <$type as $crate::store::Cell>::NULLABLE,
                    },)*
                ],
                column_list: concat!("id", $(", ", stringify!($field)),*),
                unique: &[$($crate::store::Unique {
                    key: $key,
                    columns: &[$($column),+],
                    while_null: record!(@optional $($while_null)?),
                }),*],
            };

            fn to_row(&self) -> $crate::store::Row {
                vec![
                    $crate::store::Cell::into_value(Clone::clone(&self.id)),
                    $($crate::store::Cell::into_value(Clone::clone(&self.$field)),)*
                ]
            }

            fn from_row(row: $crate::store::Row) -> Result<Self, $crate::Error> {
                let mut row = row.into_iter();
                Ok(Self {
                    id: $crate::store::take(&mut row, "id")?,
                    $($field: $crate::store::take(&mut row, stringify!($field))?,)*
                })
            }
        }
    };
    (@optional) => { None };
    (@optional $value:literal) => { Some($value) };
}
pub(crate) use record;
