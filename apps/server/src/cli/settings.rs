//! The settings of `app set`: whatever the directory knows, as flags with hyphens or underscores.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use osaycore_directory::AppSettings;

const MONTHLY_USER_LIMIT: &str = "monthly_user_limit";

/// Settings as given, each with all of its values.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    of_the_app: Vec<(String, Vec<String>)>,
    monthly_user_limit: Option<Vec<String>>,
}

impl Settings {
    pub(super) fn is_empty(&self) -> bool {
        self.of_the_app.is_empty() && self.monthly_user_limit.is_none()
    }

    /// Those that the app keeps.
    pub(super) fn of_the_app(&self) -> &[(String, Vec<String>)] {
        &self.of_the_app
    }

    /// The tenant's limit, where it is among them; `none` takes it away.
    pub(super) fn monthly_user_limit(&self) -> Option<Result<Option<i64>, &'static str>> {
        let values = self.monthly_user_limit.as_ref()?;
        Some(match values.as_slice() {
            [value] if value == "none" => Ok(None),
            [value] if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                value.parse().map(Some).map_err(|_| "must be a whole number of users, or none")
            }
            _ => Err("must be a whole number of users, or none"),
        })
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    AppSettings::KEYS.iter().copied().chain([MONTHLY_USER_LIMIT])
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        names().fold(command, |command, name| {
            let argument = Arg::new(name)
                .long(name.replace('_', "-"))
                .alias(name)
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .value_name("VALUE");
            command.arg(argument)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |name: &str| Some(matches.get_many::<String>(name)?.cloned().collect::<Vec<_>>());
        let of_the_app =
            AppSettings::KEYS.iter().filter_map(|name| Some(((*name).to_owned(), values(name)?))).collect();
        Ok(Self { of_the_app, monthly_user_limit: values(MONTHLY_USER_LIMIT) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
