//! Nothing: the examples are beside this file, `hls_files.rs` and `rtmp_ingest.rs`.
