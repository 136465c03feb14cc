//! The migration hook of a project: its backend is asked by HTTP when somebody publishes or plays. This is what is configured;
//! who asks is the server.

use std::time::Duration;

use platform_core::address::Exception;
use platform_core::{AddressPolicy, ProjectId, Secret, WallTime};

use crate::authority::{Access, Permission};
use crate::field::Fields;
use crate::project;
use crate::store::{Entity, Json, Tx, is, named, record, set};
use crate::vault::{DataKey, Keys};
use crate::{Call, Error};

/// How long the backend may take, if nothing else is said: 2 s.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// How long the backend may take at most: 10 s.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a URL, 2,048.
const MAX_URL: usize = 2_048;

named! {
    /// When the backend is asked, or told.
    pub enum HookEvent {
        /// Somebody wants to publish.
        Publish = "publish",
        /// Somebody wants to play.
        Play = "play",
        /// A publisher has gone. The answer does not matter.
        Done = "done",
    }
}

named! {
    /// How the backend is asked.
    pub enum HookFormat {
        /// JSON, with a signature.
        Json = "json",
        /// `application/x-www-form-urlencoded` with the fields of nginx-rtmp's notifications, with a signature.
        Form = "form",
    }
}

named! {
    /// What holds when the backend does not answer.
    #[derive(Default)]
    pub enum OnFailure {
        /// Nobody is let in.
        #[default]
        Deny = "deny",
        /// Everybody is let in.
        Allow = "allow",
    }
}

record! {
    /// A project's hook.
    pub struct Hook in "tenancy_hooks" {
        /// The project.
        pub id: ProjectId,
        /// Who is asked.
        pub url: String,
        /// When.
        pub events: Json<Vec<HookEvent>>,
        /// How.
        pub format: HookFormat,
        /// How long the backend may take.
        pub timeout_ms: i64,
        /// What holds when it does not answer.
        pub on_failure: OnFailure,
        /// Whether it is asked at all.
        pub enabled: bool,
        /// What signs, sealed.
        pub(crate) sealed: Vec<u8>,
        /// When it was configured first.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
    }
}

/// What becomes of a project's hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookInput {
    /// Who is asked: an `http` or `https` URL without credentials.
    pub url: String,
    /// When, each once.
    pub events: Vec<HookEvent>,
    /// How.
    pub format: HookFormat,
    /// How long the backend may take.
    pub timeout: Duration,
    /// What holds when it does not answer.
    pub on_failure: OnFailure,
    /// Whether it is asked at all.
    pub enabled: bool,
}

/// A hook, with its secret where that is new.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The hook.
    pub hook: Hook,
    /// What signs requests: shown when the hook is configured first, and when the secret is rotated.
    pub secret: Option<Secret>,
}

impl HookInput {
    fn check(&self) -> Result<(), Error> {
        let mut fields = Fields::new();
        if self.url.len() > MAX_URL {
            fields.wrong("/url", "too_long", "At most 2,048 bytes.");
        } else if reachable_in_principle().target(&self.url).is_err() {
            fields.wrong("/url", "not_a_url", "An `http` or `https` URL without credentials.");
        }
        let once =
            HookEvent::ALL.iter().all(|event| self.events.iter().filter(|one| one == &event).count() <= 1);
        if self.events.is_empty() || !once {
            fields.wrong("/events", "events", "One or more of `publish`, `play` and `done`, each once.");
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            fields.wrong("/timeout_ms", "out_of_range", "From 1 to 10,000 ms.");
        }
        fields.check()
    }
}

/// What a URL must be whatever the operator allows. Where it leads is looked at whenever it is called.
fn reachable_in_principle() -> AddressPolicy {
    let mut policy = AddressPolicy::for_schemes(["https", "http"]);
    policy.ports = vec![1..=u16::MAX];
    policy.exceptions =
        ["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse::<Exception>().ok()).collect();
    policy
}

impl Hook {
    /// How long the backend may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unsigned_abs()).min(MAX_TIMEOUT)
    }

    /// Whether the backend is asked, or told, of this.
    pub fn asks(&self, event: HookEvent) -> bool {
        self.enabled && self.events.0.contains(&event)
    }

    /// What signs.
    ///
    /// # Errors
    ///
    /// When it does not unseal.
    pub fn secret(&self, keys: &Keys) -> Result<Secret, Error> {
        let secret = keys.open(DataKey::Sealing, &context(self.id), &self.sealed);
        secret.ok_or_else(|| Error::internal("a hook's secret does not unseal"))
    }
}

fn context(id: ProjectId) -> String {
    format!("hook of {id}")
}

/// A new secret, as text, and sealed.
fn generate(call: &Call, id: ProjectId) -> Result<(Secret, Vec<u8>), Error> {
    let random = Secret::random(32).base64url();
    let mut text = b"pulse_hook_".to_vec();
    text.extend_from_slice(random.expose());
    let secret = Secret::new(text);
    let sealed = call.keys().seal(DataKey::Sealing, &context(id), secret.expose())?;
    Ok((secret, sealed))
}

async fn open<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<Access, Error> {
    // Whoever reads it too: a URL may be a secret.
    project::open(tx, call, Permission::ProjectsUpdate, id).await
}

/// Writes the audit row, and tells caches that the project is another.
async fn record<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    action: &str,
    changed: &[&str],
) -> Result<(), Error> {
    let about = access.about(Entity::of(access.project_id()?));
    call.record(tx, action, about, changed).await
}

/// The hook of a project, without its secret.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize); [`Error::NotFound`] when there is none.
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<Hook, Error> {
    open(tx, call, id).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Configures the hook of a project.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn put<T: Tx>(tx: &mut T, call: &Call, id: ProjectId, input: &HookInput) -> Result<Shown, Error> {
    let access = open(tx, call, id).await?;
    input.check()?;
    let assign = vec![
        set("url", input.url.clone()),
        set("events", Json(input.events.clone())),
        set("format", input.format),
        set("timeout_ms", input.timeout.as_millis() as i64),
        set("on_failure", input.on_failure),
        set("enabled", input.enabled),
        set("updated_at", call.now),
    ];
    let mut shown = None;
    if tx.update::<Hook>(vec![is("id", id)], assign.clone()).await? == 0 {
        let (secret, sealed) = generate(call, id)?;
        let hook = Hook {
            id,
            url: input.url.clone(),
            events: Json(input.events.clone()),
            format: input.format,
            timeout_ms: input.timeout.as_millis() as i64,
            on_failure: input.on_failure,
            enabled: input.enabled,
            sealed,
            created_at: call.now,
            updated_at: call.now,
        };
        if tx.insert_new(&hook).await? {
            shown = Some(secret);
        } else {
            // Somebody else has configured it first, and has its secret.
            tx.update::<Hook>(vec![is("id", id)], assign).await?;
        }
    }
    let changed = ["url", "events", "format", "timeout_ms", "on_failure", "enabled"];
    record(tx, call, &access, "hook.updated", &changed).await?;
    let hook = tx.get(id).await?.ok_or(Error::NotFound)?;
    Ok(Shown { hook, secret: shown })
}

/// Replaces the secret of a project's hook. What is under way is signed with the old one.
///
/// # Errors
///
/// As [`read`].
pub async fn rotate<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<Shown, Error> {
    let access = open(tx, call, id).await?;
    let (secret, sealed) = generate(call, id)?;
    let assign = vec![set("sealed", sealed), set("updated_at", call.now)];
    if tx.update::<Hook>(vec![is("id", id)], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    record(tx, call, &access, "hook.secret_rotated", &["secret"]).await?;
    let hook = tx.get(id).await?.ok_or(Error::NotFound)?;
    Ok(Shown { hook, secret: Some(secret) })
}

/// Removes the hook of a project.
///
/// # Errors
///
/// As [`read`].
pub async fn delete<T: Tx>(tx: &mut T, call: &Call, id: ProjectId) -> Result<(), Error> {
    let access = open(tx, call, id).await?;
    if tx.delete::<Hook>(vec![is("id", id)], 1).await? == 0 {
        return Err(Error::NotFound);
    }
    record(tx, call, &access, "hook.deleted", &[]).await
}
