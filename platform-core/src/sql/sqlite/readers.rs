//! The connections to read with.
//!
//! sqlx's own pool costs two to three times as much as the read (it spawns a task to give a connection back), so this is a
//! list and a semaphore.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::sql::Error;

pub(in crate::sql) struct Readers {
    idle: Mutex<Vec<SqliteConnection>>,
    /// As many permits as there are connections in the list.
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
}

impl Readers {
    pub(super) fn new(connections: Vec<SqliteConnection>, acquire_timeout: Duration) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Arc::new(Self { idle: Mutex::new(connections), permits, acquire_timeout })
    }

    /// A connection to read with, given back when it is dropped.
    pub(in crate::sql) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(self.acquire_timeout, Arc::clone(&self.permits).acquire_owned())
                .await
                .map_err(|_| Error::Busy)?
                .map_err(|_| Error::Closed)?,
        };
        let connection =
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or(Error::Closed)?;
        Ok(Lease { connection: Some(connection), home: Some((Arc::clone(self), permit)) })
    }

    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            super::close(connection).await;
        }
    }
}

/// A connection on loan, or one that has no home.
///
/// It may be dropped in the middle of a statement: the connection's thread finishes or abandons that one before it takes
/// the next.
pub(in crate::sql) struct Lease {
    connection: Option<SqliteConnection>,
    home: Option<(Arc<Readers>, OwnedSemaphorePermit)>,
}

impl Lease {
    pub(super) fn own(connection: SqliteConnection) -> Self {
        Self { connection: Some(connection), home: None }
    }

    pub(in crate::sql) fn get(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.connection.as_mut().ok_or(Error::Closed)
    }

    pub(super) async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            super::close(connection).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // After a close the connection goes, and its thread with it.
        if let (Some(connection), Some((home, permit))) = (self.connection.take(), self.home.take())
            && !home.permits.is_closed()
        {
            home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
        }
    }
}
