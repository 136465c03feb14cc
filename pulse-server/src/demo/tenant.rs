//! The demonstration's tenant: a person, an organization, a project with keys, and a signed stream. Made once and kept, so that an
//! encoder which was set up stays set up.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use platform_core::{ProjectId, Secret};
use serde::{Deserialize, Serialize};
use tenancy::api_key::{self, ApiKeyInput};
use tenancy::project::{self, ProjectInput};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::stream::{self, PlaybackPolicy, StreamInput};
use tenancy::token::{self, TokenInput};
use tenancy::user::{self, Registration};
use tenancy::{Call, Error, Permission, Principal, StreamId, UserPrincipal, organization, password};

use crate::v1::Api;

/// Whom the demonstration logs in as.
const EMAIL: &str = "demo@example.org";
/// What its API key may do.
const SCOPES: [Permission; 5] = [
    Permission::StreamsRead,
    Permission::StreamsWrite,
    Permission::StreamKeysRead,
    Permission::TokensMint,
    Permission::UsageRead,
];
/// How long its playback tokens are valid: as long as they can be.
const VALID: Duration = token::MAX_VALID;

/// The tenant, and all that it was shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DemoTenant {
    pub(super) email: String,
    pub(super) password: String,
    pub(super) organization_id: String,
    pub(super) project_id: ProjectId,
    pub(super) api_key: String,
    pub(super) api_secret: String,
    pub(super) stream_id: StreamId,
    pub(super) stream_key: String,
}

impl DemoTenant {
    /// The tenant of this data folder, made where it is not there or its stream is not any more.
    ///
    /// # Errors
    /// The database's, and those of the file that its secrets are kept in.
    pub(super) async fn open(api: &Api, data_dir: &Path) -> Result<Self, crate::run::Failure> {
        let path = data_dir.join("demo.tenant");
        if let Some(known) = read(&path)?
            && known.token(api).await.is_ok()
        {
            return Ok(known);
        }
        let made = Self::make(api).await?;
        write(&path, &made)?;
        Ok(made)
    }

    async fn make(api: &Api) -> Result<Self, crate::run::Failure> {
        match Self::make_for(api, EMAIL.to_owned()).await {
            // A demonstration whose file was lost begins anew, beside what there is.
            Err(Error::Conflict { .. }) => {
                let email = format!("demo-{}@example.org", text(&Secret::random(5).base32())?);
                Ok(Self::make_for(api, email).await?)
            }
            made => Ok(made?),
        }
    }

    async fn make_for(api: &Api, email: String) -> Result<Self, Error> {
        let secret = Secret::random(12).base32();
        let password = text(&secret)?;
        let hashed = tokio::task::spawn_blocking(move || password::hash(&secret)).await;
        let hashed = hashed.map_err(|error| Error::internal(error.to_string()))??;
        let registration = Registration { email: email.clone(), name: "Demo".to_owned(), password: hashed };
        let call = api.tenancy.call(Principal::Operator, SystemTime::now().into());
        let made = api.db.write((call, registration, email, password), |tx, input| {
            Box::pin(async move {
                let (call, registration, email, password) = input;
                let user = user::create(tx, call, registration, false).await?;
                let person = UserPrincipal { id: user.id, session_id: call.id(), is_admin: false };
                fill(tx, &call.by(Principal::User(person)), email, password).await
            })
        });
        made.await
    }

    /// A playback token of the stream, for as long as one can be valid.
    ///
    /// # Errors
    /// When the stream or its project is gone.
    pub(super) async fn token(&self, api: &Api) -> Result<String, crate::run::Failure> {
        let call = api.tenancy.call(Principal::System, SystemTime::now().into());
        let minter = token::minter(&mut api.db.read().await?, &call, self.stream_id, None).await?;
        let input = TokenInput { valid: Some(VALID), ..TokenInput::default() };
        Ok(text(&minter.mint(&call, &input)?.token)?)
    }
}

/// What a person who has registered makes of it.
async fn fill(
    tx: &mut platform_core::sql::Tx,
    call: &Call,
    email: &str,
    password: &str,
) -> Result<DemoTenant, Error> {
    let organization = organization::create(tx, call, "Demo").await?;
    let input = ProjectInput { name: "Demo".to_owned(), ..ProjectInput::default() };
    let project = project::create(tx, call, organization.id, &input).await?;
    let input = SigningKeyInput { name: "player".to_owned(), algorithm: SigningAlgorithm::EdDsa };
    signing_key::create(tx, call, project.id, &input).await?;
    let input = ApiKeyInput { name: "backend".to_owned(), scopes: SCOPES.to_vec(), expires_at: None };
    let key = api_key::create(tx, call, project.id, &input).await?;
    let input = StreamInput { playback_policy: PlaybackPolicy::Signed, ..StreamInput::named("Demo") };
    let stream = stream::create(tx, call, project.id, &input).await?;
    Ok(DemoTenant {
        email: email.to_owned(),
        password: password.to_owned(),
        organization_id: organization.id.to_string(),
        project_id: project.id,
        api_key: key.key.public.clone(),
        api_secret: text(&key.secret)?,
        stream_id: stream.stream.id,
        stream_key: text(&stream.secret)?,
    })
}

fn text(secret: &Secret) -> Result<String, Error> {
    secret.expose_str().map(str::to_owned).ok_or_else(|| Error::internal("a secret is no text"))
}

fn read(path: &Path) -> io::Result<Option<DemoTenant>> {
    match fs::read(path) {
        // What is no tenant, of another version perhaps, is made anew.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the file whole or not at all, readable by its owner only.
fn write(path: &Path, tenant: &DemoTenant) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(tenant)?)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
