//! Runs one input of one target without libFuzzer, for a debugger: `cargo run --manifest-path fuzz/Cargo.toml --example replay -- packager FILE`.

use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let target = arguments.next().ok_or("which target?")?;
    let run = match target.as_str() {
        "amf" => pulse_fuzz::amf::run,
        "chunk_reader" => pulse_fuzz::chunk_reader::run,
        "client_session" => pulse_fuzz::client_session::run,
        "codec_headers" => pulse_fuzz::codec_headers::run,
        "flv" => pulse_fuzz::flv::run,
        "hls_request" => pulse_fuzz::hls_request::run,
        "packager" => pulse_fuzz::packager::run,
        "server_session" => pulse_fuzz::server_session::run,
        "timeline" => pulse_fuzz::timeline::run,
        "ts_round_trip" => pulse_fuzz::ts_round_trip::run,
        _ => return Err(format!("there is no target {target}").into()),
    };
    arguments.try_for_each(|path| {
        run(&fs::read(path)?);
        Ok(())
    })
}
