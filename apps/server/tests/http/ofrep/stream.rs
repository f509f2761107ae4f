//! The stream of changes: who listens is told to ask again, and nothing else.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{BULK, about, apply, ask, fails, world};
use crate::support::{Call, World, patiently, within_a_second};

/// A client of Server-Sent Events: as few lines as the standard lets it be.
struct Listener {
    lines: BufReader<TcpStream>,
}

impl Listener {
    /// Opens the stream that bulk answers name.
    #[track_caller]
    fn open(world: &World, path: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(world.address()).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET {path} HTTP/1.1\r\nHost: osaycore.test\r\nAccept: text/event-stream\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut listener = Self { lines: BufReader::new(stream) };
        let head: Vec<String> = std::iter::from_fn(|| listener.line().filter(|line| !line.is_empty())).collect();
        assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("access-control-allow-origin: *")), "{head:?}");
        // The first comment: the server listens for us.
        assert_eq!(listener.block(), Some(vec![":".to_owned()]));
        listener
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Lines up to an empty one, without those of the chunked transfer; none at the end.
    fn block(&mut self) -> Option<Vec<String>> {
        let mut block = vec![];
        loop {
            let line = self.line()?;
            let is_chunk = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            match line.as_str() {
                "0" => return None,
                "" if block.is_empty() => {}
                "" => return Some(block),
                _ if is_chunk => {}
                _ => block.push(line),
            }
        }
    }

    /// Id and data of the next event; none at the end. Comments are passed over.
    fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let block = self.block()?;
            let field = |name: &str| block.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let Some(data) = field("data") {
                assert_eq!(field("event"), Some("message"));
                return Some((field("id").unwrap().to_owned(), serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// The next event, if it comes before the next comment could.
    fn event_within(&mut self, time: Duration) -> Option<(String, Value)> {
        self.lines.get_ref().set_read_timeout(Some(time)).unwrap();
        let event = self.event();
        self.lines.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        event
    }

    /// Whether nothing comes for so long.
    fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.event_within(time).is_none()
    }
}

/// The path of the stream that a bulk answer names, and the version of its flags.
fn named(world: &World, key: &str) -> (String, String) {
    let body = ask(world, key, BULK, &json!({})).ok();
    let [stream] = body["eventStreams"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!((&stream["type"], &stream["inactivityDelaySec"]), (&json!("sse"), &json!(120)));
    let url = stream["url"].as_str().unwrap();
    let path = url.strip_prefix(&world.base_url()).unwrap_or_else(|| panic!("{url}"));
    assert!(!path.contains(key), "the key is not in a URL");
    (path.to_owned(), body["metadata"]["version"].as_str().unwrap().to_owned())
}

fn changed(n: u32) -> Value {
    json!({"flags": [{"key": "changing", "type": "integer", "variants": {"n": n}, "default": "n"}]})
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a second is measured")]
fn who_listens_is_told_within_a_second_of_a_change_of_these_flags() {
    let (world, app, key) = world();
    let (path, version) = named(&world, &key);
    let (mut listener, mut another) = (Listener::open(&world, &path, None), Listener::open(&world, &path, None));
    for n in 1..=3 {
        apply(&world, &changed(n));
        let applied = Instant::now();
        let (id, data) = listener.event().unwrap();
        // A second, and as much for a busy machine.
        assert!(applied.elapsed() < Duration::from_secs(2), "{:?}", applied.elapsed());
        assert_eq!(data, json!({"type": "refetchEvaluation", "etag": id}));
        let body = ask(&world, &key, &format!("{BULK}?flagConfigEtag={id}"), &json!({})).ok();
        assert_eq!(body["metadata"]["version"], id.as_str());
        assert_eq!(
            body["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == "changing").unwrap()["value"],
            n
        );
        assert_eq!(another.event().unwrap().0, id, "everybody is told");
    }
    // What changes for others, or nothing for anybody, is no news.
    let other = world.app("other", &[]);
    std::fs::write(world.folder().join("other.json"), changed(9).to_string()).unwrap();
    world.run(&["flag", "apply", "other.json", "--app", &other.id]);
    world.run(&["app", "set", &app.id, "--restrict-to-groups", "true"]);
    apply(&world, &changed(3));
    assert!(listener.is_quiet_for(Duration::from_secs(1)));
    // Who was away is told what was missed, and who missed nothing is not.
    let (_, now) = named(&world, &key);
    assert_eq!(Listener::open(&world, &path, Some(&version)).event().unwrap().0, now);
    assert!(Listener::open(&world, &path, Some(&now)).is_quiet_for(Duration::from_secs(1)));
}

/// A client that lost its connection says nothing of what it was told last if that was nothing: a browser's
/// `EventSource` that no event has come to.
#[test]
fn who_asked_before_a_change_and_listens_after_it_is_told() {
    const SOON: Duration = Duration::from_secs(5);
    let (mut world, _, key) = world();
    let (path, before) = named(&world, &key);
    let mut listener = Listener::open(&world, &path, None);
    assert!(listener.is_quiet_for(Duration::from_secs(1)), "nothing has changed");
    world.crash();
    apply(&world, &changed(1));
    within_a_second("the change", || named(&world, &key).1 != before);
    let (path_now, now) = named(&world, &key);
    assert_eq!(Listener::open(&world, &path, None).event_within(SOON).unwrap().0, now);
    assert!(Listener::open(&world, &path_now, None).is_quiet_for(Duration::from_secs(1)), "asked after it");
    // What was told on the stream is newer than what its address says.
    assert!(Listener::open(&world, &path, Some(&now)).is_quiet_for(Duration::from_secs(1)));
    // Who does not say what it knows is told at once.
    let (bare, _) = path.split_once('&').unwrap();
    assert_eq!(Listener::open(&world, bare, None).event_within(SOON).unwrap().0, now);
}

#[test]
fn a_channel_ends_with_what_it_was_made_of() {
    let (mut world, app, key) = world();
    let (path, _) = named(&world, &key);
    for (path, status, code, details) in [
        ("/ofrep/v1/changes", 400, "INVALID_CONTEXT", "channel"),
        ("/ofrep/v1/changes?channel=", 400, "INVALID_CONTEXT", "channel"),
        ("/ofrep/v1/changes?channel=nonsense", 401, "GENERAL", "Invalid API key"),
        (&format!("/ofrep/v1/changes?channel={key}"), 401, "GENERAL", "Invalid API key"),
    ] {
        fails(&Call::get(path).send(&world), status, code, details);
    }
    // A channel opens nothing else.
    let channel = path.split(['=', '&']).nth(1).unwrap().to_owned();
    fails(&Call::post(BULK, about(&json!({}))).bearer(&channel).send(&world), 401, "GENERAL", "Invalid API key");

    let signed = Call::post(BULK, about(&json!({}))).signed(&app).send(&world).ok();
    let url = signed["eventStreams"][0]["url"].as_str().unwrap();
    let of_app = url.strip_prefix(&world.base_url()).unwrap().to_owned();
    assert_ne!(of_app, path);
    let (mut by_key, mut by_secret) = (Listener::open(&world, &path, None), Listener::open(&world, &of_app, None));
    let id = world.run_json(&["app", "eval-keys", &app.id])[0]["id"].to_string();
    world.run(&["app", "remove-eval-key", &app.id, &id]);
    assert_eq!(by_key.event(), None, "the key is gone");
    fails(&Call::get(&path).send(&world), 401, "GENERAL", "Invalid API key");
    apply(&world, &changed(1));
    assert!(by_secret.event().is_some(), "the secret is not");
    // In its grace the old secret's channel is open, and new ones are named.
    world.run(&["app", "rotate-secret", &app.id]);
    apply(&world, &changed(2));
    assert!(by_secret.event().is_some());
    world.run(&["app", "disable", &app.id]);
    assert_eq!(by_secret.event(), None);
    world.run(&["app", "enable", &app.id]);
    within_a_second("an enabled app", || Call::post(BULK, about(&json!({}))).signed(&app).send(&world).status == 200);
    let mut last = Listener::open(&world, &of_app, None);
    assert!(last.event().is_some(), "of what changed since its address was given");
    world.stop();
    assert_eq!(last.event(), None, "a stop ends the stream");
}

#[test]
fn places_are_bounded_and_whoever_goes_leaves_one() {
    let (world, app, key) = world();
    world.run(&["app", "set", &app.id, "--requests-per-second", "100000"]);
    let (path, _) = named(&world, &key);
    let listeners: Vec<Listener> = (0..500).map(|_| Listener::open(&world, &path, None)).collect();
    let refused = Call::get(&path).send(&world);
    fails(&refused, 503, "GENERAL", "poll instead");
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(ask(&world, &key, BULK, &json!({})).status, 200, "who asks is served");
    let open = || world.metric::<usize>("osaycore_flag_listeners");
    assert_eq!(open(), Some(500));
    drop(listeners);
    // The next comments find nobody there.
    assert!(patiently(Duration::from_secs(45), || open() == Some(0)), "{:?}", open());
    Listener::open(&world, &path, None);
}

#[test]
fn who_was_told_by_one_server_gets_no_older_flags_from_another() {
    let (first, _, key) = world();
    let second = first.another();
    let (path, _) = named(&first, &key);
    let mut listener = Listener::open(&first, &path, None);
    for n in 1..=8 {
        apply(&first, &changed(n));
        let (id, _) = listener.event().unwrap();
        let body = ask(&second, &key, &format!("{BULK}?flagConfigEtag={id}"), &json!({})).ok();
        assert_eq!(body["metadata"]["version"], id.as_str(), "{n}");
    }
    // A version that never was holds nobody up for long, and changes no answer.
    let odd = ask(&second, &key, &format!("{BULK}?flagConfigEtag=nonsense&flagConfigLastModified=1"), &json!({}));
    assert_eq!(odd.status, 200);
}
