//! The signed calls of the README, run as they stand there against a quickstart.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// A fence of the README, how it is run, and what tells that this machine can run it.
const LANGUAGES: &[(&str, &[&str], &str)] = &[
    ("sh\ncall()", &["bash", "-s"], "command -v bash curl openssl"),
    ("python\n", &["python3", "-"], "python3 -c 'import requests'"),
    ("js\n", &["node", "-"], "node -e 'if (typeof fetch !== \"function\") process.exit(1)'"),
    ("php\n", &["php"], "php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'"),
];

/// Killed with the value.
struct Quickstart(Child);

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_calls_of_the_readme_work_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Quickstart(
        Command::new(env!("CARGO_BIN_EXE_osaycore"))
            .args(["quickstart", "--json", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut printed = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let demo: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let member = |name: &str| demo[name].as_str().unwrap_or_else(|| panic!("{name}: {demo}")).to_owned();
    let variables = [
        ("OSAYCORE_BASE_URL", format!("{}/api", member("base_url"))),
        ("OSAYCORE_API_KEY", member("api_key")),
        ("OSAYCORE_SECRET_KEY", member("secret_key")),
    ];
    let readme = include_str!("../../../README.md");
    for (fence, program, probe) in LANGUAGES {
        let block = readme.split("```").find(|block| block.starts_with(fence));
        let code = block.and_then(|block| block.split_once('\n')).unwrap_or_else(|| panic!("no block {fence}")).1;
        let probed = Command::new("sh").args(["-c", probe]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !probed.is_ok_and(|status| status.success()) {
            println!("did not run: `{probe}` fails here");
            continue;
        }
        let mut command = Command::new(program.first().unwrap());
        command.args(program.iter().skip(1)).envs(variables.clone());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(code.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{fence}{said}{error}");
        for answer in ["transaction_id", "lifetime_spent"] {
            assert!(said.contains(answer), "{fence}no {answer} in {said}{error}");
        }
    }
}
