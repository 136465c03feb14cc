//! The test picture: ffmpeg, publishing over real RTMP, started again when it ends.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A run shorter than this failed at its start.
const TOO_SHORT: Duration = Duration::from_secs(5);
/// The pause before ffmpeg is started again.
const PAUSE: Duration = Duration::from_secs(1);
/// A moving pattern, with a clock burnt in where ffmpeg has fonts.
const PATTERN: &str = "testsrc2=size=1280x720:rate=30";
const CLOCK: &str = "drawtext=text='%{localtime\\:%H\\\\\\:%M\\\\\\:%S}':fontsize=72:fontcolor=white:box=1:boxcolor=black@0.6:\
                     boxborderw=16:x=(w-text_w)/2:y=h-150";
/// A beep each second.
const SOUND: &str = "sine=frequency=220:beep_factor=4:sample_rate=48000";

/// The publishing ffmpeg; stopped when dropped.
pub(super) struct Picture(JoinHandle<()>);

impl Picture {
    /// Starts publishing to `url`.
    ///
    /// # Errors
    /// When ffmpeg cannot be started at all.
    pub(super) fn start(url: String) -> io::Result<Self> {
        let child = spawn(&url, true).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot start ffmpeg ({error}); install it, or use --no-publish (`make demo PUBLISH=0`) and publish yourself"),
            )
        })?;
        Ok(Self(tokio::spawn(keep_publishing(child, url))))
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // The child is killed when its handle is dropped with the task.
        self.0.abort();
    }
}

async fn keep_publishing(mut child: Child, url: String) {
    let mut clock = true;
    loop {
        let started = Instant::now();
        let ended = child.wait().await;
        if started.elapsed() < TOO_SHORT && clock {
            tracing::warn!("ffmpeg cannot draw the clock (no fonts?); publishing without it");
            clock = false;
        } else {
            tracing::warn!(?ended, "ffmpeg ended; starting it again");
        }
        tokio::time::sleep(PAUSE).await;
        child = match spawn(&url, clock) {
            Ok(child) => child,
            Err(error) => return tracing::error!(%error, "cannot start ffmpeg"),
        };
    }
}

fn spawn(url: &str, clock: bool) -> io::Result<Child> {
    let filter = if clock { format!("{PATTERN},{CLOCK}") } else { PATTERN.to_owned() };
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin"]);
    command.args(["-re", "-f", "lavfi", "-i", &filter]);
    command.args(["-re", "-f", "lavfi", "-i", SOUND]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]);
    command.args([
        "-b:v",
        "2000k",
        "-maxrate",
        "2000k",
        "-bufsize",
        "2000k",
        "-g",
        "60",
        "-keyint_min",
        "60",
    ]);
    command.args(["-sc_threshold", "0", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", url]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn()
}
