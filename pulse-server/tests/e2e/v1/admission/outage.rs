//! A database that goes away while streams are published and watched: what flows goes on, what is known admits for as long as the
//! operator says, and what is not known is not admitted.

use std::time::{Duration, Instant};

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::studio::{Studio, publish, stream};
use crate::support::feed::Feed;
use crate::support::http::Client;
use crate::support::play::Play;
use crate::support::process::Process;
use crate::support::server::Setup;
use crate::support::{seats, wait};
use crate::v1::rig::{LOOSE, Rig, Tenant, text};

/// A server that knows within this that its database is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tenant's live stream, of which everything is known to the server, and one of which nothing is.
struct Scene {
    rig: Rig,
    postgres: Postgres,
    database: Location,
    studio: Studio,
    encoder: Process,
    token: String,
    /// A session's playlist.
    playlist: String,
    /// A stream that nobody has asked for.
    unknown: (String, String),
}

impl Scene {
    /// With these settings of the database.
    fn open(settings: &str) -> Self {
        let postgres = Postgres::own();
        let database = postgres.database();
        let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
        let url = url.expose_str().unwrap();
        let rig = Rig::start_with(&format!(
            "[database]\nurl = {url:?}\n{settings}\n{LOOSE}\n[ingest]\ngrace_s = 30"
        ));
        let studio = Studio::open(&rig, "a@example.org");
        let unknown = stream(&rig, &studio.tenant, "Unknown", "public");
        let encoder = studio.publish(&rig);
        let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
        let playlist = studio.session(&rig, &token);
        assert_eq!(Client::new().get(&playlist).status, 200);
        Self { rig, postgres, database, studio, encoder, token, playlist, unknown }
    }

    /// Stops the database, and waits until the server knows.
    fn stop_database(&self) {
        self.postgres.stop();
        wait::until("the API to be without its database", PATIENCE, || {
            let answer = self.rig.ask(&self.studio.tenant.key, "GET", "/v1/streams", &Value::Null);
            wait::check(answer.status == 503, format!("{}: {}", answer.status, answer.text()))
        });
    }

    /// How a newcomer with a good token is answered.
    fn newcomer(&self) -> u16 {
        self.studio.open_playlist(&self.rig, &self.token).status
    }

    /// Who was there before goes on.
    #[track_caller]
    fn assert_flows(&mut self) {
        let client = Client::new();
        let newest = || {
            let playlist = client.get(&self.playlist);
            assert_eq!(playlist.status, 200, "{}", playlist.text());
            playlist.text().lines().rfind(|line| line.contains(".m4s")).map(str::to_owned)
        };
        let before = newest();
        wait::until("more media", PATIENCE, || wait::check(newest() != before, format!("{before:?} still")));
        assert!(self.encoder.exited().is_none(), "the encoder was sent away");
    }

    /// Whoever is unknown, or brings no proof, is not let in.
    #[track_caller]
    fn assert_closed_to_the_unknown(&self) {
        let (id, key) = &self.unknown;
        assert_eq!(
            self.rig.pulse.get(&format!("/hls/{id}/index.m3u8")).status,
            503,
            "a stream that nobody knows"
        );
        assert_eq!(self.studio.open_playlist(&self.rig, "").status, 403, "no token");
        let mut refused = publish(&self.rig, "unknown", key);
        wait::until("a key that nobody knows to be refused", PATIENCE, || {
            refused.exited().ok_or("it publishes")
        });
    }
}

#[test]
fn without_a_database_what_flows_goes_on_and_what_is_known_admits_for_the_grace_and_then_nobody() {
    const GRACE: Duration = Duration::from_secs(25);
    let _seats = seats::all();
    let mut scene = Scene::open(&format!("outage_grace_s = {}", GRACE.as_secs()));
    let rtmp = format!("{}?token={}", scene.rig.pulse.rtmp_url(&scene.studio.id), scene.token);
    let player = Play::new(rtmp, 8).start("player", scene.rig.pulse.stage());
    let stopped = Instant::now();
    scene.stop_database();
    assert_eq!(scene.newcomer(), 200, "a stream that is known");
    scene.assert_flows();
    player.finish().assert_clean("a player", 7.5);
    // An encoder that drops out and comes back, whose key is known.
    drop(std::mem::replace(&mut scene.encoder, publish(&scene.rig, "again", &scene.studio.key)));
    scene.rig.pulse.wait_live(&scene.studio.id);
    scene.assert_flows();
    scene.assert_closed_to_the_unknown();
    let viewer = Client::new();
    wait::until("the grace to be over", GRACE + PATIENCE, || {
        // Who watches is admitted already; who pauses for longer than three target durations has to be again.
        assert_eq!(viewer.get(&scene.playlist).status, 200);
        let status = scene.newcomer();
        wait::check(status == 503, format!("{status}"))
    });
    assert!(stopped.elapsed() >= GRACE, "closed after {:?}", stopped.elapsed());
    scene.assert_flows();

    scene.postgres.start_again();
    wait::until("newcomers to be admitted again", PATIENCE, || {
        let status = scene.newcomer();
        wait::check(status == 200, format!("{status}"))
    });
    scene.assert_flows();
    // The place that was taken without the database is written down, and shown as before.
    wait::until("the lease", PATIENCE, || {
        let count = scene.postgres.psql(&scene.database, "SELECT count(*) FROM tenancy_leases");
        wait::check(count.trim() == "1", count)
    });
}

#[test]
fn without_a_database_an_operator_may_have_what_is_known_admit_on() {
    let _seats = seats::all();
    let mut scene = Scene::open("outage_grace_s = 0\nafter_outage_grace = \"open\"");
    scene.stop_database();
    wait::holds_for("admission of who is known", Duration::from_secs(3), || {
        let status = scene.newcomer();
        wait::check(status == 200, format!("{status}"))
    });
    drop(std::mem::replace(&mut scene.encoder, publish(&scene.rig, "again", &scene.studio.key)));
    scene.rig.pulse.wait_live(&scene.studio.id);
    scene.assert_flows();
    scene.assert_closed_to_the_unknown();
}

/// An open server, with these settings of its database.
fn open_server(settings: &str) -> (Postgres, Rig) {
    let postgres = Postgres::own();
    let database = postgres.database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let section = format!("[database]\nurl = {:?}\n{settings}{LOOSE}", url.expose_str().unwrap());
    let rig = Rig::with(Setup::new().open().section(&section));
    (postgres, rig)
}

fn publish_under(rig: &Rig, app: &str, name: &str) -> Process {
    let url = format!("rtmp://{}/{app}/{name}", rig.pulse.rtmp_address());
    Feed::new().publish(name, rig.pulse.stage().path(), &url)
}

#[test]
fn an_open_server_takes_any_name_for_a_stream_without_its_database_too() {
    let _seats = seats::some();
    // Nothing that was known is good.
    let (postgres, rig) = open_server("outage_grace_s = 0\n");
    let publish = |app: &str, name: &str| publish_under(&rig, app, name);
    let _before = publish("live", "before");
    rig.pulse.wait_live("before");
    postgres.stop();
    let _after = publish("never-asked-for", "after");
    rig.pulse.wait_live("after");
    // What has the form of a tenant's is not anybody's to take.
    let mut refused = publish("live", &format!("str_{}", "0".repeat(26)));
    wait::until("a tenant's stream to be refused", PATIENCE, || refused.exited().ok_or("it publishes"));
}

#[test]
fn an_open_server_does_not_take_a_projects_application_for_nobodys_without_its_database() {
    let _seats = seats::some();
    let (postgres, rig) = open_server("");
    let operator = rig.operator("op@example.org");
    let tenant = Tenant::create(&rig, "a@example.org");
    let app = json!({"name": "relay", "project_id": tenant.project, "allow_rename": false});
    rig.post(&operator, "/v1/admin/apps", &app);
    let publish = |app: &str, name: &str| publish_under(&rig, app, name);
    // It asks what is bound, and the project is asked about by nobody.
    let _before = publish("live", "before");
    rig.pulse.wait_live("before");
    postgres.stop();
    let mut refused = publish("relay", "of-the-project");
    wait::until("the project's application to be refused", PATIENCE, || {
        refused.exited().ok_or("it publishes")
    });
    let _after = publish("live", "after");
    rig.pulse.wait_live("after");
}
