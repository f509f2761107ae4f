//! `osaycore app eval-key`, `eval-keys`, `remove-eval-key`

use osaycore_directory::{AppRef, Name};
use serde::Serialize;

use super::output::{fields, table, timestamp};
use super::session::{self, Session};
use crate::admin::eval_keys;
use crate::store::eval_keys::{EvalKey, of_app};

#[derive(Serialize)]
struct Made {
    eval_key: String,
    #[serde(flatten)]
    row: Row,
}

#[derive(Serialize)]
struct Row {
    id: i64,
    name: String,
    created_at: String,
}

pub(super) fn create(session: &Session, app: AppRef, name: Option<&Name>) -> anyhow::Result<()> {
    let (key, eval_key) = session.write(|tx, by| {
        let app = session::app(tx, app)?;
        eval_keys::create(tx, by, &app, name)
    })?;
    let made = Made { eval_key, row: Row::of(key) };
    session.output.show(&made, || {
        fields(&[
            ("eval_key", made.eval_key.clone()),
            ("id", made.row.id.to_string()),
            ("name", made.row.name.clone()),
            ("created_at", made.row.created_at.clone()),
        ])
    })?;
    session.output.note("the key is shown this once; it evaluates flags and does nothing else");
    Ok(())
}

pub(super) fn list(session: &Session, app: AppRef) -> anyhow::Result<()> {
    let keys = session.read(|tx| {
        let app = session::app(tx, app)?;
        Ok(of_app(tx, app.id)?)
    })?;
    let rows: Vec<Row> = keys.into_iter().map(Row::of).collect();
    session.output.show(&rows, || {
        let cells = |row: &Row| vec![row.id.to_string(), row.name.clone(), row.created_at.clone()];
        table(&["id", "name", "created"], &rows.iter().map(cells).collect::<Vec<_>>())
    })
}

pub(super) fn remove(session: &Session, app: AppRef, key: &str) -> anyhow::Result<()> {
    let removed = session.write(|tx, by| {
        let app = session::app(tx, app)?;
        eval_keys::remove(tx, by, &app, key)
    })?;
    let row = Row::of(removed);
    session.output.show(&row, || format!("evaluation key {} is removed; servers refuse it within a second", row.name))
}

impl Row {
    fn of(key: EvalKey) -> Self {
        Self { id: key.id, name: key.name.into(), created_at: timestamp(key.created_at_us) }
    }
}
