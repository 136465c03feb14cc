//! A database for each test, and tests that run on each kind of database.

use std::future::Future;
use std::time::Duration;

use platform_core::id::Generator;
use platform_core::sql::outbox::{self, Position};
use platform_core::sql::{Config, Db, Location};
use platform_core::testing::Postgres;
use platform_core::{Event, EventType, WallTime};

/// When all tests take place.
pub(crate) const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

/// A database of its own.
pub(crate) struct Fixture {
    pub(crate) location: Location,
    pub(crate) ids: Generator,
    _folder: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) fn memory() -> Self {
        Self::at(Location::Memory, None)
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::at(Location::File(folder.path().join("pulse.db")), Some(folder))
    }

    pub(crate) fn postgres() -> Self {
        Self::of(Postgres::shared())
    }

    pub(crate) fn of(postgres: &Postgres) -> Self {
        Self::at(postgres.database(), None)
    }

    fn at(location: Location, folder: Option<tempfile::TempDir>) -> Self {
        Self { location, ids: Generator::seeded(1), _folder: folder }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(self.location.clone());
        config.connections = 8;
        // Only a notification can be quicker, so that a test that needs one fails without.
        config.poll_interval = Duration::from_millis(200);
        config
    }

    /// The database with this crate's schema.
    pub(crate) async fn open(&self) -> Db {
        let db = self.bare().await;
        db.migrate(NOW, &[]).await.unwrap();
        db
    }

    /// The database as it is.
    pub(crate) async fn bare(&self) -> Db {
        Db::open(self.config()).await.unwrap()
    }

    pub(crate) fn event(&self, name: &'static str, number: i64) -> Event {
        let data = serde_json::json!({ "number": number });
        Event::new(self.ids.next(NOW), EventType::of(name), NOW, &data).unwrap()
    }
}

/// Runs statements one by one, each in a transaction of its own.
pub(crate) async fn run(db: &Db, statements: &'static [&'static str]) {
    for statement in statements {
        db.write((), move |tx, ()| Box::pin(tx.execute(*statement))).await.unwrap();
    }
}

/// The number that a statement answers with.
pub(crate) async fn number(db: &Db, sql: &'static str) -> i64 {
    db.read().await.unwrap().fetch_one(sql).await.unwrap().get(0).unwrap()
}

/// Waits until readers of the outbox may see all that is in it: the transactions of other tests, on the same server, hold them
/// up as well.
pub(crate) async fn settled(db: &Db) {
    let rows = number(db, "SELECT COUNT(*) FROM pulse_outbox").await;
    soon(async {
        loop {
            let entries =
                outbox::after(&mut db.read().await.unwrap(), Position::START, 10_000).await.unwrap();
            if entries.len() as i64 == rows {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// What `future` comes to, or a failure instead of a test that hangs.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

/// Makes of each function `async fn(Fixture)` a test on every kind of database.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::fixture::Fixture::memory()).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::fixture::Fixture::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::fixture::Fixture::postgres()).await;
            })+
        }
    };
}
pub(crate) use on_each_database;
