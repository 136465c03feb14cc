//! Mails over SMTP: sent as configured, and kept while the server is away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
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

#[test]
fn a_mail_goes_to_the_configured_server_with_a_link_to_the_public_address() {
    let _seats = seats::some();
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
    let section =
        format!("[mail]\nsmtp_url = \"smtp://{address}\"\nfrom = \"Pulse <pulse@example.org>\"\n{LOOSE}");
    let rig = Rig::start_with(&section);
    let input = json!({"email": "sam@example.org", "password": PASSWORD, "name": "Sam"});
    rig.done(&Caller::nobody(), "POST", "/v1/auth/register", &input, 202);
    let mail = received.recv_timeout(PATIENCE).expect("the mail arrives");
    assert!(
        mail.contains("To: sam@example.org") && mail.contains("From: Pulse <pulse@example.org>"),
        "{mail}"
    );
    // Long lines are folded by quoted-printable.
    let text = mail.replace("=\n", "").replace("=3D", "=");
    assert!(
        text.contains(&format!("http://localhost:{}/verify-email#token=", rig.pulse.http_address().port())),
        "{text}"
    );
    assert!(!rig.pulse.log().contains("#token="), "the link is not in the log");
}
