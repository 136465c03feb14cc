//! Statements and their parameters.

use std::borrow::Cow;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::Error;
use crate::id::{Id, Kind};
use crate::{EventType, WallTime};

/// A parameter. NULL has a type, because PostgreSQL wants one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'q> {
    /// `TEXT`.
    Text(Option<Cow<'q, str>>),
    /// `BIGINT`; `INTEGER` on SQLite.
    Integer(Option<i64>),
    /// `BYTEA`; `BLOB` on SQLite.
    Bytes(Option<Cow<'q, [u8]>>),
    /// `BOOLEAN`; `INTEGER` on SQLite.
    Bool(Option<bool>),
}

/// What can be a parameter.
pub trait Bind<'q> {
    /// It as a parameter.
    fn value(self) -> Value<'q>;

    /// NULL of its type.
    fn null() -> Value<'q>;
}

macro_rules! bind {
    ($($type:ty => $variant:ident, $value:ident, $convert:expr;)+) => {$(
        impl<'q> Bind<'q> for $type {
            fn value(self) -> Value<'q> {
                let $value = self;
                Value::$variant(Some($convert))
            }

            fn null() -> Value<'q> {
                Value::$variant(None)
            }
        }
    )+};
}

bind! {
    &'q str => Text, text, Cow::Borrowed(text);
    &'q String => Text, text, Cow::Borrowed(text);
    String => Text, text, Cow::Owned(text);
    Cow<'q, str> => Text, text, text;
    &'q EventType => Text, kind, Cow::Borrowed(kind.as_str());
    i64 => Integer, number, number;
    i32 => Integer, number, number.into();
    u32 => Integer, number, number.into();
    u16 => Integer, number, number.into();
    u8 => Integer, number, number.into();
    &i64 => Integer, number, *number;
    WallTime => Integer, time, time.unix_ms();
    &WallTime => Integer, time, time.unix_ms();
    &'q [u8] => Bytes, bytes, Cow::Borrowed(bytes);
    &'q Vec<u8> => Bytes, bytes, Cow::Borrowed(bytes);
    Vec<u8> => Bytes, bytes, Cow::Owned(bytes);
    bool => Bool, truth, truth;
    &bool => Bool, truth, *truth;
}

impl<'q, K: Kind> Bind<'q> for Id<K> {
    fn value(self) -> Value<'q> {
        self.to_string().value()
    }

    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q, K: Kind> Bind<'q> for &Id<K> {
    fn value(self) -> Value<'q> {
        self.to_string().value()
    }

    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q, T: Bind<'q>> Bind<'q> for Option<T> {
    fn value(self) -> Value<'q> {
        self.map_or_else(T::null, T::value)
    }

    fn null() -> Value<'q> {
        T::null()
    }
}

impl<'q> Bind<'q> for Value<'q> {
    fn value(self) -> Value<'q> {
        self
    }

    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

/// A statement with its parameters.
///
/// The text consists of literals only, so nothing that came from outside can get into it. A list with optional filters is
/// put together from pieces:
///
/// ```
/// # use platform_core::sql::query;
/// let name: Option<&str> = Some("a");
/// let mut list = query("SELECT id FROM stream WHERE project_id = $1").bind("prj_1");
/// if let Some(name) = name {
///     list = list.push(" AND name = ").push_bind(name);
/// }
/// assert_eq!(list.sql(), "SELECT id FROM stream WHERE project_id = $1 AND name = $2");
/// ```
#[derive(Clone, Debug)]
pub struct Query<'q> {
    sql: Cow<'static, str>,
    values: Vec<Value<'q>>,
}

/// A statement without parameters yet.
pub fn query<'q>(sql: &'static str) -> Query<'q> {
    Query { sql: Cow::Borrowed(sql), values: Vec::new() }
}

impl<'q> Query<'q> {
    /// One with a name in it that the program has checked.
    pub(super) fn assembled(sql: String) -> Self {
        Self { sql: Cow::Owned(sql), values: Vec::new() }
    }

    /// The next parameter, `$1` for the first.
    #[must_use]
    pub fn bind(mut self, value: impl Bind<'q>) -> Self {
        self.values.push(value.value());
        self
    }

    /// Appends to the text.
    #[must_use]
    pub fn push(mut self, sql: &'static str) -> Self {
        self.sql.to_mut().push_str(sql);
        self
    }

    /// Appends the next parameter to the text and binds it.
    #[must_use]
    pub fn push_bind(mut self, value: impl Bind<'q>) -> Self {
        self.values.push(value.value());
        let number = self.values.len();
        let text = self.sql.to_mut();
        text.push('$');
        text.push_str(&number.to_string());
        self
    }

    /// Another statement behind this one, whose parameters are counted on from this one's. SQLite only.
    pub(super) fn then(mut self, next: &Query<'q>) -> Self {
        let bound = self.values.len();
        let text = self.sql.to_mut();
        text.push_str("; ");
        let mut pieces = next.sql.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            text.push('$');
            // A text in the statement may have the character too.
            match number.parse::<usize>() {
                Ok(number) => text.push_str(&(number + bound).to_string()),
                Err(_) => text.push_str(number),
            }
            text.push_str(rest);
        }
        self.values.extend_from_slice(&next.values);
        self
    }

    /// The same with its own copies of the parameters.
    pub(super) fn into_owned(self) -> Query<'static> {
        let owned = |value| match value {
            Value::Text(text) => Value::Text(text.map(|text| Cow::Owned(text.into_owned()))),
            Value::Integer(number) => Value::Integer(number),
            Value::Bytes(bytes) => Value::Bytes(bytes.map(|bytes| Cow::Owned(bytes.into_owned()))),
            Value::Bool(truth) => Value::Bool(truth),
        };
        Query { sql: self.sql, values: self.values.into_iter().map(owned).collect() }
    }

    /// Appends a statement that stands within this one, with its parameters. Nothing was bound before.
    ///
    /// ```
    /// # use platform_core::sql::query;
    /// let ids = query("SELECT id FROM stream WHERE project_id = $1").bind("prj_1");
    /// let count = query("SELECT COUNT(*) FROM (").push_query(ids).push(")");
    /// assert_eq!(count.sql(), "SELECT COUNT(*) FROM (SELECT id FROM stream WHERE project_id = $1)");
    /// ```
    #[must_use]
    pub fn push_query(mut self, inner: Self) -> Self {
        debug_assert!(self.values.is_empty(), "the inner statement's parameters are counted from 1");
        self.sql.to_mut().push_str(&inner.sql);
        self.values.extend(inner.values);
        self
    }

    /// The text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    pub(super) fn sqlite(self) -> Result<(SqlStr, SqliteArguments), Error> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Value::Text(text) => arguments.add(text.map(Cow::into_owned)),
                Value::Integer(number) => arguments.add(number),
                Value::Bytes(bytes) => arguments.add(bytes.map(Cow::into_owned)),
                Value::Bool(truth) => arguments.add(truth),
            }
            .map_err(|error| Error::Statement(error.into()))?;
        }
        Ok((text(self.sql), arguments))
    }

    pub(super) fn postgres(self) -> Result<(SqlStr, PgArguments), Error> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Value::Text(text) => arguments.add(text.as_deref()),
                Value::Integer(number) => arguments.add(number),
                Value::Bytes(bytes) => arguments.add(bytes.as_deref()),
                Value::Bool(truth) => arguments.add(truth),
            }
            .map_err(|error| Error::Statement(error.into()))?;
        }
        Ok((text(self.sql), arguments))
    }
}

/// Safe, as a query's text is put together from literals and parameter numbers.
fn text(sql: Cow<'static, str>) -> SqlStr {
    match sql {
        Cow::Borrowed(sql) => sql.into_sql_str(),
        Cow::Owned(sql) => AssertSqlSafe(sql).into_sql_str(),
    }
}

impl From<&'static str> for Query<'_> {
    fn from(sql: &'static str) -> Self {
        query(sql)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_behind_another_counts_its_parameters_on() {
        let first = query("INSERT INTO a VALUES ($1, $2)").bind("x").bind(1_i64);
        let second = query("UPDATE b SET c = $2, d = '$', e = $1 WHERE f = $2").bind("y").bind(2_i64);
        let both = first.then(&second).then(&query("RELEASE job"));
        assert_eq!(
            both.sql(),
            "INSERT INTO a VALUES ($1, $2); UPDATE b SET c = $4, d = '$', e = $3 WHERE f = $4; RELEASE job"
        );
        let values = ["x".value(), 1_i64.value(), "y".value(), 2_i64.value()];
        assert_eq!(both.into_owned().values, values);
    }
}
