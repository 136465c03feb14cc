//! Rate limits: how many requests a minute an address, a key, a project and a user may send.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use platform_core::problem::code;
use platform_core::{Problem, ProjectId};
use tenancy::{ApiKeyId, Principal, UserId};

use super::failure::Failure;

const MINUTE: Duration = Duration::from_secs(60);

/// Callers that a limit knows at once, 200,000 of about 100 bytes. Those who have their full allowance again are forgotten, and when that
/// leaves more than half, all are: a flood from that many addresses is not held up by a limit for each, and must not shut everybody
/// else out.
const MAX_KNOWN: usize = 200_000;

/// RFC 9110 has no such header; these are of draft-ietf-httpapi-ratelimit-headers-10.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A limit over all callers of a kind.
struct Limit<K: Hash + Eq + Clone> {
    name: &'static str,
    per_minute: NonZeroU32,
    limiter: ArcSwap<Limiter<K>>,
    clock: DefaultClock,
    most: usize,
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// What is left of a limit, for the answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remaining {
    name: &'static str,
    limit: u32,
    remaining: u32,
    /// Seconds until the whole allowance is there again.
    reset_s: u64,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, per_minute: u64) -> Self {
        let per_minute =
            NonZeroU32::new(u32::try_from(per_minute).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        let limiter = ArcSwap::from_pointee(Self::empty(per_minute));
        Self { name, per_minute, limiter, clock: DefaultClock::default(), most: MAX_KNOWN }
    }

    /// A limiter that knows nobody.
    fn empty(per_minute: NonZeroU32) -> Limiter<K> {
        RateLimiter::hashmap(Quota::per_minute(per_minute)).with_middleware::<StateInformationMiddleware>()
    }

    /// Makes room where too many are known.
    fn make_room(&self) {
        let limiter = self.limiter.load();
        if limiter.len() < self.most {
            return;
        }
        limiter.retain_recent();
        if limiter.len() > self.most / 2 {
            tracing::warn!(limit = self.name, "more callers than a rate limit remembers; it begins anew");
            self.limiter.store(Arc::new(Self::empty(self.per_minute)));
        }
    }

    fn check(&self, key: &K) -> Result<Remaining, Failure> {
        self.make_room();
        match self.limiter.load().check_key(key) {
            Ok(state) => Ok(self.remaining(state.remaining_burst_capacity())),
            Err(until) => Err(self.refusal(until.wait_time_from(self.clock.now()))),
        }
    }

    fn remaining(&self, remaining: u32) -> Remaining {
        let limit = self.per_minute.get();
        let used = u64::from(limit.saturating_sub(remaining));
        let reset_s = (used * MINUTE.as_secs()).div_ceil(u64::from(limit));
        Remaining { name: self.name, limit, remaining, reset_s }
    }

    fn refusal(&self, wait: Duration) -> Failure {
        let wait = Duration::from_secs(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1));
        let problem: Problem = code::RATE_LIMITED
            .problem("Too many requests; come back after the seconds that `Retry-After` says.")
            .with("policy", self.name)
            .retry_after(wait);
        let mut headers = HeaderMap::new();
        let none = Remaining { reset_s: wait.as_secs(), ..self.remaining(0) };
        none.add_to(&mut headers);
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .fold(problem.into(), |failure: Failure, (name, value)| failure.and_header(name, value))
    }
}

impl Remaining {
    /// The tighter of two.
    pub(super) fn tighter(self, other: Self) -> Self {
        let share = |one: Self| u64::from(one.remaining) * 1000 / u64::from(one.limit.max(1));
        if share(other) < share(self) { other } else { self }
    }

    /// Tells the caller.
    pub(super) fn add_to(self, headers: &mut HeaderMap) {
        let Self { name, limit, remaining, reset_s } = self;
        let texts = [
            (LIMIT, format!("\"{name}\";r={remaining};t={reset_s}")),
            (POLICY, format!("\"{name}\";q={limit};w={}", MINUTE.as_secs())),
        ];
        for (header, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(header, value);
            }
        }
    }
}

/// Requests a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Of one address.
    pub(crate) per_address: u64,
    /// Of one API key.
    pub(crate) per_key: u64,
    /// Of one project, by all its keys.
    pub(crate) per_project: u64,
    /// Of one person.
    pub(crate) per_user: u64,
    /// Log-ins, registrations and forgotten passwords of one address.
    pub(crate) logins_per_address: u64,
}

/// All limits of the API.
pub(super) struct Limits {
    address: Limit<IpAddr>,
    key: Limit<ApiKeyId>,
    project: Limit<ProjectId>,
    user: Limit<UserId>,
    login: Limit<IpAddr>,
}

impl Limits {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            address: Limit::new("address", rates.per_address),
            key: Limit::new("key", rates.per_key),
            project: Limit::new("project", rates.per_project),
            user: Limit::new("user", rates.per_user),
            login: Limit::new("login", rates.logins_per_address),
        }
    }

    /// Counts a request of an address that has brought no credentials, or not yet valid ones.
    pub(super) fn address(&self, address: IpAddr) -> Result<Remaining, Failure> {
        self.address.check(&address)
    }

    /// Counts an attempt to log in, to register or to have a password reset.
    pub(super) fn login(&self, address: IpAddr) -> Result<Remaining, Failure> {
        self.login.check(&address)
    }

    /// Counts a request of a known caller.
    pub(super) fn principal(&self, principal: &Principal) -> Result<Option<Remaining>, Failure> {
        match principal {
            Principal::User(user) => self.user.check(&user.id).map(Some),
            Principal::Key(key) => {
                let remaining = self.key.check(&key.id)?;
                Ok(Some(remaining.tighter(self.project.check(&key.project_id)?)))
            }
            _ => Ok(None),
        }
    }

    /// Requests a minute that a caller may send; with an API key, their project.
    pub(super) fn per_minute(&self, principal: &Principal) -> u64 {
        let rate = match principal {
            Principal::Key(_) => self.project.per_minute,
            Principal::User(_) => self.user.per_minute,
            _ => self.address.per_minute,
        };
        rate.get().into()
    }

    /// Forgets who has their full allowance again.
    pub(super) fn sweep(&self) {
        self.address.limiter.load().retain_recent();
        self.key.limiter.load().retain_recent();
        self.project.limiter.load().retain_recent();
        self.user.limiter.load().retain_recent();
        self.login.limiter.load().retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_counts_down_and_the_refusal_says_when_to_come_back() {
        let limit: Limit<u8> = Limit::new("login", 5);
        let left: Vec<u32> = (0..5).map(|_| limit.check(&1).unwrap().remaining).collect();
        assert_eq!(left, [4, 3, 2, 1, 0]);
        let refused = limit.check(&1).unwrap_err();
        assert_eq!(refused.status().as_u16(), 429);
        let mut headers = HeaderMap::new();
        refused.add_headers(&mut headers);
        let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=12).contains(&wait), "{wait}");
        assert_eq!(headers["ratelimit-policy"], "\"login\";q=5;w=60");
        assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"login\";r=0;t="));
        assert_eq!(limit.check(&2).unwrap().remaining, 4, "others are not concerned");
    }

    #[test]
    fn a_flood_of_callers_does_not_shut_out_others() {
        let limit: Limit<u32> = Limit { most: 100, ..Limit::new("address", 5) };
        for caller in 0..10_000 {
            assert!(limit.check(&caller).is_ok(), "{caller}");
            assert!(limit.limiter.load().len() <= 101);
        }
        let left: Vec<bool> = (0..6).map(|_| limit.check(&1).is_ok()).collect();
        assert_eq!(left, [true, true, true, true, true, false], "it still limits");
    }

    #[test]
    fn the_tighter_limit_is_told() {
        let loose = Remaining { name: "a", limit: 100, remaining: 50, reset_s: 1 };
        let tight = Remaining { name: "b", limit: 10, remaining: 1, reset_s: 1 };
        assert_eq!(loose.tighter(tight).name, "b");
        assert_eq!(tight.tighter(loose).name, "b");
    }
}
