//! What a request is about: things of a tenant that are made for one request alone, so that it succeeds once, whatever it destroys.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::described::{Operation, Values};
use super::rig::{Caller, PASSWORD, Rig, Tenant, text};
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server with a tenant and an operator.
pub(super) struct World<'a> {
    pub(super) rig: &'a Rig,
    pub(super) operator: Caller,
    pub(super) victim: Tenant,
    number: Cell<usize>,
}

/// What a request is about, and who may send it.
pub(super) struct Scene {
    pub(super) values: Values,
    pub(super) rightful: Caller,
}

/// Somebody with an account.
struct Person {
    email: String,
    id: String,
    caller: Caller,
}

/// The present code of an authenticator.
pub(super) fn code(secret: &str) -> String {
    code_at(secret, 0)
}

/// The code of so many steps of 30 s from now.
pub(super) fn code_at(secret: &str, step: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let authenticator = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    authenticator.generate(now.as_secs() + 30 * step).to_string()
}

impl<'a> World<'a> {
    pub(super) fn new(rig: &'a Rig, operator: Caller, victim: Tenant) -> Self {
        Self { rig, operator, victim, number: Cell::new(0) }
    }

    /// Makes what a request of this operation is about. The operator sends what is under `/v1/admin`, the tenant's owner the rest.
    pub(super) fn scene(&self, operation: &Operation<'_>) -> Scene {
        let admin = operation.path.starts_with("/v1/admin/");
        let rightful = if admin { &self.operator } else { &self.victim.owner };
        let mut scene = Scene { values: Values::new(), rightful: rightful.clone() };
        let number = self.next();
        scene.values.insert("name", json!(format!("Scene {number}")));
        scene.values.insert("email", json!(format!("scene-{number}@example.org")));
        self.add_place(operation, &mut scene.values);
        self.add_things(operation, &mut scene.values);
        self.add_account(operation, &mut scene);
        if operation.id == "admin_update_settings" {
            scene.values.insert("maintenance", json!(false));
        }
        if operation.path.ends_with("/restore") {
            self.delete(operation.path, &scene.values);
        }
        scene
    }

    fn next(&self) -> usize {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    fn person(&self) -> Person {
        let email = format!("person-{}@example.org", self.next());
        let tokens = self.rig.register(&email);
        let id = text(&tokens["user_id"]).to_owned();
        Person { email, id, caller: Caller::person(text(&tokens["access_token"])) }
    }

    fn made(&self, path: &str, body: &Value) -> Value {
        self.rig.post(&self.victim.owner, path, body)["id"].clone()
    }

    /// Organization, project and stream.
    fn add_place(&self, operation: &Operation<'_>, values: &mut Values) {
        let Tenant { organization, project, stream, .. } = &self.victim;
        // Those that the request itself changes are its own; what is in them is made there.
        let changes = |place: &str| operation.method != "GET" && operation.path.contains(place);
        let name = json!(format!("Place {}", self.next()));
        let ends = ["{organization_id}", "{organization_id}/restore"];
        let own = changes("{organization_id}") && ends.iter().any(|end| operation.path.ends_with(end));
        let organization =
            if own { self.made("/v1/organizations", &json!({"name": name})) } else { json!(organization) };
        let project = if changes("{project_id}") {
            self.made("/v1/projects", &json!({"organization_id": organization, "name": name}))
        } else {
            json!(project)
        };
        let stream = if changes("{stream_id}") {
            self.made(
                "/v1/streams",
                &json!({"project_id": project, "name": name, "playback_policy": "signed"}),
            )
        } else {
            json!(stream)
        };
        values.extend([("organization_id", organization), ("project_id", project), ("stream_id", stream)]);
    }

    /// What the path or the body names in them.
    fn add_things(&self, operation: &Operation<'_>, values: &mut Values) {
        let of = |values: &Values, place: &str| text(&values[place]).to_owned();
        let organization = format!("/v1/organizations/{}", of(values, "organization_id"));
        if operation.names("key_id") {
            let (of_project, keys) =
                (operation.path.contains("{project_id}"), operation.path.contains("/keys/"));
            let place = if of_project { "project_id" } else { "stream_id" };
            let kind = if keys { "keys" } else { "signing-keys" };
            let path = format!("/v1/{}s/{}/{kind}", place.trim_end_matches("_id"), of(values, place));
            let mut body = json!({"name": "scene"});
            if of_project && keys {
                body["scopes"] = json!(["streams.read"]);
            }
            values.insert("key_id", self.made(&path, &body));
        }
        if operation.names("invitation_id") {
            let body = json!({"email": format!("invited-{}@example.org", self.next()), "role": "viewer"});
            values.insert("invitation_id", self.made(&format!("{organization}/invitations"), &body));
        }
        if operation.names("member_id") {
            let person = self.person();
            let token = json!({"token": self.invited(&organization, &person.email)});
            let joined = self.rig.done(&person.caller, "POST", "/v1/invitations/accept", &token, 200);
            values.insert("member_id", joined["membership"]["id"].clone());
        }
        if operation.names("plan_id") || operation.names("default_plan_id") {
            let body = json!({"name": format!("Plan {}", self.next())});
            let plan = self.rig.post(&self.operator, "/v1/admin/plans", &body)["id"].clone();
            values.extend([("plan_id", plan.clone()), ("default_plan_id", plan)]);
        }
        let project = format!("/v1/projects/{}", of(values, "project_id"));
        if operation.names("preset_id") || operation.names("preset") || operation.id == "create_streams" {
            let name = format!("Preset {}", self.next());
            let preset = self.made(&format!("{project}/presets"), &json!({"name": name, "stream": {}}));
            values.extend([("preset_id", preset), ("preset", json!(name))]);
        }
        if operation.path.contains("/hooks") {
            let hook = json!({"url": "https://backend.example.org/hook"});
            self.rig.done(&self.victim.owner, "PUT", &format!("{project}/hooks"), &hook, 200);
        }
        if operation.path.starts_with("/v1/admin/apps") {
            let name = format!("scene-{}", self.next());
            let input = json!({"name": format!("{name}-there"), "project_id": values["project_id"]});
            let app = self.rig.post(&self.operator, "/v1/admin/apps", &input)["id"].clone();
            values.extend([("app_id", app), ("name", json!(name))]);
        }
        if operation.names("user_id") {
            values.insert("user_id", json!(self.person().id));
        }
    }

    /// What a request about the caller's own account needs, which is another one's each time.
    fn add_account(&self, operation: &Operation<'_>, scene: &mut Scene) {
        let own = ["password", "code", "token"].iter().any(|name| operation.names(name));
        if !own || operation.is_public() {
            return;
        }
        let person = self.person();
        let ask = |path: &str, body: &Value| self.rig.done(&person.caller, "POST", path, body, 200);
        scene.values.insert("password", json!(PASSWORD));
        if operation.names("token") {
            let organization = format!("/v1/organizations/{}", self.victim.organization);
            scene.values.insert("token", json!(self.invited(&organization, &person.email)));
        }
        if operation.names("code") {
            let setup = ask("/v1/auth/totp/setup", &json!({"password": PASSWORD}));
            let mut code = json!(code(text(&setup["secret"])));
            // Turning it off takes one that is on.
            if operation.names("password") {
                code = ask("/v1/auth/totp/confirm", &json!({"code": code}))["recovery_codes"][0].clone();
            }
            scene.values.insert("code", code);
        }
        scene.rightful = person.caller;
    }

    /// The token of an invitation that is mailed to an address.
    fn invited(&self, organization: &str, email: &str) -> String {
        let before = self.rig.mailed_token(email);
        let body = json!({"email": email, "role": "viewer"});
        self.rig.post(&self.victim.owner, &format!("{organization}/invitations"), &body);
        wait::until("the invitation's mail", PATIENCE, || {
            let token = self.rig.mailed_token(email);
            if token == before { Err("not yet") } else { Ok(token) }
        })
    }

    fn delete(&self, path: &str, values: &Values) {
        let kind = ["organization", "project", "stream"]
            .into_iter()
            .find(|kind| path.contains(&format!("{{{kind}_id}}")));
        let kind = kind.unwrap();
        let id =
            values.iter().find(|(name, _)| **name == format!("{kind}_id")).map(|(_, id)| text(id)).unwrap();
        self.rig.done(&self.victim.owner, "DELETE", &format!("/v1/{kind}s/{id}"), &Value::Null, 204);
    }
}

/// The same values, with ids and tokens that nothing has in place of those that something has.
pub(super) fn random(values: &Values) -> Values {
    let other = |(name, value): (&&'static str, &Value)| {
        let text = value.as_str().unwrap_or_default();
        let is_one = name.ends_with("_id") || *name == "token";
        let kept = text.len().saturating_sub(12);
        let changed: String = text.chars().skip(kept).map(|c| if c == '7' { '5' } else { '7' }).collect();
        let value =
            if is_one { json!(format!("{}{changed}", text.get(..kept).unwrap())) } else { value.clone() };
        (*name, value)
    };
    values.iter().map(other).collect()
}
