//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Flags, Sources};

/// Live video: RTMP in; Low-Latency HLS, RTMP and FLV out.
#[derive(Debug, Parser)]
#[command(name = "pulse-server", version, propagate_version = true)]
#[command(
    after_help = "Every setting can also be given as PULSE_SECTION_KEY in the environment; flags win over the \
                        environment, the environment over the file. See docs/configuration.md."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary does.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Run the server until SIGTERM or SIGINT; SIGHUP reads the configuration again
    Serve(ServeArgs),
    /// Run the server with a test picture of its own (needs ffmpeg) and print where to watch it
    Demo(DemoArgs),
    /// Check the configuration without starting anything and print it with where each value comes from
    CheckConfig(ServeArgs),
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML); without it, the one that PULSE_CONFIG names, else defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for what survives a restart (data_dir)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the HTTP listener, such as 127.0.0.1:8080 (http.listen)
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// Address of the RTMP listener, such as 0.0.0.0:1935 (rtmp.listen)
    #[arg(long, value_name = "ADDR")]
    pub rtmp: Option<String>,
    /// Admit any stream key, for development (open)
    #[arg(long)]
    pub open: bool,
}

/// How the demonstration runs.
#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// The configuration that `serve` would take.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Publish no test picture; wait for your own encoder
    #[arg(long)]
    pub no_publish: bool,
}

impl ServeArgs {
    /// The sources of the configuration: these flags and the process's environment.
    pub fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            env: std::env::vars_os().collect(),
            flags: Flags {
                http: self.http.clone(),
                rtmp: self.rtmp.clone(),
                data: self.data.clone(),
                open: self.open,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_the_documented_flags() {
        let line = "pulse-server serve --config p.toml --data d --http 127.0.0.1:1 --rtmp 127.0.0.1:2 --open";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Serve(args) = cli.command else { panic!("not serve") };
        let sources = args.sources();
        assert_eq!(sources.file, Some(PathBuf::from("p.toml")));
        assert_eq!(sources.flags.http.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(sources.flags.rtmp.as_deref(), Some("127.0.0.1:2"));
        assert_eq!(sources.flags.data, Some(PathBuf::from("d")));
        assert!(sources.flags.open);
    }
}
