//! GStreamer as an encoder.

use std::path::Path;

use super::process::{Process, command};

/// The two RTMP sinks that Debian ships: GStreamer's own, and the one over librtmp.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sink {
    Rtmp2,
    Librtmp,
}

impl Sink {
    fn element(self) -> &'static str {
        match self {
            Self::Rtmp2 => "rtmp2sink",
            Self::Librtmp => "rtmpsink",
        }
    }
}

/// Publishes a bouncing ball in H.264 at 25 frames a second and a tone in AAC until it is ended.
#[track_caller]
pub(crate) fn publish(name: &str, folder: &Path, sink: Sink, url: &str) -> Process {
    let mut gstreamer = command("gst-launch-1.0");
    // As a service would run it: no registry in a home folder that may not be there.
    gstreamer.env("GST_REGISTRY", folder.join("gst-registry.bin"));
    let pipeline = format!(
        "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
         ! x264enc speed-preset=ultrafast tune=zerolatency threads=1 key-int-max=25 bitrate=300 ! h264parse \
         ! queue ! mux. \
         audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! voaacenc bitrate=64000 ! aacparse \
         ! queue ! mux. \
         flvmux name=mux streamable=true ! {} location={url}",
        sink.element()
    );
    gstreamer.args(pipeline.split_whitespace());
    Process::start(name, gstreamer, folder)
}
