//! Which events are meant.

use osaycore_audit::Action;
use osaycore_directory::parse_uuid;

use super::list;
use crate::console::list::Between;
use crate::extract::console::{Filled, Person, Refused};
use crate::store::lists::audit::Events;

/// The fields of the list's form.
pub(super) const FIELDS: [&str; 6] = ["action", "app", "user", "actor", "from", "to"];

/// What the filters mean; what is wrong with them is noted beside them.
pub(super) async fn meant(person: &Person, filters: &mut Filled) -> Result<Events, Refused> {
    let between = Between::of(filters);
    let action = Some(filters.text("action").trim().to_owned()).filter(|action| !action.is_empty());
    if let Some(action) = &action
        && !actions().iter().any(|(known, _)| known == action)
    {
        filters.refuse("action", "there is no such action");
    }
    Ok(Events {
        action,
        actor: Some(filters.text("actor").trim()).filter(|actor| !actor.is_empty()).map(actor),
        app_id: filters.optional::<i64>("app"),
        user_id: list::user(person, filters).await?,
        from_us: between.from_us,
        to_us: between.to_us,
    })
}

/// Every action, and before those of one subject all of them.
pub(super) fn actions() -> Vec<(String, String)> {
    let mut choices = vec![(String::new(), "Anything".to_owned())];
    let mut subjects: Vec<&str> = Vec::new();
    for action in Action::ALL {
        let subject = subject(*action);
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    for wanted in subjects {
        choices.push((wanted.to_owned(), format!("Everything of {wanted}*")));
        let its = Action::ALL.iter().filter(|action| subject(**action) == wanted);
        choices.extend(its.map(|action| (action.as_str().to_owned(), action.label().to_owned())));
    }
    choices
}

/// What the action is done to, with the dot after it.
fn subject(action: Action) -> &'static str {
    let name = action.as_str();
    name.split_inclusive('.').next().unwrap_or(name)
}

/// The actor as the trail has it, of what people write: a login, the number of an app, the UUID of a user, or all of it.
fn actor(text: &str) -> String {
    let is_whole =
        text == "system" || ["operator ", "app ", "user ", "token "].iter().any(|kind| text.starts_with(kind));
    if is_whole {
        text.to_owned()
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("app {text}")
    } else if let Some(uuid) = parse_uuid(text) {
        format!("user {uuid}")
    } else {
        format!("operator {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_found_by_what_people_write() {
        for (text, meant) in [
            ("ada@example.com", "operator ada@example.com"),
            ("root", "operator root"),
            ("operator app", "operator app"),
            ("1001", "app 1001"),
            ("app 1001", "app 1001"),
            ("6F9619FF-8B86-D011-B42D-00C04FC964FF", "user 6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            ("system", "system"),
        ] {
            assert_eq!(actor(text), meant);
        }
    }

    #[test]
    fn every_action_can_be_chosen_once_and_every_subject() {
        let choices = actions();
        for action in Action::ALL {
            assert_eq!(choices.iter().filter(|(value, _)| value == action.as_str()).count(), 1, "{action}");
        }
        assert!(choices.iter().any(|(value, _)| value == "app."));
        let mut values: Vec<_> = choices.iter().map(|(value, _)| value).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), choices.len(), "nothing twice");
    }
}
