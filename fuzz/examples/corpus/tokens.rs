//! Seeds of tokens under a genuine signature: the key, whether it signs, whether the header is its own, the header, and the claims.

use std::io;

use crate::folder::Folder;

/// The target's moment.
const NOW: i64 = 1_790_000_000;

/// Headers that are not the key's own; `$KEY` is its id.
const HEADERS: [&str; 8] = [
    "",
    "{}",
    r#"{"alg":"HS256","kid":"$KEY"}"#,
    r#"{"alg":"EdDSA","kid":"$KEY"}"#,
    r#"{"alg":"none","kid":"$KEY"}"#,
    r#"{"alg":"HS256","kid":"sig_00000000000000000000000000"}"#,
    r#"{"alg":"HS256","kid":"$KEY","crit":["exp"],"exp":1}"#,
    r#"{"alg":"HS256","kid":["$KEY"],"jwk":{"kty":"oct","k":"AA"}}"#,
];

fn claims() -> Vec<String> {
    let playback = |rest: &str| format!(r#"{{"aud":"pulse:playback","sub":"$STREAM",{rest}}}"#);
    let times = |iat: i64, exp: i64| playback(&format!(r#""iat":{iat},"exp":{exp}"#));
    let soon = NOW + 3_600;
    let with = |rest: &str| playback(&format!(r#""iat":{NOW},"exp":{soon},{rest}"#));
    let others = |aud: &str, sub: &str| format!(r#"{{"aud":{aud},"sub":"{sub}","iat":{NOW},"exp":{soon}}}"#);
    vec![
        String::new(),
        "{}".to_owned(),
        times(NOW, soon),
        times(NOW, NOW - 5),
        times(NOW, NOW - 4),
        times(NOW + 5, soon),
        times(NOW + 6, soon),
        times(NOW, NOW + 86_405),
        times(NOW, NOW + 86_406),
        times(i64::MIN, i64::MAX),
        times(i64::MAX, i64::MIN),
        times(NOW - 8 * 86_400, soon),
        playback(r#""iat":1.5,"exp":1e300"#),
        playback(r#""iat":-1,"exp":99999999999999999999"#),
        with(&format!(r#""nbf":{}"#, NOW + 5)),
        with(&format!(r#""nbf":{}"#, i64::MIN)),
        with(
            r#""jti":"a","viewer_id":"b","epoch":0,"ip":"203.0.113.0/24","referrer":"https://example.com","renditions":["video"]"#,
        ),
        with(
            r#""jti":"","viewer_id":"","epoch":-9223372036854775808,"ip":"::/999","referrer":"","renditions":[]"#,
        ),
        with(&format!(r#""viewer_id":"{}""#, "v".repeat(128))),
        with(&format!(r#""viewer_id":"{}""#, "v".repeat(129))),
        with(r#""epoch":1,"epoch":0"#),
        with(r#""renditions":["video",null]"#),
        with(&format!(r#""more":{}1{}"#, "[".repeat(200), "]".repeat(200))),
        others(r#""pulse:publish""#, "$STREAM"),
        others(r#"["pulse:playback","pulse:publish"]"#, "$STREAM"),
        others(r#""pulse:playback""#, "str_00000000000000000000000000"),
        others("null", ""),
        others(r#"["pulse:playback"]"#, "$STREAM"),
        others(r#"["other","pulse:publish"]"#, "$STREAM"),
        others("[]", "$STREAM"),
        playback(&format!(r#""iat":{NOW}.5,"nbf":{NOW}.25,"exp":{soon}.75"#)),
        playback(&format!(r#""iat":{NOW},"exp":{}.99"#, NOW - 5)),
        playback(&format!(r#""iat":{NOW},"exp":1.790000001e9"#)),
        playback(&format!(r#""iat":-1e300,"nbf":1e17,"exp":{soon}.5"#)),
    ]
}

pub fn write(folder: &mut Folder) -> io::Result<()> {
    for (number, claims) in claims().iter().enumerate() {
        for key in 0..2 {
            folder.add(&format!("{key}_claims_{number}"), &[&[key, 0, 1, 0], claims.as_bytes()].concat())?;
        }
    }
    let claims = &claims()[2];
    folder.add("unsigned", &[&[0, 0xFF, 1, 0], claims.as_bytes()].concat())?;
    for (number, header) in HEADERS.iter().enumerate() {
        for key in 0..2 {
            let seed = [&[key, 0, 0, header.len() as u8], header.as_bytes(), claims.as_bytes()].concat();
            folder.add(&format!("{key}_header_{number}"), &seed)?;
        }
    }
    Ok(())
}
