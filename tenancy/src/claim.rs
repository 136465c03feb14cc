//! Registered claims as the libraries of tenants write them: an audience that is one text or a list (RFC 7519 §4.1.3), and dates with a
//! fraction of a second (RFC 7519 §2, NumericDate).

use serde::{Deserialize, Deserializer, Serialize};

/// Beyond these seconds, which are 285 million years, a fractional number is not exact to the second any more.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whom a token is for. Who is named among others is named: a token for two purposes is good for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Any of these; bounded by the token's length.
    Any(Vec<String>),
}

impl Audience {
    /// Whether it names this one.
    pub fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Any(several) => several.iter().any(|one| one == audience),
        }
    }
}

impl From<&str> for Audience {
    fn from(one: &str) -> Self {
        Self::One(one.to_owned())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

impl NumericDate {
    fn seconds<E: serde::de::Error>(self, round: fn(f64) -> f64) -> Result<i64, E> {
        match self {
            Self::Whole(seconds) => Ok(seconds),
            // What is no number is within no bounds.
            Self::Fraction(seconds) if seconds.abs() <= EXACT => Ok(round(seconds) as i64),
            Self::Fraction(_) => Err(E::custom("this is no date")),
        }
    }
}

/// Reads a date that is the last, or that is compared with a last one: a fraction ends it earlier, never later.
pub(crate) fn rounded_down<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    NumericDate::deserialize(from)?.seconds(f64::floor)
}

/// Reads a date from which something holds, if there is one: a fraction begins it later, never earlier.
pub(crate) fn rounded_up<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Option::<NumericDate>::deserialize(from)?.map(|date| date.seconds(f64::ceil)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Dates {
        #[serde(deserialize_with = "rounded_down")]
        exp: i64,
        #[serde(default, deserialize_with = "rounded_up")]
        nbf: Option<i64>,
    }

    fn read(json: &str) -> Option<(i64, Option<i64>)> {
        serde_json::from_str(json).ok().map(|Dates { exp, nbf }| (exp, nbf))
    }

    #[test]
    fn a_fraction_of_a_second_makes_no_token_live_longer_than_it_says() {
        assert_eq!(
            read(r#"{"exp":1795309999.9,"nbf":1795309000.1}"#),
            Some((1_795_309_999, Some(1_795_309_001)))
        );
        assert_eq!(
            read(r#"{"exp":1795309999.0,"nbf":1.795309e9}"#),
            Some((1_795_309_999, Some(1_795_309_000)))
        );
        assert_eq!(read(r#"{"exp":-0.5,"nbf":-0.5}"#), Some((-1, Some(0))));
        assert_eq!(read(r#"{"exp":7,"nbf":null}"#), Some((7, None)));
        assert_eq!(read(r#"{"exp":9223372036854775807}"#), Some((i64::MAX, None)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for exp in [
            "1e300",
            "-1e300",
            "1e999",
            "9007199254740993.5e1",
            "18446744073709551615",
            "99999999999999999999",
            "NaN",
            "Infinity",
            "null",
            r#""1795309999""#,
            "[1795309999]",
            "true",
        ] {
            assert_eq!(read(&format!(r#"{{"exp":{exp}}}"#)), None, "{exp}");
            let nbf = format!(r#"{{"exp":1,"nbf":{exp}}}"#);
            assert_eq!(read(&nbf).is_some(), exp == "null", "{exp}");
        }
    }

    #[test]
    fn an_audience_is_a_text_or_a_list_of_them() {
        let read = |json: &str| serde_json::from_str::<Audience>(json).ok();
        let names = |json: &str| read(json).map(|audience| audience.names("a"));
        for (json, named) in [
            (r#""a""#, Some(true)),
            (r#"["a"]"#, Some(true)),
            (r#"["b","a"]"#, Some(true)),
            (r#""ab""#, Some(false)),
            (r#"["ab","A"]"#, Some(false)),
            ("[]", Some(false)),
            (r#"["a",1]"#, None),
            (r#"{"a":1}"#, None),
            ("null", None),
        ] {
            assert_eq!(names(json), named, "{json}");
        }
        assert_eq!(serde_json::to_string(&Audience::from("a")).unwrap(), r#""a""#);
    }
}
