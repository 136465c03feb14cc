//! The pause after too many attempts on an account.
//!
//! The address's limit does not stop an attacker with many addresses; this one counts by the account that is attacked,
//! whether it exists or not. An attempt counts from its beginning on, so that of many that come at once no more get through
//! than of many that come in turn. It is kept in memory: a restart forgives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_core::problem::code;

use super::failure::Failure;

/// Accounts that are remembered, 100,000 of about 60 bytes; beyond, those that were attacked longest ago go.
const MAX_ACCOUNTS: usize = 100_000;

/// How many attempts cost nothing, and how long the pauses are.
#[derive(Debug)]
pub(super) struct Policy {
    /// Attempts that cost nothing.
    free: u32,
    /// The first pause; each further one is twice as long.
    first: Duration,
    /// The longest pause.
    longest: Duration,
    /// After so long without an attempt an account is forgotten. Longer than the longest pause.
    forgotten: Duration,
    /// What the caller is told.
    detail: &'static str,
}

/// Wrong passwords: five are free, then 2 s, up to 5 minutes, as the owner of an attacked account shall get in.
pub(super) const PASSWORDS: Policy = Policy {
    free: 5,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(300),
    forgotten: Duration::from_secs(3_600),
    detail: "Too many wrong passwords for this account; wait, or have the password reset.",
};

/// Mails that anybody can have sent to an address, by registering it or saying that its password is forgotten: five are free, then
/// 10 s, up to half an hour, so that nobody's mailbox is filled.
pub(super) const MAILS: Policy = Policy {
    free: 5,
    first: Duration::from_secs(10),
    longest: Duration::from_secs(1_800),
    forgotten: Duration::from_secs(7_200),
    detail: "Too many mails were asked for to this address; wait.",
};

/// Attempts by account. Accounts are named by a hash, so that no address lies in memory for long.
pub(super) struct BackOff {
    policy: Policy,
    accounts: Mutex<HashMap<[u8; 32], Attempts>>,
}

#[derive(Clone, Copy)]
struct Attempts {
    count: u32,
    last: Instant,
}

/// An attempt that has begun and counts, whatever becomes of it, until it is said that it does not.
#[must_use = "an attempt counts until it is said that it does not"]
pub(super) struct Attempt<'a> {
    all: &'a BackOff,
    account: [u8; 32],
    at: Instant,
    /// When the one before it was.
    before: Option<Instant>,
}

impl Policy {
    fn pause(&self, count: u32) -> Duration {
        let doublings = count.checked_sub(self.free);
        doublings.map_or(Duration::ZERO, |n| self.first.saturating_mul(1 << n.min(16)).min(self.longest))
    }
}

impl BackOff {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, accounts: Mutex::default() }
    }

    /// Counts an attempt, or refuses it while the account's pause lasts.
    pub(super) fn begin(&self, account: [u8; 32], now: Instant) -> Result<Attempt<'_>, Failure> {
        let mut accounts = self.lock();
        let known = accounts.get(&account).copied();
        if let Some(attempts) = known {
            let left = (attempts.last + self.policy.pause(attempts.count)).saturating_duration_since(now);
            if !left.is_zero() {
                return Err(self.refusal(left));
            }
        }
        if known.is_none() && accounts.len() >= MAX_ACCOUNTS {
            make_room(&mut accounts);
        }
        let count = known.map_or(0, |attempts| attempts.count).saturating_add(1);
        accounts.insert(account, Attempts { count, last: now });
        Ok(Attempt { all: self, account, at: now, before: known.map(|attempts| attempts.last) })
    }

    fn refusal(&self, left: Duration) -> Failure {
        let problem = code::RATE_LIMITED.problem(self.policy.detail);
        problem.with("policy", "account").retry_after(left + Duration::from_millis(999)).into()
    }

    /// Forgets what was tried on an account, whose owner has shown that they are.
    pub(super) fn forgive(&self, account: &[u8; 32]) {
        self.lock().remove(account);
    }

    /// Forgets accounts that are left alone.
    pub(super) fn sweep(&self, now: Instant) {
        let forgotten = self.policy.forgotten;
        self.lock().retain(|_, attempts| now.saturating_duration_since(attempts.last) < forgotten);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Attempts>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// It was right: those before it are forgotten too.
    pub(super) fn succeeded(self) {
        self.all.forgive(&self.account);
    }

    /// It was neither right nor wrong: it does not count.
    pub(super) fn undo(self) {
        let mut accounts = self.all.lock();
        let Some(attempts) = accounts.get_mut(&self.account) else { return };
        attempts.count = attempts.count.saturating_sub(1);
        if let Some(before) = self.before
            && attempts.last == self.at
        {
            attempts.last = before;
        }
        if attempts.count == 0 {
            accounts.remove(&self.account);
        }
    }
}

/// Removes the older half.
fn make_room(accounts: &mut HashMap<[u8; 32], Attempts>) {
    let mut times: Vec<Instant> = accounts.values().map(|attempts| attempts.last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    accounts.retain(|_, attempts| attempts.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(back_off: &BackOff, account: [u8; 32], now: Instant) -> bool {
        back_off.begin(account, now).is_ok()
    }

    #[test]
    fn pauses_double_from_the_fifth_wrong_password_and_end() {
        let (back_off, account, start) = (BackOff::new(PASSWORDS), [1; 32], Instant::now());
        for _ in 0..5 {
            assert!(wrong(&back_off, account, start));
        }
        assert!(!wrong(&back_off, account, start + Duration::from_millis(1_900)));
        assert!(wrong(&back_off, [2; 32], start), "others are not concerned");
        let mut now = start + Duration::from_secs(2);
        assert!(wrong(&back_off, account, now));
        assert!(!wrong(&back_off, account, now + Duration::from_millis(3_900)), "twice as long");
        for _ in 0..20 {
            now += PASSWORDS.longest;
            assert!(wrong(&back_off, account, now), "no pause is longer");
        }
        assert!(!wrong(&back_off, account, now + PASSWORDS.longest - Duration::from_secs(1)));
        back_off.forgive(&account);
        assert!(wrong(&back_off, account, now));
    }

    #[test]
    fn of_guesses_that_come_at_once_no_more_get_through_than_of_those_that_come_in_turn() {
        let (back_off, account, now) = (BackOff::new(PASSWORDS), [1; 32], Instant::now());
        let begun: Vec<_> = (0..50).filter_map(|_| back_off.begin(account, now).ok()).collect();
        assert_eq!(begun.len(), 5, "before any of them was found wrong");
    }

    #[test]
    fn what_was_neither_right_nor_wrong_does_not_count_and_what_was_right_forgives() {
        let (back_off, account, start) = (BackOff::new(PASSWORDS), [1; 32], Instant::now());
        for _ in 0..20 {
            back_off.begin(account, start).unwrap().undo();
        }
        assert!(back_off.lock().is_empty());
        for _ in 0..5 {
            assert!(wrong(&back_off, account, start));
        }
        let later = start + Duration::from_secs(2);
        back_off.begin(account, later).unwrap().undo();
        back_off.begin(account, later).unwrap().succeeded();
        assert!((0..5).all(|_| wrong(&back_off, account, later)));
    }

    #[test]
    fn an_account_is_remembered_for_longer_than_it_can_pause() {
        for policy in [PASSWORDS, MAILS] {
            assert!(policy.forgotten > policy.longest && policy.longest > policy.first);
        }
    }

    #[test]
    fn the_memory_is_bounded() {
        let (back_off, start) = (BackOff::new(PASSWORDS), Instant::now());
        for n in 0..(MAX_ACCOUNTS as u64 + 10) {
            let mut account = [0; 32];
            account[..8].copy_from_slice(&n.to_be_bytes());
            assert!(wrong(&back_off, account, start + Duration::from_millis(n)));
        }
        let known = back_off.lock().len();
        assert!(known <= MAX_ACCOUNTS, "{known}");
    }
}
