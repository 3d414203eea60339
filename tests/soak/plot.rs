//! The plot of a run: an SVG with one panel for each figure.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::plan::Plan;
use crate::samples::Sample;
use crate::stage::Part;

const WIDTH: f64 = 860.0;
const PANEL: f64 = 130.0;
const GAP: f64 = 46.0;
const LEFT: f64 = 90.0;
const COLOURS: [&str; 3] = ["#1f6feb", "#c2410c", "#15803d"];

/// A line of a panel: a name, and a value for each sample.
type Line<'a> = (&'a str, Vec<Option<f64>>);

/// Writes the plot.
pub(crate) fn write(path: &Path, samples: &[Sample], plan: &Plan) -> anyhow::Result<()> {
    let of = |read: &dyn Fn(&Sample) -> Option<f64>| samples.iter().map(read).collect::<Vec<_>>();
    let small = |value: i64| i32::try_from(value).ok().map(f64::from);
    let memory = |index: usize| {
        of(&|sample| {
            sample
                .memory_kib
                .get(index)
                .copied()
                .flatten()
                .and_then(|kib| u32::try_from(kib).ok())
                .map(|kib| f64::from(kib) / 1024.0)
        })
    };
    let memory: Vec<Line<'_>> =
        Part::ALL.into_iter().enumerate().map(|(index, part)| (part.name(), memory(index))).collect();
    let panels: Vec<(&str, Vec<Line<'_>>)> = vec![
        (
            "submit to end, s",
            vec![
                ("mean", of(&|sample| sample.reading.mean_ms.map(|ms| ms / 1000.0))),
                ("p99", of(&|sample| sample.reading.p99_ms.map(|ms| ms / 1000.0))),
            ],
        ),
        ("resident memory, MiB", memory),
        ("not finished", vec![("processes", of(&|sample| small(sample.reading.unfinished)))]),
        ("dead rows", vec![("rows", of(&|sample| small(sample.reading.dead_rows)))]),
    ];
    let height = (PANEL + GAP) * f64::from(u32::try_from(panels.len())?) + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        LEFT + WIDTH + 20.0
    );
    let times: Vec<f64> = samples.iter().map(|sample| sample.at.as_secs_f64()).collect();
    let end = plan.time.as_secs_f64();
    for (index, (title, lines)) in panels.iter().enumerate() {
        let top = GAP + (PANEL + GAP) * f64::from(u32::try_from(index)?);
        panel(&mut svg, top, title, lines, &times, end)?;
        incidents(&mut svg, top, plan, index == 0)?;
    }
    svg.push_str("</svg>\n");
    std::fs::write(path, svg).with_context(|| path.display().to_string())
}

fn panel(svg: &mut String, top: f64, title: &str, lines: &[Line<'_>], times: &[f64], end: f64) -> std::fmt::Result {
    let greatest = lines.iter().flat_map(|(_, values)| values).flatten().copied().fold(0.0, f64::max).max(1e-9);
    let bottom = top + PANEL;
    writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{PANEL}\" fill=\"none\" stroke=\"#999\"/>"
    )?;
    writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top - 6.0)?;
    writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, top + 10.0, label(greatest))?;
    writeln!(svg, "<text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>", LEFT - 6.0)?;
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0} min</text>",
        LEFT + WIDTH,
        bottom + 14.0,
        end / 60.0
    )?;
    for (index, (name, values)) in lines.iter().enumerate() {
        let colour = COLOURS.get(index).copied().unwrap_or("black");
        let place = |(at, value): (&f64, f64)| {
            format!("{:.1},{:.1}", LEFT + at / end * WIDTH, bottom - value / greatest * PANEL)
        };
        // A gap where there is no value.
        for part in times.iter().zip(values).collect::<Vec<_>>().split(|(_, value)| value.is_none()) {
            let points: Vec<String> =
                part.iter().filter_map(|(at, value)| value.map(|value| place((at, value)))).collect();
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\"/>",
                points.join(" ")
            )?;
        }
        let x = LEFT + WIDTH - 70.0 * f64::from(u32::try_from(lines.len() - index).unwrap_or(1));
        writeln!(svg, "<text x=\"{x}\" y=\"{}\" fill=\"{colour}\">{name}</text>", top - 6.0)?;
    }
    Ok(())
}

fn incidents(svg: &mut String, top: f64, plan: &Plan, named: bool) -> std::fmt::Result {
    let end = plan.time.as_secs_f64();
    for incident in &plan.incidents {
        let x = LEFT + incident.time.start.as_secs_f64() / end * WIDTH;
        let width = ((incident.time.end - incident.time.start).as_secs_f64() / end * WIDTH).max(1.0);
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{PANEL}\" fill=\"#d00\" opacity=\"0.15\"/>"
        )?;
        if named {
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" fill=\"#900\">{}</text>",
                x + 3.0,
                top + 12.0,
                incident.what.words()
            )?;
        }
    }
    Ok(())
}

fn label(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
