//! Asks a project's own backend whether somebody may publish or play, as nginx-rtmp's `on_publish` and `on_play` do.
//!
//! What is asked is in [`question`], how in [`call`]. A backend that does not answer within its time decides nothing: then what the
//! project has chosen holds. One that does so again and again is not asked for a while.

mod breaker;
mod call;
mod memory;
mod question;
mod sign;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use platform_core::WallTime;
use tenancy::admission::HookSetup;
use tenancy::hook::{HookEvent, OnFailure};

use super::{Denied, DeniedCode};
use crate::config::Config;
use breaker::{Breakers, Closed};
use call::Said;
use memory::Memory;
pub(super) use question::Question;

/// Backends that are told of the end of a publisher at once; further ones are not told.
const TOLD_AT_ONCE: u64 = 1024;

/// Asks backends. A process has one.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    breakers: Arc<Breakers>,
    memory: Memory,
    next_client: AtomicU64,
    telling: AtomicU64,
}

/// What a backend answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Allowed,
    Renamed(String),
    Denied(u16),
}

/// It may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// What is published is to be called, where a redirection says so.
    pub(super) renamed: Option<String>,
}

impl Hooks {
    /// A number for a peer.
    pub(super) fn number(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks, unless the answer is known; `may_rename` where a redirection is one.
    ///
    /// # Errors
    /// [`Denied`]: by the backend, or because it does not answer and the project wants that.
    pub(super) async fn ask(
        &self,
        setup: &HookSetup,
        question: &Question,
        config: &Config,
        may_rename: bool,
    ) -> Result<Allowed, Denied> {
        let key = Memory::key(question.project_id, &setup.hook.url, &question.identity());
        let answer = match self.memory.recall(&key, Instant::now()) {
            Some(answer) => answer,
            None => match self.send(setup, question, config).await {
                Ok(said) => {
                    let answer = Answer::of(&said);
                    // A publisher that was let in has to be let in again: the backend counts who comes and goes.
                    if question.event == HookEvent::Play || matches!(answer, Answer::Denied(_)) {
                        self.memory.keep(key, answer.clone(), Instant::now());
                    }
                    answer
                }
                Err(why) => return without_answer(setup, &why),
            },
        };
        match answer {
            Answer::Allowed => Ok(Allowed { renamed: None }),
            Answer::Renamed(name) if may_rename => Ok(Allowed { renamed: Some(name) }),
            Answer::Renamed(_) => {
                Err(denied("the project's hook answered with a redirection, which is not allowed here"))
            }
            Answer::Denied(status) => Err(denied(&format!("the project's hook answered {status}"))),
        }
    }

    /// Tells that a publisher has gone. Nobody waits for the answer.
    pub(super) fn tell(self: &Arc<Self>, setup: HookSetup, question: Question, config: Arc<Config>) {
        if self.telling.fetch_add(1, Ordering::AcqRel) >= TOLD_AT_ONCE {
            self.telling.fetch_sub(1, Ordering::AcqRel);
            return tracing::warn!(project = %question.project_id, "a hook was not told of a publisher's end: too many at once");
        }
        let hooks = Arc::clone(self);
        // Without a runtime the process is about to end.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(NoAnswer { why, .. }) = hooks.send(&setup, &question, &config).await {
                tracing::warn!(project = %question.project_id, why, "a hook was not told of a publisher's end");
            }
            hooks.telling.fetch_sub(1, Ordering::AcqRel);
        });
    }

    async fn send(&self, setup: &HookSetup, question: &Question, config: &Config) -> Result<Said, NoAnswer> {
        let leave =
            self.breakers.enter(question.project_id, Instant::now()).map_err(|closed| match closed {
                Closed::Failing => {
                    NoAnswer::silent("it has not answered lately, and is not asked for a while")
                }
                Closed::Busy => NoAnswer::busy("too many questions to it are under way"),
            })?;
        let now = WallTime::from(SystemTime::now());
        let too_long = || NoAnswer::busy("what the peer sent is too long");
        let (body, kind) = question.body(setup.hook.format, now).ok_or_else(too_long)?;
        let signed = sign::sign(&setup.secret, now, &body);
        let policy = config.hooks.policy();
        let call = call::post(&policy, &setup.hook.url, kind, body, &signed);
        let said = tokio::time::timeout(setup.hook.timeout(), call).await;
        let late = |_| format!("no answer within {} ms", setup.hook.timeout().as_millis());
        match said.map_err(late).and_then(|said| said.map_err(|error| error.to_string())) {
            Ok(said) => {
                leave.answered();
                Ok(said)
            }
            Err(why) => {
                leave.failed();
                Err(NoAnswer::silent(why))
            }
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
struct NoAnswer {
    why: String,
    /// Nobody was asked, for want of room or because of what the peer sent: not what a project lets peers in for.
    unasked: bool,
}

impl NoAnswer {
    fn silent(why: impl Into<String>) -> Self {
        Self { why: why.into(), unasked: false }
    }

    fn busy(why: &str) -> Self {
        Self { why: why.to_owned(), unasked: true }
    }
}

impl Answer {
    fn of(said: &Said) -> Self {
        match (said.status, &said.location) {
            (200..300, _) => Self::Allowed,
            // An address would be followed by nginx-rtmp's relay, which is another thing.
            (300..400, Some(name)) if !name.is_empty() && !name.contains("://") => {
                Self::Renamed(name.clone())
            }
            (status, _) => Self::Denied(status),
        }
    }
}

fn denied(why: &str) -> Denied {
    Denied { code: DeniedCode::BadCredential, retry_after: None, why: why.to_owned() }
}

/// What holds when a backend does not answer.
fn without_answer(setup: &HookSetup, NoAnswer { why, unasked }: &NoAnswer) -> Result<Allowed, Denied> {
    let project = setup.hook.id;
    match setup.hook.on_failure {
        OnFailure::Allow if !unasked => {
            tracing::warn!(%project, why, "a hook does not answer; let in, as the project wants it");
            Ok(Allowed { renamed: None })
        }
        _ => {
            let why = format!("the project's hook does not answer: {why}");
            Err(Denied {
                code: DeniedCode::Unavailable,
                retry_after: Some(std::time::Duration::from_secs(2)),
                why,
            })
        }
    }
}
