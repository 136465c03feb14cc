//! Rules between settings.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::error::ConfigError;
use super::load::Draft;
use super::sections::Config;
use super::value::{Mailbox, Rule as _};
use crate::platform;

/// Checks all rules whose settings could be read.
pub(super) fn check(draft: &mut Draft) {
    targets(draft);
    tls(draft);
    ports(draft);
    open_mode(draft);
    mail(draft);
    master_key(draft);
}

fn targets(draft: &mut Draft) {
    let hls = draft.config.hls.clone();
    if draft.sound(&["hls.part_ms", "hls.target_duration_s"])
        && hls.part_ms * 2 > hls.target_duration_s * 1000
    {
        let problem =
            format!("{} ms is more than half of a segment of {} s", hls.part_ms, hls.target_duration_s);
        let error = ConfigError::new(draft.origin("hls.part_ms"), "hls.part_ms", problem);
        draft.errors.push(error.allowed("at most half of hls.target_duration_s"));
    }
    if !draft.sound(&["hls.window_s", "hls.target_duration_s"]) {
        return;
    }
    if hls.window_s < hls.target_duration_s * 3 {
        let problem =
            format!("{} s is less than three segments of {} s", hls.window_s, hls.target_duration_s);
        let error = ConfigError::new(draft.origin("hls.window_s"), "hls.window_s", problem);
        draft.errors.push(error.allowed("at least three times hls.target_duration_s"));
    } else if hls.low_latency && hls.window_s <= hls.target_duration_s * 6 {
        let message = "does not exceed six times hls.target_duration_s: every playlist update is sent whole";
        draft.warn("hls.window_s", message);
    }
}

fn tls(draft: &mut Draft) {
    const PAIR: [&str; 2] = ["http.tls_cert", "http.tls_key"];
    if !draft.sound(&PAIR) {
        return;
    }
    let http = draft.config.http.clone();
    match (&http.tls_cert, &http.tls_key) {
        (Some(_), None) => incomplete_pair(draft, PAIR[0], PAIR[1]),
        (None, Some(_)) => incomplete_pair(draft, PAIR[1], PAIR[0]),
        (Some(cert), Some(key)) => {
            readable(draft, PAIR[0], cert);
            readable(draft, PAIR[1], key);
        }
        (None, None) => {}
    }
}

fn incomplete_pair(draft: &mut Draft, given: &str, missing: &str) {
    let error = ConfigError::new(draft.origin(given), given, format!("is set, but {missing} is not"));
    draft.errors.push(error.allowed("both, or neither"));
}

fn readable(draft: &mut Draft, path: &str, file: &PathBuf) {
    if let Err(error) = File::open(file) {
        let problem = format!("{} cannot be read: {error}", file.display());
        draft.errors.push(ConfigError::new(draft.origin(path), path, problem));
    }
}

impl Config {
    /// The listeners that will be opened, by setting.
    pub(super) fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        let tls = self.http.tls_cert.is_some() && self.http.tls_key.is_some();
        let secure = |address: Option<SocketAddr>| address.filter(|_| tls);
        [
            ("http.listen", Some(self.http.listen)),
            ("http.tls_listen", secure(self.http.tls_listen)),
            ("rtmp.listen", self.rtmp.listen),
            ("rtmp.tls_listen", secure(self.rtmp.tls_listen)),
            ("ops.listen", self.ops.listen),
        ]
        .into_iter()
        .filter_map(|(path, address)| Some((path, address?)))
        .collect()
    }
}

/// No two listeners on one port of one address.
fn ports(draft: &mut Draft) {
    let listeners = draft.config.listeners();
    for (index, (path, address)) in listeners.iter().enumerate() {
        let earlier = listeners.iter().take(index).find(|(_, other)| clash(*address, *other));
        let Some((other_path, _)) = earlier else { continue };
        if !draft.sound(&[path, other_path]) {
            continue;
        }
        // Blame the one that somebody wrote.
        let (blamed, other) = match draft.origin(path) {
            super::Origin::Default => (other_path, path),
            _ => (path, other_path),
        };
        let error = ConfigError::new(draft.origin(blamed), *blamed, format!("takes the port of {other}"));
        draft.errors.push(error.allowed("a port of its own"));
    }
}

fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || everything(a.ip()) || everything(b.ip()))
}

fn everything(ip: IpAddr) -> bool {
    ip.is_unspecified()
}

fn open_mode(draft: &mut Draft) {
    let config = &draft.config;
    if !config.open {
        return;
    }
    let reachable = config
        .listeners()
        .into_iter()
        .find(|(path, address)| *path != "ops.listen" && !address.ip().to_canonical().is_loopback());
    let Some((path, address)) = reachable else { return };
    if config.open_remote {
        let message = format!("anybody who reaches {address} ({path}) can publish; meant for development");
        draft.warn("open_remote", message);
    } else {
        let message = format!(
            "{address} ({path}) is for other machines, which open mode admits with `open_remote` alone"
        );
        draft.warn("open", message);
    }
}

/// Who sends by a server has to say as whom.
fn mail(draft: &mut Draft) {
    const PAIR: [&str; 2] = ["mail.smtp_url", "mail.from"];
    let mail = &draft.config.mail;
    if draft.sound(&PAIR) && mail.smtp_url.is_some() && mail.from.is_none() {
        let error = ConfigError::new(draft.origin(PAIR[0]), PAIR[1], "is not set; needed with mail.smtp_url");
        draft.errors.push(error.allowed(Mailbox.allowed()));
    }
}

/// A key that is named has to be there; the one in the data folder may not have been made yet.
fn master_key(draft: &mut Draft) {
    const FILE: &str = "database.master_key_file";
    let Some(file) = draft.config.database.master_key_file.clone() else { return };
    if draft.sound(&[FILE])
        && let Err(error) = platform::check_master_key(&file)
    {
        draft.errors.push(ConfigError::new(draft.origin(FILE), FILE, error.problem()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::fixture::{errors, load, warnings};

    #[test]
    fn parts_and_windows_must_fit_segments() {
        assert_eq!(
            errors("[hls]\npart_ms = 600\ntarget_duration_s = 1\n", &[]),
            [
                "pulse.toml:2:11: hls.part_ms: 600 ms is more than half of a segment of 1 s; allowed: at most half of \
              hls.target_duration_s"
            ]
        );
        assert_eq!(
            errors("[hls]\nwindow_s = 10\n", &[("PULSE_HLS_TARGET_DURATION_S", "5")]),
            [
                "pulse.toml:2:12: hls.window_s: 10 s is less than three segments of 5 s; allowed: at least three times \
              hls.target_duration_s"
            ]
        );
    }

    #[test]
    fn a_rule_is_silent_about_a_setting_that_could_not_be_read() {
        assert_eq!(errors("[hls]\npart_ms = 600\ntarget_duration_s = 0\n", &[]).len(), 1);
    }

    #[test]
    fn half_a_tls_pair_and_unreadable_files_are_refused() {
        assert_eq!(
            errors("[http]\ntls_cert = '/x/cert.pem'\n", &[]),
            ["pulse.toml:2:12: http.tls_cert: is set, but http.tls_key is not; allowed: both, or neither"]
        );
        let both = errors("[http]\ntls_cert = '/x/cert.pem'\ntls_key = '/x/key.pem'\n", &[]);
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[1].contains("http.tls_key: /x/key.pem cannot be read"), "{both:?}");
    }

    #[test]
    fn two_listeners_on_one_port_are_refused_at_the_line_that_was_written() {
        assert_eq!(
            errors("[http]\nlisten = '127.0.0.1:1935'\n", &[]),
            ["pulse.toml:2:10: http.listen: takes the port of rtmp.listen; allowed: a port of its own"]
        );
        let separate = "[http]\nlisten = '127.0.0.1:9090'\n[ops]\nlisten = '127.0.0.2:9090'\n[rtmp]\nlisten = '[::1]:0'\n";
        assert!(load(separate).is_ok());
        // A TLS listener that is not opened takes no port.
        assert!(load("[http]\nlisten = '0.0.0.0:1936'\n").is_ok());
    }

    #[test]
    fn it_is_said_whom_open_mode_admits_where_others_can_reach_it() {
        let local = "open = true\n[http]\nlisten = '127.0.0.1:1'\n[rtmp]\nlisten = '[::1]:2'\n";
        assert_eq!(warnings(local, &[]), [""; 0]);
        assert_eq!(
            warnings(local, &[("PULSE_RTMP_LISTEN", "0.0.0.0:1935")]),
            [
                "pulse.toml:1:8: open: 0.0.0.0:1935 (rtmp.listen) is for other machines, which open mode admits with `open_remote` alone"
            ]
        );
        let warned = warnings(local, &[("PULSE_RTMP_LISTEN", "0.0.0.0:1935"), ("PULSE_OPEN_REMOTE", "true")]);
        assert!(
            warned[0].contains("anybody who reaches 0.0.0.0:1935 (rtmp.listen) can publish"),
            "{warned:?}"
        );
        assert_eq!(warnings("", &[]), [""; 0]);
    }

    #[test]
    fn a_database_and_a_mail_server_are_refused_as_the_start_would_and_are_not_repeated() {
        let allowed = "allowed: sqlite:, sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE";
        for (url, reason) in [
            ("nope", "an unknown form"),
            ("mysql://u:hunter2@h/d", "an unknown form"),
            ("postgres://u:hunter2@h:port/d", "not a URL of PostgreSQL"),
        ] {
            assert_eq!(
                errors(&format!("[database]\nurl = '{url}'\n"), &[]),
                [format!("pulse.toml:2:7: database.url: the value names no database: {reason}; {allowed}")]
            );
        }
        let allowed =
            "allowed: smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST?tls=required or smtp://localhost";
        for (url, problem) in [
            ("nope", "is not the URL of an SMTP server"),
            ("smtp://u:hunter2@mail.example.org", "would send mails and the password in the clear"),
        ] {
            assert_eq!(
                errors(&format!("[mail]\nsmtp_url = '{url}'\nfrom = 'pulse@example.org'\n"), &[]),
                [format!("pulse.toml:2:12: mail.smtp_url: the value {problem}; {allowed}")]
            );
        }
    }

    #[test]
    fn who_sends_mails_has_an_address() {
        assert_eq!(
            errors("[mail]\nsmtp_url = 'smtp://localhost'\n", &[]),
            [
                "pulse.toml:2:12: mail.from: is not set; needed with mail.smtp_url; allowed: an address, such as \
                 pulse@example.org or Pulse <pulse@example.org>"
            ]
        );
        assert!(load("[mail]\nfrom = 'pulse@example.org'\n").is_ok(), "of no use, and no harm");
    }

    #[test]
    fn a_master_key_that_is_named_has_to_be_there_and_to_be_one() {
        let refused = |file: &std::path::Path| {
            errors(&format!("[database]\nmaster_key_file = '{}'\n", file.display()), &[]).concat()
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pulse.key");
        let missing = refused(&file);
        assert!(missing.starts_with("pulse.toml:2:19: database.master_key_file: "), "{missing}");
        assert!(missing.contains("pulse.key is missing; put it back from your backup"), "{missing}");
        std::fs::write(&file, [7; 31]).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(refused(&file).contains("pulse.key is not 32 bytes"), "{}", refused(&file));
        std::fs::write(&file, [7; 32]).unwrap();
        assert!(load(&format!("[database]\nmaster_key_file = '{}'\n", file.display())).is_ok());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refused(&file).contains("others may read "), "{}", refused(&file));
    }
}
