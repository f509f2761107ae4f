//! The one-time passcode API as the vendor's library meets it: signatures, bodies, replays, errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::authenticator::Authenticator;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION, STATES};
use crate::support::{Answer, App, Call, World, now_s};

/// The name of the state of an answer.
#[track_caller]
fn state(answer: &Answer) -> &'static str {
    let number = answer.ok()["State"].as_u64().unwrap();
    STATES[usize::try_from(number).unwrap()]
}

fn image(answer: &Value, member: &str) -> Vec<u8> {
    STANDARD.decode(answer[member].as_str().unwrap()).unwrap()
}

fn served() -> (World, App, Library) {
    let (world, app) = World::served();
    let library = Library::of(&app);
    (world, app, library)
}

fn register(world: &World, library: &Library, username: &str) -> Value {
    library.send(world, &library.register_user(&NewUser { username, ..NewUser::default() })).ok()
}

#[test]
fn the_library_goes_from_hello_to_deletion() {
    let (world, app, library) = served();
    let library = library.in_directory("Acme + Söhne").for_ip("203.0.113.7");
    // Everything that its serializer escapes and its query does not: `/`, `+`, a quotation mark, an astral character.
    let username = "D/a+b\"é😀";
    assert_eq!(library.send(&world, &Library::hello_world()).status, 200);
    let asked = library.send(&world, &library.request_authentication_state(username, REGISTRATION));
    assert_eq!((state(&asked), asked.ok()["UserID"].as_i64()), ("NOTREGISTERED", Some(0)));
    let new =
        NewUser { username, fullname: Some("Dot \"é\" 😀/x"), email: Some("d@example.com"), ..NewUser::default() };
    let registered = library.send(&world, &library.register_user(&new)).ok();
    assert_eq!(registered["UserQRCode"], registered["QRData"]);
    let phone = Authenticator::scan(&image(&registered, "QRData"));
    assert!(phone.uri.starts_with("otpauth://totp/Acme%20%2B%20S%C3%B6hne:D%2Fa%2Bb%22"), "{}", phone.uri);
    assert!(phone.uri.contains("issuer=Acme%20%2B%20S%C3%B6hne"), "{}", phone.uri);

    let asked = library.send(&world, &library.request_authentication_state(username, REGISTRATION));
    assert_eq!(state(&asked), "PENDINGENROLLMENT");
    assert_eq!(asked.ok()["UserQRCode"], registered["QRData"], "the same each time");
    let asked = library.send(&world, &library.request_authentication_state(username, LOGIN));
    assert_eq!((state(&asked), &asked.ok()["UserQRCode"]), ("PENDINGENROLLMENT", &Value::Null));

    let now_s = now_s();
    let too_early = library.send(&world, &library.verify_user_otp(username, &phone.code_at(now_s), LOGIN));
    assert_eq!(state(&too_early), "PENDINGENROLLMENT");
    let wrong = library.send(&world, &library.verify_user_otp(username, "abcdef", REGISTRATION));
    assert_eq!((state(&wrong), &wrong.ok()["Data"]), ("INVALID", &registered["QRData"]));
    let enrolled = library.send(&world, &library.verify_user_otp(username, &phone.code_at(now_s), REGISTRATION));
    assert_eq!((state(&enrolled), &enrolled.ok()["Data"]), ("VALID", &Value::Null));

    let asked = library.send(&world, &library.request_authentication_state(username, REGISTRATION));
    assert_eq!((state(&asked), &asked.ok()["UserQRCode"]), ("AUTHENTICATE", &Value::Null));
    let again = library.send(&world, &library.verify_user_otp(username, &phone.code_at(now_s), LOGIN));
    assert_eq!(state(&again), "INVALID", "the code of the enrolment is used up");
    let signed_in = library.send(&world, &library.verify_user_otp(username, &phone.code_at(now_s + 30), LOGIN));
    assert_eq!(state(&signed_in), "VALID");
    let token = signed_in.ok()["UserToken"].as_str().unwrap().to_owned();
    let context = world.read(&app, &token, "/api/user/context").ok();
    assert_eq!(context["user_summary"]["username"], username, "the same user in both APIs");
    let trail = world.run_json(&["audit", "list", "--action", "otp.verified"]);
    assert_eq!(trail[0]["address"], "203.0.113.7", "{trail}");

    let refused = library.send(&world, &library.register_user(&new)).oasis_refused(409, "already_enrolled");
    assert_eq!(
        (&refused["UserID"], &refused["QRData"], &refused["UserQRCode"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    assert_eq!(library.send(&world, &library.delete_user(username)).status, 200);
    library.send(&world, &library.delete_user(username)).oasis_refused(404, "user_not_found");
    let asked = library.send(&world, &library.request_authentication_state(username, LOGIN));
    assert_eq!(state(&asked), "NOTREGISTERED");
}

#[test]
fn a_captured_signature_opens_nothing_else() {
    let (mut world, _, library) = served();
    register(&world, &library, "bob");
    let at = now_s();
    let there = |world: &World| state(&library.send(world, &library.request_authentication_state("bob", LOGIN)));

    // A deletion signs the same empty content.
    let hello = library.sign_at(Library::hello_world(), at);
    assert_eq!(hello.send(&world).status, 200);
    let deletion = hello.clone().to("DELETE", "/api/ApplicationAPI/DeleteUser?userName=bob");
    deletion.send(&world).oasis_refused(409, "replayed_request");
    world.crash();
    deletion.send(&world).oasis_refused(409, "replayed_request");
    assert_eq!(there(&world), "PENDINGENROLLMENT");
    assert_eq!(hello.send(&world).status, 200, "a hello may repeat");

    // A question's body fits a registration, which would answer with a new secret.
    let question = library.sign_at(library.request_authentication_state("bob", LOGIN), at);
    assert_eq!(state(&question.send(&world)), "PENDINGENROLLMENT");
    for operation in ["RegisterUser", "VerifyUserOTP"] {
        let elsewhere = question.clone().to("POST", &format!("/api/ApplicationAPI/{operation}"));
        elsewhere.send(&world).oasis_refused(409, "replayed_request");
    }
    assert_eq!(state(&question.send(&world)), "PENDINGENROLLMENT", "a question may repeat");
    let capital = question.clone().to("POST", "/API/APPLICATIONAPI/REQUESTAUTHENTICATIONSTATE");
    assert_eq!(state(&capital.send(&world)), "PENDINGENROLLMENT", "it is the same target in any case");

    // The signature of a deletion that found nobody is good for no other, and a hello after it is a hello.
    let nobody = library.sign_at(library.delete_user("nobody"), at - 1);
    nobody.send(&world).oasis_refused(404, "user_not_found");
    nobody.send(&world).oasis_refused(409, "replayed_request");
    let another = nobody.clone().to("DELETE", "/api/ApplicationAPI/DeleteUser?userName=bob");
    another.send(&world).oasis_refused(409, "replayed_request");
    assert_eq!(nobody.to("GET", "/api/ApplicationAPI/HelloWorld").send(&world).status, 200);
    assert_eq!(there(&world), "PENDINGENROLLMENT");
}

#[test]
fn what_changes_something_or_told_a_secret_never_repeats() {
    let (world, _, library) = served();
    let registration = library.sign(&library.register_user(&NewUser { username: "bob", ..NewUser::default() }));
    registration.send(&world).ok();
    registration.send(&world).oasis_refused(409, "replayed_request");
    let with_image = library.sign(&library.request_authentication_state("bob", REGISTRATION));
    assert!(with_image.send(&world).ok()["UserQRCode"].is_string());
    with_image.send(&world).oasis_refused(409, "replayed_request");
    let guess = library.sign(&library.verify_user_otp("bob", "000000", REGISTRATION));
    guess.send(&world).ok();
    guess.send(&world).oasis_refused(409, "replayed_request");
    // Also where the first was refused before it came to anything.
    let faulty = library.sign(&Call::post("/api/ApplicationAPI/RegisterUser", r#"{"Username":7}"#));
    faulty.send(&world).oasis_refused(400, "invalid_field");
    faulty.send(&world).oasis_refused(409, "replayed_request");
    let ungrouped = NewUser { username: "eve", user_groups: &[4_711], ..NewUser::default() };
    let ungrouped = library.sign(&library.register_user(&ungrouped));
    ungrouped.send(&world).oasis_refused(400, "invalid_field");
    ungrouped.send(&world).oasis_refused(409, "replayed_request");
}

#[test]
fn what_is_not_signed_right_is_401_and_never_signed() {
    let (world, app, library) = served();
    let question = || library.request_authentication_state("bob", LOGIN);
    let signed = || library.sign(&question());
    let (headers, invalid) = ("missing_auth_headers", "invalid_signature");
    for (what, call, code) in [
        ("no id", signed().without("X-OASIS-APPID"), headers),
        ("no time", signed().without("X-OASIS-EPOCH"), headers),
        ("no signature", signed().without("X-OASIS-REQSECRET"), headers),
        ("two ids", signed().also("X-OASIS-APPID", &app.oasis_app_id.to_string()), headers),
        ("an empty id", signed().set("X-OASIS-APPID", ""), headers),
        ("an unknown app", signed().set("X-OASIS-APPID", "999999"), "invalid_api_key"),
        ("an id with a zero", signed().set("X-OASIS-APPID", &format!("0{}", app.oasis_app_id)), "invalid_api_key"),
        ("an id that is none", signed().set("X-OASIS-APPID", "x"), "invalid_api_key"),
        ("a time that is none", signed().set("X-OASIS-EPOCH", "1e9"), "invalid_timestamp"),
        ("too late", library.sign_at(question(), now_s() - 310), "timestamp_out_of_window"),
        ("too early", library.sign_at(question(), now_s() + 310), "timestamp_out_of_window"),
        ("another signature", signed().set("X-OASIS-REQSECRET", &STANDARD.encode([7; 32])), invalid),
        ("no Base64", signed().set("X-OASIS-REQSECRET", "????"), invalid),
        ("another body", signed().body(r#"{"Username":"eve"}"#), invalid),
        ("an address that was not signed", signed().set("X-OASIS-IP", "203.0.113.7"), invalid),
        ("no address", library.clone().for_ip("203.0.113.7").sign(&question()).without("X-OASIS-IP"), invalid),
        ("an address that is none", library.clone().for_ip("localhost").sign(&question()), invalid),
        ("an empty address", library.clone().for_ip("").sign(&question()), invalid),
    ] {
        let refused = call.send(&world);
        assert_eq!(refused.status, 401, "{what}: {}", refused.text());
        refused.oasis_refused(401, code);
    }
    world.run(&["app", "disable", &app.id]);
    crate::support::within_a_second("the app is disabled", || library.sign(&question()).send(&world).status == 401);
}

#[test]
fn a_new_api_key_of_the_tenant_is_in_force_within_a_second() {
    let (world, _, mut library) = served();
    let rotated = world.run_json(&["tenant", "rotate-api-key"]);
    let old = library.clone();
    library.api_key = rotated["oasis_api_key"].as_str().unwrap().to_owned();
    crate::support::within_a_second("the new key", || library.sign(&Library::hello_world()).send(&world).status == 200);
    old.sign(&Library::hello_world()).send(&world).oasis_refused(401, "invalid_signature");
}

#[test]
fn an_application_key_is_replaced_without_a_gap() {
    let (world, app, old) = served();
    let rotate = |grace: &str| {
        let told = world.run_json(&["app", "rotate-secret", &app.id, "--oasis", "--grace-seconds", grace]);
        let mut new = old.clone();
        new.application_key = told["oasis_application_key"].as_str().unwrap().to_owned();
        new
    };
    let ask = |library: &Library| {
        let question = library.request_authentication_state("bob", LOGIN);
        library.sign(&question).send(&world).status
    };
    let new = rotate("3600");
    crate::support::within_a_second("the new key", || ask(&new) == 200);
    // Each is answered under the key that it was asked with: the library checks it.
    for library in [&old, &new] {
        library.send(&world, &library.request_authentication_state("bob", LOGIN)).ok();
    }
    let newest = rotate("0");
    crate::support::within_a_second("no grace", || ask(&newest) == 200 && ask(&new) == 401 && ask(&old) == 401);
    world.call(&app, "GET", "/api/users", "").ok();
}

#[test]
fn bodies_are_read_as_dot_net_writes_them_and_faults_name_their_member() {
    let (world, _, library) = served();
    let bob = register(&world, &library, "bob")["UserID"].as_i64().unwrap();
    let post = |operation: &str, body: &str| {
        library.sign(&Call::post(&format!("/api/ApplicationAPI/{operation}"), body)).send(&world)
    };
    for (operation, body, code, member) in [
        ("RequestAuthenticationState", "{}", "missing_field", "Username"),
        ("RequestAuthenticationState", r#"{"Username":null}"#, "missing_field", "Username"),
        ("RequestAuthenticationState", r#"{"Username":""}"#, "missing_field", "Username"),
        ("RequestAuthenticationState", r#"{"username":"bob"}"#, "missing_field", "Username"),
        ("RequestAuthenticationState", r#"{"Username":"bob:VALID"}"#, "invalid_field", "Username"),
        ("RequestAuthenticationState", r#"{"Username":"7"}"#, "invalid_field", "Username"),
        (
            "RequestAuthenticationState",
            r#"{"Username":"bob","VerificationType":2}"#,
            "invalid_field",
            "VerificationType",
        ),
        ("RequestAuthenticationState", r#"{"Username":"bob","DirectoryName":"a:b"}"#, "invalid_field", "DirectoryName"),
        ("RequestAuthenticationState", r#"{"Username":"a","Username":"b"}"#, "invalid_field", "Username"),
        ("RequestAuthenticationState", "[]", "invalid_json", "JSON"),
        ("RequestAuthenticationState", "", "invalid_json", "JSON"),
        ("RegisterUser", r#"{"Username":"a:b"}"#, "invalid_field", "Username"),
        ("RegisterUser", r#"{"Username":"a\\b"}"#, "invalid_field", "Username"),
        ("RegisterUser", r#"{"Username":"7"}"#, "invalid_field", "Username"),
        ("RegisterUser", r#"{"Username":"a\u0000"}"#, "invalid_field", "Username"),
        ("RegisterUser", r#"{"Username":"ann","Email":"x"}"#, "invalid_field", "Email"),
        ("RegisterUser", r#"{"Username":"ann","Fullname":"a\u0007"}"#, "invalid_field", "Fullname"),
        ("RegisterUser", r#"{"Username":"ann","UserGroups":[99]}"#, "invalid_field", "UserGroups"),
        ("RegisterUser", r#"{"Username":"ann","UserGroups":["x"]}"#, "invalid_field", "UserGroups"),
        ("RegisterUser", r#"{"Username":"ann","SendEnrollmentEmail":"yes"}"#, "invalid_field", "SendEnrollmentEmail"),
        ("RegisterUser", r#"{"Username":"ann","SendEnrollmentEmail":true}"#, "missing_field", "Email"),
        ("VerifyUserOTP", r#"{"OTPCode":"1"}"#, "missing_field", "Username"),
        ("VerifyUserOTP", r#"{"OTPCode":"1","UserID":0}"#, "missing_field", "Username"),
        ("VerifyUserOTP", r#"{"Username":"bob"}"#, "missing_field", "OTPCode"),
        ("VerifyUserOTP", r#"{"Username":"bob","OTPCode":null}"#, "missing_field", "OTPCode"),
        ("VerifyUserOTP", r#"{"Username":"bob:x","OTPCode":"1"}"#, "invalid_field", "Username"),
        ("VerifyUserOTP", r#"{"UserID":1,"OTPCode":"1","DirectoryName":"a:b"}"#, "invalid_field", "DirectoryName"),
    ] {
        let refused = post(operation, body);
        assert_eq!(refused.status, 400, "{operation} {body}: {}", refused.text());
        let refused = refused.oasis_refused(400, code);
        assert!(refused["Message"].as_str().unwrap().contains(member), "{operation} {body}: {refused}");
        assert_eq!(refused.get("QRData").is_some(), operation == "RegisterUser", "{refused}");
    }
    let no_mail = r#"{"Username":"ann","Email":"a@example.com","SendEnrollmentEmail":"true"}"#;
    post("RegisterUser", no_mail).oasis_refused(503, "mail_not_configured");
    assert_eq!(world.cli(&["user", "show", "\\ann"]).status.code(), Some(1), "nothing of a refused user is left");

    for body in [
        r#"{"Username":"bob","VerificationType":"registration","Unknown":{"x":[1]}}"#,
        r#"{"Username":"bob","VerificationType":"1","DirectoryName":""}"#,
    ] {
        assert!(post("RequestAuthenticationState", body).ok()["UserQRCode"].is_string(), "{body}");
    }
    for name in ["a\\b", "x\u{7}", &"x".repeat(257)] {
        let asked = library.send(&world, &library.request_authentication_state(name, LOGIN));
        assert_eq!(state(&asked), "NOTREGISTERED", "a name that nobody can have is nobody's");
    }
    // By the id alone, which is what is signed then; with both, the name wins.
    let call = Call::post("/api/ApplicationAPI/VerifyUserOTP", format!(r#"{{"UserID":{bob},"OTPCode":"1"}}"#));
    assert_eq!(state(&library.send(&world, &call)), "PENDINGENROLLMENT");
    let both = format!(r#"{{"UserID":{bob},"Username":"nobody","OTPCode":"1"}}"#);
    let call = Call::post("/api/ApplicationAPI/VerifyUserOTP", both);
    assert_eq!(state(&library.send(&world, &call)), "NOTREGISTERED");
    // A client in a hurry that says nothing, or something else, of what it sends.
    let plain = library.request_authentication_state("bob", LOGIN);
    for call in [plain.clone().without("Content-Type"), plain.set("Content-Type", "application/x-www-form-urlencoded")]
    {
        assert_eq!(state(&library.send(&world, &call)), "PENDINGENROLLMENT");
    }
}

#[test]
fn paths_are_read_in_any_case_and_a_deletion_names_one_user() {
    let (world, _, library) = served();
    let hello = |path: &str| library.sign(&Call::get(path)).send(&world).status;
    assert_eq!(hello("/api/applicationapi/helloworld"), 200);
    assert_eq!(hello("/API/ApplicationApi/HELLOWORLD"), 200);
    library.sign(&Call::get("/api/ApplicationAPI/Nothing")).send(&world).oasis_refused(404, "not_found");
    let wrong = library.sign(&Call::new("PUT", "/api/applicationapi/HelloWorld")).send(&world);
    wrong.oasis_refused(405, "method_not_allowed");
    for username in ["bob", "a+b", "c&d", "a"] {
        register(&world, &library, username);
    }
    let delete = |query: &str| {
        library.sign(&Call::new("DELETE", &format!("/api/ApplicationAPI/deleteuser?{query}"))).send(&world)
    };
    for query in ["userName=c&d", "userName=a&userName=bob", "userName=a&x=1", "userName=%FF"] {
        delete(query).oasis_refused(400, "invalid_field");
    }
    for query in ["", "userName=", "name=bob"] {
        delete(query).oasis_refused(400, "missing_field");
    }
    delete("userName=nobody").oasis_refused(404, "user_not_found");
    delete("userName=Acme%5Cbob").oasis_refused(404, "user_not_found");
    for query in ["USERNAME=bob", "username=a+b", "userName=c%26d"] {
        assert_eq!(delete(query).status, 200, "{query}");
    }
    let asked = library.send(&world, &library.request_authentication_state("a", LOGIN));
    assert_eq!(state(&asked), "PENDINGENROLLMENT", "nobody else was deleted");
    let with_body = library.sign(&library.delete_user("a")).body("{}");
    with_body.send(&world).oasis_refused(400, "invalid_field");
}

#[test]
fn the_signature_of_a_state_can_be_that_of_the_guide() {
    let (world, app, library) = served();
    let bob = register(&world, &library, "bob")["UserID"].as_i64().unwrap();
    world.run(&["app", "set", &app.id, "--oasis-response-signature", "guide"]);
    crate::support::within_a_second("the guide's signature", || {
        let question = library.sign(&library.request_authentication_state("bob", LOGIN));
        let answer = question.send(&world).ok();
        let (token, time) = (answer["RandomToken"].as_str().unwrap(), answer["SignedTime"].as_i64().unwrap());
        answer["SignedResponse"] == library.response_signature(&bob.to_string(), "9", token, time).as_str()
    });
    let answer = library.sign(&library.verify_user_otp("bob", "1", LOGIN)).send(&world).ok();
    let (token, time) = (answer["RandomToken"].as_str().unwrap(), answer["SignedTime"].as_i64().unwrap());
    assert_eq!(answer["SignedResponse"], library.response_signature("bob", "9", token, time).as_str());
    // That of a registration is the library's: it checks it.
    register(&world, &library, "ann");
}
