//! Why a mail was not taken, without the address, which servers like to repeat.

use std::fmt;

use lettre::transport::smtp::Error;

/// Why a mail was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Whether the recipient has no mailbox there, so that trying again is in vain.
    pub(super) for_good: bool,
    reason: Reason,
}

#[derive(Debug, PartialEq, Eq)]
enum Reason {
    /// The server's reply: its code, and the enhanced one where there was one.
    Reply(u16, Option<Enhanced>),
    /// There was no reply, or none that is understood.
    Other(&'static str),
}

/// An enhanced status code (RFC 3463 §2): class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Enhanced(u8, u16, u16);

impl Refusal {
    /// A mail that cannot be composed.
    pub(super) fn unsendable(reason: &'static str) -> Self {
        Self { for_good: true, reason: Reason::Other(reason) }
    }

    /// What the error says. Nothing but numbers is taken over from the server's words.
    pub(super) fn of(error: &Error) -> Self {
        if let Some(code) = error.status() {
            let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            return Self::replied(u16::from(code), Enhanced::read(&text));
        }
        let reason = if error.is_timeout() {
            "the server did not answer in time"
        } else if error.is_tls() {
            "TLS could not be agreed on"
        } else if error.is_response() {
            "the server's reply is not understood"
        } else if error.is_client() {
            "the server does not offer what is configured"
        } else {
            "there is no connection to the server"
        };
        Self { for_good: false, reason: Reason::Other(reason) }
    }

    /// Only what the server says of the recipient's address or mailbox is for good: logging in, relaying and the sender's address are
    /// of the configuration, which somebody will mend. Without an enhanced code it cannot be told apart.
    fn replied(code: u16, enhanced: Option<Enhanced>) -> Self {
        let of_recipient = match enhanced {
            // Bad destination mailbox, system or syntax, moved, null MX (RFC 3463 §3.2, RFC 7505 §4.2); mailbox disabled (§3.3).
            Some(Enhanced(5, 1, detail)) => matches!(detail, 1 | 2 | 3 | 6 | 10),
            Some(Enhanced(5, 2, 1)) => true,
            _ => false,
        };
        let for_good = of_recipient && (500..600).contains(&code);
        Self { for_good, reason: Reason::Reply(code, enhanced) }
    }
}

impl Enhanced {
    /// The code that a reply's text begins with.
    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace().next()?.split('.');
        let class = numbers.next()?.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        let code = Self(class, numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        numbers.next().is_none().then_some(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Reply(code, None) => write!(f, "the server replied {code}"),
            Reason::Reply(code, Some(Enhanced(class, subject, detail))) => {
                write!(f, "the server replied {code} {class}.{subject}.{detail}")
            }
            Reason::Other(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(code: u16, text: &str) -> Refusal {
        Refusal::replied(code, Enhanced::read(text))
    }

    #[test]
    fn only_a_recipient_that_is_none_is_given_up_and_a_wrong_configuration_waits_for_its_repair() {
        for (code, text) in [
            (550, "5.1.1 <sam@example.org>: Recipient address rejected"),
            (550, "5.1.10 Recipient not found"),
            (556, "5.1.10 null MX"),
            (550, "5.2.1 The account is disabled"),
        ] {
            assert!(replied(code, text).for_good, "{code} {text}");
        }
        for (code, text) in [
            (535, "5.7.8 Authentication credentials invalid"),
            (530, "5.7.0 Must issue a STARTTLS command first"),
            (550, "5.7.1 Relaying denied"),
            (554, "5.7.1 <sam@example.org>: Relay access denied"),
            (550, "relay not permitted"),
            (553, "5.1.8 Sender address rejected"),
            (501, "5.5.4 Invalid EHLO"),
            (552, "5.2.2 Mailbox full"),
            (450, "4.1.1 greylisted"),
            (421, "closing"),
            (550, ""),
        ] {
            assert!(!replied(code, text).for_good, "{code} {text}");
        }
    }

    #[test]
    fn what_is_logged_has_nothing_of_the_servers_words() {
        let shown = replied(550, "5.1.1 <sam@example.org>: no such user").to_string();
        assert_eq!(shown, "the server replied 550 5.1.1");
        assert_eq!(replied(550, "sam@example.org is unknown").to_string(), "the server replied 550");
        assert_eq!(Enhanced::read("5.1.1.1 x"), None);
        assert_eq!(Enhanced::read("7.1.1 x"), None);
    }
}
