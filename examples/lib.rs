//! Nothing: the examples are beside this file, `hls_files.rs`, `rtmp_ingest.rs`, `tenancy_memory.rs` and `tenancy_sqlite.rs`.
