//! Tricky hosts and URLs: whatever form they have, nothing that is not public is reached.

use super::*;

fn policy() -> AddressPolicy {
    AddressPolicy::for_schemes(["https", "http", "rtmp"])
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn address(reach: Reach) -> Refused {
    Refused::Address { reach, resolved: false }
}

#[test]
fn every_way_to_write_an_inner_address_is_refused() {
    let cases = [
        ("http://127.0.0.1/", Reach::Loopback),
        ("http://127.1/", Reach::Loopback),
        ("http://127.0.0.1./", Reach::Loopback),
        ("http://2130706433/", Reach::Loopback),
        ("http://0x7f000001/", Reach::Loopback),
        ("http://0x7f.0.0.1/", Reach::Loopback),
        ("http://0177.0.0.1/", Reach::Loopback),
        ("http://017700000001/", Reach::Loopback),
        ("http://%31%32%37.0.0.1/", Reach::Loopback),
        ("http://127.0.0.1/", Reach::Loopback),
        ("http://①②⑦.⓪.⓪.①/", Reach::Loopback),
        ("http://127。0。0。1/", Reach::Loopback),
        ("HTTP:\\\\127.0.0.1\\", Reach::Loopback),
        ("http:127.0.0.1", Reach::Loopback),
        ("http://0/", Reach::Unspecified),
        ("http://0.0.0.0/", Reach::Unspecified),
        ("http://[::]/", Reach::Unspecified),
        ("http://[::1]/", Reach::Loopback),
        ("http://[0:0:0:0:0:0:0:1]/", Reach::Loopback),
        ("http://[::ffff:127.0.0.1]/", Reach::Loopback),
        ("http://[::ffff:7f00:1]/", Reach::Loopback),
        ("http://[::127.0.0.1]/", Reach::Translated),
        ("http://[64:ff9b::7f00:1]/", Reach::Translated),
        ("http://[2002:7f00:1::]/", Reach::Translated),
        ("http://[fd00:ec2::254]/latest/meta-data/", Reach::Private),
        ("http://[fe80::1]/", Reach::LinkLocal),
        ("http://169.254.169.254/latest/meta-data/", Reach::LinkLocal),
        ("http://0xa9fea9fe/", Reach::LinkLocal),
        ("http://2852039166/", Reach::LinkLocal),
        ("http://10.0.0.1/", Reach::Private),
        ("http://192.168.1.1:8080/", Reach::Private),
        ("http://100.100.100.200/", Reach::Private),
        ("http://168.63.129.16/", Reach::Metadata),
        ("http://255.255.255.255/", Reach::Multicast),
        // Schemes for which the URL standard leaves the host alone, and the system's resolver would not.
        ("rtmp://127.0.0.1/live/key", Reach::Loopback),
        ("rtmp://0x7f000001/live/key", Reach::Loopback),
        ("rtmp://2130706433/live/key", Reach::Loopback),
        ("rtmp://0177.1/live/key", Reach::Loopback),
        ("rtmp://[::ffff:127.0.0.1]/live/key", Reach::Loopback),
    ];
    for (url, reach) in cases {
        assert_eq!(policy().target(url), Err(address(reach)), "{url}");
    }
}

#[test]
fn names_of_this_machine_are_refused_at_once() {
    let refused = Err(Refused::Address { reach: Reach::Loopback, resolved: true });
    for url in [
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://ｌocalhost/",
        "rtmp://localhost/a",
    ] {
        assert_eq!(policy().target(url), refused, "{url}");
    }
    // It only looks like it; what it resolves to is checked.
    assert!(policy().target("http://notlocalhost/").is_ok());
}

#[test]
fn what_is_no_proper_url_is_refused() {
    let cases = [
        ("", Refused::Malformed),
        ("example.com", Refused::Malformed),
        ("//example.com/", Refused::Malformed),
        ("http://", Refused::Malformed),
        ("http:///", Refused::Malformed),
        ("rtmp:live", Refused::Malformed),
        ("http://exa mple.com/", Refused::Malformed),
        ("http://example.com/\r\nX: y", Refused::Malformed),
        ("http://exam\tple.com/", Refused::Malformed),
        (" http://example.com/", Refused::Malformed),
        ("http://256.256.256.256/", Refused::Malformed),
        ("http://1.2.3.4.5/", Refused::Malformed),
        ("http://[fe80::1%25eth0]/", Refused::Malformed),
        ("http://example.com:99999/", Refused::Malformed),
        ("http://exa%00mple.com/", Refused::Malformed),
        ("http://a..b/", Refused::Host),
        ("http://./", Refused::Host),
        ("rtmp://1.2.3.4.5/", Refused::Host),
        ("rtmp://256.256.256.256/", Refused::Host),
        ("https://user@example.com/", Refused::Credentials),
        ("https://user:word@example.com/", Refused::Credentials),
        ("https://:word@example.com/", Refused::Credentials),
        ("https://example.com@127.0.0.1/", Refused::Credentials),
        ("https://example.com:0/", Refused::Port { port: 0 }),
        ("https://example.com:22/", Refused::Port { port: 22 }),
        ("http://example.com:25/", Refused::Port { port: 25 }),
    ];
    for (url, refused) in cases {
        assert_eq!(policy().target(url), Err(refused), "{url}");
    }
    assert_eq!(policy().target(&format!("https://example.com/{}", "a".repeat(2048))), Err(Refused::TooLong));
    for url in
        ["ftp://example.com/", "file://host/etc/passwd", "gopher://example.com/", "javascript://example.com/"]
    {
        let refused = policy().target(url).unwrap_err();
        assert!(matches!(refused, Refused::Scheme { .. } | Refused::Malformed), "{url}: {refused}");
    }
}

#[test]
fn public_urls_are_read() {
    let target = policy().target("https://Hooks.Example.com.:8443/a/b?c=d#e").unwrap();
    assert_eq!(target.host(), &Host::Name("hooks.example.com".to_owned()));
    assert_eq!((target.port(), target.path_and_query()), (8443, "/a/b?c=d"));
    assert_eq!(policy().target("rtmp://live.example.com/app/key").unwrap().port(), 1935);
    assert_eq!(
        policy().target("https://bücher.example/").unwrap().host().to_string(),
        "xn--bcher-kva.example"
    );
    assert_eq!(policy().target("https://[2a00::1]/").unwrap().host().to_string(), "[2a00::1]");
    assert!(!format!("{target:?}").contains("c=d"), "a target's path is not for logs");
}

#[test]
fn one_inner_address_refuses_the_name() {
    let policy = policy();
    let target = || policy.target("https://rebind.example/").unwrap();
    for inner in ["10.0.0.1", "::ffff:127.0.0.1", "fd00::1", "64:ff9b::a00:1"] {
        let refused = policy.pin(target(), ips(&["8.8.8.8", inner, "8.8.4.4"])).unwrap_err();
        assert!(matches!(refused, Refused::Address { resolved: true, .. }), "{inner}");
        assert!(!refused.to_string().contains(inner), "the answer tells what the name resolved to");
    }
    assert_eq!(policy.pin(target(), []), Err(Refused::Unresolved));
}

#[test]
fn the_connection_is_pinned_to_what_was_checked() {
    let policy = policy();
    let pinned = policy
        .pin(policy.target("https://example.com/").unwrap(), ips(&["8.8.8.8", "2a00::1", "8.8.8.8"]))
        .unwrap();
    assert_eq!(pinned.addresses(), ["8.8.8.8:443".parse().unwrap(), "[2a00::1]:443".parse().unwrap()]);
    // An address needs no resolver, and none can replace it.
    let pinned = policy.pin(policy.target("https://8.8.8.8/").unwrap(), ips(&["10.0.0.1"])).unwrap();
    assert_eq!(pinned.addresses(), ["8.8.8.8:443".parse().unwrap()]);
    let many = (0..200).map(|n| IpAddr::from([8, 8, 8, n]));
    let pinned = policy.pin(policy.target("https://example.com/").unwrap(), many).unwrap();
    assert_eq!(pinned.addresses().len(), MAX_ADDRESSES);
}

#[test]
fn an_inner_address_behind_many_outer_ones_is_seen() {
    let policy = policy();
    let many = (0..200).map(|n| IpAddr::from([8, 8, 8, n])).chain(ips(&["127.0.0.1"]));
    assert!(policy.pin(policy.target("https://example.com/").unwrap(), many).is_err());
}

#[test]
fn exceptions_lift_the_check_for_what_they_name() {
    let mut policy = policy();
    policy.exceptions =
        ["10.1.0.0/16", "Hooks.Internal.", "fd00::5", "localhost"].map(|text| text.parse().unwrap()).into();
    assert!(policy.target("http://10.1.2.3/").is_ok());
    assert!(policy.target("http://[::ffff:10.1.2.3]/").is_ok());
    assert!(policy.target("http://[fd00::5]/").is_ok());
    assert!(policy.target("http://localhost:8080/").is_ok());
    for url in ["http://10.2.0.1/", "http://[fd00::6]/", "http://a.localhost/"] {
        assert!(policy.target(url).is_err(), "{url}");
    }
    assert!(policy.pin(policy.target("http://hooks.internal/").unwrap(), ips(&["192.168.0.1"])).is_ok());
    assert!(policy.pin(policy.target("http://sub.hooks.internal/").unwrap(), ips(&["192.168.0.1"])).is_err());
    assert!(policy.pin(policy.target("http://other.example/").unwrap(), ips(&["10.1.9.9"])).is_ok());
    assert_eq!(policy.target("http://10.1.2.3:22/"), Err(Refused::Port { port: 22 }));
    assert!("not a host".parse::<Exception>().is_err());
}

#[test]
fn networks_in_their_ipv6_form_are_those_of_ipv4() {
    for text in ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "10.0.0.0/8"] {
        let mut policy = policy();
        policy.exceptions = vec![text.parse().unwrap()];
        assert!(policy.target("http://10.0.0.1/").is_ok(), "{text}");
        assert!(policy.target("http://[::ffff:10.0.0.1]/").is_ok(), "{text}");
        assert!(
            policy.target("http://11.0.0.1/").is_ok() && policy.target("http://127.0.0.1/").is_err(),
            "{text}"
        );
        let mut policy = self::policy();
        policy.refused = vec!["::ffff:8.8.8.0/120".parse().unwrap()];
        assert!(policy.target("http://8.8.8.8/").is_err());
    }
}

#[test]
fn an_operator_refuses_the_servers_own_addresses() {
    let mut policy = policy();
    policy.refused = vec!["8.8.8.0/24".parse().unwrap()];
    assert_eq!(policy.target("http://8.8.8.8/"), Err(address(Reach::Refused)));
    assert!(policy.target("http://8.8.4.4/").is_ok());
}

#[test]
fn resolving_goes_through_all_steps() {
    struct Table;
    impl Resolve for Table {
        async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
            match host {
                "good.example" => Ok(ips(&["8.8.8.8"])),
                "bad.example" => Ok(ips(&["8.8.8.8", "127.0.0.1"])),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
    }
    // These futures never wait.
    let resolve = |url: &str| {
        let policy = policy();
        let mut future = std::pin::pin!(policy.resolve(url, &Table));
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(result) => result,
            std::task::Poll::Pending => panic!("it waits"),
        }
    };
    assert!(resolve("https://good.example/").is_ok());
    assert!(resolve("https://8.8.8.8/").is_ok());
    assert!(matches!(resolve("https://bad.example/"), Err(Refused::Address { .. })));
    assert_eq!(resolve("https://gone.example/"), Err(Refused::Unresolved));
    assert_eq!(
        resolve("ftp://good.example/"),
        Err(Refused::Scheme { allowed: "https, http, rtmp".to_owned() })
    );
}
