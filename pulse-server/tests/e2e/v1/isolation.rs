//! Nobody reaches what is another's, nor learns that it exists: for every operation of the OpenAPI document, with requests made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::database::{self, Rows};
use super::described::{self, Operation, Request};
use super::requests::{Allowed, REQUESTS};
use super::rig::{Caller, LOOSE, PASSWORD, Rig, SCOPES, Tenant, text};
use super::scene::{self, Scene, World};
use crate::support::http::Answer;
use crate::support::seats;
use crate::support::server::Setup;
use crate::support::wait;

/// Operations that anybody may send. Whoever adds one decides here that there is nothing to be protected.
const PUBLIC: &str = include_str!("public_operations.txt");
/// Access tokens are valid for a quarter of it.
const HOUR_S: i64 = 3600;
/// Headers that are another's with every answer: the time, the request's id, and what is counted.
const OF_THE_ANSWER: [&str; 4] = ["date", "x-request-id", "ratelimit", "ratelimit-policy"];

/// What of an answer must be the same, whatever is there: status, headers and the body's bytes.
#[derive(Debug, PartialEq)]
struct Shown {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

fn shown(answer: &Answer) -> Shown {
    let headers = answer.headers.iter().filter(|(name, _)| !OF_THE_ANSWER.contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let request_id = answer.header("x-request-id");
    assert!(!request_id.is_empty());
    Shown { status: answer.status, headers, body: answer.text().replace(request_id, "") }
}

#[test]
fn the_table_of_requests_has_every_operation_of_the_document() {
    let _seats = seats::some();
    let rig = Rig::start();
    let document = rig.pulse.get("/openapi.json").json();
    let operations = described::operations(&document);
    for operation in &operations {
        let name = operation.id;
        let request = REQUESTS.iter().find(|request| request.operation == name);
        let request = request.unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(request.method, operation.method, "{name}");
        let parts = |path: &str| path.split('?').next().unwrap().split('/').count();
        assert_eq!(parts(request.path), parts(operation.path), "{name}");
        assert_eq!(request.allowed == Allowed::Public, operation.is_public(), "{name}");
    }
    assert_eq!(operations.len(), REQUESTS.len(), "the table has operations that do not exist");
    let public: BTreeSet<_> = operations.iter().filter(|one| one.is_public()).map(|one| one.id).collect();
    assert_eq!(public, PUBLIC.lines().collect(), "anybody may send these");
}

/// The tenant who is attacked, and everybody who is not allowed something.
struct Stage<'a> {
    world: World<'a>,
    other: Tenant,
    sibling: Caller,
    expired: Caller,
    /// Every id that the tenant has had.
    ids: std::cell::RefCell<BTreeSet<String>>,
}

type Intruders = Vec<(&'static str, Caller)>;

impl Stage<'_> {
    fn nobodies(&self) -> Intruders {
        vec![("nobody", Caller::nobody()), ("an expired token", self.expired.clone())]
    }

    fn strangers(&self) -> Intruders {
        vec![
            ("another tenant's owner", self.other.owner.clone()),
            ("another tenant's key", self.other.key.clone()),
            ("another project's key", self.sibling.clone()),
        ]
    }

    /// Everybody who may not send an operation's request.
    fn intruders(&self, operation: &Operation<'_>) -> Intruders {
        let World { rig, victim, .. } = &self.world;
        let allowed = REQUESTS.iter().find(|request| request.operation == operation.id).unwrap().allowed;
        let mut intruders = self.nobodies();
        match allowed {
            Allowed::Public => panic!("{} is for everybody", operation.id),
            // A person does this to themselves, unless it is about something of somebody's.
            Allowed::Self_ if !operation.names("token") => {}
            _ => intruders.extend(self.strangers()),
        }
        match allowed {
            Allowed::Role(_, Some(scope)) => {
                let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
                intruders.push(("a key without the scope", victim.key_with(rig, &others)));
            }
            Allowed::Operator => intruders.push(("the tenant's own owner", victim.owner.clone())),
            _ => intruders.push(("the project's key", victim.key.clone())),
        }
        intruders
    }

    fn scene(&self, operation: &Operation<'_>) -> Scene {
        let scene = self.world.scene(operation);
        let ids = scene.values.iter().filter(|(name, _)| name.ends_with("_id"));
        self.ids.borrow_mut().extend(ids.map(|(_, id)| text(id).to_owned()));
        scene
    }

    fn ask(&self, caller: &Caller, request: &Request) -> Answer {
        self.world.rig.ask(caller, &request.method, &request.path, &request.body)
    }

    #[track_caller]
    fn succeeds(&self, operation: &Operation<'_>, caller: &Caller, request: &Request) {
        let answer = self.ask(caller, request);
        let Request { method, path, body } = request;
        assert!(
            answer.status < 300,
            "{}: {method} {path} {body}: {} {}",
            operation.id,
            answer.status,
            answer.text()
        );
    }

    /// Sends a request of every intruder, for what is the tenant's and for what nothing is.
    fn intrude(&self, operation: &Operation<'_>, intruders: &Intruders, scene: &Scene) {
        let real = operation.requests(&scene.values);
        let random = operation.requests(&scene::random(&scene.values));
        for (kind, intruder) in intruders {
            for (real, random) in real.iter().zip(&random) {
                let answer = self.ask(intruder, real);
                let place = format!("{} {} by {kind}: {}", real.method, real.path, answer.text());
                assert!((400..500).contains(&answer.status), "{} {place}", answer.status);
                assert_eq!(shown(&answer), shown(&self.ask(intruder, random)), "{place}");
                self.assert_silent(&answer, &place);
            }
        }
    }

    /// What an intruder may ask for, of their own, has nothing of the tenant's.
    fn list(&self, operation: &Operation<'_>) {
        for (kind, stranger) in self.strangers() {
            let answer = self.world.rig.ask(&stranger, &operation.method, operation.path, &Value::Null);
            assert!(answer.status < 500, "{} by {kind}: {}", operation.id, answer.text());
            if kind.starts_with("another tenant") {
                self.assert_silent(&answer, &format!("{} by {kind}", operation.id));
            }
        }
    }

    #[track_caller]
    fn assert_silent(&self, answer: &Answer, place: &str) {
        let text = answer.text();
        let named = self.ids.borrow().iter().find(|id| text.contains(id.as_str())).cloned();
        assert_eq!(named, None, "{place}");
        assert!(!text.contains("victim@example.org"), "{place}");
    }

    /// The database, once no mail waits to be sent.
    fn rows(&self) -> Rows {
        wait::until("all mails to be sent", std::time::Duration::from_secs(10), || {
            let rows = database::rows(self.world.rig);
            if rows["pulse_mail"].is_empty() { Ok(rows) } else { Err("some wait") }
        })
    }
}

/// A server whose tenant logged in an hour ago, with the access token of then.
fn an_hour_later() -> (Rig, Caller, Caller) {
    let mut rig = Rig::with(Setup::new().section(LOOSE).clock(-HOUR_S).in_memory());
    rig.operator("op@example.org");
    let expired = rig.person("victim@example.org");
    rig.get(&expired, "/v1/auth/me");
    rig.pulse.stop();
    rig.pulse.set_clock(0);
    rig.pulse.start_again();
    assert_eq!(rig.ask(&expired, "GET", "/v1/auth/me", &Value::Null).status, 401, "it has expired");
    let operator = Caller::person(text(&rig.login("op@example.org")["access_token"]));
    (rig, operator, expired)
}

#[test]
fn every_operation_answers_every_intruder_as_if_nothing_were_there() {
    let _seats = seats::some();
    let (mut rig, operator, expired) = an_hour_later();
    let owner = Caller::person(text(&rig.login("victim@example.org")["access_token"]));
    let victim = Tenant::of(&rig, owner);
    let other = Tenant::create(&rig, "mallory@example.org");
    let input = json!({"organization_id": victim.organization, "name": "Other"});
    let project = rig.post(&victim.owner, "/v1/projects", &input);
    let keys = format!("/v1/projects/{}/keys", text(&project["id"]));
    let sibling = rig.post(&victim.owner, &keys, &json!({"name": "sibling", "scopes": SCOPES}));
    let document = rig.pulse.get("/openapi.json").json();
    let world = World::new(&rig, operator, victim);
    let stage = Stage { world, other, sibling: Caller::key(&sibling), expired, ids: Default::default() };

    let public: BTreeSet<_> = PUBLIC.lines().collect();
    let mut attacked = 0;
    for operation in described::operations(&document).iter().filter(|one| !public.contains(one.id)) {
        let scene = stage.scene(operation);
        for request in operation.requests(&scene.values) {
            stage.succeeds(operation, &scene.rightful, &request);
        }
        // The same of something that is there still.
        let scene = stage.scene(operation);
        let intruders = stage.intruders(operation);
        let before = stage.rows();
        stage.intrude(operation, &intruders, &scene);
        if operation.method == "GET" && !operation.path.contains('{') {
            stage.list(operation);
        }
        assert_eq!(stage.rows(), before, "{} has changed something", operation.id);
        for request in operation.requests(&scene.values) {
            stage.succeeds(operation, &scene.rightful, &request);
        }
        attacked += 1;
    }
    assert_eq!(attacked + public.len(), REQUESTS.len());
    drop(stage);
    assert!(PASSWORD.len() > 9 && !rig.pulse.log().contains(PASSWORD), "a password is in the log");
    rig.pulse.assert_sound();
}
