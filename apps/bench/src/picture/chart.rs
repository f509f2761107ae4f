//! The drawing: SVG by hand, as a page's light or dark scheme wants it, and told in words too.

use std::fmt::Write as _;

use super::scale::{Kind, Scale, even_ticks, logarithmic_ticks};
use super::{CONNECTIONS, Curve, Point};
use crate::machine::Machine;
use crate::report::thousands;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 440.0;
/// Where the legend is.
const KEYS: f64 = 82.0;
/// Between its entries.
const KEY_SPACE: f64 = 28.0;
/// Of the panels' frames.
const TOP: f64 = 132.0;
const BOTTOM: f64 = 380.0;

/// The colours are told apart by the colour-blind too; the marks differ besides.
const STYLE: &str = "
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif; fill: #57606a; }
.back { fill: #ffffff; }
.title { font-size: 18px; font-weight: 600; fill: #1f2328; }
.head { font-size: 14px; font-weight: 600; fill: #1f2328; }
.key { fill: #1f2328; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.axis { stroke: #8c959f; stroke-width: 1; }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.high { stroke-dasharray: 5 5; }
.a { stroke: #0969da; } .mark.a { fill: #0969da; }
.b { stroke: #bc4c00; } .mark.b { fill: #bc4c00; }
.mark { stroke-width: 0; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; }
  .back { fill: #0d1117; }
  .title, .head, .key { fill: #f0f6fc; }
  .grid { stroke: #262c36; }
  .axis { stroke: #656c76; }
  .a { stroke: #58a6ff; } .mark.a { fill: #58a6ff; }
  .b { stroke: #f0883e; } .mark.b { fill: #f0883e; }
}
";

/// The whole picture.
pub(crate) fn draw(machine: &Machine, users: u32, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let fastest = points().map(|point| point.per_second).fold(0.0, f64::max);
    let slowest_us = points().map(|point| point.latency.p99_us).fold(1.0, f64::max);
    let quickest_us = points().map(|point| point.latency.p50_us).fold(slowest_us, f64::min);
    let throughput = Panel {
        title: "Deductions a second",
        left: 76.0,
        right: 460.0,
        kind: Kind::Linear,
        ticks: even_ticks(fastest),
        label: |value| thousands(value),
    };
    let latency = Panel {
        title: "Latency, logarithmic",
        left: 552.0,
        right: 936.0,
        kind: Kind::Logarithmic,
        ticks: logarithmic_ticks(quickest_us.max(1.0), slowest_us),
        label: time,
    };
    let mut svg = Svg::new(machine, users, curves);
    svg.legend(curves);
    svg.panel(&throughput);
    svg.panel(&latency);
    for (curve, class) in curves.iter().zip(["a", "b"]) {
        svg.line(&throughput, curve, class, "line", |point| point.per_second);
        svg.line(&latency, curve, class, "line", |point| point.latency.p50_us);
        svg.line(&latency, curve, class, "line high", |point| point.latency.p99_us);
    }
    svg.end()
}

/// Half of the picture: the same x-axis, its own y-axis.
struct Panel {
    title: &'static str,
    left: f64,
    right: f64,
    kind: Kind,
    ticks: Vec<f64>,
    label: fn(f64) -> String,
}

impl Panel {
    fn x(&self) -> Scale {
        let bound = |bound: Option<&u8>| bound.map_or(1.0, |bound| f64::from(*bound));
        // The outermost points stand off the frame.
        let (start, end) = (self.left + 16.0, self.right - 16.0);
        let (least, most) = (bound(CONNECTIONS.first()), bound(CONNECTIONS.last()));
        Scale { kind: Kind::Logarithmic, least, most, start, end }
    }

    fn y(&self) -> Scale {
        let (least, most) = (self.ticks.first().copied(), self.ticks.last().copied());
        let (least, most) = (least.unwrap_or(0.0), most.unwrap_or(1.0));
        Scale { kind: self.kind, least, most, start: BOTTOM, end: TOP }
    }
}

struct Svg(String);

impl Svg {
    /// The words: a title, a description with every figure, and the heading.
    fn new(machine: &Machine, users: u32, curves: &[Curve]) -> Self {
        let figures: String = curves.iter().map(words).collect();
        let Machine { cpu, cores, kernel, disk, .. } = machine;
        let place = escaped(&format!(
            "{cores} cores, {cpu}, Linux {kernel}, {disk}; {} users, the client on the same machine",
            thousands(f64::from(users))
        ));
        let (middle, title) = (WIDTH / 2.0, "Deductions over HTTP: signed, checked, durable when answered");
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{title}</title>\n\
             <desc id=\"description\">Over the number of connections. {figures}Measured on {place}.</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
             <text class=\"title\" x=\"{middle}\" y=\"34\" text-anchor=\"middle\">{title}</text>\n\
             <text x=\"{middle}\" y=\"56\" text-anchor=\"middle\">{place}</text>\n"
        ))
    }

    /// Which line is which, in the middle.
    fn legend(&mut self, curves: &[Curve]) {
        let databases = curves.iter().zip(["a", "b"]).map(|(curve, class)| (class, "line", curve.database));
        let percentiles = [("axis", "line", "median"), ("axis", "line high", "99th percentile")];
        let keys: Vec<_> = databases.chain(percentiles).collect();
        let width = keys.iter().map(|(_, _, name)| key_width(name)).sum::<f64>() - KEY_SPACE;
        let mut x = (WIDTH - width) / 2.0;
        for (class, line, name) in keys {
            self.put(format_args!("<path class=\"{line} {class}\" d=\"M{x:.1} {KEYS}h28\"/>"));
            if class != "axis" {
                self.mark(class, x + 14.0, KEYS, name);
            }
            let (text, middle) = (x + 36.0, KEYS + 4.5);
            self.put(format_args!("<text class=\"key\" x=\"{text:.1}\" y=\"{middle}\">{name}</text>"));
            x += key_width(name);
        }
    }

    /// The frame, the ticks and their labels.
    fn panel(&mut self, panel: &Panel) {
        let (x, y) = (panel.x(), panel.y());
        let Panel { title, left, right, .. } = panel;
        self.put(format_args!("<text class=\"head\" x=\"{left}\" y=\"{}\">{title}</text>", TOP - 14.0));
        for tick in &panel.ticks {
            let (at, label) = (y.at(*tick), (panel.label)(*tick));
            self.put(format_args!("<path class=\"grid\" d=\"M{left} {at:.1}H{right}\"/>"));
            let (text, middle) = (left - 8.0, at + 4.5);
            self.put(format_args!("<text x=\"{text}\" y=\"{middle:.1}\" text-anchor=\"end\">{label}</text>"));
        }
        self.put(format_args!("<path class=\"axis\" d=\"M{left} {BOTTOM}H{right}\"/>"));
        for connections in CONNECTIONS {
            let (at, below, text) = (x.at(connections.into()), BOTTOM + 5.0, BOTTOM + 20.0);
            self.put(format_args!("<path class=\"axis\" d=\"M{at:.1} {BOTTOM}V{below}\"/>"));
            self.put(format_args!("<text x=\"{at:.1}\" y=\"{text}\" text-anchor=\"middle\">{connections}</text>"));
        }
        let (middle, text) = (f64::midpoint(*left, *right), BOTTOM + 42.0);
        self.put(format_args!("<text x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">Connections</text>"));
    }

    /// A curve and a mark at each of its points, which tells its figures where a pointer rests on it.
    fn line(&mut self, panel: &Panel, curve: &Curve, class: &str, kind: &str, value: fn(&Point) -> f64) {
        let (x, y) = (panel.x(), panel.y());
        let at = |point: &Point| (x.at(point.connections.into()), y.at(value(point)));
        let mut path = String::new();
        for (point, command) in curve.points.iter().zip(std::iter::once('M').chain(std::iter::repeat('L'))) {
            let (x, y) = at(point);
            let _ = write!(path, "{command}{x:.1} {y:.1}");
        }
        self.put(format_args!("<path class=\"{kind} {class}\" d=\"{path}\"/>"));
        for point in &curve.points {
            let (x, y) = at(point);
            let (connections, told) = (point.connections, (panel.label)(value(point)));
            self.mark(class, x, y, &format!("{}, {connections} connections: {told}", curve.database));
        }
    }

    /// A disc for the one, a square for the other.
    fn mark(&mut self, class: &str, x: f64, y: f64, told: &str) {
        match class {
            "a" => self.put(format_args!(
                "<circle class=\"mark a\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{told}</title></circle>"
            )),
            _ => self.put(format_args!(
                "<rect class=\"mark {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\"><title>{told}</title></rect>",
                x - 3.5,
                y - 3.5,
            )),
        }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{element}");
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Of a line, its name in letters of about seven pixels, and the space to the next.
fn key_width(name: &str) -> f64 {
    36.0 + KEY_SPACE + name.chars().map(|_| 7.0).sum::<f64>()
}

/// `SQLite: 1 connection 1,234/s, median 570 µs, 99th percentile 1.2 ms; 2 …. `
fn words(curve: &Curve) -> String {
    let point = |point: &Point| {
        let Point { connections, per_second, latency } = point;
        let plural = if *connections == 1 { "" } else { "s" };
        format!(
            "{connections} connection{plural} {}/s, median {}, 99th percentile {}",
            thousands(*per_second),
            time(latency.p50_us),
            time(latency.p99_us),
        )
    };
    let points: Vec<String> = curve.points.iter().map(point).collect();
    format!("{}: {}. ", curve.database, points.join("; "))
}

/// `570 µs`, `1.2 ms`, `12 ms`.
fn time(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 10_000.0 => format!("{:.1} ms", us / 1_000.0).replace(".0 ", " "),
        us => format!("{:.0} ms", us / 1_000.0),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Latency;

    fn picture() -> String {
        let machine = Machine {
            cpu: "A & B <C>".to_owned(),
            cores: 2,
            memory_gib: 8,
            kernel: "6.1".to_owned(),
            disk: "/dev/sda, ext4".to_owned(),
        };
        let points = |per_second: f64| {
            let latency = Latency { p50_us: 570.0, p99_us: 1_234.0, max_us: 9_000.0 };
            CONNECTIONS.map(|connections| Point { connections, per_second, latency }).to_vec()
        };
        let curve = |database, per_second| Curve { database, points: points(per_second) };
        draw(&machine, 1_000, &[curve("SQLite", 12_000.0), curve("PostgreSQL", 6_000.0)])
    }

    #[test]
    fn every_figure_is_told_in_words() {
        let svg = picture();
        let (_, description) = svg.split_once("<desc id=\"description\">").unwrap();
        let (description, _) = description.split_once("</desc>").unwrap();
        assert!(
            description.contains("SQLite: 1 connection 12,000/s, median 570 µs, 99th percentile 1.2 ms; 2 connections")
        );
        assert!(description.contains("PostgreSQL: 1 connection 6,000/s"));
        assert!(description.contains("A &amp; B &lt;C&gt;"), "{description}");
    }

    #[test]
    fn three_lines_for_each_database_inside_of_the_frame() {
        let svg = picture();
        assert_eq!(svg.matches("class=\"line a\"").count() + svg.matches("class=\"line high a\"").count(), 3 + 1);
        // The greatest throughput is at the top tick, half of it half-way.
        assert!(
            svg.contains(&format!("M92.0 {TOP:.1}L"))
                && svg.contains(&format!("M92.0 {:.1}L", f64::midpoint(TOP, BOTTOM)))
        );
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }

    #[test]
    fn times_are_short() {
        for (us, text) in [(570.4, "570 µs"), (1_000.0, "1 ms"), (1_234.0, "1.2 ms"), (50_000.0, "50 ms")] {
            assert_eq!(time(us), text);
        }
    }
}
