//! The stores agree: the same random statements have the same results in memory, on SQLite and on PostgreSQL.

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use tenancy::store::memory::Memory;
use tenancy::store::{Assign, Condition, Order, Row, Select, Store, Table, Tx, Value};
use tenancy::{Error, TABLES};

use crate::world::{block_on, open};

/// A small pseudo-random generator, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.roll(among.len())]
    }

    fn text(&mut self) -> String {
        self.of(&["", "a", "A", "aa", "ab", "a%", "a_", "b", "\u{e4}", "\u{1F3A5}", "z"]).to_owned()
    }

    fn number(&mut self) -> i64 {
        self.of(&[i64::MIN, -1, 0, 1, 2, 3, 10, i64::MAX])
    }

    fn small(&mut self) -> i64 {
        self.of(&[-3, -1, 0, 1, 2, 5])
    }
}

/// A statement.
#[derive(Clone, Debug)]
enum Statement {
    Insert(&'static Table, Row),
    Select(Select),
    Update(&'static Table, Vec<Condition>, Vec<Assign>),
    Delete(&'static Table, Vec<Condition>, u32),
    Count(&'static Table, Vec<Condition>),
}

fn table(name: &str) -> &'static Table {
    TABLES.into_iter().find(|table| table.name == name).unwrap()
}

/// Two tables: one with a number, texts and an empty column, one with something unique.
fn random(dice: &mut Dice) -> Statement {
    let (usage, plans) = (table("tenancy_usage"), table("tenancy_plans"));
    let table = dice.of(&[usage, usage, plans]);
    let filter: Vec<_> = (0..dice.roll(3)).map(|_| condition(dice, table)).collect();
    match dice.roll(9) {
        8 => Statement::Count(table, filter),
        0..=2 => Statement::Insert(table, row(dice, table)),
        3..=4 => {
            let order = dice.of(&[Order::Newest, Order::Oldest]);
            Statement::Select(Select { table, filter, order, limit: dice.roll(6) as u32 })
        }
        5..=6 => {
            let assign = if std::ptr::eq(table, plans) {
                vec![Assign::Set("name_key", Value::Text(dice.text()))]
            } else {
                vec![Assign::Add("value", dice.small()), Assign::Set("project_id", maybe(dice))]
            };
            Statement::Update(table, filter, assign)
        }
        _ => Statement::Delete(table, filter, dice.roll(3) as u32),
    }
}

fn maybe(dice: &mut Dice) -> Value {
    if dice.roll(3) == 0 { Value::Null } else { Value::Text(dice.text()) }
}

fn row(dice: &mut Dice, table: &Table) -> Row {
    let text = |text: String| Value::Text(text);
    if table.name == "tenancy_plans" {
        let (id, key) = (dice.text(), dice.text());
        return vec![
            text(id),
            text("n".into()),
            text(key),
            text("{}".into()),
            Value::Integer(0),
            Value::Integer(0),
            text("soft".into()),
        ];
    }
    // Sums stay within 64 bits: beyond, databases fail and memory saturates.
    let (id, project, value) = (dice.text(), maybe(dice), dice.of(&[0, 1, 2, 3, 10, 1 << 40]));
    vec![text(id), text("o".into()), project, text("m".into()), Value::Integer(0), Value::Integer(value)]
}

fn condition(dice: &mut Dice, table: &Table) -> Condition {
    if table.name == "tenancy_plans" || dice.roll(3) == 0 {
        let column = if table.name == "tenancy_plans" { "name_key" } else { "id" };
        return match dice.roll(5) {
            0 => Condition::Is(column, Value::Text(dice.text())),
            1 => Condition::Not(column, Value::Text(dice.text())),
            2 => Condition::Below(column, Value::Text(dice.text())),
            3 => Condition::Prefix(column, dice.text()),
            _ => Condition::OneOf(column, (0..dice.roll(4)).map(|_| Value::Text(dice.text())).collect()),
        };
    }
    match dice.roll(8) {
        7 => {
            let plans = self::table("tenancy_plans");
            let filter = (0..dice.roll(2)).map(|_| condition(dice, plans)).collect();
            Condition::Within { column: "project_id", table: plans, select: "name_key", filter }
        }
        0 => Condition::Is("project_id", maybe(dice)),
        1 => Condition::Not("project_id", maybe(dice)),
        2 => Condition::AtLeast("project_id", Value::Text(dice.text())),
        3 => Condition::Below("value", Value::Integer(dice.number())),
        4 => Condition::AtLeast("value", Value::Integer(dice.number())),
        5 => Condition::Is("value", Value::Integer(dice.number())),
        _ => Condition::Fits { column: "value", add: dice.small(), limit: dice.number() },
    }
}

/// What a transaction of these statements returns, with the rows that are there afterwards.
async fn carry_out<S: Store>(store: &S, statements: &[Statement]) -> Vec<String> {
    let done = store.write(statements.to_vec(), |tx, statements| {
        Box::pin(async move {
            let mut results = Vec::new();
            for statement in statements {
                results.push(one(tx, statement).await?);
            }
            Ok(results)
        })
    });
    let mut results = match done.await {
        Ok(results) => results,
        Err(Error::Conflict { key }) => vec![format!("conflict {key}")],
        Err(error) => panic!("{error} by {statements:?}"),
    };
    let mut tx = store.read().await.unwrap();
    for name in ["tenancy_usage", "tenancy_plans"] {
        let select = Select { table: table(name), filter: Vec::new(), order: Order::Oldest, limit: 100 };
        results.push(shown(&tx.select_rows(select).await.unwrap()));
    }
    results
}

async fn one<T: Tx>(tx: &mut T, statement: &Statement) -> Result<String, Error> {
    Ok(match statement.clone() {
        Statement::Insert(table, row) => tx.insert_row(table, row).await?.to_string(),
        Statement::Select(select) => shown(&tx.select_rows(select).await?),
        Statement::Update(table, filter, assign) => tx.update_rows(table, filter, assign).await?.to_string(),
        Statement::Count(table, filter) => tx.count_rows(table, filter).await?.to_string(),
        Statement::Delete(table, filter, limit) => tx.delete_rows(table, filter, limit).await?.to_string(),
    })
}

/// Rows with their values, which `Debug` hides.
fn shown(rows: &[Row]) -> String {
    let value = |value: &Value| match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    rows.iter().map(|row| row.iter().map(value).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

#[test]
fn random_transactions_have_the_same_results_everywhere() {
    block_on(async {
        let memory = Memory::new();
        let sqlite = open(Location::Memory).await;
        let postgres = open(Postgres::shared().database()).await;
        let mut dice = Dice(1);
        let (mut conflicts, mut selected) = (0, 0);
        for number in 0..400 {
            let statements: Vec<_> = (0..=dice.roll(6)).map(|_| random(&mut dice)).collect();
            let expected = carry_out(&memory, &statements).await;
            conflicts += usize::from(expected[0].starts_with("conflict"));
            selected += usize::from(expected[0].contains(';'));
            assert_eq!(carry_out(&sqlite, &statements).await, expected, "SQLite, {number}: {statements:#?}");
            assert_eq!(
                carry_out(&postgres, &statements).await,
                expected,
                "PostgreSQL, {number}: {statements:#?}"
            );
        }
        assert!(conflicts > 5 && selected > 5, "it tries out too little: {conflicts} {selected}");
    });
}
