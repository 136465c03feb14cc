//! What was seeded, so that loads can ask for it: a text file with a line for each project and each of its streams.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// A project with an API key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// `pulse_key_…`.
    pub public: String,
    /// `pulse_secret_…`.
    pub secret: String,
    /// Ids of its streams, `str_…`.
    pub streams: Vec<String>,
}

/// Every project. Those at even places sign tokens by HS256, the others by Ed25519.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The projects.
    pub projects: Vec<Project>,
}

impl Catalogue {
    /// Writes it to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = String::new();
        for project in &self.projects {
            writeln!(text, "project {} {}", project.public, project.secret)?;
            for stream in &project.streams {
                writeln!(text, "stream {stream}")?;
            }
        }
        std::fs::write(path, text).with_context(|| path.display().to_string())
    }

    /// Reads it from a file.
    ///
    /// # Errors
    /// When the file is not there or something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Self::parse(&std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut projects: Vec<Project> = Vec::new();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["project", public, secret] => projects.push(Project {
                    public: (*public).to_owned(),
                    secret: (*secret).to_owned(),
                    streams: Vec::new(),
                }),
                ["stream", id] => {
                    let project = projects.last_mut().context("a stream before any project")?;
                    project.streams.push((*id).to_owned());
                }
                _ => anyhow::bail!("neither a project nor a stream: {line}"),
            }
        }
        let whole = !projects.is_empty() && projects.iter().all(|project| !project.streams.is_empty());
        anyhow::ensure!(whole, "no projects, or one without streams");
        Ok(Self { projects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "project k1 s1\nstream a\nstream b\nproject k2 s2\nstream c\n";
        let catalogue = Catalogue::parse(text).unwrap();
        assert_eq!(catalogue.projects.len(), 2);
        assert_eq!(catalogue.projects.first().unwrap().streams, ["a", "b"]);
        let path = std::env::temp_dir().join(format!("pulse-catalogue-{}", std::process::id()));
        catalogue.write(&path).unwrap();
        let read = Catalogue::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, catalogue);
        assert!(Catalogue::parse("stream a\n").is_err());
        assert!(Catalogue::parse("project k1 s1\n").is_err());
    }
}
