//! OASIS: .NET's vectors, the order of checks, each header's form, the keys, what a MAC covers and what it does not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use osaycore_signing::{
    Mac, SigningKey,
    oasis::{
        ApplicationKey, Headers, Keys, Refusal, Verified, WINDOW_S, parse_app_id, sign_request, sign_response, verify,
    },
};
use proptest::prelude::*;
use serde_json::Value;

const API_KEY: &[u8] = b"ok_tenant_S3cr3t-\xc3\xa9";
const APPLICATION_KEY: &[u8] = b"oa_live_0123456789abcdef";
const NOW_S: i64 = 1_700_000_000;
const EPOCH: &str = "1700000000";

fn keys_of(application_keys: &[(&[u8], Option<i64>)]) -> Keys {
    Keys {
        api_key: SigningKey::new(API_KEY),
        application_keys: application_keys.iter().map(|(text, until_s)| ApplicationKey::new(text, *until_s)).collect(),
    }
}

fn keys() -> Keys {
    keys_of(&[(APPLICATION_KEY, None)])
}

/// The signature of headers whatever they say: the contract's message, written out once more.
fn signature(app_id: &str, epoch: &str, content: &[u8], ip: Option<&str>) -> String {
    let mut message = format!("{app_id}:{epoch}:").into_bytes();
    message.extend([APPLICATION_KEY, b":", content].concat());
    message.extend(ip.map(|ip| format!(":{ip}")).unwrap_or_default().into_bytes());
    STANDARD.encode(SigningKey::new(API_KEY).mac(&[&message]).as_bytes())
}

fn mac_of(signature: &str) -> Mac {
    Mac::from_bytes(STANDARD.decode(signature).unwrap().try_into().unwrap())
}

/// Verifies rightly signed headers at [`NOW_S`].
fn check_signed(app_id: &str, epoch: &str, ip: Option<&str>) -> Result<Verified, Refusal> {
    let request_secret = signature(app_id, epoch, b"{}", ip);
    verify(&keys(), &Headers { app_id, epoch, request_secret: &request_secret, ip }, b"{}", WINDOW_S, NOW_S)
}

#[test]
fn requests_and_responses_agree_with_dotnet() {
    let Some(folder) = std::env::var_os("OSAYCORE_VECTORS") else {
        println!("did not run: OSAYCORE_VECTORS is not set");
        return;
    };
    let file = std::path::Path::new(&folder).join("seeds/oasis_hmac.json");
    let set: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (app_id, epoch_s) = (set["app_id"].as_i64().unwrap(), set["epoch"].as_i64().unwrap());
    let application_key = text(&set["app_key"]).as_bytes();
    let keys = Keys {
        api_key: SigningKey::new(text(&set["api_key"]).as_bytes()),
        application_keys: vec![ApplicationKey::new(application_key, None)],
    };

    let requests = set["requests"].as_array().unwrap();
    for request in requests {
        let (content, ip, expected) =
            (text(&request["body"]).as_bytes(), request["ip"].as_str(), &request["reqsecret"]);
        let made = sign_request(&keys.api_key, application_key, app_id, epoch_s, content, ip);
        assert_eq!(made, text(expected), "{request}");
        let (app_id, epoch) = (app_id.to_string(), epoch_s.to_string());
        let headers = Headers { app_id: &app_id, epoch: &epoch, request_secret: text(expected), ip };
        let ip = ip.map(|ip| ip.parse().unwrap());
        let verified = Verified { mac: mac_of(&made), timestamp_s: epoch_s, key_index: 0, ip };
        assert_eq!(verify(&keys, &headers, content, WINDOW_S, epoch_s), Ok(verified), "{request}");
    }
    assert_eq!(requests.len(), 7);

    let responses = set["responses"].as_array().unwrap();
    for response in responses {
        let (data1, data2) = (text(&response["data1"]), text(&response["state_name"]));
        let (token, time_s) = (text(&response["random_token"]), response["signed_time"].as_i64().unwrap());
        let made = sign_response(keys.application_keys[0].signing_key(), data1, data2, token, time_s);
        assert_eq!(made, text(&response["signed_response"]), "{response}");
    }
    assert_eq!(responses.len(), 44);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn checks_run_in_the_documented_order() {
    let right = signature("42", EPOCH, b"{}", Some("::1"));
    let table = [
        ("x", "x", "x", "x", Err(Refusal::InvalidAppId)),
        ("42", "x", "x", "x", Err(Refusal::InvalidTimestamp)),
        ("42", "1", "x", "x", Err(Refusal::TimestampOutOfWindow)),
        ("42", EPOCH, "x", "x", Err(Refusal::InvalidAddress)),
        ("42", EPOCH, "::1", "x", Err(Refusal::InvalidSignature)),
        ("42", EPOCH, "::1", &right, Ok(0)),
    ];
    for (app_id, epoch, ip, request_secret, expected) in table {
        let headers = Headers { app_id, epoch, request_secret, ip: Some(ip) };
        let result = verify(&keys(), &headers, b"{}", WINDOW_S, NOW_S);
        assert_eq!(result.map(|verified| verified.key_index), expected, "{headers:?}");
    }
}

#[test]
fn app_ids_are_plain_numbers() {
    for (text, app_id) in [("1", 1), ("42", 42), ("9007199254740993", (1 << 53) + 1), ("9223372036854775807", i64::MAX)]
    {
        assert_eq!(parse_app_id(text), Some(app_id));
        assert!(check_signed(text, EPOCH, None).is_ok(), "{text}");
    }
    let refused = [
        "",
        "0",
        "00",
        "01",
        "042",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "1,0",
        "1\n",
        "4-2",
        "١",
        "１",
        "42:",
        "9223372036854775808",
        "99999999999999999999",
        "NaN",
    ];
    for text in refused {
        assert_eq!(parse_app_id(text), None, "{text:?}");
        assert_eq!(check_signed(text, EPOCH, None), Err(Refusal::InvalidAppId), "{text:?}");
    }
}

#[test]
fn epochs_are_plain_numbers_of_one_to_twelve_digits() {
    let refused = [
        "",
        "0",
        "01700000000",
        "-1700000000",
        "+1700000000",
        "1700000000.0",
        "1700000000 ",
        "17e8",
        "1700000000000",
        "١",
    ];
    for epoch in refused {
        assert_eq!(check_signed("42", epoch, None), Err(Refusal::InvalidTimestamp), "{epoch:?}");
    }
}

#[test]
fn the_window_is_inclusive_on_both_sides() {
    let request_secret = signature("42", EPOCH, b"{}", None);
    let headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &request_secret, ip: None };
    let table = [
        (WINDOW_S, 0, true),
        (WINDOW_S, 300, true),
        (WINDOW_S, -300, true),
        (WINDOW_S, 301, false),
        (WINDOW_S, -301, false),
        (0, 0, true),
        (0, 1, false),
        (0, -1, false),
        (-1, 0, false),
        (i64::MIN, 0, false),
        (i64::MAX, 1_000_000_000, true),
    ];
    for (window_s, late_s, good) in table {
        let result = verify(&keys(), &headers, b"{}", window_s, NOW_S + late_s);
        let expected = if good { None } else { Some(Refusal::TimestampOutOfWindow) };
        assert_eq!(result.err(), expected, "window {window_s}, {late_s} s late");
    }
    for now_s in [i64::MIN, i64::MAX, 0] {
        let result = verify(&keys(), &headers, b"{}", WINDOW_S, now_s);
        assert_eq!(result, Err(Refusal::TimestampOutOfWindow), "now {now_s}");
    }
}

#[test]
fn an_address_is_one_and_its_text_is_signed() {
    for ip in ["203.0.113.7", "::1", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::ffff:203.0.113.7"] {
        assert_eq!(check_signed("42", EPOCH, Some(ip)).unwrap().ip, ip.parse::<IpAddr>().ok(), "{ip}");
    }
    let refused = [
        "",
        " ",
        "localhost",
        "203.0.113",
        "203.0.113.256",
        "203.0.113.07",
        "0xcb.0.113.7",
        "203.0.113.7:80",
        "203.0.113.0/24",
        " 203.0.113.7",
        "203.0.113.7, 203.0.113.8",
        "[::1]",
        "[::1]:80",
        "fe80::1%eth0",
        "fe80::1%1",
        ":::",
        "１.1.1.1",
    ];
    for ip in refused {
        assert_eq!(check_signed("42", EPOCH, Some(ip)), Err(Refusal::InvalidAddress), "{ip:?}");
    }
    // The same address, but not the text that was signed; and the header left out, or put in.
    let table = [
        (Some("2001:db8::1"), Some("2001:DB8::1")),
        (Some("2001:db8::1"), Some("2001:db8:0::1")),
        (Some("2001:db8::1"), None),
        (None, Some("2001:db8::1")),
    ];
    for (signed, sent) in table {
        let request_secret = signature("42", EPOCH, b"{}", signed);
        let headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &request_secret, ip: sent };
        let result = verify(&keys(), &headers, b"{}", WINDOW_S, NOW_S);
        assert_eq!(result, Err(Refusal::InvalidSignature), "{signed:?} sent as {sent:?}");
    }
}

#[test]
fn a_mac_has_one_spelling() {
    // Its last byte is 0, so that 31 bytes could pass for it; of its last digit, `A`, two bits are not used; it has `+`
    // and `/`.
    let mut contents = (0..10_000).map(|count| count.to_string());
    let good = |content: &String| {
        let made = signature("42", EPOCH, content.as_bytes(), None);
        mac_of(&made).as_bytes()[31] == 0 && made.contains('+') && made.contains('/')
    };
    let content = contents.find(good).unwrap();
    let right = signature("42", EPOCH, content.as_bytes(), None);
    let check = |request_secret: &str| {
        let headers = Headers { app_id: "42", epoch: EPOCH, request_secret, ip: None };
        verify(&keys(), &headers, content.as_bytes(), WINDOW_S, NOW_S)
    };
    assert!(check(&right).is_ok());
    let refused = [
        String::new(),
        "=".into(),
        right.replace('=', ""),
        right.replace('=', "=="),
        format!("{right}="),
        right.replace("A=", "B="),
        right.replace("A=", "C="),
        right.replace("A=", "D="),
        right.replace('+', "-").replace('/', "_"),
        format!(" {right}"),
        format!("{right}\n"),
        format!("{right}{right}"),
        right.to_lowercase(),
        hex::encode(mac_of(&right).as_bytes()),
        STANDARD.encode(&mac_of(&right).as_bytes()[..31]),
        STANDARD.encode([&mac_of(&right).as_bytes()[..], &[0]].concat()),
        STANDARD.encode([0; 32]),
        "A".repeat(10_000),
    ];
    for spelling in refused {
        assert_eq!(check(&spelling), Err(Refusal::InvalidSignature), "{spelling:?}");
    }
}

#[test]
fn every_active_application_key_is_good_until_it_expires() {
    let keys = keys_of(&[(b"expired", Some(NOW_S)), (b"old", Some(NOW_S + 1)), (b"new", None)]);
    let table: [(&[u8], _); 5] =
        [(b"expired", None), (b"old", Some(1)), (b"new", Some(2)), (b"other", None), (b"", None)];
    for (named, index) in table {
        let request_secret = sign_request(&keys.api_key, named, 42, NOW_S, b"{}", None);
        let headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &request_secret, ip: None };
        let result = verify(&keys, &headers, b"{}", WINDOW_S, NOW_S);
        let expected = index.ok_or(Refusal::InvalidSignature);
        assert_eq!(result.map(|verified| verified.key_index), expected, "{named:?}");
    }
}

#[test]
fn an_unknown_app_refuses_everything() {
    let decoy = Keys::decoy();
    assert_eq!(decoy.application_keys.len(), 1);
    let none = Keys { application_keys: Vec::new(), ..keys() };
    let decoy_text = [b'0'; 72];
    for api_key in [&decoy.api_key, &SigningKey::new(b""), &keys().api_key] {
        for application_key in [&decoy_text[..], b"", APPLICATION_KEY] {
            let request_secret = sign_request(api_key, application_key, 42, NOW_S, b"{}", None);
            let headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &request_secret, ip: None };
            for keys in [&decoy, &decoy.clone(), &none] {
                let result = verify(keys, &headers, b"{}", WINDOW_S, NOW_S);
                assert_eq!(result, Err(Refusal::InvalidSignature));
            }
        }
    }
}

#[test]
fn only_json_keeps_the_content_from_the_address() {
    let request_secret = signature("42", EPOCH, b"{}", Some("192.0.2.1"));
    let headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &request_secret, ip: None };
    assert!(verify(&keys(), &headers, b"{}:192.0.2.1", WINDOW_S, NOW_S).is_ok());
}

#[test]
fn debug_shows_no_secret() {
    assert_eq!(format!("{:?}", keys()), "Keys { api_key: SigningKey, application_keys: [ApplicationKey] }");
}

/// What of a request is changed after it was signed.
#[derive(Clone, Copy, Debug)]
enum Part {
    ApiKey,
    ApplicationKey,
    AppId,
    Epoch,
    Content,
    Ip,
    Mac,
}

const PARTS: [Part; 7] =
    [Part::ApiKey, Part::ApplicationKey, Part::AppId, Part::Epoch, Part::Content, Part::Ip, Part::Mac];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_signed_verifies(
        api_key in prop::collection::vec(any::<u8>(), 0..100),
        application_keys in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..100), 1..4),
        named in any::<prop::sample::Index>(),
        app_id in 1..=i64::MAX,
        epoch_s in 1..1_000_000_000_000_i64,
        late_s in -WINDOW_S..=WINDOW_S,
        content in prop::collection::vec(any::<u8>(), 0..200),
        ip in any::<Option<IpAddr>>(),
    ) {
        let api_key = SigningKey::new(&api_key);
        let texts: Vec<_> = application_keys.into_iter().collect();
        let key_index = named.index(texts.len());
        let (app_id_text, epoch, ip_text) = (app_id.to_string(), epoch_s.to_string(), ip.map(|ip| ip.to_string()));
        let made = sign_request(&api_key, &texts[key_index], app_id, epoch_s, &content, ip_text.as_deref());
        let application_keys = texts.iter().map(|text| ApplicationKey::new(text, None)).collect();
        let headers =
            Headers { app_id: &app_id_text, epoch: &epoch, request_secret: &made, ip: ip_text.as_deref() };
        let result = verify(&Keys { api_key, application_keys }, &headers, &content, WINDOW_S, epoch_s + late_s);
        prop_assert_eq!(result, Ok(Verified { mac: mac_of(&made), timestamp_s: epoch_s, key_index, ip }));
    }

    #[test]
    fn any_flipped_bit_refuses(
        part in prop::sample::select(&PARTS[..]),
        content in prop::collection::vec(any::<u8>(), 1..100),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let made = sign_request(&SigningKey::new(API_KEY), APPLICATION_KEY, 42, NOW_S, &content, Some("203.0.113.7"));
        let mut bytes = match part {
            Part::ApiKey => API_KEY.to_vec(),
            Part::ApplicationKey => APPLICATION_KEY.to_vec(),
            Part::AppId => b"42".to_vec(),
            Part::Epoch => EPOCH.as_bytes().to_vec(),
            Part::Content => content.clone(),
            Part::Ip => b"203.0.113.7".to_vec(),
            Part::Mac => mac_of(&made).as_bytes().to_vec(),
        };
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        let (text, encoded) = (String::from_utf8_lossy(&bytes), STANDARD.encode(&bytes));
        let (mut keys, mut content) = (keys(), &content);
        let mut headers = Headers { app_id: "42", epoch: EPOCH, request_secret: &made, ip: Some("203.0.113.7") };
        match part {
            Part::ApiKey => keys.api_key = SigningKey::new(&bytes),
            Part::ApplicationKey => keys.application_keys = vec![ApplicationKey::new(&bytes, None)],
            Part::AppId => headers.app_id = &text,
            Part::Epoch => headers.epoch = &text,
            Part::Content => content = &bytes,
            Part::Ip => headers.ip = Some(&text),
            Part::Mac => headers.request_secret = &encoded,
        }
        // A window without end, so that a flipped digit is refused for the signature and not for the time.
        prop_assert!(verify(&keys, &headers, content, i64::MAX, NOW_S).is_err());
    }

    #[test]
    fn every_part_of_a_response_is_signed(part in 0..5_usize, data in "[^:]{1,20}") {
        let sign = |changed: Option<usize>| {
            let text = |index, or| if changed == Some(index) { data.as_str() } else { or };
            let key = SigningKey::new(text(0, "key").as_bytes());
            let time_s = NOW_S + i64::from(changed == Some(4));
            sign_response(&key, text(1, "a user:"), text(2, "VALID:"), text(3, "token:"), time_s)
        };
        prop_assume!(part != 0 || data != "key");
        prop_assert_ne!(sign(Some(part)), sign(None));
    }
}
