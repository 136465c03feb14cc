//! Ids, times, hosts, URLs, events and encoded secrets: any text is read or refused, what was read has one spelling, and no URL
//! leads inside.

use std::net::IpAddr;

use platform_core::address::{AddressPolicy, Exception, Host, Reach, Target};
use platform_core::{Event, EventId, ParseIdError, ProjectId, Secret, WallTime};

/// Which reader, and the text.
pub fn run(input: &[u8]) {
    let Some((reader, text)) = input.split_first() else { return };
    let text = &*String::from_utf8_lossy(text);
    match reader % 6 {
        0 => id(text),
        1 => time(text),
        2 => url(text),
        3 => exception(text),
        4 => event(text),
        _ => secret(text),
    }
}

fn id(text: &str) {
    match EventId::parse(text) {
        Ok(id) => assert_eq!(id.to_string(), text),
        Err(ParseIdError::WrongKind { .. }) => {
            assert!(!text.starts_with("evt_"), "{text} is of the right kind")
        }
        Err(_) => assert!(ProjectId::parse(text).is_err(), "{text} is the id of a project"),
    }
}

fn time(text: &str) {
    if let Ok(time) = text.parse::<WallTime>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

fn url(text: &str) {
    let policy = AddressPolicy::for_schemes(["https", "http", "rtmp", "rtmps"]);
    let Ok(target) = policy.target(text) else { return };
    // What is stored is what was checked.
    assert_eq!(policy.target(target.url()).as_ref().map(Target::host), Ok(target.host()));
    assert!(target.port() != 0);
    match target.host() {
        Host::Address(address) => assert_eq!(Reach::of(*address), Reach::Public, "{text}"),
        Host::Name(name) => {
            assert!(name.parse::<IpAddr>().is_err(), "{name} is an address");
            assert_eq!(Host::parse(name), Ok(target.host().clone()));
            let inside = policy.pin(target, [IpAddr::from([8, 8, 8, 8]), IpAddr::from([10, 0, 0, 1])]);
            assert!(inside.is_err(), "{text} leads inside");
        }
    }
}

fn exception(text: &str) {
    if let Ok(exception) = text.parse::<Exception>() {
        let mut policy = AddressPolicy::default();
        policy.exceptions.push(exception.clone());
        if let Exception::Net(net) = exception {
            assert!(policy.check(net.addr()).is_ok(), "{text} does not except itself");
        }
    }
}

fn event(text: &str) {
    if let Ok(event) = serde_json::from_str::<Event>(text) {
        let again = serde_json::to_string(&event).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Event>(&again).expect("what was written can be read"), event);
    }
}

fn secret(text: &str) {
    if let Some(secret) = Secret::from_base32(text) {
        assert_eq!(secret.base32().expose_str(), Some(text));
    }
    if let Some(secret) = Secret::from_base64url(text) {
        assert_eq!(secret.base64url().expose_str(), Some(text));
    }
}
