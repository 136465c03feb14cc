//! What ffmpeg publishes, byte for byte, and the same as FLV.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use rtmp_core::server::Event;
use rtmp_core::{Output, ServerSession};

/// A stream of a third of a second.
pub struct Recording {
    pub name: &'static str,
    /// What the encoder sent, from the handshake's first byte on.
    pub rtmp: Vec<u8>,
    /// The FLV file of the same encoder.
    pub flv: Vec<u8>,
}

struct Recipe {
    name: &'static str,
    /// Whether it takes ffmpeg 9.
    enhanced: bool,
    codecs: &'static [&'static str],
}

const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "h264_aac",
        enhanced: false,
        codecs: &[
            "-map",
            "0",
            "-map",
            "1",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-c:a",
            "aac",
            "-b:a",
            "16k",
        ],
    },
    Recipe {
        name: "mp3",
        enhanced: false,
        codecs: &["-map", "1", "-c:a", "libmp3lame", "-b:a", "32k", "-ar", "44100"],
    },
    Recipe {
        name: "hevc_aac",
        enhanced: true,
        codecs: &[
            "-map",
            "0",
            "-map",
            "1",
            "-c:v",
            "libx265",
            "-x265-params",
            "log-level=none",
            "-c:a",
            "aac",
            "-b:a",
            "16k",
        ],
    },
    Recipe {
        name: "av1_opus_two",
        enhanced: true,
        codecs: &[
            "-map",
            "0",
            "-map",
            "1",
            "-map",
            "1",
            "-c:v",
            "libsvtav1",
            "-svtav1-params",
            "preset=12",
            "-c:a",
            "libopus",
            "-b:a",
            "16k",
        ],
    },
    Recipe {
        name: "vp9_flac",
        enhanced: true,
        codecs: &["-map", "0", "-map", "1", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "flac"],
    },
    Recipe { name: "eac3", enhanced: true, codecs: &["-map", "1", "-c:a", "eac3", "-b:a", "32k"] },
];

pub fn all() -> Result<Vec<Recording>, Box<dyn Error>> {
    RECIPES.iter().map(record).collect()
}

fn record(recipe: &Recipe) -> Result<Recording, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("rtmp://{}/live/key?token=x", listener.local_addr()?);
    let mut encoder = ffmpeg(recipe, &url)?;
    let rtmp = serve(listener.accept()?.0)?;
    encoder.wait()?;

    let path = env::temp_dir().join(format!("pulse-corpus-{}.flv", std::process::id()));
    let path = path.to_str().ok_or("the temporary folder has an odd name")?;
    let done = ffmpeg(recipe, path)?.wait()?;
    let flv = fs::read(path)?;
    fs::remove_file(path)?;
    if !done.success() || rtmp.len() < 4_000 {
        return Err(format!("ffmpeg did not publish {}: {} bytes", recipe.name, rtmp.len()).into());
    }
    Ok(Recording { name: recipe.name, rtmp, flv })
}

fn ffmpeg(recipe: &Recipe, to: &str) -> Result<Child, Box<dyn Error>> {
    let program = match (recipe.enhanced, env::var("PULSE_FFMPEG9")) {
        (false, _) => "ffmpeg".to_owned(),
        (true, Ok(path)) => path,
        (true, Err(_)) => concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/ffmpeg9").to_owned(),
    };
    let picture = "testsrc2=size=64x36:rate=15";
    let sound = "sine=frequency=440:sample_rate=48000";
    let mut command = Command::new(&program);
    command.args([
        "-hide_banner",
        "-loglevel",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        sound,
    ]);
    command.args(recipe.codecs).args(["-ac", "2", "-t", "0.34", "-f", "flv", to]);
    command.stdin(Stdio::null()).spawn().map_err(|error| format!("{program}: {error}").into())
}

/// Lets the publisher in and keeps what it sends.
fn serve(mut socket: TcpStream) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut session = ServerSession::new(Default::default(), 1, Instant::now());
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match session.poll_output() {
            Output::Transmit(bytes) => socket.write_all(&bytes)?,
            Output::Event(Event::Publish(request)) => session.accept_publish(Instant::now(), request),
            Output::Event(Event::Closed { .. }) => return Ok(heard),
            Output::Event(_) => {}
            Output::Timeout(_) => match socket.read(&mut buffer) {
                Ok(len) if len > 0 => {
                    heard.extend_from_slice(&buffer[..len]);
                    session.handle_input(Instant::now(), &buffer[..len]);
                }
                _ => session.handle_eof(Instant::now()),
            },
        }
    }
}
