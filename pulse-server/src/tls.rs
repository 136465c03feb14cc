//! Certificates for HTTPS and RTMPS, read again when their files change.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// What could not be made of the certificate's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: no {what} in PEM form ({detail})", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the parser said.
        detail: String,
    },
    /// Certificate and key are not a pair, or of a kind that is not supported.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// The current certificate, for both protocols.
pub(crate) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    https: Arc<ServerConfig>,
    rtmps: Arc<ServerConfig>,
    modified: [Option<SystemTime>; 2],
}

impl Certificate {
    /// Reads the certificate chain and its key.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub(crate) fn load(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let loaded = Loaded::read(cert, key)?;
        Ok(Arc::new(Self { cert: cert.into(), key: key.into(), current: ArcSwap::from_pointee(loaded) }))
    }

    /// Accepts HTTPS (HTTP/2 and HTTP/1.1) with the current certificate.
    pub(crate) fn https(&self) -> TlsAcceptor {
        Arc::clone(&self.current.load().https).into()
    }

    /// Accepts RTMPS with the current certificate.
    pub(crate) fn rtmps(&self) -> TlsAcceptor {
        Arc::clone(&self.current.load().rtmps).into()
    }

    /// Watches the files for ever; a broken pair is reported and the old one kept.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            self.refresh();
        }
    }

    fn refresh(&self) {
        let modified = modified(&self.cert, &self.key);
        if modified == self.current.load().modified {
            return;
        }
        match Loaded::read(&self.cert, &self.key) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                tracing::info!(cert = %self.cert.display(), "certificate reloaded");
            }
            // Perhaps only one of the two files has been replaced yet; the next look tells.
            Err(error) => tracing::error!(%error, "certificate not reloaded; the old one stays in use"),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("cert", &self.cert).finish_non_exhaustive()
    }
}

impl Loaded {
    fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let modified = modified(cert, key);
        let pem = |path: &Path, what, detail: &dyn fmt::Display| TlsError::Pem {
            path: path.into(),
            what,
            detail: detail.to_string(),
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(cert)?)
            .collect::<Result<_, _>>()
            .map_err(|error| pem(cert, "certificate", &error))?;
        if chain.is_empty() {
            return Err(pem(cert, "certificate", &"the file holds none"));
        }
        let key_der =
            PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| pem(key, "private key", &error))?;
        let rtmps = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key_der)?;
        let mut https = rtmps.clone();
        https.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { https: Arc::new(https), rtmps: Arc::new(rtmps), modified })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })
}

fn modified(cert: &Path, key: &Path) -> [Option<SystemTime>; 2] {
    [cert, key].map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}
