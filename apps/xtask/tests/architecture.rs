//! The sentences of `docs/architecture.md`, each one a test. What each of them must catch is tried
//! on small texts beside the rule, in `src/rules/`.
#![expect(clippy::expect_used, reason = "a test says what is wrong by panicking")]

use osaycore_xtask::{rules::RULES, tree::Tree};
use std::{fmt::Write as _, sync::LazyLock};

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read().expect("the repository is readable"));

fn holds(name: &str) {
    let (_, rule) = RULES.iter().find(|(known, _)| *known == name).expect("the rule is known");
    let findings = rule.find(&TREE).expect("the rule can be tried");
    let mut said = String::new();
    for finding in &findings {
        let _ = writeln!(said, "  {finding}");
    }
    assert!(findings.is_empty(), "{}\n{said}", rule.sentence);
}

macro_rules! each_rule {
    ($($name:ident)*) => {
        $(#[test] fn $name() { holds(stringify!($name)); })*

        #[test]
        fn every_rule_is_a_test() {
            let tested = [$(stringify!($name)),*];
            assert!(RULES.iter().map(|(name, _)| *name).eq(tested), "RULES and each_rule! differ");
        }
    };
}

each_rule! {
    no_siblings
    diesel_in_store_only
    no_actix_in_store
    frameworks_in_server_only
    layers
    no_io_crates
    licences
    bans_and_sources
    one_clock
    no_std_io
    no_std
    module_names
    crate_readme
    workspace_lints
    file_length
    top_level
    no_allow
    nothing_left_open
    no_machine_paths
    tenant_leads_keys
    portable_types
    plain_sql
    key_columns_not_null
    few_columns
    no_defaults
    one_step_a_migration
    money_in_range
}

#[test]
fn the_tree_is_the_repository() {
    let has = |path: &str| TREE.files.iter().any(|file| file.path == path);
    assert!(has("Cargo.toml") && has("apps/xtask/src/rules/mod.rs") && !has("target"));
    assert!(TREE.domain_crates().contains(&"ledger"));
}
