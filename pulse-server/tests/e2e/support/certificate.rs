//! An authority of a test's own, and certificates by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::process::{Process, command};
use super::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(15);

/// An authority: a folder with its certificate and its key.
pub(crate) struct CertificateAuthority(Stage);

/// A certificate and its key, as files.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

impl CertificateAuthority {
    #[track_caller]
    pub(crate) fn create() -> Self {
        let stage = Stage::new("authority");
        let extensions = "basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign\n";
        request(stage.path(), "authority", extensions, &[]);
        Self(stage)
    }

    /// Its own certificate, for those who trust it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    /// A certificate for a subject alternative name such as `IP:127.0.0.1`.
    #[track_caller]
    pub(crate) fn issue(&self, name: &str, alternative: &str) -> Certificate {
        let extensions = format!("basicConstraints = CA:FALSE\nsubjectAltName = {alternative}\n");
        request(self.0.path(), name, &extensions, &["-CA", "authority.pem", "-CAkey", "authority.key"]);
        let file = |kind: &str| self.0.path().join(format!("{name}.{kind}"));
        Certificate { chain: file("pem"), key: file("key") }
    }
}

impl Certificate {
    /// What a server needs to show it.
    #[track_caller]
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::from_pem_file(&self.chain).expect("openssl wrote a certificate");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("openssl wrote a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("the usual versions").with_no_client_auth();
        Arc::new(config.with_single_cert(vec![chain], key).expect("the key is the certificate's"))
    }
}

/// Makes `NAME.pem` and `NAME.key`.
#[track_caller]
fn request(folder: &Path, name: &str, extensions: &str, further: &[&str]) {
    let config = format!("[req]\ndistinguished_name = name\n[name]\n[extensions]\n{extensions}");
    std::fs::write(folder.join("openssl.cnf"), config).expect("a file can be written on the stage");
    let mut openssl = command("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-subj", &format!("/CN={name}"), "-config", "openssl.cnf"]);
    openssl.args(["-extensions", "extensions", "-out", &format!("{name}.pem")]);
    openssl.args(["-keyout", &format!("{name}.key")]).args(further).current_dir(folder);
    let mut process = Process::start(&format!("openssl-{name}"), openssl, folder);
    let status = process.wait(PATIENCE);
    assert!(status.success(), "{status}: {}", process.errors());
}
