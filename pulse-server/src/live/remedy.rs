//! Which setting of an encoder mends what is wrong.

/// How much of it viewers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nothing; it could be better.
    Info,
    /// Some of it, or some of them.
    Warning,
    /// They see or hear that something is missing.
    Error,
}

/// What to do about an issue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remedy {
    pub(crate) severity: Severity,
    /// Names the settings.
    pub(crate) mend: &'static str,
}

const KEY_FRAMES: &str = "Set the key frame interval to 2 s. OBS: Settings, Output, Keyframe Interval: 2 s (not 0). \
                          ffmpeg: -g and -keyint_min, each twice the frame rate.";
const TRACKS: &str = "Send one video track and at most eight audio tracks, all of them from the beginning.";
const UPLINK: &str = "Lower the bit rate, or use a wire instead of a radio. OBS: Settings, Output, Bitrate; Settings, Advanced, \
                      Dynamically change bitrate. ffmpeg: -b:v and -maxrate.";
const CLOCK: &str = "Keep one source running and give the encoder a fixed frame rate. OBS: Settings, Video, FPS; in the audio \
                     sources turn device timestamps off. ffmpeg: -re for files, -fps_mode cfr. If the encoder says that it drops frames, \
                     lower the bit rate.";
const ONE_ENCODER: &str =
    "Stop one of the two encoders, or give each stream its own key. If a key has leaked, rotate it.";

/// What to do about an issue of this code.
pub(crate) fn of(code: &str) -> Remedy {
    use Severity::{Error, Info, Warning};
    let (severity, mend) = match code {
        "gop_too_long" | "gop_long" => (Warning, KEY_FRAMES),
        "gop_irregular" => (
            Info,
            "Turn key frames at scene cuts off. OBS: Keyframe Interval 2 s, and x264 options: scenecut=0. ffmpeg: \
             -sc_threshold 0, with -keyint_min the same as -g.",
        ),
        "no_key_frame" => (
            Error,
            "Set the key frame interval to 2 s and turn intra refresh off. OBS: Keyframe Interval 2 s. ffmpeg: -g twice the \
             frame rate, without -intra-refresh.",
        ),
        "b_frames" => (
            Info,
            "For the lowest latency turn B-frames off. OBS: Max B-frames 0, or Tune: zerolatency. ffmpeg: -bf 0.",
        ),
        "bitrate_swings" => (
            Warning,
            "Use a constant bit rate. OBS: Settings, Output, Rate Control: CBR. ffmpeg: -maxrate and -bufsize, both as -b:v.",
        ),
        "audio_missing" => (
            Warning,
            "Add sound, silence if there is none. OBS: Settings, Audio, and the audio track of Settings, Output. ffmpeg: \
             -f lavfi -i anullsrc -c:a aac.",
        ),
        "video_missing" => {
            (Warning, "If there should be pictures, look at the encoder's video source. ffmpeg: -map 0:v.")
        }
        "too_slow" => (
            Error,
            "Lower the bit rate if the uplink is too slow, or the encoder's load. OBS: Settings, Output, Bitrate, and CPU Usage \
             Preset veryfast; the status bar shows which it is. ffmpeg: -b:v, -preset veryfast; speed= is to be 1x.",
        ),
        "too_fast" => (Warning, "Send in real time. ffmpeg: -re before -i, for files."),
        "encoder_stalled" | "packager_behind" => (Error, UPLINK),
        "part_refused" => {
            (Error, "Lower the bit rate. OBS: Settings, Output, Bitrate. ffmpeg: -b:v and -maxrate.")
        }
        "clock_jump" | "late_frames" | "frame_not_packaged" => (Warning, CLOCK),
        "track_stalled" => (
            Error,
            "Look at the source of the track: a muted or unplugged device sends nothing. OBS: the source's properties.",
        ),
        "codec_not_packaged" | "track_refused" => (
            Error,
            "Choose H.264 and AAC, which everything plays. OBS: Settings, Output, Video Encoder and Audio Encoder. ffmpeg: \
             -c:v libx264 -c:a aac.",
        ),
        "codec_changed" => (Warning, "Keep the encoder's codecs while the stream is watched."),
        "extra_video" | "late_track" => (Info, TRACKS),
        "publishers_fight" | "publisher_refused" => (Warning, ONE_ENCODER),
        "journal_not_written" => {
            (Error, "Nothing at the encoder: the server's operator has to make room on its disk.")
        }
        _ => (Info, ""),
    };
    Remedy { severity, mend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::signs::Sign;

    /// Codes that others report: hls-packager's, and those of this crate.
    const OTHERS: [&str; 17] = [
        "gop_too_long",
        "no_key_frame",
        "codec_not_packaged",
        "track_refused",
        "extra_video",
        "late_track",
        "codec_changed",
        "track_stalled",
        "encoder_stalled",
        "late_frames",
        "part_refused",
        "frame_not_packaged",
        "packager_behind",
        "clock_jump",
        "publishers_fight",
        "publisher_refused",
        "journal_not_written",
    ];

    #[test]
    fn every_issue_has_a_remedy_and_those_of_encoders_name_the_setting() {
        for code in Sign::ALL.map(Sign::code).into_iter().chain(OTHERS) {
            assert!(!of(code).mend.is_empty(), "{code}");
        }
        for code in Sign::ALL.map(Sign::code).into_iter().chain(["gop_too_long", "no_key_frame"]) {
            let mend = of(code).mend;
            assert!(mend.contains("OBS:") || mend.contains("ffmpeg:"), "{code}: {mend}");
        }
    }
}
