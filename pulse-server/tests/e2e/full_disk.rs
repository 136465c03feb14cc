//! A disk that takes no more: HLS stands still and says so, everything else goes on, and so does HLS once there is room.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::follower::Follow;
use crate::support::play::Play;
use crate::support::playback::Playback;
use crate::support::process::{Process, command};
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "stream";
const OTHER: &str = "other";

const PATIENCE: Duration = Duration::from_secs(20);

/// What stands in the way of one stream's journal: the file that is written first is a device without room.
struct FullDisk(PathBuf);

impl FullDisk {
    fn of(pulse: &Pulse) -> Self {
        let disk = Self(pulse.stage().path().join(format!("data/hls/{ID}.new")));
        let _ = fs::remove_file(&disk.0);
        symlink("/dev/full", &disk.0).unwrap();
        disk
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn start(grace_s: u32) -> Pulse {
    Setup::new().stream(ID).stream(OTHER).section(&format!("[ingest]\ngrace_s = {grace_s}")).start()
}

fn publish(pulse: &Pulse, name: &str, id: &str) -> Process {
    Feed::new().publish(name, pulse.stage().path(), &pulse.publish_url(id))
}

/// How often the metrics say that the journal was not written.
fn failures(pulse: &Pulse) -> u64 {
    let metrics = pulse.get_ops("/metrics").text();
    let sample = format!("pulse_stream_issues_total{{stream=\"{ID}\",code=\"journal_not_written\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&sample)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_stream_whose_journal_cannot_be_written_goes_on_without_hls_until_there_is_room() {
    let _seats = seats::all();
    let mut pulse = start(60);
    let full = FullDisk::of(&pulse);
    let _encoders = [publish(&pulse, "encoder", ID), publish(&pulse, "other", OTHER)];
    let detail = pulse.wait_health(ID, "journal_not_written", PATIENCE);
    assert!(detail.contains("No space left on device"), "{detail}");
    wait::until("the metrics to say so", PATIENCE, || {
        let failures = failures(&pulse);
        wait::check(failures >= 3, format!("{failures} failures"))
    });
    for (name, url) in [("rtmp", pulse.rtmp_url(ID)), ("flv", pulse.flv_url(ID))] {
        Play::new(url, 2).run(name, pulse.stage()).assert_clean(name, 1.8);
    }
    let answer = pulse.get(&format!("/hls/{ID}/index.m3u8"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    let bystander = Viewer::join(&pulse, OTHER);
    bystander.wait_shown(2.0, PATIENCE);
    let log = pulse.log();
    assert_eq!(log.matches("cannot write the playlist journal").count(), 1, "{log}");
    drop(full);
    let viewer = {
        pulse.wait_playable(ID);
        Viewer::join(&pulse, ID)
    };
    viewer.wait_shown(3.0, PATIENCE);
    assert_eq!(pulse.log().matches("the playlist journal is written again").count(), 1);
    for (who, viewer) in [("viewer", viewer), ("bystander", bystander)] {
        for (follow, playback) in viewer.leave() {
            viewer::assert_smooth(who, follow, &playback);
        }
    }
    pulse.assert_sound();
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_life_shows_nothing_that_it_did_not_take() {
    let _seats = seats::all();
    let mut pulse = start(60);
    let mut encoder = publish(&pulse, "encoder", ID);
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(2.0, PATIENCE);
    let full = FullDisk::of(&pulse);
    // A discontinuity is journalled before it is shown.
    encoder.kill();
    let _again = publish(&pulse, "encoder-again", ID);
    pulse.wait_health(ID, "journal_not_written", PATIENCE);
    let discontinuities =
        |playback: &Playback| playback.pieces.iter().filter(|piece| piece.discontinuity).count();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(viewer.look(discontinuities), 0, "shown before it was journalled");
    drop(full);
    let shown = viewer.look(Playback::shown_seconds);
    viewer.wait_shown(shown + 3.0, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(discontinuities(&playback) > 0, "the encoder's return is one");
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
    pulse.assert_sound();
}

/// `ulimit -f` or systemd's LimitFSIZE: the kernel sends a signal that ends whoever does not expect it. The log is a file, too.
#[test]
fn a_limit_of_file_sizes_ends_neither_the_server_nor_its_streams() {
    let _seats = seats::all();
    let mut pulse = start(60);
    limit_file_size(&pulse, "0:unlimited");
    let _encoder = publish(&pulse, "encoder", ID);
    let detail = pulse.wait_health(ID, "journal_not_written", PATIENCE);
    assert!(detail.contains("File too large"), "{detail}");
    Play::new(pulse.rtmp_url(ID), 2).run("rtmp", pulse.stage()).assert_clean("rtmp", 1.8);
    limit_file_size(&pulse, "unlimited");
    pulse.wait_playable(ID);
    pulse.assert_sound();
}

fn limit_file_size(pulse: &Pulse, limit: &str) {
    let mut prlimit = command("prlimit");
    prlimit.args([&format!("--fsize={limit}"), "--pid", &pulse.process().pid().to_string()]);
    let mut prlimit = Process::start("prlimit", prlimit, pulse.stage().path());
    assert!(prlimit.wait(PATIENCE).success(), "{}", prlimit.errors());
}

/// Lives that ended while their journal could not be written are done with: none of them comes back to overwrite what a later one wrote.
#[test]
fn a_life_that_ended_on_a_full_disk_writes_nothing_later() {
    let _seats = seats::all();
    let mut pulse = start(1);
    let mut encoder = publish(&pulse, "encoder", ID);
    pulse.wait_playable(ID);
    let full = FullDisk::of(&pulse);
    encoder.kill();
    wait::until("the life to end", PATIENCE, || {
        let answer = pulse.get(&format!("/flv/{ID}.flv"));
        wait::check(answer.problem_code() == "stream_offline", answer.text())
    });
    let mut encoder = publish(&pulse, "encoder-2", ID);
    pulse.wait_health(ID, "journal_not_written", PATIENCE);
    encoder.kill();
    thread::sleep(Duration::from_secs(3));
    drop(full);
    let _encoder = publish(&pulse, "encoder-3", ID);
    pulse.wait_playable(ID);
    let journal = pulse.stage().path().join(format!("data/hls/{ID}.journal"));
    wait::holds_for("the live stream's journal", Duration::from_secs(3), || {
        let text = fs::read_to_string(&journal).unwrap();
        wait::check(
            text.contains("ended=false"),
            format!("an ended life's journal was written over it:\n{text}"),
        )
    });
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(2.0, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
    }
    pulse.assert_sound();
}
