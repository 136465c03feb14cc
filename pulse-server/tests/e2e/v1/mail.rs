//! Mails over SMTP: sent as configured, and kept while the server is away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::rig::{Caller, LOOSE, PASSWORD, Rig};
use crate::support::seats;

const PATIENCE: Duration = Duration::from_secs(30);

/// As much of RFC 5321 as a sender needs; the mail's text.
fn receive(stream: TcpStream) -> std::io::Result<String> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut out = stream;
    writeln!(out, "220 test\r")?;
    let mut mail = String::new();
    while let Some(line) = lines.next().transpose()? {
        match line.get(..4).unwrap_or_default() {
            "DATA" => {
                writeln!(out, "354 go on\r")?;
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    mail.push_str(&line);
                    mail.push('\n');
                }
                writeln!(out, "250 taken\r")?;
            }
            "QUIT" => {
                writeln!(out, "221 bye\r")?;
                break;
            }
            _ => writeln!(out, "250 fine\r")?,
        }
    }
    Ok(mail)
}

/// A mail server that keeps what it gets.
pub(super) struct Mailbox {
    address: SocketAddr,
    received: mpsc::Receiver<String>,
}

impl Mailbox {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if let Ok(mail) = stream.and_then(receive) {
                    let _ = sender.send(mail);
                }
            }
        });
        Self { address, received }
    }

    /// The setting that sends mails here.
    pub(super) fn section(&self) -> String {
        format!("[mail]\nsmtp_url = \"smtp://{}\"\nfrom = \"Pulse <pulse@example.org>\"\n", self.address)
    }

    /// The next mail to an address; others that come before are put away. Lines are as they were before quoted-printable folded them.
    #[track_caller]
    pub(super) fn next(&self, email: &str) -> String {
        loop {
            let mail = self.received.recv_timeout(PATIENCE).expect("the mail arrives");
            if mail.contains(&format!("To: {email}")) {
                return mail.replace("=\n", "").replace("=3D", "=");
            }
        }
    }
}

/// The token in a mail's link.
#[track_caller]
pub(super) fn token(mail: &str) -> String {
    let token = mail.split("#token=").nth(1).unwrap_or_else(|| panic!("no token in {mail}"));
    token.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn a_mail_goes_to_the_configured_server_with_a_link_to_the_public_address() {
    let _seats = seats::some();
    let mailbox = Mailbox::open();
    let rig = Rig::start_with(&format!("{}{LOOSE}", mailbox.section()));
    let input = json!({"email": "sam@example.org", "password": PASSWORD, "name": "Sam"});
    rig.done(&Caller::nobody(), "POST", "/v1/auth/register", &input, 202);
    let mail = mailbox.next("sam@example.org");
    assert!(mail.contains("From: Pulse <pulse@example.org>"), "{mail}");
    let link = format!("http://localhost:{}/verify-email#token=", rig.pulse.http_address().port());
    assert!(mail.contains(&link), "{mail}");
    assert!(!rig.pulse.log().contains("#token="), "the link is not in the log");
}
