//! Encrypted connections: whom a client trusts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use smol::future::block_on;
use sockeye_smol::client::{Client, Config, Connect, ConnectError, Connector, Proxy, Transport};
use sockeye_smol::{Peer, Server};

use crate::app::app;
use crate::host::{Host, Kind};
use crate::ways::proxy;

/// Whom a client has to trust.
pub(crate) const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/certificate/certificate.pem");

/// Serves the app over TLS, with a certificate for `localhost` that only this test trusts.
pub(crate) fn serve() -> (SocketAddr, CertificateDer<'static>) {
    let certificate = include_bytes!("certificate/certificate.pem");
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificate/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, told) = channel();
    thread::spawn(move || {
        let local = smol::LocalExecutor::new();
        block_on(local.run(async {
            let server = Server::new(app()).unwrap();
            let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (server, acceptor) = (server.clone(), acceptor.clone());
                let serving = async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let peer = Peer { secure: true, ..Peer::default() };
                        server.connection(stream, peer).await;
                    }
                };
                local.spawn(serving).detach();
            }
        }));
    });
    (told.recv().unwrap(), certificate)
}

fn trusting(certificate: CertificateDer<'static>) -> Connector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Connector::new().tls(Arc::new(config))
}

#[test]
fn a_client_connects_by_https_and_wss_to_whom_it_trusts() {
    let (address, certificate) = serve();
    let connector = trusting(certificate);
    for (scheme, transport) in [("https", Transport::Polling), ("wss", Transport::WebSocket)] {
        let url = format!("{scheme}://localhost:{}", address.port());
        let config = Config::default().transports(vec![transport]);
        let client = Client::new().config(config);
        let socket = block_on(connector.connect(client, &url)).unwrap();
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
    }
}

#[test]
fn tls_is_spoken_with_the_server_behind_a_proxy() {
    let (address, certificate) = serve();
    let (port, requests) = proxy(None);
    let proxy = Proxy::new(&format!("http://user:pass@127.0.0.1:{port}")).unwrap();
    let connector = trusting(certificate).proxy(proxy);
    for (scheme, transport) in [("https", Transport::Polling), ("wss", Transport::WebSocket)] {
        let url = format!("{scheme}://localhost:{}", address.port());
        let config = Config::default().transports(vec![transport]);
        let client = Client::new().config(config);
        let socket = block_on(connector.connect(client, &url)).unwrap();
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
        let told: Vec<String> = requests.try_iter().collect();
        let tunnel = format!("CONNECT localhost:{}", address.port());
        assert!(!told.is_empty() && told.iter().all(|it| *it == tunnel), "{told:?}");
    }
}

#[test]
fn a_port_of_the_other_kind_is_told() {
    let (address, certificate) = serve();
    let (connector, host) = (trusting(certificate), Host::start(Kind::Own));
    let by = |transport| Client::new().config(Config::default().transports(vec![transport]));
    for transport in [Transport::Polling, Transport::WebSocket] {
        let url = host.url("").replace("http://", "https://");
        let error = block_on(connector.connect(by(transport), &url)).unwrap_err().to_string();
        assert!(error.contains("the server does not speak TLS: "), "{error}");
        // It need not be heard what a server of TLS answers before it closes.
        let plain = format!("http://{address}");
        assert!(block_on(connector.connect(by(transport), &plain)).is_err());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let strange = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 9]).unwrap() > 0);
            stream.write_all(b"SSH-2.0-Other\r\n\r\n").unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let error = block_on(connector.connect(by(transport), &strange)).unwrap_err().to_string();
        assert!(error.contains("the server does not speak HTTP: "), "{error}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (address, _) = serve();
    for transport in [Transport::Polling, Transport::WebSocket] {
        let config = Config::default().transports(vec![transport]);
        let client = Client::new().config(config);
        let url = format!("https://localhost:{}", address.port());
        match block_on(client.connect(&url)).unwrap_err() {
            ConnectError::Failed(fault) => {
                let text = fault.to_string();
                assert!(text.contains("invalid peer certificate"), "{text}");
            }
            // A system without any certificates trusts nobody.
            ConnectError::System(text) => assert!(text.contains("trusts no"), "{text}"),
            other @ (ConnectError::Disconnected | _) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (address, certificate) = serve();
    let url = format!("https://127.0.0.1:{}", address.port());
    let error = block_on(trusting(certificate).connect(Client::new(), &url)).unwrap_err();
    assert!(error.to_string().contains("certificate not valid for name"), "{error}");
}
