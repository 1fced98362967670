//! rustls with the roots that the environment names: HOST PORT. Connects twice.
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use std::error::Error;
use std::io::{copy, sink};
use std::net::TcpStream;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let argv: Vec<String> = std::env::args().collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    for _ in 0..2 {
        let connection = ClientConnection::new(config.clone(), argv[1].clone().try_into()?)?;
        let mut stream = StreamOwned::new(connection, TcpStream::connect(format!("127.0.0.1:{}", argv[2]))?);
        copy(&mut stream, &mut sink())?;
        let resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        println!("{:?} {}", stream.conn.protocol_version().ok_or("no version")?, if resumed { "resumed" } else { "accepted" });
    }
    Ok(())
}
