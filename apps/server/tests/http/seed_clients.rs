//! The document's own Python functions, with the real `requests`, against the real binary.

use std::path::Path;

use serde_json::Value;

use crate::support::World;
use crate::support::programs::python;

#[test]
fn the_documents_python_functions_work_unchanged() {
    let mut world = World::new();
    let app = world.app("My Integrated App", &["add_credits"]);
    let user = world.rich_user("user123", "100");
    world.serve();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/clients/seed.py");
    let output = python("requests")
        .arg(script)
        .arg(&user.id)
        .env("OSAYCORE_BASE_URL", format!("{}/api", world.base_url()))
        .env("OSAYCORE_API_KEY", &app.api_key)
        .env("OSAYCORE_SECRET_KEY", &app.secret_key)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(told["deducted"]["success"], true, "{told}");
    assert_eq!(told["deducted"]["new_balance"], 90.0, "{told}");
    assert_eq!(told["added"]["new_balance"], 110.5, "{told}");
    assert_eq!(told["context"]["user_summary"]["id"], user.id.as_str(), "{told}");
    assert_eq!(told["context"]["credit_balance"]["balance"], 110.5, "{told}");
    assert_eq!(told["too_much"], serde_json::json!({"success": false, "error": "Insufficient credits"}), "{told}");
    assert_eq!(told["nobody"], Value::Null, "{told}");
    // Two sign-ins of one user in one second are equal bytes.
    assert_eq!(told["sign_ins"], true, "{told}");
}
