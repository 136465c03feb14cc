//! Pages in one row.
//!
//! sqlx runs SQLite on a thread of its own and hands over row by row, and each value of a row as an object of SQLite's. For a
//! page that costs several times what finding it does. So SQLite packs the rows of a page into one text of JSON.
//! PostgreSQL sends what it finds at once, and needs nothing of the kind.

use std::fmt;

use platform_core::sql::{Query, query};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::Error;
use crate::store::record::{Row, Table};
use crate::store::value::{Kind, Value};

/// Whether rows of this table can be packed: JSON has no bytes.
pub(super) fn fits(table: &Table) -> bool {
    table.columns.iter().all(|column| column.kind != Kind::Bytes)
}

/// The rows that `select` finds, as one row of one text. They keep their order, as a `LIMIT` goes by it.
pub(super) fn pack(table: &'static Table, select: Query<'static>) -> Query<'static> {
    query("SELECT json_group_array(json_array(")
        .push(table.column_list)
        .push(")) FROM (")
        .push_query(select)
        .push(")")
}

/// The rows of a packed page.
pub(super) fn unpack(table: &Table, text: &str) -> Result<Vec<Row>, Error> {
    let broken = |what: &str| Error::internal(format!("a page of {}: {what}", table.name));
    let rows: Vec<Vec<Packed>> = serde_json::from_str(text).map_err(|error| broken(&error.to_string()))?;
    let row = |values: Vec<Packed>| {
        if values.len() != table.columns.len() {
            return Err(broken("a row of another length"));
        }
        let values = values.into_iter().zip(table.columns);
        let values = values.map(|(Packed(value), column)| match (value, column.kind) {
            // SQLite's truth is a number.
            (Value::Integer(number), Kind::Bool) => Ok(Value::Bool(number != 0)),
            (value, kind) if value.fits(kind) => Ok(value),
            _ => Err(broken(column.name)),
        });
        values.collect()
    };
    rows.into_iter().map(row).collect()
}

/// A value of a packed row.
struct Packed(Value);

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl Visitor<'_> for Reading {
    type Value = Packed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an integer or null")
    }

    fn visit_unit<E>(self) -> Result<Packed, E> {
        Ok(Packed(Value::Null))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Packed, E> {
        Ok(Packed(Value::Integer(number)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Packed, E> {
        let number = i64::try_from(number).map_err(|_| E::custom("an integer of more than 63 bits"))?;
        Ok(Packed(Value::Integer(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Packed, E> {
        Ok(Packed(Value::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Packed, E> {
        Ok(Packed(Value::Text(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Record as _;
    use crate::store::{Order, Select, is};
    use crate::stream::Stream;
    use crate::stream_key::StreamKey;
    use crate::user::User;

    #[test]
    fn a_page_is_one_row_with_the_parameters_of_its_select() {
        let table = Stream::TABLE;
        let filter = vec![is("name", "a".to_owned())];
        let select = Select { table, filter, order: Order::Newest, limit: 26 };
        let packed = pack(table, super::super::statement::select(select).unwrap().unwrap());
        let text = packed.sql();
        assert!(text.starts_with("SELECT json_group_array(json_array(id, project_id, "), "{text}");
        assert!(text.ends_with("WHERE name = $1 ORDER BY id DESC LIMIT $2)"), "{text}");
    }

    #[test]
    fn rows_are_what_their_columns_say_or_nothing() {
        let table = crate::quota::Counter::TABLE;
        let rows = unpack(table, r#"[["a","org","streams",-9223372036854775808],["b\"\u0001é","o","p",0]]"#);
        let rows = rows.unwrap();
        assert_eq!(rows[0][3], Value::Integer(i64::MIN));
        assert_eq!(rows[1][0], Value::Text("b\"\u{1}é".to_owned()));
        for broken in [
            r#"[["a","org","streams","7"]]"#,
            r#"[["a","org","streams"]]"#,
            r#"[["a","o","s",1.5]]"#,
            "[",
            "{}",
        ] {
            assert!(unpack(table, broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn bytes_are_not_packed() {
        assert!(fits(Stream::TABLE));
        assert!(!fits(StreamKey::TABLE) && !fits(User::TABLE));
    }
}
