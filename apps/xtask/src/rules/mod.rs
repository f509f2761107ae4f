//! The rules of the architecture: one sentence, one function over (path, text), one test.

mod boundaries;
mod dependencies;
mod hygiene;
mod layout;
mod purity;
mod schema;

use crate::tree::{File, Tree};
use std::fmt;

/// Where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the root of the repository.
    pub path: String,
    /// From 1; 0 where the finding is about the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do where that is not plain.
    pub what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// One sentence of the architecture and the function that finds what breaks it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The sentence.
    pub sentence: &'static str,
    find: Find,
}

#[derive(Debug, Clone, Copy)]
enum Find {
    /// From the files alone.
    Files(fn(&[File]) -> Vec<Finding>),
    /// Also asks cargo.
    Tree(fn(&Tree) -> Result<Vec<Finding>, String>),
}

impl Rule {
    const fn files(sentence: &'static str, find: fn(&[File]) -> Vec<Finding>) -> Self {
        Self { sentence, find: Find::Files(find) }
    }

    const fn tree(sentence: &'static str, find: fn(&Tree) -> Result<Vec<Finding>, String>) -> Self {
        Self { sentence, find: Find::Tree(find) }
    }

    /// Everything in `tree` that breaks the rule.
    ///
    /// # Errors
    /// The rule could not be tried: cargo did not answer.
    pub fn find(&self, tree: &Tree) -> Result<Vec<Finding>, String> {
        match self.find {
            Find::Files(find) => Ok(find(&tree.files)),
            Find::Tree(find) => find(tree),
        }
    }
}

/// All rules by name; `tests/architecture.rs` has one test for each.
pub const RULES: &[(&str, Rule)] = &[
    ("no_siblings", boundaries::NO_SIBLINGS),
    ("diesel_in_store_only", boundaries::DIESEL_IN_STORE_ONLY),
    ("no_actix_in_store", boundaries::NO_ACTIX_IN_STORE),
    ("frameworks_in_server_only", boundaries::FRAMEWORKS_IN_SERVER_ONLY),
    ("layers", boundaries::LAYERS),
    ("no_io_crates", dependencies::NO_IO_CRATES),
    ("licences", dependencies::LICENCES),
    ("bans_and_sources", dependencies::BANS_AND_SOURCES),
    ("one_clock", purity::ONE_CLOCK),
    ("no_std_io", purity::NO_STD_IO),
    ("no_std", purity::NO_STD),
    ("module_names", layout::MODULE_NAMES),
    ("crate_readme", layout::CRATE_README),
    ("workspace_lints", layout::WORKSPACE_LINTS),
    ("file_length", layout::FILE_LENGTH),
    ("top_level", layout::TOP_LEVEL),
    ("no_allow", hygiene::NO_ALLOW),
    ("nothing_left_open", hygiene::NOTHING_LEFT_OPEN),
    ("no_machine_paths", hygiene::NO_MACHINE_PATHS),
    ("tenant_leads_keys", schema::TENANT_LEADS_KEYS),
    ("portable_types", schema::PORTABLE_TYPES),
    ("plain_sql", schema::PLAIN_SQL),
    ("key_columns_not_null", schema::KEY_COLUMNS_NOT_NULL),
    ("few_columns", schema::FEW_COLUMNS),
    ("no_defaults", schema::NO_DEFAULTS),
    ("one_step_a_migration", schema::ONE_STEP_A_MIGRATION),
    ("money_in_range", schema::MONEY_IN_RANGE),
];

/// Whether the domain crate `name` promises to link no std.
pub fn is_no_std(name: &str) -> bool {
    purity::STD_CRATES.iter().all(|(with_std, _)| *with_std != name)
}

/// Tries every rule, prints what breaks it and the files that grow long; answers how many findings.
pub fn report(tree: &Tree) -> usize {
    for note in layout::long_files(&tree.files) {
        println!("note: {note}");
    }
    let mut count = 0_usize;
    for (name, rule) in RULES {
        let findings = rule.find(tree).unwrap_or_else(|why| vec![Finding::new("cargo", 0, why)]);
        if !findings.is_empty() {
            println!("{name}: {}", rule.sentence);
        }
        for finding in &findings {
            println!("  {finding}");
        }
        count = count.saturating_add(findings.len());
    }
    println!("{} rules, {count} findings", RULES.len());
    count
}

/// The negative controls of the rules: what must be caught, at which line, and what must not.
#[cfg(test)]
fn assert_finds(rule: Rule, files: &[(&str, &str)], wanted: &[(&str, usize)]) {
    let Find::Files(find) = rule.find else { panic!("this rule asks cargo") };
    let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
    let found = find(&files);
    let places: Vec<(&str, usize)> = found.iter().map(|f| (f.path.as_str(), f.line)).collect();
    assert_eq!(places, wanted, "{}: {found:#?}", rule.sentence);
}
