//! The pause after wrong passwords for an account.
//!
//! The address's limit does not stop an attacker with many addresses; this one counts by the account that is attacked,
//! whether it exists or not. It is kept in memory: a restart forgives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_core::problem::code;

use super::failure::Failure;

/// Wrong passwords in a row that cost nothing, 5.
const FREE: u32 = 5;
/// The first pause, 2 s; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause, 5 minutes: the owner of an attacked account shall get in.
const LONGEST: Duration = Duration::from_secs(300);
/// After so long without an attempt an account is forgotten, an hour.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Accounts that are remembered, 100,000 of about 60 bytes; beyond, those that were attacked longest ago go.
const MAX_ACCOUNTS: usize = 100_000;

/// Wrong passwords by account. Accounts are named by a hash, so that no address lies in memory for long.
#[derive(Default)]
pub(super) struct BackOff(Mutex<HashMap<[u8; 32], Attempts>>);

#[derive(Clone, Copy)]
struct Attempts {
    failed: u32,
    last: Instant,
}

impl Attempts {
    fn pause(self) -> Duration {
        let doublings = self.failed.checked_sub(FREE);
        doublings.map_or(Duration::ZERO, |n| FIRST.saturating_mul(1 << n.min(16)).min(LONGEST))
    }
}

impl BackOff {
    /// Refuses while the account's pause lasts.
    pub(super) fn check(&self, account: &[u8; 32], now: Instant) -> Result<(), Failure> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(attempts) = accounts.get(account) else { return Ok(()) };
        let left = (attempts.last + attempts.pause()).saturating_duration_since(now);
        if left.is_zero() {
            return Ok(());
        }
        let problem = code::RATE_LIMITED
            .problem("Too many wrong passwords for this account; wait, or have the password reset.")
            .with("policy", "account")
            .retry_after(left + Duration::from_millis(999));
        Err(problem.into())
    }

    /// Counts a wrong password.
    pub(super) fn failed(&self, account: [u8; 32], now: Instant) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&account) {
            make_room(&mut accounts);
        }
        let attempts = accounts.entry(account).or_insert(Attempts { failed: 0, last: now });
        *attempts = Attempts { failed: attempts.failed.saturating_add(1), last: now };
    }

    /// Forgets the wrong ones after a right one.
    pub(super) fn succeeded(&self, account: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    /// Forgets accounts that are left alone.
    pub(super) fn sweep(&self, now: Instant) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, attempts| now.saturating_duration_since(attempts.last) < FORGOTTEN);
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

    #[test]
    fn pauses_double_from_the_fifth_wrong_password_and_end() {
        let (back_off, account, start) = (BackOff::default(), [1; 32], Instant::now());
        for _ in 0..4 {
            back_off.failed(account, start);
            assert!(back_off.check(&account, start).is_ok());
        }
        back_off.failed(account, start);
        assert!(back_off.check(&account, start + Duration::from_millis(1_900)).is_err());
        assert!(back_off.check(&account, start + Duration::from_secs(2)).is_ok());
        assert!(back_off.check(&[2; 32], start).is_ok(), "others are not concerned");
        for _ in 0..30 {
            back_off.failed(account, start);
        }
        assert!(back_off.check(&account, start + LONGEST - Duration::from_secs(1)).is_err());
        assert!(back_off.check(&account, start + LONGEST).is_ok());
        back_off.succeeded(&account);
        assert!(back_off.check(&account, start).is_ok());
    }

    #[test]
    fn the_memory_is_bounded() {
        let (back_off, start) = (BackOff::default(), Instant::now());
        for n in 0..(MAX_ACCOUNTS as u64 + 10) {
            let mut account = [0; 32];
            account[..8].copy_from_slice(&n.to_be_bytes());
            back_off.failed(account, start + Duration::from_millis(n));
        }
        let known = back_off.0.lock().unwrap().len();
        assert!(known <= MAX_ACCOUNTS, "{known}");
    }
}
