//! Settings that are lists: a TOML array of texts, or one text with commas between.

use ipnet::IpNet;
use toml::de::DeValue;

use super::value::{Raw, Rule, Setting, toml_string};

/// Entries of a list, 100.
const MAX_ENTRIES: usize = 100;

/// The entries of a list as they were written.
fn entries(raw: &Raw<'_>) -> Option<Vec<String>> {
    let entries: Vec<String> = match raw {
        Raw::Toml(DeValue::Array(array)) => {
            let text = |value: &DeValue<'_>| match value {
                DeValue::String(text) => Some(text.trim().to_owned()),
                _ => None,
            };
            array.iter().map(|value| text(value.get_ref())).collect::<Option<_>>()?
        }
        _ => {
            let text = raw.text()?.trim().trim_start_matches('[').trim_end_matches(']');
            let entries = text.split(',').map(|entry| entry.trim().trim_matches('"').to_owned());
            entries.filter(|entry| !entry.is_empty()).collect()
        }
    };
    (entries.len() <= MAX_ENTRIES).then_some(entries)
}

fn show<T: ToString>(entries: &[T]) -> Option<String> {
    let quoted: Vec<String> = entries.iter().map(|entry| toml_string(&entry.to_string())).collect();
    Some(format!("[{}]", quoted.join(", ")))
}

impl Setting for Vec<IpNet> {
    const WHAT: &'static str = "a list of networks";
    const ALLOWED: &'static str = "a list of addresses and networks, such as [\"10.0.0.0/8\", \"::1\"]";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        let network = |text: &String| {
            text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
        };
        entries(raw)?.iter().map(network).collect()
    }

    fn show(&self) -> Option<String> {
        show(self)
    }
}

impl Setting for Vec<String> {
    const WHAT: &'static str = "a list of texts";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        entries(raw)
    }

    fn show(&self) -> Option<String> {
        show(self)
    }
}

/// Web origins (RFC 6454 §6.2), as browsers send them.
pub(super) struct Origins;

impl Rule<Vec<String>> for Origins {
    fn broken(&self, origins: &Vec<String>) -> Option<String> {
        let wrong = origins.iter().find(|origin| !is_origin(origin))?;
        Some(format!("has {wrong:?}, which is no origin"))
    }

    fn allowed(&self) -> String {
        "a list of origins, such as [\"https://dashboard.example.org\"]: scheme, host, a port if it has one, nothing behind".to_owned()
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{errors, load, load_with};

    #[test]
    fn lists_are_arrays_in_the_file_and_commas_in_the_environment() {
        let (config, _) = load("[api]\ntrusted_proxies = ['10.0.0.0/8', '::1']\n").unwrap();
        let shown: Vec<String> = config.api.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "::1/128"]);
        let (config, _) =
            load_with("", &[("PULSE_API_DASHBOARD_ORIGINS", "https://a.example, http://b:3000")]).unwrap();
        assert_eq!(config.api.dashboard_origins, ["https://a.example", "http://b:3000"]);
    }

    #[test]
    fn what_is_no_network_or_origin_is_refused() {
        assert_eq!(errors("[api]\ntrusted_proxies = ['10.0.0.0/99']\n", &[]).len(), 1);
        for origin in ["https://a.example/", "a.example", "https://A.example", "*"] {
            let lines = errors(&format!("[api]\ndashboard_origins = ['{origin}']\n"), &[]);
            assert!(lines.concat().contains("is no origin"), "{lines:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let (config, _) = load("[database]\nurl = 'postgres://pulse:hunter2@db/pulse'\n").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let lines = errors("[database]\nurl = \"postgres://hunter2\\u0001\"\n", &[]);
        assert!(lines.len() == 1 && !lines.concat().contains("hunter2"), "{lines:?}");
    }
}
