//! Codes, base32 and provisioning URIs: what the RFCs print, and what authenticator apps read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use osaycore_otp::{Algorithm, Parameters, Secret};
use proptest::prelude::*;

/// The seeds of the appendices: these digits over and over, as many bytes as the hash gives.
fn seed(algorithm: Algorithm) -> Vec<u8> {
    b"1234567890".iter().copied().cycle().take(algorithm.seed_bytes()).collect()
}

fn secret(algorithm: Algorithm, digits: u32, period_s: u32) -> Secret {
    Secret::new(&seed(algorithm), Parameters::new(algorithm, digits, period_s).unwrap()).unwrap()
}

/// RFC 6238 appendix B, with the seeds of its erratum 2866.
#[test]
fn codes_of_rfc_6238() {
    let seed_bytes = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].map(Algorithm::seed_bytes);
    assert_eq!(seed_bytes, [20, 32, 64]);
    let table = [
        (59, 1, "94287082", "46119246", "90693936"),
        (1_111_111_109, 37_037_036, "07081804", "68084774", "25091201"),
        (1_111_111_111, 37_037_037, "14050471", "67062674", "99943326"),
        (1_234_567_890, 41_152_263, "89005924", "91819424", "93441116"),
        (2_000_000_000, 66_666_666, "69279037", "90698825", "38618901"),
        (20_000_000_000, 666_666_666, "65353130", "77737706", "47863826"),
    ];
    for (now_s, step, sha1, sha256, sha512) in table {
        for (algorithm, code) in [(Algorithm::Sha1, sha1), (Algorithm::Sha256, sha256), (Algorithm::Sha512, sha512)] {
            let secret = secret(algorithm, 8, 30);
            assert_eq!(secret.step_at(now_s), step, "{now_s}");
            assert_eq!(*secret.code(step), code, "{algorithm} at {now_s}");
        }
    }
}

/// RFC 4226 appendix D: a time step is its counter.
#[test]
fn codes_of_rfc_4226() {
    let table = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for period_s in [15, 30, 120] {
        let secret = secret(Algorithm::Sha1, 6, period_s);
        for (step, code) in (0..).zip(table) {
            assert_eq!(*secret.code(step), code, "step {step} of {period_s} s");
        }
    }
    // The appendix prints the whole number as well, 1284755224: seven and eight digits of it.
    assert_eq!(*secret(Algorithm::Sha1, 7, 30).code(0), "4755224");
    assert_eq!(*secret(Algorithm::Sha1, 8, 30).code(0), "84755224");
}

#[test]
fn a_step_lasts_from_its_first_second_to_before_the_next() {
    for (period_s, now_s, step) in [
        (30, 0, 0),
        (30, 29, 0),
        (30, 30, 1),
        (15, 30, 2),
        (120, 119, 0),
        (120, 120, 1),
        (30, -1, -1),
        (30, -30, -1),
        (30, -31, -2),
        (15, i64::MAX, i64::MAX / 15),
    ] {
        assert_eq!(secret(Algorithm::Sha1, 6, period_s).step_at(now_s), step, "{now_s} of {period_s} s");
    }
}

#[test]
fn base32_of_seeds() {
    assert_eq!(*secret(Algorithm::Sha1, 6, 30).to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(
        *secret(Algorithm::Sha256, 6, 30).to_base32(),
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
        "without padding"
    );
}

/// RFC 4648 §6, from the bits.
fn naive_base32(bytes: &[u8]) -> String {
    let mut bits = bytes.iter().map(|byte| format!("{byte:08b}")).collect::<Vec<_>>().concat();
    while !bits.len().is_multiple_of(5) {
        bits.push('0');
    }
    let letters: Vec<char> = ('A'..='Z').chain('2'..='7').collect();
    bits.as_bytes()
        .chunks(5)
        .map(|five| letters[usize::from_str_radix(str::from_utf8(five).unwrap(), 2).unwrap()])
        .collect()
}

#[test]
fn provisioning_uris_to_the_letter() {
    let plain = secret(Algorithm::Sha1, 6, 30);
    assert_eq!(
        *plain.provisioning_uri("Head Office", "Ann & Bob").unwrap(),
        "otpauth://totp/Head%20Office:Ann%20%26%20Bob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Head%20Office",
        "a space is %20, never +, and what apps take for granted is left out"
    );
    assert_eq!(
        *plain.provisioning_uri("Žluť?", "a@b+c/d#e%20=").unwrap(),
        "otpauth://totp/%C5%BDlu%C5%A5%3F:a%40b%2Bc%2Fd%23e%2520%3D\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%C5%BDlu%C5%A5%3F"
    );
    for (algorithm, digits, period_s, expected) in [
        (Algorithm::Sha256, 8, 60, "otpauth://totp/i:a?secret={}&digits=8&algorithm=SHA256&issuer=i&period=60"),
        (Algorithm::Sha512, 6, 15, "otpauth://totp/i:a?secret={}&algorithm=SHA512&issuer=i&period=15"),
        (Algorithm::Sha1, 7, 30, "otpauth://totp/i:a?secret={}&digits=7&issuer=i"),
    ] {
        let secret = secret(algorithm, digits, period_s);
        let expected = expected.replace("{}", &secret.to_base32());
        assert_eq!(*secret.provisioning_uri("i", "a").unwrap(), expected, "what differs from the defaults is written");
    }
    for (issuer, account) in [("", "a"), ("i", ""), ("i:", "a"), ("i", "a:b"), (":", ":")] {
        assert!(plain.provisioning_uri(issuer, account).is_none(), "{issuer:?} {account:?}");
    }
}

/// Issuer and account of the label, and the parameters, as an app would read them.
fn read(uri: &str) -> (String, String, Vec<(String, String)>) {
    let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
    let (issuer, account) = label.split_once(':').unwrap();
    let parameters = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), percent_decoded(value))
    });
    (percent_decoded(issuer), percent_decoded(account), parameters.collect())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = vec![];
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            decoded.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            assert!(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), "{byte} in {text}");
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn base32_is_the_bits_by_fives(seed in prop::collection::vec(any::<u8>(), 16..=64)) {
        let secret = Secret::new(&seed, Parameters::default()).unwrap();
        prop_assert_eq!(&*secret.to_base32(), &naive_base32(&seed));
        prop_assert_eq!(secret.seed(), seed);
    }

    #[test]
    fn provisioning_uris_are_read_back(
        issuer in "[^:]{1,20}",
        account in "[^:]{1,20}",
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in 6_u32..=8,
        period_s in 15_u32..=120,
    ) {
        let secret = secret(algorithm, digits, period_s);
        let (label_issuer, label_account, parameters) = read(&secret.provisioning_uri(&issuer, &account).unwrap());
        prop_assert_eq!(&label_issuer, &issuer);
        prop_assert_eq!(label_account, account);
        let one = |name: &str, default: &str| {
            let mut values = parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
            let value = values.next().unwrap_or_else(|| default.to_owned());
            assert_eq!(values.next(), None, "{name} is written once");
            value
        };
        prop_assert_eq!(one("issuer", ""), issuer);
        prop_assert_eq!(one("secret", ""), naive_base32(&seed(algorithm)));
        prop_assert_eq!(one("algorithm", "SHA1"), algorithm.to_string());
        prop_assert_eq!(one("digits", "6"), digits.to_string());
        prop_assert_eq!(one("period", "30"), period_s.to_string());
    }
}
