//! Tokens that a tenant signs itself: whatever a genuine signature stands under is read or refused, and what is let in is for this stream
//! and for the purposes that it names, now, and not for long.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use platform_core::{Secret, WallTime};
use tenancy::admission::{self, Admission, Purpose};
use tenancy::signing_key::{self, Shown, SigningAlgorithm, SigningKeyInput};
use tenancy::store::memory::MemoryTx;
use tenancy::store::{BoxFuture, Store as _};
use tenancy::stream::{self, StreamInput};
use tenancy::user::Registration;
use tenancy::{Call, Error, token};

use crate::ready::ready;
use crate::script::Script;
use crate::tenant::{self, NOW, NOW_S};

/// What stands in claims for the stream, whose id is another in each process.
const STREAM: &[u8] = b"$STREAM";
/// The same for the key in a header.
const KEY: &[u8] = b"$KEY";

/// Which key signs, whether it does at all, whether the header is its own, the header's length, the header, and the claims.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let (hs256, unsigned, own_header) = (script.flag(), script.u8() == 0xFF, script.flag());
    let len = usize::from(script.u8());
    let header = script.bytes(len);
    let world = World::shared();
    let key = &world.keys[usize::from(hs256)];
    let claims = replaced(script.rest(), STREAM, &world.stream.stream.id.to_string());
    let header = if own_header { key.header() } else { replaced(header, KEY, &key.id) };
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
    let signature = match unsigned {
        true => URL_SAFE_NO_PAD.encode([0; 32]),
        false => key.sign(&message),
    };
    let token = Secret::from(format!("{message}.{signature}"));
    // Nothing but a log line comes of these two, whatever is in the token.
    let (named, about) = (token::key_id(&token), token::stream_of(&token));
    for (purpose, other) in [(Purpose::Play, Purpose::Publish), (Purpose::Publish, Purpose::Play)] {
        let Ok(claims) = world.stream.verify(&token, purpose, NOW) else { continue };
        assert!(!unsigned, "nobody has signed it");
        assert_eq!(named.map(|id| id.to_string()).as_deref(), Some(key.id.as_str()));
        assert_eq!((about, claims.sub), (Some(world.stream.stream.id), world.stream.stream.id));
        assert!(claims.aud.names(purpose.audience()));
        let both = claims.aud.names(other.audience());
        assert_eq!(world.stream.verify(&token, other, NOW).is_ok(), both, "{claims:?}");
        assert!(world.other.verify(&token, purpose, NOW).is_err(), "it is for two streams");
        let leeway = token::LEEWAY.as_secs() as i64;
        assert!(claims.exp + leeway > NOW_S && claims.iat.saturating_sub(leeway) <= NOW_S, "{claims:?}");
        assert!(claims.exp <= NOW_S + token::MAX_VALID.as_secs() as i64 + leeway, "{claims:?}");
        assert!(claims.nbf.is_none_or(|nbf| nbf.saturating_sub(leeway) <= NOW_S), "{claims:?}");
        assert!([&claims.jti, &claims.viewer_id].into_iter().flatten().all(|id| id.len() <= 128));
        let later = WallTime::from_unix_ms((claims.exp + leeway) * 1000);
        assert!(world.stream.verify(&token, purpose, later).is_err(), "it does not end: {claims:?}");
    }
}

/// The text with every `word` replaced.
fn replaced(text: &[u8], word: &[u8], by: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        match rest.strip_prefix(word) {
            Some(behind) => {
                out.extend_from_slice(by.as_bytes());
                rest = behind;
            }
            None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}

struct Key {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    fn of(shown: &Shown) -> Self {
        let secret = shown.secret.expose();
        let (algorithm, key) = match shown.key.algorithm {
            SigningAlgorithm::Hs256 => (Algorithm::HS256, EncodingKey::from_secret(secret)),
            _ => (Algorithm::EdDSA, EncodingKey::from_ed_der(secret)),
        };
        Self { id: shown.key.id.to_string(), algorithm, key }
    }

    fn header(&self) -> Vec<u8> {
        let header =
            serde_json::json!({"alg": format!("{:?}", self.algorithm), "kid": self.id, "typ": "JWT"});
        header.to_string().into_bytes()
    }

    fn sign(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).expect("a usable key")
    }
}

struct World {
    stream: Arc<Admission>,
    other: Arc<Admission>,
    /// Ed25519 and HMAC-SHA-256.
    keys: [Key; 2],
}

impl World {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<World> = OnceLock::new();
        SHARED.get_or_init(|| ready(Self::new()).expect("a store in memory takes what is right"))
    }

    async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let (store, _, operator) = tenant::opened().await?;
        let made = store
            .write((operator.clone(), tenant::registration()?), |tx, (operator, registration)| {
                make(tx, operator, registration)
            });
        let Made { streams: [one, two], keys } = made.await?;
        let mut tx = store.read().await?;
        let stream = Arc::new(admission::of_stream(&mut tx, operator.keys(), one, NOW).await?);
        let other = Arc::new(admission::of_stream(&mut tx, operator.keys(), two, NOW).await?);
        Ok(Self { stream, other, keys: keys.each_ref().map(Key::of) })
    }
}

struct Made {
    streams: [tenancy::StreamId; 2],
    keys: [Shown; 2],
}

fn make<'t>(
    tx: &'t mut MemoryTx,
    operator: &'t Call,
    registration: &'t Registration,
) -> BoxFuture<'t, Result<Made, Error>> {
    Box::pin(async move {
        let (owner, project_id) = tenant::make(tx, operator, registration).await?;
        let one = stream::create(tx, &owner, project_id, &StreamInput::named("A")).await?.stream.id;
        let two = stream::create(tx, &owner, project_id, &StreamInput::named("B")).await?.stream.id;
        let input = |algorithm: SigningAlgorithm| SigningKeyInput { name: algorithm.to_string(), algorithm };
        let ed25519 = signing_key::create(tx, &owner, project_id, &input(SigningAlgorithm::EdDsa)).await?;
        let hs256 = signing_key::create(tx, &owner, project_id, &input(SigningAlgorithm::Hs256)).await?;
        Ok(Made { streams: [one, two], keys: [ed25519, hs256] })
    })
}
