//! Files of flags, and what is wrong with them.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use osaycore_flags::FlagFile;

use crate::cli::yaml;
use crate::error::{Code, Failure};

/// The text of a file, or of standard input.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.with_context(|| format!("reading {}", path.display()))
}

/// Reads a file, as what its name says it is, else by its first character.
pub(super) fn read(path: &Path) -> anyhow::Result<FlagFile> {
    let text = text(path)?;
    let is_yaml = match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => true,
        Some("json") => false,
        _ => !text.trim_start().starts_with('{'),
    };
    let text =
        if is_yaml { yaml::to_json(&text).map_err(|error| faults(path, &format!("not YAML: {error}")))? } else { text };
    osaycore_flags::parse(&text).map_err(|fault| faults(path, &fault.to_string()))
}

/// One line a fault, each with the file's name.
pub(super) fn faults(path: &Path, lines: &str) -> anyhow::Error {
    let named: Vec<String> = lines.lines().map(|line| format!("{}: {line}", path.display())).collect();
    anyhow::Error::msg(named.join("\n"))
}

/// The same of a refusal, if it is about what the file says.
pub(super) fn refused(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Refused(refused)) if refused.code == Code::InvalidField => faults(path, &refused.to_string()),
        _ => error,
    }
}
