//! What is around every page for who is signed in: `templates/console/base.html`.

use super::assets;
use crate::extract::console::Person;

/// The parts of the console, as the navigation has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Apps,
    Users,
    Groups,
    Credits,
    Flags,
    Audit,
    Profile,
    Settings,
}

impl Section {
    pub(super) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Apps,
        Self::Users,
        Self::Groups,
        Self::Credits,
        Self::Flags,
        Self::Audit,
        Self::Profile,
        Self::Settings,
    ];

    pub(super) fn label(self) -> &'static str {
        self.row().0
    }

    pub(super) fn path(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "/console"),
            Self::Apps => ("Apps", "/console/apps"),
            Self::Users => ("Users", "/console/users"),
            Self::Groups => ("Groups", "/console/groups"),
            Self::Credits => ("Credits", "/console/credits"),
            Self::Flags => ("Flags", "/console/flags"),
            Self::Audit => ("Audit", "/console/audit"),
            Self::Profile => ("Profile", "/console/profile"),
            Self::Settings => ("Settings", "/console/settings"),
        }
    }
}

/// The frame of a page: for the field `shell` of its template.
pub(super) struct Shell<'a> {
    pub(super) title: &'a str,
    pub(super) here: Section,
    pub(super) person: &'a Person,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

impl<'a> Shell<'a> {
    /// `title` is the page's heading too.
    pub(super) fn new(person: &'a Person, here: Section, title: &'a str) -> Self {
        Self { title, here, person, style: assets::style(), script: assets::script() }
    }

    pub(super) fn token(&self) -> &str {
        self.person.token()
    }
}
