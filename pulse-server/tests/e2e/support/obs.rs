//! OBS Studio itself, on a virtual display, streaming as soon as it is started.
//!
//! What it needs to run without a person: `FirstRun=true` (it means that the first run is over: no wizard), the newest
//! `LastVersion` (no release notes), a profile and a scene collection that exist, no warning before starting a stream,
//! `--multi` (no question about another instance), `--disable-missing-files-check`. The picture is drawn by Mesa in
//! software. The session bus, PulseAudio and a window manager are missing, which it survives. Its list of services is
//! not fetched, since the proxy named in the environment is nobody's address.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::process::{Process, command};
use super::stage::Stage;
use super::wait;

/// The canvas. OBS's default is the screen's size; a smaller one changes nothing about the stream's shape.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// x264's default distance between key frames, which OBS keeps unless told otherwise: 250 frames at 30 a second.
pub(crate) const GOP: Duration = Duration::from_millis(8_333);

/// OBS connects about a second after its start; a cold disk and a busy machine are allowed for.
const START_PATIENCE: Duration = Duration::from_secs(40);

/// The name of the profile, the collection and the scene.
const NAME: &str = "pulse";

/// OBS and its display; both are killed when this is dropped.
pub(crate) struct Obs {
    process: Process,
    _display: Process,
}

impl Obs {
    /// Starts OBS with its default encoder settings (simple output, x264 at 2500 kbps, 30 frames a second) streaming to
    /// `server` with `key`, as they are typed into its settings.
    #[track_caller]
    pub(crate) fn start(stage: &Stage, server: &str, key: &str) -> Self {
        write_config(stage, server, key);
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(stage.path().join("obs-home"), private).expect("the folder is ours");
        let (display, number) = display(stage);
        let mut obs = command("obs");
        obs.args(["--multi", "--disable-missing-files-check", "--startstreaming"])
            .args(["--profile", NAME, "--collection", NAME, "--scene", NAME])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", stage.path().join("obs-home"))
            .env("XDG_CONFIG_HOME", stage.path().join("obs-config"))
            .env("XDG_RUNTIME_DIR", stage.path().join("obs-home"))
            .env("DISPLAY", format!(":{number}"))
            .env("QT_QPA_PLATFORM", "xcb")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("NO_AT_BRIDGE", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("https_proxy", "http://127.0.0.1:9");
        Self { process: Process::start("obs", obs, stage.path()), _display: display }
    }

    /// Waits until OBS says that it streams.
    #[track_caller]
    pub(crate) fn wait_streaming(&mut self) {
        wait::until("OBS to stream", START_PATIENCE, || {
            self.process.alive()?;
            wait::check(self.log().contains("Streaming Start"), "it does not yet")
        });
    }

    /// Waits until OBS says that the server did not want it.
    #[track_caller]
    pub(crate) fn wait_refused(&self) {
        wait::until("OBS to be refused", START_PATIENCE, || {
            let log = self.log();
            // -3 is OBS_OUTPUT_INVALID_STREAM; its window says that the channel or the stream key could not be accessed.
            wait::check(log.contains("failed: -3"), log)
        });
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        self.process.errors() + &self.process.output()
    }
}

/// A display of its own, and its number.
#[track_caller]
fn display(stage: &Stage) -> (Process, u32) {
    let mut xvfb = command("Xvfb");
    xvfb.args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]);
    let mut process = Process::start("xvfb", xvfb, stage.path());
    let number = wait::until("a display", START_PATIENCE, || {
        process.alive()?;
        process.output().trim().parse().map_err(|_| "no display number yet".to_owned())
    });
    (process, number)
}

fn write_config(stage: &Stage, server: &str, key: &str) {
    let file = |name: &str, contents: String| stage.write(&format!("obs-config/obs-studio/{name}"), contents);
    stage.write("obs-home/.keep", "");
    // 29.0.2 as OBS counts: a newer one asks nothing either.
    file(
        "global.ini",
        format!(
            "[General]\nFirstRun=true\nLastVersion=486539266\nEnableAutoUpdates=false\nConfirmOnExit=false\n\
             Pre19Defaults=false\nPre21Defaults=false\nPre23Defaults=false\nPre24.1Defaults=false\n\
             [Basic]\nProfile={NAME}\nProfileDir={NAME}\nSceneCollection={NAME}\nSceneCollectionFile={NAME}\n\
             ConfigOnNewProfile=false\n[BasicWindow]\nWarnBeforeStartingStream=false\nPreviewEnabled=false\n"
        ),
    );
    file(
        &format!("basic/profiles/{NAME}/basic.ini"),
        format!(
            "[General]\nName={NAME}\n[Output]\nMode=Simple\n\
             [Video]\nBaseCX={WIDTH}\nBaseCY={HEIGHT}\nOutputCX={WIDTH}\nOutputCY={HEIGHT}\nFPSCommon=30\n"
        ),
    );
    let service = serde_json::json!({
        "type": "rtmp_custom",
        "settings": { "server": server, "key": key, "use_auth": false, "bwtest": false },
    });
    file(&format!("basic/profiles/{NAME}/service.json"), service.to_string());
    file(&format!("basic/scenes/{NAME}.json"), scene().to_string());
}

/// A coloured ground and a text that scrolls over it.
fn scene() -> serde_json::Value {
    let item = |id: u32, name: &str, y: f64| {
        serde_json::json!({
            "id": id, "name": name, "visible": true, "align": 5,
            "pos": { "x": 0.0, "y": y }, "scale": { "x": 1.0, "y": 1.0 },
        })
    };
    serde_json::json!({
        "name": NAME, "current_scene": NAME, "current_program_scene": NAME, "scene_order": [{ "name": NAME }],
        "sources": [
            { "id": "color_source", "versioned_id": "color_source_v3", "name": "ground",
              "settings": { "width": WIDTH, "height": HEIGHT, "color": 0xff80_4020_u32 } },
            { "id": "text_ft2_source", "versioned_id": "text_ft2_source_v2", "name": "text",
              "settings": { "text": "Pulse 0123456789",
                            "font": { "face": "DejaVu Sans", "style": "Book", "size": 72, "flags": 0 } },
              "filters": [{ "id": "scroll_filter", "versioned_id": "scroll_filter", "name": "scroll",
                            "settings": { "speed_x": 60.0, "loop": true } }] },
            { "id": "scene", "versioned_id": "scene", "name": NAME,
              "settings": { "id_counter": 2, "custom_size": false,
                            "items": [item(1, "ground", 0.0), item(2, "text", 120.0)] } },
        ],
    })
}
