//! Chooses the one TLS provider of the process and recognises its errors.

use std::error::Error;

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
    let wrapped = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    wrapped.downcast_ref::<rustls::Error>().map(ToString::to_string)
}
