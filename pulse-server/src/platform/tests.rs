//! When a master key is made, and when an installation: on SQLite and on PostgreSQL.

use platform_core::testing::Postgres;
use tempfile::TempDir;

use super::*;
use crate::config::Secret;

/// A place without an installation.
fn places() -> [(TempDir, Config); 2] {
    let place = |url: Option<Secret>| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        config.database.url = url;
        (folder, config)
    };
    let Location::Postgres(url) = Postgres::shared().database() else { panic!("not PostgreSQL") };
    [place(None), place(Some(Secret::new(url.expose_str().unwrap())))]
}

async fn opened(config: &Config) -> Option<PathBuf> {
    let Opened { db, made, .. } = open(config, Absent::Make).await.unwrap();
    db.close().await;
    made
}

async fn refused(config: &Config, absent: Absent) -> PlatformError {
    open(config, absent).await.map(|opened| opened.made).unwrap_err()
}

#[tokio::test]
async fn a_key_is_made_once() {
    for (_folder, config) in places() {
        assert_eq!(opened(&config).await, Some(master_key::path(&config)));
        assert_eq!(opened(&config).await, None);
    }
}

#[tokio::test]
async fn a_key_that_was_lost_is_not_replaced_and_does_again_when_it_is_back() {
    for (folder, config) in places() {
        opened(&config).await;
        let (file, kept) = (master_key::path(&config), folder.path().join("backup"));
        std::fs::rename(&file, &kept).unwrap();
        for absent in [Absent::Make, Absent::Refuse] {
            let error = refused(&config, absent).await;
            let missing = |path: &Path| path == file;
            assert!(
                matches!(&error, PlatformError::MasterKey(MasterKeyError::Missing { path }) if missing(path)),
                "{error}"
            );
            assert!(!file.exists());
        }
        std::fs::rename(&kept, &file).unwrap();
        assert_eq!(opened(&config).await, None);
    }
}

#[tokio::test]
async fn of_two_rotations_at_once_one_follows_the_other_and_the_key_in_the_file_opens() {
    for (_folder, config) in places() {
        let Opened { db, tenancy, .. } = open(&config, Absent::Make).await.unwrap();
        let before = master_key::read_present(&master_key::path(&config)).unwrap();
        let call = tenancy.call(tenancy::Principal::Operator, SystemTime::now().into());
        let rotate = || rotate_master_key(&db, &config, &call);
        let (one, two) = tokio::join!(rotate(), rotate());
        assert_eq!((one.unwrap(), two.unwrap()), (master_key::path(&config), master_key::path(&config)));
        db.close().await;
        assert_ne!(master_key::read_present(&master_key::path(&config)).unwrap(), before);
        assert_eq!(opened(&config).await, None);
    }
}

#[tokio::test]
async fn who_holds_the_key_for_long_is_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let held = master_key::try_hold(&path).unwrap();
    assert!(held.is_some() && master_key::try_hold(&path).unwrap().is_none());
    assert!(matches!(hold_master_key(&path).await, Err(MasterKeyError::File { .. })));
    drop(held);
    assert!(hold_master_key(&path).await.is_ok());
}

#[tokio::test]
async fn a_first_start_that_was_broken_off_is_followed_by_another() {
    for (_folder, config) in places() {
        // Before the key: the database is there, without keys.
        let now = SystemTime::now().into();
        open_database(&config, Absent::Make, now).await.unwrap().close().await;
        assert!(opened(&config).await.is_some());
    }
    for (_folder, config) in places() {
        // After it: the key is there, and the database is not.
        let key = master_key::make(&master_key::path(&config)).unwrap().unwrap();
        assert_eq!(opened(&config).await, None);
        assert_eq!(master_key::read_present(&master_key::path(&config)).unwrap(), key);
    }
    for (_folder, config) in places() {
        // Between the two: neither is of use without the other yet.
        let now = SystemTime::now().into();
        open_database(&config, Absent::Make, now).await.unwrap().close().await;
        let key = master_key::make(&master_key::path(&config)).unwrap().unwrap();
        assert_eq!(opened(&config).await, None);
        assert_eq!(master_key::read_present(&master_key::path(&config)).unwrap(), key);
    }
}

#[tokio::test]
async fn where_nothing_is_to_be_made_nothing_is() {
    for (folder, mut config) in places() {
        for place in ["", "mistyped"] {
            config.data_dir = folder.path().join(place);
            let error = refused(&config, Absent::Refuse).await;
            assert!(matches!(error, PlatformError::NoInstallation { .. }), "{error}");
            assert!(error.to_string().contains("--data"), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn another_servers_key_is_asked_for_by_name() {
    for (folder, config) in places() {
        opened(&config).await;
        std::fs::remove_file(master_key::path(&config)).unwrap();
        master_key::make(&master_key::path(&config)).unwrap().unwrap();
        let error = refused(&config, Absent::Make).await;
        assert!(matches!(error, PlatformError::MasterKey(MasterKeyError::Wrong { .. })), "{error}");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}
