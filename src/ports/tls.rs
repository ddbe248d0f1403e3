//! Chooses the one TLS provider of the process, recognises its errors, and wraps connections that no other crate wraps.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes `aws_lc_rs` the process's provider; calling it again changes nothing.
pub fn install() {
    // A second call finds the provider installed, which is what was wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Returns what TLS objected to if `error` is (or wraps, as an I/O error does) an error of the TLS layer.
pub fn objection(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error.to_string());
    }
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    wrapped.downcast_ref::<rustls::Error>().map(ToString::to_string)
}

/// Puts TLS around a connection: the system's certificates are trusted, and those of `ca` (PEM) besides.
///
/// # Errors
/// When `ca` holds no certificate, or the handshake fails; [`objection`] tells what TLS said.
pub async fn wrap(stream: TcpStream, host: &str, ca: Option<&str>) -> io::Result<TlsStream<TcpStream>> {
    install();
    let wrong = |error: &dyn Error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    let extra = CertificateDer::pem_slice_iter(ca.unwrap_or_default().as_bytes()).collect::<Result<Vec<_>, _>>();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra.map_err(|error| wrong(&error))?, Arc::clone(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier.map_err(|error| wrong(&error))?))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| wrong(&error))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
