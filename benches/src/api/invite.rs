//! Makes a stream as a tenant's backend does, over the API, and a URL for each of its viewers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::catalogue::{Catalogue, Project};
use crate::http::client::{Body, Client};

/// Who may play a stream.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody.
    Public,
    /// Who has a token.
    Signed,
}

impl Policy {
    /// As the API calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Signed => "signed",
        }
    }
}

/// A server and one of its tenants.
#[derive(clap::Args, Clone, Debug)]
pub struct At {
    /// Address and port of the server.
    #[arg(long)]
    pub server: SocketAddr,
    /// Address and port at which it takes RTMP.
    #[arg(long)]
    pub rtmp: SocketAddr,
    /// What `seed` wrote.
    #[arg(long)]
    pub catalogue: PathBuf,
    /// Which of its projects, from 0.
    #[arg(long, default_value_t = 0)]
    pub project: usize,
}

impl At {
    /// Connects as the project's backend.
    ///
    /// # Errors
    /// When there is no such project, or nobody listens.
    pub async fn connect(&self) -> anyhow::Result<Backend> {
        let catalogue = Catalogue::read(&self.catalogue)?;
        let project = catalogue.projects.get(self.project).context("no such project")?;
        Backend::connect(self.server, project).await
    }
}

/// Arguments of `invite`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// On which server, for whom.
    #[command(flatten)]
    pub at: At,
    /// Who may play the stream.
    #[arg(long)]
    pub policy: Policy,
    /// How many viewers are to have a token each, where tokens are needed.
    #[arg(long, default_value_t = 1)]
    pub viewers: usize,
    /// The folder for the files `POLICY.publish`, `POLICY.hls`, `POLICY.rtmp` and `POLICY.flv`, for `--url @FILE`.
    #[arg(long)]
    pub out: PathBuf,
}

/// Makes the stream and the files.
///
/// # Errors
/// When the server refuses, or the folder is not there.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut backend = args.at.connect().await?;
    let (name, policy) = (args.policy.as_str(), args.policy);
    let invited = backend.stream(&format!("Invited, {name}"), policy).await?;
    let queries = match policy {
        Policy::Public => vec![String::new()],
        Policy::Signed => {
            let tokens = backend.tokens(&invited.stream, 0..args.viewers).await?;
            tokens.iter().map(|token| format!("?token={token}")).collect()
        }
    };
    let Invited { stream, key } = &invited;
    let write = |kind: &str, line: &dyn Fn(&str) -> String| {
        let text = queries.iter().fold(String::new(), |text, query| text + &line(query) + "\n");
        std::fs::write(args.out.join(format!("{name}.{kind}")), text)
    };
    let (http, rtmp) = (args.at.server, args.at.rtmp);
    std::fs::write(args.out.join(format!("{name}.publish")), format!("rtmp://{rtmp}/live/{key}\n"))?;
    write("hls", &|query| format!("http://{http}/hls/{stream}/index.m3u8{query}"))?;
    write("rtmp", &|query| format!("rtmp://{rtmp}/play/{stream}{query}"))?;
    write("flv", &|query| format!("http://{http}/flv/{stream}.flv{query}"))?;
    crate::load::print(&json!({"load": "invite", "stream": stream, "viewers": queries.len()}));
    Ok(())
}

/// A stream that was made.
#[derive(Clone, Debug)]
pub struct Invited {
    /// Its id, `str_…`.
    pub stream: String,
    /// What it is published with.
    pub key: String,
}

/// A project's backend: a connection and an API key.
#[derive(Debug)]
pub struct Backend {
    client: Client,
    project: Project,
}

impl Backend {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(server: SocketAddr, project: &Project) -> anyhow::Result<Self> {
        Ok(Self { client: Client::connect(server).await?, project: project.clone() })
    }

    /// Makes a stream.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stream(&mut self, name: &str, policy: Policy) -> anyhow::Result<Invited> {
        let body = json!({"name": name, "playback_policy": policy.as_str()});
        let made = self.post("/v1/streams", &body).await?;
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let stream = text("/id").context("a stream without an id")?;
        Ok(Invited { stream, key: text("/stream_key/key").context("a stream without a key")? })
    }

    /// Mints a token for each of these viewers. They are for whoever comes over loopback.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn tokens(
        &mut self,
        stream: &str,
        viewers: std::ops::Range<usize>,
    ) -> anyhow::Result<Vec<String>> {
        let mut tokens = Vec::with_capacity(viewers.len());
        for n in viewers {
            let body = json!({"viewer_id": format!("viewer-{n}"), "ip": "127.0.0.0/8"});
            let minted = self.post(&format!("/v1/streams/{stream}/tokens"), &body).await?;
            let token = minted.get("token").and_then(Value::as_str).context("an answer without a token")?;
            tokens.push(token.to_owned());
        }
        Ok(tokens)
    }

    /// Revokes all tokens of a stream.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn revoke_all(&mut self, stream: &str) -> anyhow::Result<()> {
        self.post(&format!("/v1/streams/{stream}/tokens/revoke"), &json!({"all": true})).await.map(drop)
    }

    async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (body, mut request) = (body.to_string(), String::new());
        write!(
            request,
            "POST {path} HTTP/1.1\r\nHost: bench\r\nX-Pulse-Key: {}\r\nX-Pulse-Secret: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.project.public,
            self.project.secret,
            body.len()
        )?;
        let answer = self.client.exchange(request.as_bytes(), Body::Keep).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!((200..300).contains(&answer.status), "POST {path} is answered {}: {text}", answer.status);
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }
}
