//! What is wrong with a flag file, and where.

use alloc::string::String;
use core::fmt;

/// One fault of a flag file or a flag set. `Display` is one sentence that names flag (or
/// segment), rule and what is wrong (the contract, `flags.md`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Fault {
    /// Key of the flag at fault; `flags[3]` (counted from 0) if it has no readable key.
    pub flag: Option<String>,
    /// Key of the segment at fault; `segments[3]` if it has no readable key.
    pub segment: Option<String>,
    /// Name of the rule at fault; `rule 2` (counted from 1) if it has none.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    pub(crate) fn file(what: impl Into<String>) -> Self {
        Self { flag: None, segment: None, rule: None, what: what.into() }
    }

    pub(crate) fn flag(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { flag: Some(key.into()), ..Self::file(what) }
    }

    pub(crate) fn segment(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { segment: Some(key.into()), ..Self::file(what) }
    }

    pub(crate) fn in_rule(self, name: impl Into<String>) -> Self {
        Self { rule: Some(name.into()), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (noun, name) in [("flag", &self.flag), ("segment", &self.segment), ("rule", &self.rule)] {
            if let Some(name) = name {
                write!(f, "{separator}{noun} `{name}`")?;
                separator = ", ";
            }
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}
