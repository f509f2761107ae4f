//! A provider of the tests' own: a server that answers what it was told, and keys.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) target: String,
    /// `name: value`, lower-case.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<String, (u16, String)>,
    seen: Vec<Seen>,
    stopped: bool,
}

/// The server. It stops listening when it is dropped.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Mutex<Shared>>::default();
        let its = shared.clone();
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if its.lock().unwrap().stopped {
                    break;
                }
                let _ = serve(stream, &its);
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `path` is answered so; a location that starts with a slash is a redirect.
    pub(super) fn answer(&self, path: &str, status: u16, body: &(impl ToString + ?Sized)) {
        self.shared.lock().unwrap().answers.insert(path.to_owned(), (status, body.to_string()));
    }

    /// The requests to `path` so far.
    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        let shared = self.shared.lock().unwrap();
        shared.seen.iter().filter(|seen| path_of(&seen.target) == path).cloned().collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.lock().unwrap().stopped = true;
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap()
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = reader.by_ref().lines().take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()));
    let target = lines.next().unwrap_or(Ok(String::new()))?;
    let headers: Vec<String> = lines.collect::<Result<_, _>>()?;
    let target = target.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = headers.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();

    let mut shared = shared.lock().unwrap();
    let (status, answer) = shared.answers.get(path_of(&target)).cloned().unwrap_or((404, String::new()));
    shared.seen.push(Seen { target, headers, body });
    drop(shared);
    let location = if status == 302 { format!("Location: {answer}\r\n") } else { String::new() };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{location}\
         Connection: close\r\n\r\n{answer}"
    )
}

/// A key of the provider.
pub(super) struct Key {
    pub(super) kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Two of RSA, one of P-256, one of Ed25519.
pub(super) static KEYS: LazyLock<[Key; 4]> = LazyLock::new(|| {
    let rsa = || Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    [
        Key { kid: "first", pair: rsa() },
        Key { kid: "second", pair: rsa() },
        Key { kid: "ec", pair: Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) },
        Key { kid: "ed", pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) },
    ]
});

impl Key {
    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "kid": self.kid})
    }

    pub(super) fn jwk(&self) -> Value {
        let (kid, b64) = (self.kid, |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes));
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                let (n, e) = (b64(n.big_endian_without_leading_zero()), b64(e.big_endian_without_leading_zero()));
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
            }
            Pair::Ec(pair) => {
                let point: EcPublicKeyUncompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
                let (x, y) = point.as_ref()[1..].split_at(32);
                json!({"kty": "EC", "use": "sig", "crv": "P-256", "kid": kid, "x": b64(x), "y": b64(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "use": "sig", "crv": "Ed25519", "kid": kid, "x": b64(pair.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A JWS of this key, whatever the header says.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        jws(header, claims, |message| self.sign(message))
    }
}

/// Header, claims and what `sign` makes of both, in the compact form (RFC 7515 §3.1).
pub(super) fn jws(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", b64(&signature))
}
