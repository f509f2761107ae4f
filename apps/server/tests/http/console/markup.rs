//! What a browser reads in a page.

/// A form that a page would send.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    /// Where it stands, and where it goes.
    pub(super) page: String,
    pub(super) action: String,
    /// As they are filled in, by its first button; what is to be typed to confirm is typed.
    pub(super) fields: Vec<(String, String)>,
}

/// The forms of a page that change something.
pub(super) fn sheets(path: &str, page: &str) -> Vec<Sheet> {
    let own = path.split('?').next().unwrap();
    let forms = page.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    forms
        .filter(|form| attribute(form.split('>').next().unwrap(), "method").as_deref() == Some("post"))
        .map(|form| Sheet {
            page: path.to_owned(),
            action: attribute(form.split('>').next().unwrap(), "action").unwrap_or_else(|| own.to_owned()),
            fields: fields(form),
        })
        .collect()
}

/// Every field of a form as it stands, without the token.
pub(super) fn fields(form: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    for tag in tags(form, "input") {
        let is_choice = matches!(attribute(&tag, "type").as_deref(), Some("checkbox" | "radio"));
        let is_off = is_choice && !tag.contains(" checked");
        if let Some(name) = attribute(&tag, "name").filter(|name| name != "form_token" && !is_off) {
            found.push((name, attribute(&tag, "data-confirm").or(attribute(&tag, "value")).unwrap_or_default()));
        }
    }
    for area in form.split("<textarea ").skip(1) {
        let (tag, rest) = area.split_once('>').unwrap();
        found.push((attribute(tag, "name").unwrap(), plain(rest.split("</textarea>").next().unwrap())));
    }
    for select in form.split("<select ").skip(1) {
        let name = attribute(select.split('>').next().unwrap(), "name").unwrap();
        let options = tags(select.split("</select>").next().unwrap(), "option");
        let chosen = options.iter().find(|option| option.contains(" selected")).or(options.first());
        found.push((name, chosen.and_then(|option| attribute(option, "value")).unwrap_or_default()));
    }
    let button = tags(form, "button").into_iter().find(|tag| attribute(tag, "type").as_deref() == Some("submit"));
    if let Some((tag, name)) = button.and_then(|tag| attribute(&tag, "name").map(|name| (tag, name))) {
        found.push((name, attribute(&tag, "value").unwrap_or_default()));
    }
    found
}

fn tags(markup: &str, name: &str) -> Vec<String> {
    markup.split(&format!("<{name} ")).skip(1).map(|rest| rest.split('>').next().unwrap().to_owned()).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = format!(" {}", tag.replace('\n', " "));
    tag.split_once(&format!(" {name}=\"")).map(|(_, rest)| plain(rest.split('"').next().unwrap()))
}

/// A text as it was before it was escaped.
pub(super) fn plain(text: &str) -> String {
    [("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
