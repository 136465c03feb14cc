//! ffmpeg and ffprobe as players.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::feed;
use super::process::{Process, command, succeeded};
use super::stage::Stage;
use super::wait;

/// What a player may take on top of the media that it plays: connecting, probing, a key frame.
const OVERHEAD: Duration = Duration::from_secs(25);

/// What came of playing an address.
#[derive(Debug)]
pub(crate) struct Played {
    /// ffmpeg's description of each input stream, one a line.
    pub(crate) streams: String,
    /// Frames of video that were decoded.
    pub(crate) frames: u64,
    /// Seconds of media that came out.
    pub(crate) seconds: f64,
    /// From the player's start to its first decoded frame, to a tenth of a second.
    pub(crate) first_frame_after: Option<Duration>,
    /// Every line of the log at level error or worse.
    pub(crate) errors: Vec<String>,
}

/// An address to play with ffmpeg.
pub(crate) struct Play {
    binary: PathBuf,
    options: Vec<String>,
    url: String,
    seconds: u32,
}

impl Play {
    pub(crate) fn new(url: impl Into<String>, seconds: u32) -> Self {
        Self { binary: feed::ffmpeg(), options: Vec::new(), url: url.into(), seconds }
    }

    /// Another ffmpeg.
    pub(crate) fn with(mut self, binary: PathBuf) -> Self {
        self.binary = binary;
        self
    }

    /// Options of the input.
    pub(crate) fn options(mut self, options: &str) -> Self {
        self.options = feed::words(options);
        self
    }

    /// Starts decoding every stream of the address.
    #[track_caller]
    pub(crate) fn start(&self, name: &str, stage: &Stage) -> Playing {
        let mut ffmpeg = command(&self.binary);
        ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"]);
        ffmpeg.args(["-stats_period", "0.1", "-progress", "pipe:1"]).args(&self.options);
        ffmpeg.args(["-i", &self.url, "-t", &self.seconds.to_string(), "-map", "0"]);
        // Frames go out as they came in: at a time base of one frame, ffmpeg complains about an encoder's jitter.
        ffmpeg.args(["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000", "-f", "null", "-"]);
        let process = Process::start(name, ffmpeg, stage.path());
        Playing { process, patience: Duration::from_secs(u64::from(self.seconds)) + OVERHEAD }
    }

    /// Plays to the end and reports.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, stage: &Stage) -> Played {
        self.start(name, stage).finish()
    }
}

/// A running player.
pub(crate) struct Playing {
    process: Process,
    patience: Duration,
}

impl Playing {
    /// Waits for its end and reports; panics if the player fails.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Played {
        let started = self.process.started();
        let mut first = None;
        let status = wait::until("the player's end", self.patience, || {
            if first.is_none() && frames(&self.process.output()) > 0 {
                first = Some(started.elapsed());
            }
            self.process
                .exited()
                .ok_or_else(|| format!("it plays on: {}", last_progress(&self.process.output())))
        });
        let log = self.process.errors();
        succeeded(status).unwrap_or_else(|how| panic!("the player failed: {how}\n{log}"));
        let output = self.process.output();
        let input = log.split("Stream mapping:").next().unwrap_or_default();
        Played {
            streams: lines(input, |line| line.contains("Stream #0:")).join("\n"),
            frames: frames(&output),
            seconds: value(&output, "out_time_us=").map_or(0.0, |us: f64| us / 1e6),
            first_frame_after: first,
            errors: lines(&log, is_error),
        }
    }

    /// The process, to look at or to end.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Played {
    /// Decoded media of about the asked length and no line of error.
    #[track_caller]
    pub(crate) fn assert_clean(&self, who: &str, seconds: f64) {
        assert!(self.errors.is_empty(), "{who}: {:#?}", self.errors);
        assert!(self.seconds >= seconds, "{who}: {} s of {seconds} came out", self.seconds);
    }

    /// A video stream of this description was decoded.
    #[track_caller]
    pub(crate) fn assert_video(&self, who: &str, description: &str) {
        assert!(self.frames > 0, "{who}: no frame");
        self.assert_stream(who, "Video", description, 1);
    }

    /// So many streams of a kind whose description contains `description`.
    #[track_caller]
    pub(crate) fn assert_stream(&self, who: &str, kind: &str, description: &str, count: usize) {
        let kind = format!(" {kind}: ");
        let found = self
            .streams
            .lines()
            .filter(|line| line.split_once(&kind).is_some_and(|(_, rest)| rest.contains(description)))
            .count();
        assert_eq!(found, count, "{who}: {kind}{description} in\n{}", self.streams);
    }
}

/// Decodes a whole file; any line of error fails.
#[track_caller]
pub(crate) fn assert_file_decodes(stage: &Stage, file: &Path) {
    let name = format!("decode-{}", file.file_name().expect("a file").to_string_lossy());
    let mut ffmpeg = command(feed::ffmpeg());
    ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-i"]).arg(file);
    ffmpeg.args(["-map", "0", "-fps_mode", "passthrough", "-enc_time_base:v", "1:90000", "-f", "null", "-"]);
    let mut process = Process::start(&name, ffmpeg, stage.path());
    let status = process.wait(OVERHEAD);
    let log = process.errors();
    assert!(status.success() && log.is_empty(), "{}: {status}\n{log}", file.display());
}

/// ffprobe's description of an address.
#[track_caller]
pub(crate) fn probe(stage: &Stage, name: &str, url: &str) -> serde_json::Value {
    let mut ffprobe = command("ffprobe");
    ffprobe.args(["-hide_banner", "-loglevel", "error", "-show_streams", "-of", "json", "-i", url]);
    let mut process = Process::start(name, ffprobe, stage.path());
    let status = process.wait(OVERHEAD);
    let (log, output) = (process.errors(), process.output());
    assert!(status.success() && log.is_empty(), "ffprobe {url}: {status}\n{log}");
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("ffprobe {url}: {error} in {output}"))
}

/// The streams of a kind in ffprobe's description.
pub(crate) fn streams<'a>(probed: &'a serde_json::Value, kind: &str) -> Vec<&'a serde_json::Value> {
    let all = probed["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|stream| stream["codec_type"] == kind).collect()
}

/// Tries to play an address that is not to be had, and gives the player's log and how long it took to give up.
#[track_caller]
pub(crate) fn refused(stage: &Stage, name: &str, url: &str, patience: Duration) -> (String, Duration) {
    let started = Instant::now();
    let mut playing = Play::new(url, 1).start(name, stage);
    let status = playing.process().wait(patience);
    let log = playing.process().errors();
    assert!(!status.success(), "{url} was played:\n{log}");
    (log, started.elapsed())
}

fn is_error(line: &str) -> bool {
    ["[error]", "[fatal]", "[panic]"].iter().any(|level| line.contains(level))
}

fn lines(log: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    log.lines().filter(|line| wanted(line)).map(str::to_owned).collect()
}

fn frames(progress: &str) -> u64 {
    value(progress, "frame=").unwrap_or_default()
}

/// The last value of a key in ffmpeg's progress report.
fn value<T: std::str::FromStr>(progress: &str, key: &str) -> Option<T> {
    progress.lines().filter_map(|line| line.strip_prefix(key)?.trim().parse().ok()).next_back()
}

fn last_progress(progress: &str) -> String {
    progress.lines().rev().take(12).collect::<Vec<_>>().join(" ")
}
