//! Charts: bars over time, as SVG that the server draws, with a table that says the same.

use askama::Template;

/// Units of the drawing, which is stretched to the width that there is.
const WIDTH: i64 = 6000;
const HEIGHT: i64 = 1000;
/// What a bar takes of its place, in hundredths.
const FILLED: i64 = 76;

/// Values over time. It renders itself: `{{ chart|safe }}`.
#[derive(Template)]
#[template(path = "console/chart.html")]
pub(super) struct Chart {
    /// Unique on the page.
    id: &'static str,
    title: &'static str,
    /// What is said above: a sum, mostly.
    figure: String,
    series: Vec<Series>,
    rows: Vec<Row>,
    bars: Vec<Bar>,
    /// At the top, in the middle and at the foot of the drawing.
    scale: [String; 3],
    /// At the left end, in the middle and at the right end.
    axis: [String; 3],
}

/// One value for each step of time.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// From 0 on.
    pub(super) values: Vec<i64>,
}

struct Row {
    label: String,
    values: Vec<String>,
}

struct Bar {
    series: usize,
    x: i64,
    y: i64,
    width: i64,
    height: i64,
}

impl Chart {
    /// `labels`: of the steps, in full. `axis`: of the first, the middle and the last, in short. `shown`: a value as
    /// people read it.
    pub(super) fn new(
        (id, title): (&'static str, &'static str),
        figure: String,
        labels: &[String],
        axis: [String; 3],
        series: Vec<Series>,
        shown: impl Fn(i64) -> String,
    ) -> Self {
        let top = nice(series.iter().flat_map(|series| &series.values).copied().max().unwrap_or(0));
        let value = |series: &Series, at: usize| series.values.get(at).copied().unwrap_or(0);
        let rows = labels.iter().enumerate().map(|(at, label)| Row {
            label: label.clone(),
            values: series.iter().map(|series| shown(value(series, at))).collect(),
        });
        Self {
            id,
            title,
            figure,
            rows: rows.collect(),
            bars: bars(&series, labels.len(), top),
            series,
            scale: [shown(top), shown(top / 2), shown(0)],
            axis,
        }
    }
}

/// The bars of each step side by side.
fn bars(series: &[Series], steps: usize, top: i64) -> Vec<Bar> {
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX).max(1);
    let place = WIDTH / whole(steps);
    let width = place.saturating_mul(FILLED) / 100 / whole(series.len());
    let mut bars = Vec::new();
    for (number, series) in series.iter().enumerate() {
        for (at, value) in series.values.iter().take(steps).enumerate() {
            let part = i128::from(HEIGHT).saturating_mul(i128::from(*value)) / i128::from(top);
            // What is there is seen, however little it is.
            let least = if *value > 0 { 12 } else { 0 };
            let height = i64::try_from(part).unwrap_or(HEIGHT).clamp(least, HEIGHT);
            let before = i64::try_from(at).unwrap_or(0).saturating_mul(WIDTH) / whole(steps);
            let inset = place.saturating_mul(100 - FILLED) / 200;
            let beside = i64::try_from(number).unwrap_or(0).saturating_mul(width);
            let x = before.saturating_add(inset).saturating_add(beside);
            bars.push(Bar { series: number.saturating_add(1), x, y: HEIGHT.saturating_sub(height), width, height });
        }
    }
    bars
}

/// The next round number that is no less: 2, 4, 10, 20, 40, 100, … so that its half is one as well.
fn nice(most: i64) -> i64 {
    let mut unit: i64 = 1;
    loop {
        for step in [2, 4, 10] {
            let candidate = unit.saturating_mul(step);
            if candidate >= most {
                return candidate;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number_that_nothing_passes() {
        let cases = [(0, 2), (1, 2), (3, 4), (5, 10), (10, 10), (11, 20), (99, 100), (401, 1000)];
        for (most, top) in cases {
            assert_eq!(nice(most), top, "{most}");
        }
        assert_eq!(nice(i64::MAX), i64::MAX);
    }

    #[test]
    fn bars_stand_within_the_drawing_and_do_not_overlap() {
        let series = |values: &[i64]| Series { name: "x", values: values.to_vec() };
        let bars = bars(&[series(&[0, 1, i64::MAX]), series(&[4, 0, 2])], 3, i64::MAX);
        assert_eq!(bars.len(), 6);
        for bar in &bars {
            assert!(bar.x >= 0 && bar.x + bar.width <= WIDTH && bar.y >= 0 && bar.y + bar.height == HEIGHT);
        }
        let mut ends: Vec<(i64, i64)> = bars.iter().map(|bar| (bar.x, bar.x + bar.width)).collect();
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ends:?}");
    }

    #[test]
    fn a_chart_says_everything_in_a_table_too() {
        let chart = Chart::new(
            ("requests", "Requests"),
            "7".to_owned(),
            &["<Monday>".to_owned(), "Tuesday".to_owned()],
            ["Mon".to_owned(), String::new(), "Tue".to_owned()],
            vec![Series { name: "Accepted", values: vec![3, 4] }],
            |value| format!("{value} pieces"),
        );
        let html = chart.render().unwrap();
        assert!(html.contains("&#60;Monday&#62;") && html.contains("<td class=\"number\">4 pieces</td>"), "{html}");
        assert_eq!(html.matches("<rect").count(), 2 + 1, "two bars and the key of the series: {html}");
    }
}
