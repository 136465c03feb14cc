//! A tenant with a stream, and what is done with it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::feed::Feed;
use crate::support::http::{Answer, Client};
use crate::support::process::Process;
use crate::support::wait;
use crate::v1::rig::{Caller, LOOSE, Rig, Tenant, text};

/// A change takes effect on the live path within this, by a clock that a busy machine delays.
pub(super) const AT_ONCE: Duration = Duration::from_secs(3);

/// A server whose encoders may be away for a second.
pub(super) fn quick() -> Rig {
    Rig::start_with(&format!("{LOOSE}\n[ingest]\ngrace_s = 1"))
}

/// A tenant, and its stream `signed` with its key.
pub(super) struct Studio {
    pub(super) tenant: Tenant,
    pub(super) id: String,
    pub(super) key: String,
}

impl Studio {
    #[track_caller]
    pub(super) fn open(rig: &Rig, email: &str) -> Self {
        let tenant = Tenant::create(rig, email);
        let (id, key) = stream(rig, &tenant, "Signed", "signed");
        Self { tenant, id, key }
    }

    /// The path of something of the stream in the API.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v1/streams/{}{rest}", self.id)
    }

    /// Publishes the stream until what is returned is dropped.
    #[track_caller]
    pub(super) fn publish(&self, rig: &Rig) -> Process {
        let encoder = publish(rig, "encoder", &self.key);
        rig.pulse.wait_live(&self.id);
        encoder
    }

    /// Replaces the stream's first key at once; the new one.
    #[track_caller]
    pub(super) fn rotate(&self, rig: &Rig) -> String {
        self.rotate_with(rig, &json!({"overlap_seconds": 0}))
    }

    /// Replaces the stream's first key; the new one.
    #[track_caller]
    pub(super) fn rotate_with(&self, rig: &Rig, input: &Value) -> String {
        let keys = rig.get(&self.tenant.owner, &self.path("/keys"));
        let rotate = self.path(&format!("/keys/{}/rotate", text(&keys["data"][0]["id"])));
        text(&rig.done(&self.tenant.owner, "POST", &rotate, input, 200)["key"]).to_owned()
    }

    /// A playback token.
    #[track_caller]
    pub(super) fn token(&self, rig: &Rig, input: &Value) -> Value {
        rig.post(&self.tenant.key, &self.path("/tokens"), input)
    }

    /// The multivariant playlist with a token.
    #[track_caller]
    pub(super) fn open_playlist(&self, rig: &Rig, token: &str) -> Answer {
        rig.pulse.get(&format!("/hls/{}/index.m3u8?token={token}", self.id))
    }

    /// Opens a session, once there is something to play; the address of its video's playlist.
    #[track_caller]
    pub(super) fn session(&self, rig: &Rig, token: &str) -> String {
        let opened = wait::until("the stream to be playable", Duration::from_secs(20), || {
            let answer = self.open_playlist(rig, token);
            if answer.status == 200 { Ok(answer.text()) } else { Err(answer.text()) }
        });
        let child = opened.lines().find(|line| line.ends_with("video/index.m3u8")).unwrap();
        rig.pulse.url(&format!("/hls/{}/{child}", self.id))
    }
}

/// Creates a stream of a tenant: its id and its key.
#[track_caller]
pub(super) fn stream(rig: &Rig, tenant: &Tenant, name: &str, policy: &str) -> (String, String) {
    let input = json!({"project_id": tenant.project, "name": name, "playback_policy": policy});
    let made = rig.post(&tenant.owner, "/v1/streams", &input);
    (text(&made["id"]).to_owned(), text(&made["stream_key"]["key"]).to_owned())
}

/// An encoder with this key.
#[track_caller]
pub(super) fn publish(rig: &Rig, name: &str, key: &str) -> Process {
    Feed::new().publish(name, rig.pulse.stage().path(), &rig.pulse.publish_url_with_key(key))
}

/// Waits for an encoder to be sent away.
#[track_caller]
pub(super) fn assert_dropped(encoder: &mut Process) {
    wait::until("the encoder to be sent away", AT_ONCE, || encoder.exited().ok_or("it publishes on"));
}

/// Waits for an address to be answered with this status.
#[track_caller]
pub(super) fn assert_becomes(client: &Client, url: &str, status: u16) {
    wait::until(&format!("{url} to be answered {status}"), AT_ONCE, || {
        let answer = client.try_get(url)?;
        wait::check(answer.status == status, format!("{}: {}", answer.status, answer.text()))
    });
}

/// Gives the tenant's organization a plan with these limits.
#[track_caller]
pub(super) fn limit(rig: &Rig, operator: &Caller, tenant: &Tenant, name: &str, limits: &Value) {
    let plan = rig.post(operator, "/v1/admin/plans", &json!({"name": name, "limits": limits}));
    let path = format!("/v1/admin/organizations/{}", tenant.organization);
    rig.done(operator, "PATCH", &path, &json!({"plan_id": plan["id"]}), 200);
}
