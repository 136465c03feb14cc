//! A server without streams, and callers of its API.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http::{Answer, Client};
use crate::support::server::{Pulse, Setup, binary};
use crate::support::wait;

/// A mail is in the log well within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// The password of everybody here.
pub(super) const PASSWORD: &str = "correct horse battery";

/// Limits that the tests do not meet.
pub(super) const LOOSE: &str = "[api]\nrequests_per_address = 1000000\nrequests_per_key = 1000000\n\
                                requests_per_project = 1000000\nrequests_per_user = 1000000\nlogins_per_address = 1000000";

/// A server and its API.
pub(super) struct Rig {
    pub(super) pulse: Pulse,
    client: Client,
}

/// Somebody who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller(Vec<(String, String)>);

impl Caller {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// A person, by access token.
    pub(super) fn person(token: &str) -> Self {
        Self(vec![("authorization".to_owned(), format!("Bearer {token}"))])
    }

    /// A backend, by an API key as it was shown at its creation.
    pub(super) fn key(shown: &Value) -> Self {
        let text = |name: &str| shown[name].as_str().unwrap().to_owned();
        Self(vec![("x-pulse-key".to_owned(), text("key")), ("x-pulse-secret".to_owned(), text("secret"))])
    }

    /// The same with another header.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.0.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Self(headers)
    }

    /// The headers that make the caller.
    pub(super) fn headers(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Rig {
    pub(super) fn start() -> Self {
        Self::start_with(LOOSE)
    }

    pub(super) fn start_with(section: &str) -> Self {
        Self::with(Setup::new().section(section))
    }

    pub(super) fn with(setup: Setup) -> Self {
        Self { pulse: setup.start(), client: Client::new() }
    }

    /// A request; a body of null is none.
    #[track_caller]
    pub(super) fn ask(&self, caller: &Caller, method: &str, path: &str, body: &Value) -> Answer {
        let url = self.pulse.url(path);
        let mut headers = caller.headers();
        if body.is_null() {
            return self.client.ask(method, &url, &headers);
        }
        headers.push(("content-type", "application/json"));
        self.client.send(method, &url, &headers, &body.to_string())
    }

    /// A request with a body as it stands.
    #[track_caller]
    pub(super) fn raw(&self, caller: &Caller, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let mut headers = caller.headers();
        if !kind.is_empty() {
            headers.push(("content-type", kind));
        }
        self.client.send(method, &self.pulse.url(path), &headers, body)
    }

    /// A request that must be answered with this status; its body.
    #[track_caller]
    pub(super) fn done(&self, caller: &Caller, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.ask(caller, method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    #[track_caller]
    pub(super) fn post(&self, caller: &Caller, path: &str, body: &Value) -> Value {
        self.done(caller, "POST", path, body, 201)
    }

    #[track_caller]
    pub(super) fn get(&self, caller: &Caller, path: &str) -> Value {
        self.done(caller, "GET", path, &Value::Null, 200)
    }

    /// The token in the newest mail to an address, from the log.
    #[track_caller]
    pub(super) fn mailed_token(&self, email: &str) -> String {
        wait::until(&format!("a mail to {email}"), PATIENCE, || {
            let log = self.pulse.log();
            let to = format!("mail to {email},");
            let mail = log.rfind(&to).and_then(|at| log.get(at..)).ok_or("no mail")?;
            let token = mail.split("#token=").nth(1).ok_or("no token")?;
            Ok::<String, String>(token.chars().take_while(char::is_ascii_alphanumeric).collect())
        })
    }

    /// Registers somebody, follows the mail, and logs in; the tokens.
    #[track_caller]
    pub(super) fn register(&self, email: &str) -> Value {
        let nobody = Caller::nobody();
        let input = json!({"email": email, "password": PASSWORD, "name": "Sam"});
        self.done(&nobody, "POST", "/v1/auth/register", &input, 202);
        let token = json!({"token": self.mailed_token(email)});
        self.done(&nobody, "POST", "/v1/auth/email/verify", &token, 204);
        self.login(email)
    }

    #[track_caller]
    pub(super) fn login(&self, email: &str) -> Value {
        let input = json!({"email": email, "password": PASSWORD});
        self.done(&Caller::nobody(), "POST", "/v1/auth/login", &input, 200)
    }

    /// A new person, logged in.
    #[track_caller]
    pub(super) fn person(&self, email: &str) -> Caller {
        Caller::person(text(&self.register(email)["access_token"]))
    }

    /// Runs `pulse-server admin …` on this server's data folder; what it printed.
    #[track_caller]
    pub(super) fn admin(&self, arguments: &[&str], input: &str) -> Result<Value, String> {
        let output = self.begin_admin(arguments, input).wait_with_output().unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Begins to.
    #[track_caller]
    pub(super) fn begin_admin(&self, arguments: &[&str], input: &str) -> Child {
        let mut command = Command::new(binary());
        command
            .arg("admin")
            .arg("--config")
            .arg(self.pulse.stage().path().join("pulse.toml"))
            .args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.current_dir(self.pulse.stage().path()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child
    }

    /// An operator of the server, logged in.
    #[track_caller]
    pub(super) fn operator(&self, email: &str) -> Caller {
        let input = format!("{PASSWORD}\n");
        self.admin(&["create-operator", "--email", email, "--name", "Op"], &input).unwrap();
        Caller::person(text(&self.login(email)["access_token"]))
    }
}

/// A text in JSON.
#[track_caller]
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A tenant with one of everything.
pub(super) struct Tenant {
    pub(super) owner: Caller,
    pub(super) organization: String,
    pub(super) project: String,
    pub(super) stream: String,
    pub(super) stream_key: String,
    pub(super) signing_key: String,
    pub(super) api_key: String,
    /// With all scopes.
    pub(super) key: Caller,
}

/// What an API key can be given.
pub(super) const SCOPES: [&str; 7] = [
    "projects.read",
    "streams.read",
    "streams.write",
    "stream_keys.read",
    "stream_keys.write",
    "tokens.mint",
    "usage.read",
];

impl Tenant {
    /// Creates one whose owner has this address.
    #[track_caller]
    pub(super) fn create(rig: &Rig, email: &str) -> Self {
        Self::of(rig, rig.person(email))
    }

    /// Creates one with this owner.
    #[track_caller]
    pub(super) fn of(rig: &Rig, owner: Caller) -> Self {
        let organization = rig.post(&owner, "/v1/organizations", &json!({"name": "Acme"}));
        let organization = text(&organization["id"]).to_owned();
        let input = json!({"organization_id": organization, "name": "Live"});
        let project = text(&rig.post(&owner, "/v1/projects", &input)["id"]).to_owned();
        let input = json!({"project_id": project, "name": "Town hall", "playback_policy": "signed"});
        let stream = rig.post(&owner, "/v1/streams", &input);
        let signing_keys = format!("/v1/projects/{project}/signing-keys");
        let signing_key = rig.post(&owner, &signing_keys, &json!({"name": "player"}));
        let input = json!({"name": "backend", "scopes": SCOPES});
        let api_key = rig.post(&owner, &format!("/v1/projects/{project}/keys"), &input);
        Self {
            organization,
            project,
            stream: text(&stream["id"]).to_owned(),
            stream_key: text(&stream["stream_key"]["id"]).to_owned(),
            signing_key: text(&signing_key["id"]).to_owned(),
            api_key: text(&api_key["id"]).to_owned(),
            key: Caller::key(&api_key),
            owner,
        }
    }

    /// A key of the project with these scopes.
    #[track_caller]
    pub(super) fn key_with(&self, rig: &Rig, scopes: &[&str]) -> Caller {
        let input = json!({"name": scopes.join(" "), "scopes": scopes});
        Caller::key(&rig.post(&self.owner, &format!("/v1/projects/{}/keys", self.project), &input))
    }

    /// A new member of the organization with this role.
    #[track_caller]
    pub(super) fn member(&self, rig: &Rig, email: &str, role: &str) -> Caller {
        let person = rig.person(email);
        let invitations = format!("/v1/organizations/{}/invitations", self.organization);
        rig.post(&self.owner, &invitations, &json!({"email": email, "role": role}));
        wait::until("the invitation's mail", PATIENCE, || {
            let token = json!({"token": rig.mailed_token(email)});
            let answer = rig.ask(&person, "POST", "/v1/invitations/accept", &token);
            wait::check(answer.status == 200, answer.text())
        });
        person
    }
}
