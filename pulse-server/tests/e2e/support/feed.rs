//! ffmpeg as an encoder: a moving test picture and a tone.

use std::path::{Path, PathBuf};

use super::process::{Process, command};

/// The environment's word for an ffmpeg that speaks Enhanced RTMP.
const FFMPEG9: &str = "PULSE_FFMPEG9";

/// Where `make setup-test` puts it, from the workspace's root.
const FFMPEG9_PATH: &str = "target/tools/ffmpeg9";

/// Debian's ffmpeg.
pub(crate) fn ffmpeg() -> PathBuf {
    PathBuf::from("ffmpeg")
}

/// An ffmpeg of version 9. Its absence fails the test.
#[track_caller]
pub(crate) fn ffmpeg9() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let path = std::env::var_os(FFMPEG9).map_or_else(|| root.join(FFMPEG9_PATH), PathBuf::from);
    assert!(path.exists(), "no ffmpeg 9 at {}: run `make setup-test` or set {FFMPEG9}", path.display());
    path
}

/// What is published, and how.
#[derive(Clone)]
pub(crate) struct Feed {
    binary: PathBuf,
    size: &'static str,
    rate: &'static str,
    sample_rate: u32,
    video: Option<Vec<String>>,
    audio: Vec<Vec<String>>,
    real_time: bool,
    seconds: Option<u32>,
    output: Vec<String>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// 320x180 at 25 frames a second in H.264 without B-frames, a key frame each second; AAC in stereo at 48 kHz.
    pub(crate) fn new() -> Self {
        Self {
            binary: ffmpeg(),
            size: "320x180",
            rate: "25",
            sample_rate: 48_000,
            video: Some(x264(25, &["-bf", "0"])),
            audio: vec![words("-c:a aac -b:a 64k -ac 2")],
            real_time: true,
            seconds: None,
            output: Vec::new(),
        }
    }

    /// Another ffmpeg.
    pub(crate) fn with(mut self, binary: PathBuf) -> Self {
        self.binary = binary;
        self
    }

    pub(crate) fn size(mut self, size: &'static str) -> Self {
        self.size = size;
        self
    }

    /// Frames a second, as ffmpeg writes it.
    pub(crate) fn rate(mut self, rate: &'static str) -> Self {
        self.rate = rate;
        self
    }

    pub(crate) fn sample_rate(mut self, hz: u32) -> Self {
        self.sample_rate = hz;
        self
    }

    /// A key frame every so many frames.
    pub(crate) fn gop(mut self, frames: u32) -> Self {
        self.video = Some(x264(frames, &["-bf", "0"]));
        self
    }

    /// The video encoder's options.
    pub(crate) fn video(mut self, options: Vec<String>) -> Self {
        self.video = Some(options);
        self
    }

    pub(crate) fn no_video(mut self) -> Self {
        self.video = None;
        self
    }

    /// One audio track for each set of options.
    pub(crate) fn audio(mut self, tracks: &[&str]) -> Self {
        self.audio = tracks.iter().map(|options| words(options)).collect();
        self
    }

    pub(crate) fn no_audio(mut self) -> Self {
        self.audio.clear();
        self
    }

    /// As fast as the encoder can.
    pub(crate) fn unpaced(mut self) -> Self {
        self.real_time = false;
        self
    }

    /// Ends by itself.
    pub(crate) fn seconds(mut self, seconds: u32) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Options of the muxer and the protocol.
    pub(crate) fn output(mut self, options: &str) -> Self {
        self.output = words(options);
        self
    }

    /// Starts publishing to `url`; the process is called `name`.
    #[track_caller]
    pub(crate) fn publish(&self, name: &str, folder: &Path, url: &str) -> Process {
        let mut ffmpeg = command(&self.binary);
        ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]);
        if self.video.is_some() {
            self.input(&mut ffmpeg, &format!("testsrc2=size={}:rate={}", self.size, self.rate));
        }
        for track in 0..self.audio.len() {
            let tone = 440 * (track + 1);
            self.input(&mut ffmpeg, &format!("sine=frequency={tone}:sample_rate={}", self.sample_rate));
        }
        let inputs = usize::from(self.video.is_some()) + self.audio.len();
        for input in 0..inputs {
            ffmpeg.arg("-map").arg(input.to_string());
        }
        ffmpeg.args(self.video.iter().flatten());
        for (track, options) in self.audio.iter().enumerate() {
            ffmpeg.args(options.iter().map(|word| word.replace(":a", &format!(":a:{track}"))));
        }
        if let Some(seconds) = self.seconds {
            ffmpeg.arg("-t").arg(seconds.to_string());
        }
        ffmpeg.args(&self.output).args(["-f", "flv", url]);
        Process::start(name, ffmpeg, folder)
    }

    fn input(&self, ffmpeg: &mut std::process::Command, source: &str) {
        if self.real_time {
            ffmpeg.arg("-re");
        }
        ffmpeg.args(["-f", "lavfi", "-i", source]);
    }
}

/// Publishes a file as it is, over and over, in real time.
#[track_caller]
pub(crate) fn publish_file(name: &str, folder: &Path, file: &Path, url: &str) -> Process {
    let mut ffmpeg = command(ffmpeg());
    ffmpeg.args([
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-loglevel",
        "warning",
        "-re",
        "-stream_loop",
        "-1",
        "-i",
    ]);
    ffmpeg.arg(file).args(["-c", "copy", "-f", "flv", url]);
    Process::start(name, ffmpeg, folder)
}

/// A light H.264 encoder with a fixed key frame interval and further options.
pub(crate) fn x264(gop: u32, further: &[&str]) -> Vec<String> {
    let mut options =
        words("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v 300k -sc_threshold 0 -threads 1");
    options.extend(["-g".to_owned(), gop.to_string(), "-keyint_min".to_owned(), gop.to_string()]);
    options.extend(further.iter().map(|word| (*word).to_owned()));
    options
}

/// Splits options at blanks.
pub(crate) fn words(options: &str) -> Vec<String> {
    options.split_whitespace().map(str::to_owned).collect()
}
