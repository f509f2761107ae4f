//! The `no_std` gate: a crate of six lines outside the workspace, so that no feature of another
//! package is unified into the domain crates. It brings a panic handler; as soon as anything below
//! it links std, which has one too, the compiler answers E0152. Stable Rust, no other target.

use crate::{
    rules, suite,
    tree::{self, Tree},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Checks that the domain crates link no std, and that the gate would notice if one did.
///
/// # Errors
/// One of them links std (the compiler's output), the gate lets std through, or cargo failed.
pub fn run(tree: &Tree) -> Result<(), String> {
    let folder = tree::target_folder().join("no-std-gate");
    let domain: Vec<(String, PathBuf)> = tree
        .domain_crates()
        .into_iter()
        .filter(|name| rules::is_no_std(name))
        .map(|name| (format!("osaycore-{name}"), tree.root.join("crates").join(name)))
        .collect();
    let lock = tree.root.join("Cargo.lock");
    check(&folder.join("domain"), &domain, Some(&lock))?;
    println!("no std below {}", domain.iter().map(|it| it.0.as_str()).collect::<Vec<_>>().join(" "));

    let control = folder.join("links-std");
    write_package(&control, "links-std", "", "//! Links std.\npub type Time = std::time::Instant;\n")?;
    match check(&folder.join("control"), &[("links-std".to_owned(), control)], None) {
        Err(why) if why.contains("E0152") => Ok(()),
        Err(why) => Err(format!("the negative control failed for another reason:\n{why}")),
        Ok(()) => Err("the gate let a crate through that links std".to_owned()),
    }
}

fn check(folder: &Path, crates: &[(String, PathBuf)], lock: Option<&Path>) -> Result<(), String> {
    let mut dependencies = String::new();
    let mut source = String::from("//! The gate.\n#![no_std]\n");
    for (name, path) in crates {
        let _ = writeln!(dependencies, "{name} = {{ path = '{}' }}", path.display());
        let _ = writeln!(source, "extern crate {};", name.replace('-', "_"));
    }
    source.push_str("#[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! {\n    loop {}\n}\n");
    write_package(folder, "no-std-gate", &dependencies, &source)?;
    if let Some(lock) = lock {
        // The versions of the workspace; cargo drops what is not needed here.
        fs::copy(lock, folder.join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    }
    let output = Command::new(suite::cargo())
        .args(["check", "--quiet", "--target-dir"])
        .arg(folder.join("target"))
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.into_owned()) }
}

fn write_package(folder: &Path, name: &str, dependencies: &str, source: &str) -> Result<(), String> {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n\
         [workspace]\n"
    );
    let write = || {
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/lib.rs"), source)
    };
    write().map_err(|error: std::io::Error| format!("{}: {error}", folder.display()))
}
