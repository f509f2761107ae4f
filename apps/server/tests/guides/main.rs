//! The examples of the guides under `docs/guides`: they are what the guides quote, and they run, against the real binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod backend;
mod integrate;
mod second_factor;
mod support;

use support::code_files;

#[test]
fn the_guide_quotes_its_examples_as_they_are() {
    let second_factor = include_str!("../../../../docs/guides/second-factor.md");
    let sign_in = include_str!("../../../../docs/guides/sign-in.md");
    let integrate = include_str!("../../../../docs/guides/integrate.md");
    let languages = ["python\n", "js\n", "php\n", "csharp\n", "swift\n", "kotlin\n"];
    for (guide, folder) in [(second_factor, "second-factor"), (sign_in, "sign-in"), (integrate, "backends")] {
        let files = code_files(folder);
        let blocks = guide.split("```").skip(1).step_by(2);
        let quotes: Vec<&str> =
            blocks.filter_map(|block| languages.iter().find_map(|language| block.strip_prefix(language))).collect();
        assert!(!quotes.is_empty(), "the guide to {folder} quotes nothing");
        for quote in quotes {
            assert!(files.iter().any(|(_, text)| text.contains(quote)), "no example has:\n{quote}");
        }
    }
}
