//! What callers bring to show who they are: any bytes are read or refused, and none but the genuine ones are accepted.

use std::sync::OnceLock;

use platform_core::{ProjectId, Secret};
use tenancy::api_key::{self, ApiKeyInput, KnownKey};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKey, SigningKeyInput};
use tenancy::store::memory::Memory;
use tenancy::store::{BoxFuture, Store as _, memory::MemoryTx};
use tenancy::stream::{self, Stream, StreamInput};
use tenancy::user::{self, Registration};
use tenancy::{Call, Error, Permission, Principal, access, session, stream_key, token};

use crate::edit::edit;
use crate::ready::ready;
use crate::tenant::{self, EMAIL, NOW};

/// What can be brought.
#[derive(Clone, Copy)]
enum Credential {
    Access,
    Refresh,
    PlaybackHs256,
    PlaybackEdDsa,
    ApiSecret,
    StreamKey,
}

const CREDENTIALS: [Credential; 6] = [
    Credential::Access,
    Credential::Refresh,
    Credential::PlaybackHs256,
    Credential::PlaybackEdDsa,
    Credential::ApiSecret,
    Credential::StreamKey,
];

/// Which credential, whether it is the genuine one with changes, and the bytes or the changes: place and byte.
pub fn run(input: &[u8]) {
    let Some((&[which, changed], rest)) = input.split_first_chunk() else { return };
    let world = World::shared();
    let credential = CREDENTIALS[usize::from(which) % CREDENTIALS.len()];
    let genuine = world.genuine(credential).expose();
    let bytes = if changed % 2 == 1 { edit(genuine, rest) } else { rest.to_vec() };
    let is_genuine = bytes == genuine;
    let accepted = world.accepts(credential, &Secret::new(bytes));
    assert_eq!(accepted, is_genuine, "credential {which}");
}

struct World {
    store: Memory,
    call: Call,
    known: KnownKey,
    stream: Stream,
    keys: Vec<SigningKey>,
    credentials: [Secret; 6],
}

impl World {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<World> = OnceLock::new();
        SHARED.get_or_init(|| ready(Self::new()).expect("a store in memory takes what is right"))
    }

    async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let (store, tenancy, operator) = tenant::opened().await?;
        let made = store
            .write((operator.clone(), tenant::registration()?), |tx, (operator, registration)| {
                make(tx, operator, registration)
            });
        let Made { public, api_secret, created, keys } = made.await?;
        let known = api_key::find(&mut store.read().await?, &public).await?.ok_or("the key is there")?;
        let call = tenancy.call(Principal::Anonymous, NOW);
        let checked = user::attempt(&mut store.read().await?, EMAIL).await?.check(&tenant::word())?;
        let tokens = store.write((call.clone(), checked), |tx, (call, checked)| {
            Box::pin(session::login(tx, call, checked, None))
        });
        let tokens = tokens.await?;
        let mut played = Vec::new();
        for key in &keys {
            let minter =
                token::minter(&mut store.read().await?, &operator, created.stream.id, Some(key.id)).await?;
            played.push(minter.mint(&operator, &token::TokenInput::default())?.token);
        }
        let [hs256, eddsa] = <[Secret; 2]>::try_from(played).map_err(|_| "two keys")?;
        let credentials = [tokens.access, tokens.refresh, hs256, eddsa, api_secret, created.secret];
        Ok(Self { store, call, known, stream: created.stream, keys, credentials })
    }

    fn genuine(&self, credential: Credential) -> &Secret {
        &self.credentials[credential as usize]
    }

    fn accepts(&self, credential: Credential, given: &Secret) -> bool {
        let keys = self.call.keys();
        match credential {
            Credential::Access => access::verify(keys, given, NOW).is_ok(),
            Credential::Refresh => {
                let input = (self.call.clone(), given.clone());
                let refreshed =
                    self.store.write(input, |tx, (call, given)| Box::pin(session::refresh(tx, call, given)));
                ready(refreshed).expect("the store takes it").into_tokens().is_ok()
            }
            Credential::PlaybackHs256 | Credential::PlaybackEdDsa => {
                let Some(id) = token::key_id(given) else { return false };
                let key = self.keys.iter().find(|key| key.id == id);
                key.is_some_and(|key| token::verify(keys, key, &self.stream, given, NOW).is_ok())
            }
            Credential::ApiSecret => self.known.check(keys, given, NOW).is_ok(),
            Credential::StreamKey => {
                if let Some(text) = given.expose_str() {
                    let named = stream_key::project_of(text);
                    assert!(named.is_none_or(|named| text.starts_with(digits(named).as_str())));
                }
                let mut tx = ready(self.store.read()).expect("memory is read");
                ready(stream_key::resolve(&mut tx, &self.call, given)).is_ok()
            }
        }
    }
}

fn digits(id: ProjectId) -> String {
    id.to_string().split_off("prj_".len())
}

struct Made {
    public: String,
    api_secret: Secret,
    created: stream::Created,
    keys: Vec<SigningKey>,
}

fn make<'t>(
    tx: &'t mut MemoryTx,
    operator: &'t Call,
    registration: &'t Registration,
) -> BoxFuture<'t, Result<Made, Error>> {
    Box::pin(async move {
        let (owner, project_id) = tenant::make(tx, operator, registration).await?;
        let input =
            ApiKeyInput { name: "A".to_owned(), scopes: Permission::scopes().to_vec(), expires_at: None };
        let key = api_key::create(tx, &owner, project_id, &input).await?;
        let created = stream::create(tx, &owner, project_id, &StreamInput::named("A")).await?;
        let mut keys = Vec::new();
        for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
            let input = SigningKeyInput { name: algorithm.to_string(), algorithm };
            keys.push(signing_key::create(tx, &owner, project_id, &input).await?.key);
        }
        Ok(Made { public: key.key.public, api_secret: key.secret, created, keys })
    })
}
