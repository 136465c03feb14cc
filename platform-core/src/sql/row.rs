//! Rows and how values are read from them.

use std::borrow::Cow;
use std::fmt;

use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row as _, Sqlite, Type, TypeInfo as _, ValueRef as _};

use super::Error;
use crate::id::{Id, Kind};
use crate::{EventType, Secret, WallTime};

/// A row of an answer.
pub struct Row(pub(super) Inner);

pub(super) enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Which column: its place from 0, which is fastest, or its name.
pub trait ColumnIndex: Copy + fmt::Display {
    #[doc(hidden)]
    fn sqlite(self, row: &SqliteRow) -> Result<SqliteValueRef<'_>, sqlx::Error>;
    #[doc(hidden)]
    fn postgres(self, row: &PgRow) -> Result<PgValueRef<'_>, sqlx::Error>;
}

macro_rules! column_index {
    ($($type:ty),+) => {$(
        impl ColumnIndex for $type {
            fn sqlite(self, row: &SqliteRow) -> Result<SqliteValueRef<'_>, sqlx::Error> {
                row.try_get_raw(self)
            }

            fn postgres(self, row: &PgRow) -> Result<PgValueRef<'_>, sqlx::Error> {
                row.try_get_raw(self)
            }
        }
    )+};
}
column_index!(usize, &str);

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when there is no such column, it has another type, or is NULL and `T` is no `Option`.
    pub fn get<T: FromColumn>(&self, index: impl ColumnIndex) -> Result<T, Error> {
        T::from_column(self.column(index)?).map_err(|reason| Error::column(index, reason))
    }

    /// The text of a column, without a copy.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn text(&self, index: impl ColumnIndex) -> Result<&str, Error> {
        self.column(index)?.text().map_err(|reason| Error::column(index, reason))
    }

    fn column(&self, index: impl ColumnIndex) -> Result<Column<'_>, Error> {
        match &self.0 {
            Inner::Sqlite(row) => index.sqlite(row).map(Raw::Sqlite),
            Inner::Postgres(row) => index.postgres(row).map(Raw::Postgres),
        }
        .map(Column)
        .map_err(|error| Error::column(index, error))
    }
}

impl fmt::Debug for Row {
    /// Without the values, which may be personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = match &self.0 {
            Inner::Sqlite(row) => row.len(),
            Inner::Postgres(row) => row.len(),
        };
        write!(f, "Row({columns} columns)")
    }
}

/// A value in a row, for [`FromColumn`].
pub struct Column<'r>(Raw<'r>);

enum Raw<'r> {
    Sqlite(SqliteValueRef<'r>),
    Postgres(PgValueRef<'r>),
}

/// Why a value is not what was expected.
pub type Mismatch = Cow<'static, str>;

const NULL: Mismatch = Cow::Borrowed("is NULL");

impl<'r> Column<'r> {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        match &self.0 {
            Raw::Sqlite(value) => value.is_null(),
            Raw::Postgres(value) => value.is_null(),
        }
    }

    /// A `TEXT`.
    ///
    /// # Errors
    ///
    /// When it is NULL or something else.
    pub fn text(self) -> Result<&'r str, Mismatch> {
        match self.0 {
            Raw::Sqlite(value) => sqlite(value),
            Raw::Postgres(value) => match value.type_info().clone().name() {
                "TEXT" | "VARCHAR" | "NAME" => postgres(value),
                other => Err(wrong("TEXT", other)),
            },
        }
    }

    /// A `BIGINT` (`INTEGER` on SQLite), or a smaller integer.
    ///
    /// # Errors
    ///
    /// When it is NULL or something else.
    pub fn integer(self) -> Result<i64, Mismatch> {
        match self.0 {
            Raw::Sqlite(value) => sqlite(value),
            Raw::Postgres(value) => match value.type_info().clone().name() {
                "INT8" => postgres(value),
                "INT4" => postgres::<i32>(value).map(i64::from),
                "INT2" => postgres::<i16>(value).map(i64::from),
                other => Err(wrong("BIGINT", other)),
            },
        }
    }

    /// A `BYTEA` (`BLOB` on SQLite).
    ///
    /// # Errors
    ///
    /// When it is NULL or something else.
    pub fn bytes(self) -> Result<&'r [u8], Mismatch> {
        match self.0 {
            Raw::Sqlite(value) => sqlite(value),
            Raw::Postgres(value) => match value.type_info().clone().name() {
                "BYTEA" => postgres(value),
                other => Err(wrong("BYTEA", other)),
            },
        }
    }

    /// A `BOOLEAN` (`INTEGER` on SQLite).
    ///
    /// # Errors
    ///
    /// When it is NULL or something else.
    pub fn boolean(self) -> Result<bool, Mismatch> {
        match self.0 {
            Raw::Sqlite(value) => sqlite::<i64>(value).map(|number| number != 0),
            Raw::Postgres(value) => match value.type_info().clone().name() {
                "BOOL" => postgres(value),
                other => Err(wrong("BOOLEAN", other)),
            },
        }
    }
}

fn wrong(expected: &str, found: &str) -> Mismatch {
    format!("is {found}, not {expected}").into()
}

fn sqlite<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, Mismatch> {
    if value.is_null() {
        return Err(NULL);
    }
    // SQLite would make a number of a text, and the other way round.
    let found = value.type_info();
    if !T::compatible(&found) {
        return Err(wrong(T::type_info().name(), found.name()));
    }
    T::decode(value).map_err(|error| error.to_string().into())
}

fn postgres<'r, T: Decode<'r, sqlx::Postgres>>(value: PgValueRef<'r>) -> Result<T, Mismatch> {
    if value.is_null() {
        return Err(NULL);
    }
    T::decode(value).map_err(|error| error.to_string().into())
}

/// What can be read from a column.
pub trait FromColumn: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with the value. It must not repeat the value, which may be personal or secret.
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch>;
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        if column.is_null() { Ok(None) } else { T::from_column(column).map(Some) }
    }
}

impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.text().map(str::to_owned)
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.bytes().map(<[u8]>::to_vec)
    }
}

impl FromColumn for Secret {
    /// From bytes.
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.bytes().map(Self::new)
    }
}

impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.boolean()
    }
}

impl FromColumn for WallTime {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.integer().map(Self::from_unix_ms)
    }
}

impl<K: Kind> FromColumn for Id<K> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        Self::parse(column.text()?).map_err(|error| error.to_string().into())
    }
}

impl FromColumn for EventType {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        column.text()?.to_owned().try_into().map_err(|_| Cow::Borrowed("is no event's name"))
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl FromColumn for $type {
            fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
                column.integer()?.try_into().map_err(|_| Cow::Borrowed(concat!("does not fit ", stringify!($type))))
            }
        }
    )+};
}
integers!(i64, u64, i32, u32, u16, u8, usize);
