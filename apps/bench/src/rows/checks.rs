//! Rows 9 and 10: what a request's two proofs cost, in process, against the crates underneath.

use std::hint::black_box;

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use osaycore_jwt::{Claims, Grant, Key, KeyRing, KeyState};
use osaycore_signing::{SigningKey, v1};
use sha2::Sha256;
use uuid::Uuid;

use crate::bench::Bench;
use crate::measure::in_process;
use crate::rows::Measured;
use crate::target::{deduction_body, now_s};

/// Row 9. The reference keys its state once and copies it, as we do; the signature is decoded and the timestamp
/// judged on our side alone.
pub(super) fn signature(bench: &mut Bench) -> anyhow::Result<Measured> {
    let secret = b"osk_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let (now_s, body) = (now_s(), deduction_body(1));
    let key = SigningKey::new(secret);
    let (timestamp, signature) = (now_s.to_string(), v1::sign(&key, now_s, body.as_bytes()));
    let secrets = [v1::Secret { key, expires_at_s: None }];
    let verify = || {
        let request = v1::Signature { timestamp: black_box(&timestamp), signature: black_box(&signature) };
        v1::verify(&secrets, &request, black_box(body.as_bytes()), v1::WINDOW_S, now_s).is_ok()
    };
    let mac = hex::decode(&signature)?;
    let keyed = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| anyhow::anyhow!("HMAC takes any key"))?;
    let bare = |mut state: Hmac<Sha256>| {
        state.update(black_box(timestamp.as_bytes()));
        state.update(b".");
        state.update(black_box(body.as_bytes()));
        state.verify_slice(black_box(&mac)).is_ok()
    };
    anyhow::ensure!(verify() && bare(keyed.clone()), "both accept the signature");
    let (ours, reference) = in_process(&bench.extent, verify, || bare(keyed.clone()));
    let (keying, _) =
        in_process(&bench.extent, || Hmac::<Sha256>::new_from_slice(black_box(secret)).is_ok_and(&bare), || ());
    let note = format!("a reference that keys its state for each check takes {:.0} ns", keying.value);
    Ok(Measured { ours, reference: Some(reference), note: Some(note) })
}

/// Row 10. The reference checks issuer, audience and expiry, as `jsonwebtoken` does by itself when asked.
pub(super) fn token(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (secret, issuer, app) = ([7; 32], "urn:uuid:5b1a0d0e-8f5c-4a64-9b0b-0f4b7f0c9d11", Uuid::from_u128(2));
    let now_s = now_s();
    let ring = KeyRing::new(issuer, vec![Key::hs256("key-1", &secret, KeyState::Active)?])?;
    let grant = Grant {
        sub: Uuid::from_u128(1),
        aud: app,
        jti: Uuid::from_u128(3),
        now_s,
        iat_s: now_s,
        expires_in_s: 86_400,
        sid: None,
    };
    let token = ring.issue(&grant)?;
    let decoding = DecodingKey::from_secret(&secret);
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[app]);
    let verify = || ring.verify(black_box(&token), app, now_s).is_ok();
    let bare = || decode::<Claims>(black_box(&token), &decoding, &rules).is_ok();
    anyhow::ensure!(verify(), "our ring accepts its own token");
    decode::<Claims>(&token, &decoding, &rules).context("jsonwebtoken accepts it too")?;
    let (ours, reference) = in_process(&bench.extent, verify, bare);
    Ok(Measured { ours, reference: Some(reference), note: None })
}
