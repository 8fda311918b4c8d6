//! Whom TLS trusts: the system's authorities, or those that the environment names.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::NetError;

/// Certificate authorities, read when first needed: a client that only speaks to loopback reads none.
#[derive(Debug)]
pub struct Roots {
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Roots {
    /// Those of this environment.
    pub fn of(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { file: path("SSL_CERT_FILE"), folder: path("SSL_CERT_DIR"), config: OnceLock::new() }
    }

    /// How TLS is spoken with anyone: TLS 1.2 or 1.3, no certificate of one's own.
    ///
    /// # Errors
    ///
    /// No authority could be read: every server would be a stranger.
    pub fn config(&self) -> Result<Arc<ClientConfig>, NetError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let read = match (&self.file, &self.folder) {
            (None, None) => rustls_native_certs::load_native_certs(),
            (file, folder) => rustls_native_certs::load_certs_from_paths(file.as_deref(), folder.as_deref()),
        };
        let mut roots = RootCertStore::empty();
        // Systems carry some that no parser takes; what is left is what counts.
        let (known, _) = roots.add_parsable_certificates(read.certs);
        if known == 0 {
            let why = match (read.errors.first(), &self.file) {
                (Some(error), _) => error.to_string(),
                (None, Some(file)) => format!("`{}` holds none", file.display()),
                (None, None) => "the system has none".to_owned(),
            };
            return Err(NetError::NoRoots { why });
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| NetError::NoRoots { why: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}
