//! What a viewer's admission costs beside the network: the cache, and the token's verification.

use std::sync::Arc;

use anyhow::Context as _;
use platform_core::{Secret, WallTime};
use tenancy::admission::{Admission, Purpose};
use tenancy::cache::Cache;
use tenancy::organization;
use tenancy::project::{self, ProjectInput};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::store::{Store as _, memory::Memory};
use tenancy::stream::{self, StreamInput};
use tenancy::token::{self, TokenInput};
use tenancy::user::{self, Registration};
use tenancy::vault::MasterKey;
use tenancy::{Principal, StreamId, Tenancy, UserPrincipal, password};

use super::Case;

const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

/// A stream in a store in memory, that a cache knows.
struct Prepared {
    store: Memory,
    tenancy: Tenancy,
    cache: Cache,
    stream_id: StreamId,
}

async fn prepare() -> anyhow::Result<Prepared> {
    let store = Memory::new();
    let tenancy = Tenancy::open(&store, &MasterKey::generate(), NOW).await?;
    let somebody = Registration {
        email: "ada@example.org".to_owned(),
        name: "Ada".to_owned(),
        password: password::hash(&Secret::from("correct horse battery"))?,
    };
    let operator = tenancy.call(Principal::Operator, NOW);
    let work = store.write((operator.clone(), somebody), |tx, (call, somebody)| {
        Box::pin(async move {
            let id = user::create(tx, call, somebody, false).await?.id;
            let session_id = call.id();
            let ada = call.by(Principal::User(UserPrincipal { id, session_id, is_admin: false }));
            let organization = organization::create(tx, &ada, "Acme").await?;
            let input = ProjectInput { name: "Main".to_owned(), ..ProjectInput::default() };
            let project = project::create(tx, &ada, organization.id, &input).await?;
            Ok(stream::create(tx, &ada, project.id, &StreamInput::named("One")).await?.stream)
        })
    });
    let stream_id = work.await?.id;
    Ok(Prepared { store, tenancy, cache: Cache::new(), stream_id })
}

impl Prepared {
    /// A signing key, a token of it with what tokens have, and what verifies it.
    async fn token(&self, algorithm: SigningAlgorithm) -> anyhow::Result<(Arc<Admission>, Secret)> {
        let call = self.tenancy.call(Principal::Operator, NOW);
        let admission = self.admission().await?;
        let project_id = admission.project_id();
        let key = self.store.write(call.clone(), move |tx, call| {
            Box::pin(async move {
                let input = SigningKeyInput { name: "main".to_owned(), algorithm };
                Ok(signing_key::create(tx, call, project_id, &input).await?.key.id)
            })
        });
        let key = key.await?;
        let minter = token::minter(&mut self.store.read().await?, &call, self.stream_id, Some(key)).await?;
        let input = TokenInput {
            viewer_id: Some("viewer-17".to_owned()),
            ip: Some("203.0.113.0/24".to_owned()),
            ..TokenInput::default()
        };
        let token = minter.mint(&call, &input)?.token;
        self.cache.flush();
        Ok((self.admission().await?, token))
    }

    async fn admission(&self) -> anyhow::Result<Arc<Admission>> {
        Ok(self.cache.admission(&self.store, self.tenancy.keys(), self.stream_id, NOW).await?)
    }
}

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let prepared = runtime.block_on(prepare())?;
    let mut cases = Vec::new();
    for (name, pass, algorithm) in [
        ("admission_token_hs256", "one playback token, HS256", SigningAlgorithm::Hs256),
        ("admission_token_eddsa", "one playback token, EdDSA", SigningAlgorithm::EdDsa),
    ] {
        let (admission, token) = runtime.block_on(prepared.token(algorithm))?;
        admission.verify(&token, Purpose::Play, NOW).ok().context("a token that was minted is refused")?;
        cases.push(Case::new(name, pass, move || {
            std::hint::black_box(admission.verify(&token, Purpose::Play, NOW)).ok();
        }));
    }
    cases.push(Case::new("admission_cached", "one look into the cache", move || {
        std::hint::black_box(runtime.block_on(prepared.admission())).ok();
    }));
    Ok(cases)
}
