//! The results as a page.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use super::context::{Context, PAIRS};
use super::server::nginx_executable;
use super::table::Row;
use crate::clip::target_dir;

/// Renders machine, versions, table and commands.
pub(super) fn render(context: &Context, rows: &[Row], took: Duration) -> anyhow::Result<String> {
    let mut out = String::new();
    let rounds = context.rounds;
    out.push_str("# What Pulse costs\n\n<!-- Written by `make bench`; do not edit. -->\n\n");
    writeln!(
        out,
        "Medians of {rounds} {}, alternating between the servers, with the lowest and the highest in parentheses. 720p30 H.264, \
         {:.2} Mbit/s with sound, key frames 2 s apart. How each figure is measured: [README.md](README.md). Absolute figures \
         differ by a third between machines of one kind: only ratios travel.\n",
        if rounds == 1 { "run" } else { "runs" },
        context.clip_bytes_per_s * 8.0 / 1e6
    )?;
    if context.quick {
        out.push_str("**Short runs (`--quick`): to see that everything works, not to quote.**\n\n");
    }
    table(&mut out, rows)?;
    writeln!(out, "## Machine and versions\n")?;
    machine(&mut out, took)?;
    writeln!(out, "\n## Commands\n")?;
    commands(&mut out, context)?;
    Ok(out)
}

/// Renders single measurements as a section of a page.
pub(super) fn section(
    context: &Context,
    names: &[String],
    rows: &[Row],
    took: Duration,
) -> anyhow::Result<String> {
    let (begin, end) = marks(names);
    let mut out = format!("{begin}\n## By themselves: {}\n\n", names.join(", "));
    let is_paired = !context.quick && names.iter().all(|name| name.starts_with("signed-"));
    let (rounds, busy) = (if is_paired { PAIRS } else { context.rounds }, context.load_before);
    writeln!(
        out,
        "Measured in a session of their own: medians of {rounds} {}, with the lowest and the highest in parentheses. The machine's \
         load average when it began was {busy}.\n",
        if rounds == 1 { "run" } else { "runs" },
    )?;
    table(&mut out, rows)?;
    machine(&mut out, took)?;
    out.push('\n');
    commands(&mut out, context)?;
    writeln!(out, "{end}")?;
    Ok(out)
}

/// Puts a section in the place of the one that was measured before, or at the end of the page.
pub(super) fn splice(page: &str, names: &[String], section: &str) -> String {
    let (begin, end) = marks(names);
    let before = page.split_once(&begin);
    let after = before.and_then(|(_, rest)| rest.split_once(&end));
    match (before, after) {
        (Some((before, _)), Some((_, after))) => format!("{before}{}{after}", section.trim_end()),
        _ => format!("{}\n\n{section}", page.trim_end()),
    }
}

/// Comments around a section, by which it is found.
fn marks(names: &[String]) -> (String, String) {
    let names = names.join(" ");
    (format!("<!-- benches/run {names} -->"), format!("<!-- end of benches/run {names} -->"))
}

fn table(out: &mut String, rows: &[Row]) -> anyhow::Result<()> {
    out.push_str(
        "| what | bar | Pulse | peer | bare broadcast | ratio | met |\n|---|---|---|---|---|---|---|\n",
    );
    rows.iter().for_each(|row| out.push_str(&row.markdown()));
    let met = rows.iter().filter(|row| row.met == Some(true)).count();
    let bars = rows.iter().filter(|row| row.met.is_some()).count();
    writeln!(out, "\n{met} of {bars} bars are met.\n")?;
    Ok(())
}

fn commands(out: &mut String, context: &Context) -> anyhow::Result<()> {
    writeln!(out, "The load tools, each also with `--pid` of the server:\n\n```")?;
    // What is another's on each machine and in each session.
    let (target, temporary) = (target_dir(), std::env::temp_dir());
    let target = target.canonicalize().unwrap_or(target).display().to_string();
    let temporary = temporary.display().to_string();
    let process = format!("-{}", std::process::id());
    for command in context.commands.borrow().iter() {
        let command = command.replace(&target, "target").replace(&temporary, "$TMPDIR");
        writeln!(out, "{}", command.replace(&process, ""))?;
    }
    out.push_str("```\n");
    Ok(())
}

fn machine(out: &mut String, took: Duration) -> anyhow::Result<()> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<_> = cpus.lines().filter(|line| line.starts_with("model name")).collect();
    let model = models.first().and_then(|line| line.split_once(": ")).map_or("unknown", |(_, model)| model);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    writeln!(out, "- {} CPUs, {model}; {} GiB of memory", models.len(), memory_kib / 1_048_576)?;
    writeln!(out, "- Linux {}", first_line("uname", &["-r"]))?;
    writeln!(
        out,
        "- Pulse {} ({})",
        env!("CARGO_PKG_VERSION"),
        first_line("git", &["rev-parse", "--short", "HEAD"])
    )?;
    writeln!(out, "- {}", first_line("rustc", &["--version"]))?;
    let nginx = nginx_executable();
    writeln!(out, "- {}", first_line(&nginx.to_string_lossy(), &["-v"]))?;
    let module = ["-W", "-f", "${Package} ${Version}", "libnginx-mod-rtmp"];
    writeln!(out, "- {}", first_line("dpkg-query", &module))?;
    writeln!(out, "- {}", first_line("ffmpeg", &["-version"]))?;
    writeln!(out, "- {}", first_line("psql", &["--version"]))?;
    writeln!(out, "- date {}, {} minutes", first_line("date", &["-u", "+%Y-%m-%d"]), took.as_secs() / 60)?;
    Ok(())
}

/// The first line that a command prints, on either channel.
fn first_line(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_itself_and_nothing_else() {
        let (api, play) = (["api".to_owned(), "create".to_owned()], ["play".to_owned()]);
        let section = |names: &[String], text: &str| {
            let (begin, end) = marks(names);
            format!("{begin}\n{text}\n{end}\n")
        };
        let page = splice("# Page\n", &api, &section(&api, "old"));
        let page = splice(&page, &play, &section(&play, "other"));
        let page = splice(&page, &api, &section(&api, "new"));
        let expected = format!("# Page\n\n{}\n{}", section(&api, "new"), section(&play, "other"));
        assert_eq!(page, expected);
    }
}
