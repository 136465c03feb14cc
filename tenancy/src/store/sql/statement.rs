//! Statements, put together from the names in tables and conditions, which stand in this program's text.

use platform_core::sql::{Query, Value as Bound, query};

use crate::Error;
use crate::store::filter::{Assign, Condition, Order, Select};
use crate::store::record::{Row, Table};
use crate::store::value::{Kind, Value};

/// A value as a parameter. NULL has the column's type, because PostgreSQL wants one.
fn bound(value: Value, kind: Kind) -> Bound<'static> {
    match (value, kind) {
        (Value::Text(text), _) => Bound::Text(Some(text.into())),
        (Value::Integer(number), _) => Bound::Integer(Some(number)),
        (Value::Bytes(bytes), _) => Bound::Bytes(Some(bytes.into())),
        (Value::Bool(truth), _) => Bound::Bool(Some(truth)),
        (Value::Null, Kind::Text) => Bound::Text(None),
        (Value::Null, Kind::Integer) => Bound::Integer(None),
        (Value::Null, Kind::Bytes) => Bound::Bytes(None),
        (Value::Null, Kind::Bool) => Bound::Bool(None),
    }
}

pub(super) fn insert(table: &'static Table, row: Row) -> Query<'static> {
    let mut insert =
        query("INSERT INTO ").push(table.name).push(" (").push(table.column_list).push(") VALUES (");
    for (place, (value, column)) in row.into_iter().zip(table.columns).enumerate() {
        if place > 0 {
            insert = insert.push(", ");
        }
        insert = insert.push_bind(bound(value, column.kind));
    }
    insert.push(")")
}

/// The same, and nothing happens where its key or something unique in it is there already.
pub(super) fn insert_new(table: &'static Table, row: Row) -> Query<'static> {
    insert(table, row).push(" ON CONFLICT DO NOTHING")
}

/// `None` where no row can meet the conditions.
pub(super) fn select(select: Select) -> Result<Option<Query<'static>>, Error> {
    let Select { table, filter, order, limit } = select;
    let statement = query("SELECT ").push(table.column_list).push(" FROM ").push(table.name);
    let Some(statement) = filtered(statement, table, filter)? else { return Ok(None) };
    Ok(Some(ordered(statement, order).push_bind(limit)))
}

/// Appends the order, up to where the limit stands.
fn ordered(statement: Query<'static>, order: Order) -> Query<'static> {
    match order {
        Order::Newest => statement.push(" ORDER BY id DESC LIMIT "),
        Order::Oldest => statement.push(" ORDER BY id LIMIT "),
        Order::By(column) => statement.push(" ORDER BY ").push(column).push(", id LIMIT "),
    }
}

/// Locks a row of PostgreSQL. Rows that refer to it can be added meanwhile, by those who do not lock it.
pub(super) fn lock(table: &'static Table, id: Value) -> Result<Query<'static>, Error> {
    let select = query("SELECT id FROM ").push(table.name).push(" WHERE id = ");
    Ok(select.push_bind(bound(id, table.kind("id")?)).push(" FOR NO KEY UPDATE"))
}

pub(super) fn update(
    table: &'static Table,
    filter: Vec<Condition>,
    assign: Vec<Assign>,
) -> Result<Option<Query<'static>>, Error> {
    let mut update = query("UPDATE ").push(table.name).push(" SET ");
    for (place, assign) in assign.into_iter().enumerate() {
        if place > 0 {
            update = update.push(", ");
        }
        update = match assign {
            Assign::Set(column, value) => {
                update.push(column).push(" = ").push_bind(bound(value, table.kind(column)?))
            }
            Assign::Add(column, amount) => {
                update.push(column).push(" = ").push(column).push(" + ").push_bind(amount)
            }
        };
    }
    filtered(update, table, filter)
}

pub(super) fn delete(
    table: &'static Table,
    filter: Vec<Condition>,
    limit: u32,
) -> Result<Option<Query<'static>>, Error> {
    let rows = query("DELETE FROM ").push(table.name).push(" WHERE id IN (SELECT id FROM ").push(table.name);
    let order = Order::of_removal(&filter);
    let rows = filtered(rows, table, filter)?;
    Ok(rows.map(|rows| ordered(rows, order).push_bind(limit).push(")")))
}

/// `None` where no row can meet the conditions.
pub(super) fn count(table: &'static Table, filter: Vec<Condition>) -> Result<Option<Query<'static>>, Error> {
    filtered(query("SELECT COUNT(*) FROM ").push(table.name), table, filter)
}

/// Appends the conditions; `None` where no row can meet them.
fn filtered(
    mut statement: Query<'static>,
    table: &'static Table,
    filter: Vec<Condition>,
) -> Result<Option<Query<'static>>, Error> {
    for (place, condition) in filter.into_iter().enumerate() {
        statement = statement.push(if place == 0 { " WHERE " } else { " AND " });
        statement = match condition {
            Condition::Is(column, Value::Null) => statement.push(column).push(" IS NULL"),
            Condition::Not(column, Value::Null) => statement.push(column).push(" IS NOT NULL"),
            Condition::Is(column, value) => compared(statement, table, column, " = ", value)?,
            Condition::Not(column, value) => compared(statement, table, column, " <> ", value)?,
            Condition::Below(column, value) => compared(statement, table, column, " < ", value)?,
            Condition::AtLeast(column, value) => compared(statement, table, column, " >= ", value)?,
            Condition::Prefix(column, prefix) => {
                // A range, so that an index serves; texts sort by their bytes, and no prefix is followed by more than this.
                let end = format!("{prefix}{}", char::MAX);
                statement
                    .push(column)
                    .push(" >= ")
                    .push_bind(prefix)
                    .push(" AND ")
                    .push(column)
                    .push(" < ")
                    .push_bind(end)
            }
            Condition::OneOf(_, values) if values.is_empty() => return Ok(None),
            Condition::OneOf(column, values) => one_of(statement.push(column), table, column, values)?,
            Condition::Within { column, table: other, select, filter } => {
                let within = statement.push(column).push(" IN (SELECT ").push(select).push(" FROM ");
                let within = filtered(within.push(other.name), other, filter)?;
                let Some(within) = within else { return Ok(None) };
                within.push(")")
            }
            Condition::Fits { column, add, limit } => statement
                .push(column)
                .push(" >= ")
                .push_bind(add.saturating_neg())
                .push(" AND ")
                .push(column)
                .push(" <= ")
                .push_bind(limit.saturating_sub(add)),
        };
    }
    Ok(Some(statement))
}

fn compared(
    statement: Query<'static>,
    table: &'static Table,
    column: &'static str,
    operator: &'static str,
    value: Value,
) -> Result<Query<'static>, Error> {
    Ok(statement.push(column).push(operator).push_bind(bound(value, table.kind(column)?)))
}

fn one_of(
    mut statement: Query<'static>,
    table: &'static Table,
    column: &'static str,
    values: Vec<Value>,
) -> Result<Query<'static>, Error> {
    let kind = table.kind(column)?;
    for (place, value) in values.into_iter().enumerate() {
        statement = statement.push(if place == 0 { " IN (" } else { ", " }).push_bind(bound(value, kind));
    }
    Ok(statement.push(")"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Record as _, add, below, is, null, set};
    use crate::stream::Stream;

    #[test]
    fn statements_are_the_same_for_both_dialects() {
        let table = Stream::TABLE;
        let filter = vec![is("name", "a".to_owned()), null("deleted_at"), below("id", "str_1".to_owned())];
        let found = select(Select { table, filter, order: Order::Newest, limit: 26 }).unwrap().unwrap();
        let text = found.sql().rsplit_once(" FROM ").unwrap().1;
        assert_eq!(
            text,
            "tenancy_streams WHERE name = $1 AND deleted_at IS NULL AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        let fits = Condition::Fits { column: "epoch", add: 1, limit: 10 };
        let updated = update(table, vec![fits], vec![add("epoch", 1), set("name", "b".to_owned())]);
        assert_eq!(
            updated.unwrap().unwrap().sql(),
            "UPDATE tenancy_streams SET epoch = epoch + $1, name = $2 WHERE epoch >= $3 AND epoch <= $4"
        );
    }

    #[test]
    fn what_lies_within_another_table_is_asked_for_in_one_statement() {
        let filter = vec![is("project_id", "prj_1".to_owned()), null("label")];
        let other = crate::label::StreamLabel::TABLE;
        let within = Condition::Within { column: "id", table: other, select: "stream_id", filter };
        let counted = count(Stream::TABLE, vec![within, null("deleted_at")]).unwrap().unwrap();
        assert_eq!(
            counted.sql(),
            "SELECT COUNT(*) FROM tenancy_streams WHERE id IN (SELECT stream_id FROM tenancy_stream_labels \
             WHERE project_id = $1 AND label IS NULL) AND deleted_at IS NULL"
        );
        let nothing = vec![Condition::OneOf("label", Vec::new())];
        let within = Condition::Within { column: "id", table: other, select: "stream_id", filter: nothing };
        assert!(count(Stream::TABLE, vec![within]).unwrap().is_none());
    }

    #[test]
    fn nothing_is_one_of_nothing() {
        let filter = vec![Condition::OneOf("id", Vec::new())];
        let nothing = Select { table: Stream::TABLE, filter, order: Order::Newest, limit: 1 };
        assert!(select(nothing).unwrap().is_none());
    }

    #[test]
    fn a_column_that_is_not_there_is_a_fault() {
        assert!(update(Stream::TABLE, vec![is("nmae", 1)], vec![add("epoch", 1)]).is_err());
    }
}
