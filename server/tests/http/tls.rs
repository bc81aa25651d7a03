use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use pinhole::settings::TlsFiles;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::server::{settings, start_with};

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// A directory with cert.pem and key.pem, removed at the end.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, certificate: &str, key: &str) -> Files {
        let path = std::env::temp_dir().join(format!("pinhole-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("cert.pem"), certificate).unwrap();
        std::fs::write(path.join("key.pem"), key).unwrap();
        Files(path)
    }

    fn settings(&self) -> TlsFiles {
        TlsFiles { certificate: self.0.join("cert.pem"), key: self.0.join("key.pem") }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn with_certificate_and_key_it_speaks_https() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let files = Files::new(
        "both",
        &pem("CERTIFICATE", own.cert.der()),
        &pem("PRIVATE KEY", &own.signing_key.serialize_der()),
    );
    let mut with_tls = settings("");
    with_tls.tls = Some(files.settings());
    let server = start_with(with_tls).await;
    assert!(server.running.url.starts_with("https://"));

    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.running.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let port = server.running.addr.port();
    let request = format!(
        "GET /api/ice-servers HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Origin: https://localhost:{port}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("[]"), "{answer}");
}

#[tokio::test]
async fn a_certificate_or_key_that_cannot_be_used_is_refused_by_name() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let certificate = pem("CERTIFICATE", own.cert.der());
    let key = pem("PRIVATE KEY", &own.signing_key.serialize_der());
    let other_key = pem("PRIVATE KEY", &other.signing_key.serialize_der());
    for (name, certificate, key, part) in [
        ("no-cert", "", key.as_str(), "cert.pem"),
        ("no-key", certificate.as_str(), "", "key.pem"),
        ("other-key", &certificate, &other_key, "do not work together"),
    ] {
        let files = Files::new(name, certificate, key);
        let mut with_tls = settings("");
        with_tls.tls = Some(files.settings());
        let refused = pinhole::serve::start(with_tls).await.err().unwrap().to_string();
        assert!(refused.contains(part), "{name}: {refused}");
    }
}
