//! Writes `fuzz/corpus` anew: what the fuzzer starts from, and what is run each time.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example corpus`. It needs ffmpeg and, for Enhanced RTMP, an ffmpeg 9 named by
//! `PULSE_FFMPEG9` (`make setup-test` puts one at `target/tools/ffmpeg9`): streams and handshakes are theirs, recorded. The rest are
//! headers from media-core's fixtures, messages of rtmp-core's client, and bytes by hand for what encoders get wrong.

mod amf;
mod chunks;
mod clocks;
mod flv;
mod folder;
mod handles;
mod headers;
mod platform;
mod recorded;
mod requests;
mod sessions;
mod tenancy;
mod tokens;

use std::error::Error;
use std::path::Path;

use folder::Folder;

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at = |target: &str| Folder::empty(&fuzz.join("corpus").join(target));
    let recordings = recorded::all()?;
    chunks::write(&mut at("chunk_reader")?, &recordings)?;
    amf::write(&mut at("amf")?, &recordings)?;
    sessions::write_server(&mut at("server_session")?, &recordings)?;
    sessions::write_client(&mut at("client_session")?)?;
    flv::write(&mut at("flv")?, &recordings)?;
    headers::write(&mut at("codec_headers")?, &fuzz.join("../media-core/src/codec/fixtures.rs"))?;
    platform::write(&mut at("platform")?)?;
    tenancy::write(&mut at("tenancy")?)?;
    tokens::write(&mut at("playback_token")?)?;
    handles::write(&mut at("session_handle")?)?;
    requests::write(&mut at("hls_request")?)?;
    clocks::write_timeline(&mut at("timeline")?)?;
    clocks::write_scripts(&mut at("ts_round_trip")?, 12, 400)?;
    clocks::write_packager(&mut at("packager")?)?;
    Ok(())
}
