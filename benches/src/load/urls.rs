//! Whom a load asks.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;

/// One URL for all connections, in which `{n}` is the connection's number; or `@FILE` with a URL in each line, dealt out in turn, which
/// `invite` writes, so that everybody has a token.
#[derive(Clone, Debug)]
pub struct Urls(Arc<[String]>);

impl FromStr for Urls {
    type Err = anyhow::Error;

    fn from_str(given: &str) -> anyhow::Result<Self> {
        let lines: Arc<[String]> = match given.strip_prefix('@') {
            None => [given.to_owned()].into(),
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.to_owned())?;
                text.lines().map(str::to_owned).collect()
            }
        };
        anyhow::ensure!(!lines.is_empty(), "{given} has no line");
        Ok(Self(lines))
    }
}

impl Urls {
    /// The URL of a connection.
    pub fn of(&self, n: usize) -> String {
        let line = self.0.get(n % self.0.len().max(1));
        line.map_or(String::new(), |line| super::numbered(line, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_url_whether_there_is_one_or_a_file_of_them() {
        let one: Urls = "rtmp://host/live/a-{n}".parse().unwrap();
        assert_eq!(one.of(7), "rtmp://host/live/a-7");
        let path = std::env::temp_dir().join(format!("pulse-urls-{}", std::process::id()));
        std::fs::write(&path, "a?token=1\nb?token=2\n").unwrap();
        let dealt = format!("@{}", path.display()).parse::<Urls>();
        std::fs::write(&path, "").unwrap();
        let none = format!("@{}", path.display()).parse::<Urls>();
        std::fs::remove_file(&path).unwrap();
        let dealt = dealt.unwrap();
        assert_eq!([dealt.of(0), dealt.of(1), dealt.of(2)], ["a?token=1", "b?token=2", "a?token=1"]);
        assert!(none.is_err());
    }
}
