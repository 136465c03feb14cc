//! `hls-packager` alone: writes a file of AAC (ADTS, 48 kHz) as HLS into the current folder.
//!
//! `cargo run -p pulse-examples --example hls_files -- in.aac`, then play `index.m3u8`.

use std::{env, error::Error, fs, iter, time};

use hls_packager::{Config, MAX_WINDOW_S, Now, Packager, Reply, Request, Window};
use media_core::{
    Codec, Frame, Timescale, Timestamp, Track, TrackId, codec::aac::AdtsFrames, time::duration,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (aac, mut config) = (fs::read(env::args().nth(1).ok_or("which file?")?)?, Config::default());
    // Files cannot hold a request until its answer is there.
    (config.low_latency, config.window_s) = (false, MAX_WINDOW_S);
    let (mut packager, mut window) = (Packager::new(config, None), Window::new());
    let start = Now::new(time::Instant::now(), time::SystemTime::now());
    let header = AdtsFrames::new(&aac).next().ok_or("not ADTS")?.config.to_vec().into();
    let (clock, at) = (Timescale::new(48_000).ok_or("no clock")?, start.instant);
    packager.tracks(start, &[Track::from_config(TrackId::audio(0), Codec::Aac, clock, header)?]);
    for (dts, adts) in (0..).step_by(1_024).map(Timestamp).zip(AdtsFrames::new(&aac)) {
        let data = adts.frame.to_vec().into();
        let frame = Frame { track: TrackId::audio(0), dts, pts: dts, keyframe: true, data };
        packager.frame(start.after(duration(dts.0, clock)), frame)?;
    }
    packager.end(start);
    iter::from_fn(|| packager.poll_event()).for_each(|event| _ = window.apply(event));
    let get = |name: &str| match window.answer(at, &Request::parse(&format!("audio0/{name}"), None, at)) {
        Reply::Ready(resource) => resource.body.pieces().concat(),
        _ => Vec::new(),
    };
    let playlist = String::from_utf8(get("index.m3u8"))?;
    let mut names = playlist.split(['"', '\n']).filter(|word| word.contains(".m"));
    names.try_for_each(|name| fs::write(name, get(name)))?;
    Ok(fs::write("index.m3u8", playlist)?)
}
