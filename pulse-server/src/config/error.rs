//! What is wrong with a configuration, where it was written and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written. Orders as the sources are read, and by line within a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// The configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Line and column, both from 1, in characters; absent where the file as a whole is meant.
        position: Option<(usize, usize)>,
    },
    /// An environment variable, by name.
    Env(String),
    /// A command-line flag, such as `--http`.
    Flag(&'static str),
}

impl Origin {
    /// The line in the file.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::File { position: Some((line, _)), .. } => Some(*line),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, position: None } => write!(f, "{}", path.display()),
            Self::File { path, position: Some((line, column)) } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::Env(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One mistake. Its `Display` is one line: origin, field, problem, what is allowed, what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigError {
    /// Where the mistake was written.
    pub origin: Origin,
    /// The setting's path, such as `hls.part_ms` or `streams[2].keys`; empty where no setting is concerned.
    pub field: String,
    /// What is wrong. Never contains a stream key.
    pub problem: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// The name that was probably meant.
    pub suggestion: Option<String>,
}

impl ConfigError {
    pub(super) fn new(origin: Origin, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { origin, field: field.into(), problem: problem.into(), allowed: None, suggestion: None }
    }

    pub(super) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(super) fn suggesting(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}

/// Every mistake that was found, by [`Origin`]: defaults, file by line, environment, flags. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// Something legal that an operator should hear about at start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where it was written.
    pub origin: Origin,
    /// The setting's path; empty where no setting is concerned.
    pub field: String,
    /// What it means and what to do about it. Never contains a stream key.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}
