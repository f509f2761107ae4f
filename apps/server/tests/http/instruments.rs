//! What the tests measure with, tried on what is known.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::authenticator::Authenticator;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION, STATES};
use crate::support::programs::{output, python};
use crate::support::{Answer, App, Call, mail, now_s};

/// None, said so, where the vectors are not there.
fn vectors() -> Option<Value> {
    let Some(folder) = std::env::var_os("OSAYCORE_VECTORS") else {
        println!("did not run: OSAYCORE_VECTORS is not set");
        return None;
    };
    let file = std::path::Path::new(&folder).join("seeds/oasis_hmac.json");
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn library_of(app_id: i64, application_key: &str, api_key: &str) -> Library {
    Library::of(&App {
        id: String::new(),
        api_key: String::new(),
        secret_key: String::new(),
        oasis_app_id: app_id,
        oasis_application_key: application_key.to_owned(),
        oasis_api_key: api_key.to_owned(),
    })
}

fn library_of_the_vectors(vectors: &Value) -> Library {
    let key = |name: &str| vectors[name].as_str().unwrap();
    library_of(vectors["app_id"].as_i64().unwrap(), key("app_key"), key("api_key"))
}

#[test]
fn requests_are_the_librarys() {
    let Some(vectors) = vectors() else { return };
    let library = || library_of_the_vectors(&vectors);
    let user = NewUser {
        username: "u",
        fullname: Some("F"),
        email: Some("a@b.c"),
        user_groups: &[1, 2],
        ..NewUser::default()
    };
    let made = [
        (library(), library().request_authentication_state("a user", LOGIN)),
        (library(), library().in_directory("Acme").request_authentication_state("D\\a/b\"é😀", REGISTRATION)),
        (library().for_ip("203.0.113.7"), library().verify_user_otp("a user", "123456", LOGIN)),
        (library().for_ip("2001:db8::1"), library().register_user(&user)),
        (library(), Library::hello_world()),
        (library().for_ip("203.0.113.7"), Library::hello_world()),
        (library(), library().in_directory("Acme").delete_user("bob")),
    ];
    let requests = vectors["requests"].as_array().unwrap();
    assert_eq!(requests.len(), made.len());
    for (request, (library, call)) in requests.iter().zip(made) {
        let call = library.sign_at(call, vectors["epoch"].as_i64().unwrap());
        let header = |name| call.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(
            json!({
                "method": call.method, "path": call.path, "body": String::from_utf8_lossy(&call.body),
                "ip": header("X-OASIS-IP"), "reqsecret": header("X-OASIS-REQSECRET"),
            }),
            *request
        );
        assert_eq!((header("X-OASIS-APPID"), header("X-OASIS-EPOCH")), (Some("42"), Some("1700000000")));
    }
}

#[test]
fn responses_are_taken_as_the_library_takes_them() {
    let Some(vectors) = vectors() else { return };
    let library = library_of_the_vectors(&vectors);
    let responses = vectors["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 44);
    for response in responses {
        let state = usize::try_from(response["state"].as_u64().unwrap()).unwrap();
        assert_eq!(response["state_name"], STATES[state]);
        let call = library.request_authentication_state(response["data1"].as_str().unwrap(), LOGIN);
        let check = |state: usize, now_s| {
            let body = json!({
                "State": state, "RandomToken": response["random_token"],
                "SignedTime": response["signed_time"], "SignedResponse": response["signed_response"],
            });
            let answer = Answer { status: 200, headers: vec![], body: body.to_string().into_bytes() };
            library.check(&call, &answer, now_s)
        };
        assert_eq!(check(state, 1_700_000_301), Ok(()));
        assert_eq!(check(state, 1_700_000_302), Err("SignedTime is 301 s old".to_owned()));
        assert!(check((state + 1) % STATES.len(), 1_700_000_301).is_err(), "another state verifies");
    }
}

#[test]
fn a_registration_is_signed_with_the_users_id_and_a_request_without_name_with_its_id() {
    let library = library_of(7, "application key", "API key");
    let answer = |data1: &str, data2: &str, body: Value| {
        let mut body = body;
        body["RandomToken"] = "token".into();
        body["SignedTime"] = 5.into();
        body["SignedResponse"] = library.response_signature(data1, data2, "token", 5).into();
        Answer { status: 200, headers: vec![], body: body.to_string().into_bytes() }
    };
    let register = library.register_user(&NewUser { username: "ann", ..NewUser::default() });
    assert_eq!(library.check(&register, &answer("ann", "12", json!({"UserID": 12})), 5), Ok(()));
    assert!(library.check(&register, &answer("ann", "12", json!({"UserID": 13})), 5).is_err());
    let verify = Call::post("/api/ApplicationAPI/VerifyUserOTP", r#"{"UserID":12,"OTPCode":"123456"}"#);
    assert_eq!(library.check(&verify, &answer("12", "VALID", json!({"State": 8})), 5), Ok(()));
    assert!(library.check(&verify, &answer("12", "VALID", json!({"State": "VALID"})), 5).is_err());
}

#[test]
fn equal_requests_are_signed_at_different_seconds() {
    let library = library_of(7, "application key", "API key");
    let now_s = now_s();
    let seconds: BTreeSet<i64> = (0..200)
        .map(|_| {
            let call = library.sign(&Library::hello_world());
            let (_, epoch) = call.headers.iter().find(|(name, _)| name == "X-OASIS-EPOCH").unwrap();
            epoch.parse().unwrap()
        })
        .collect();
    assert_eq!(seconds.len(), 200);
    assert!(seconds.iter().all(|second| (now_s - 290..now_s + 60).contains(second)), "{seconds:?}");
}

#[test]
fn a_name_in_an_address_is_escaped_as_net_does() {
    let call = library_of(7, "", "").delete_user("Jö+s&e#/ %\\😀");
    assert_eq!(call.path, "/api/ApplicationAPI/DeleteUser?userName=J%C3%B6+s&e#/%20%25%5C%F0%9F%98%80");
}

#[test]
fn the_authenticator_shows_the_codes_of_rfc_6238() {
    let uri = |secret: &str, rest: &str| format!("otpauth://totp/Acme:ann?secret={secret}&issuer=Acme{rest}");
    // Base32 of "12345678901234567890" (appendix B) and of the same, longer.
    let (sha1, sha256) = ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA");
    let app = Authenticator::of(&uri(sha1, "&digits=8&period=30"));
    assert_eq!((app.code_at(59), app.code_at(20_000_000_000)), ("94287082".to_owned(), "65353130".to_owned()));
    assert_eq!(Authenticator::of(&uri(sha256, "&digits=8&algorithm=SHA256")).code_at(59), "46119246");
    let usual = Authenticator::of(&uri(sha1, ""));
    assert_eq!((usual.code_at(59).as_str(), usual.code_at(60) == "287082"), ("287082", false));
    assert!(usual.uri.ends_with("&issuer=Acme"));
}

/// Sends one message as Python's own client does; prints the server's refusal, if there is one.
const SEND: &str = r#"
import smtplib, sys
from email.message import EmailMessage
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "OsayCore <no-reply@example.test>", "ann@example.test", "Grüße"
message.set_content("Öffnen:\nhttps://example.test/enroll/" + "a" * 80 + "\n")
message.add_alternative("<p>Öffnen</p>", subtype="html")
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="localhost") as server:
    try:
        server.send_message(message)
    except smtplib.SMTPDataError as refusal:
        print(refusal.smtp_code)
"#;

#[test]
fn mail_is_refused_as_often_as_asked_and_then_kept() {
    let mut sink = mail::Sink::refusing_first(2);
    let port = sink.port().to_string();
    let send = || {
        let mut command = python("aiosmtpd");
        command.args(["-c", SEND, &port]);
        output(command)
    };
    assert_eq!([send(), send(), send(), send()], ["451", "451", "", ""]);
    let mail = sink.receive();
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("OsayCore <no-reply@example.test>", "ann@example.test"));
    assert_eq!((mail.subject.as_str(), mail.html.trim()), ("Grüße", "<p>Öffnen</p>"));
    assert_eq!(mail.recipients, ["ann@example.test"]);
    assert_eq!(mail.link(), format!("https://example.test/enroll/{}", "a".repeat(80)));
    assert!(mail.text.starts_with("Öffnen:\n") && mail.raw.contains("quoted-printable"), "{mail:?}");
    sink.receive();
    assert_eq!(sink.accepted(), 2);
    assert_eq!(mail::Sink::start().accepted(), 0);
}
