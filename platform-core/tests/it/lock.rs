//! One server on a data folder.

use std::path::Path;

use platform_core::sql::{Config, Db, Error, Location};

use crate::fixture::Fixture;

#[tokio::test]
async fn the_second_on_a_data_folder_is_told_who_has_it() {
    let fixture = Fixture::sqlite();
    let first = fixture.bare().await;
    let error = Db::open(fixture.config()).await.map(drop).unwrap_err();
    let text = error.to_string();
    let Location::File(file) = &fixture.location else { panic!("a file") };
    assert!(matches!(&error, Error::Locked { pid, .. } if *pid == std::process::id()), "{error:?}");
    assert!(
        text.contains(&file.display().to_string()) && text.contains(&std::process::id().to_string()),
        "{text}"
    );
    first.close().await;
    // The folder is free after a close, even while handles are left.
    Db::open(fixture.config()).await.unwrap();
}

#[tokio::test]
async fn nobody_else_reads_the_file_or_its_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::sqlite();
    let db = fixture.open().await;
    let Location::File(file) = &fixture.location else { panic!("a file") };
    for name in ["pulse.db", "pulse.db-wal", "pulse.db-shm"] {
        let mode = std::fs::metadata(file.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    db.close().await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error =
        Db::open(Config::new(Location::File("/nowhere/at/all/pulse.db".into()))).await.map(drop).unwrap_err();
    assert!(matches!(&error, Error::Open { .. }) && error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pulse.db");
    std::fs::write(
        &file,
        "this is a text, and a long enough one to be looked at as a header of a database file",
    )
    .unwrap();
    let error = Db::open(Config::new(Location::File(file))).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let url = "postgres://pulse:hunter2@127.0.0.1:9/pulse";
    let mut config = Config::new(Location::Postgres(url.into()));
    config.acquire_timeout = std::time::Duration::from_millis(500);
    let error = Db::open(config).await.map(drop).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(matches!(error, Error::Open { .. }), "{text}");
    assert!(text.contains("127.0.0.1:9") && !text.contains("hunter2"), "{text}");
}

#[test]
fn locations() {
    let data = Path::new("/data");
    let parse = |url| Location::parse(url, data);
    assert_eq!(parse("sqlite:").unwrap(), Location::File("/data/pulse.db".into()));
    assert_eq!(parse("sqlite:other.db").unwrap(), Location::File("/data/other.db".into()));
    assert_eq!(parse("sqlite:/srv/pulse.db").unwrap(), Location::File("/srv/pulse.db".into()));
    assert_eq!(parse("sqlite::memory:").unwrap(), Location::Memory);
    assert_eq!(parse("postgres://h/d").unwrap(), Location::Postgres("postgres://h/d".into()));
    for url in
        ["", "mysql://h/d", "sqlite", "sqlite://file", "/pulse.db", "postgres:h", "postgres://h:port/d"]
    {
        assert!(matches!(parse(url), Err(Error::Location(_))), "{url}");
    }
    let error = parse("mysql://user:hunter2@h/d").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}
