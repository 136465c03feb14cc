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
    /// Operate the server: accounts, organizations, the master key; through the running server where there is one
    Admin(AdminArgs),
}

/// What operators do from the command line.
#[derive(Debug, Clone, Args)]
pub struct AdminArgs {
    /// The configuration of the server that is operated.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// What operators do from the command line.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum AdminCommand {
    /// Create an operator's account; its password is the first line of standard input
    CreateOperator {
        /// Address, which needs no proof
        #[arg(long)]
        email: String,
        /// Name
        #[arg(long)]
        name: String,
    },
    /// List organizations
    ListOrganizations {
        /// Only names that begin with this
        #[arg(long)]
        search: Option<String>,
        /// Deleted ones, which can be restored
        #[arg(long)]
        deleted: bool,
    },
    /// Suspend an organization: nobody reaches anything in it
    SuspendOrganization {
        /// Its id, `org_…`
        id: String,
    },
    /// Lift the suspension of an organization
    ResumeOrganization {
        /// Its id, `org_…`
        id: String,
    },
    /// Bring back an organization that was deleted in the last 30 days
    RestoreOrganization {
        /// Its id, `org_…`
        id: String,
    },
    /// Suspend an account, whose logins end
    SuspendUser {
        /// Its id, `usr_…`, or address
        user: String,
    },
    /// Lift the suspension of an account
    ResumeUser {
        /// Its id, `usr_…`, or address
        user: String,
    },
    /// Print all that is known of a person
    ExportUser {
        /// Their id, `usr_…`, or address
        user: String,
    },
    /// Erase a person for good
    EraseUser {
        /// Their id, `usr_…`, or address
        user: String,
    },
    /// Put another master key in place
    RotateMasterKey,
    /// Replace the key that viewers' sessions are signed with, from the next start on; twice ends all sessions
    ReplaceSessionKey,
}

/// Which server it is: where its configuration and its data are.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// Configuration file (TOML); without it, the one that PULSE_CONFIG names, else defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for what survives a restart (data_dir)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Where the server's configuration and data are.
    #[command(flatten)]
    pub place: PlaceArgs,
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

impl PlaceArgs {
    /// The sources of the configuration: these flags and the process's environment.
    pub fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            env: std::env::vars_os().collect(),
            flags: Flags { data: self.data.clone(), ..Flags::default() },
        }
    }
}

impl ServeArgs {
    /// The sources of the configuration: these flags and the process's environment.
    pub fn sources(&self) -> Sources {
        let mut sources = self.place.sources();
        sources.flags.http.clone_from(&self.http);
        sources.flags.rtmp.clone_from(&self.rtmp);
        sources.flags.open = self.open;
        sources
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
    fn admin_takes_the_configuration_before_its_command() {
        let line = "pulse-server admin --data d create-operator --email a@b.co --name Ada";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Admin(args) = cli.command else { panic!("not admin") };
        assert!(matches!(args.command, AdminCommand::CreateOperator { email, .. } if email == "a@b.co"));
        assert_eq!(args.place.sources().flags.data, Some(PathBuf::from("d")));
    }

    #[test]
    fn admin_takes_no_flag_that_means_nothing_to_it() {
        for flag in ["--http=127.0.0.1:1", "--rtmp=127.0.0.1:2", "--open"] {
            let refused =
                Cli::try_parse_from(["pulse-server", "admin", flag, "list-organizations"]).unwrap_err();
            assert_eq!(refused.kind(), clap::error::ErrorKind::UnknownArgument, "{flag}");
        }
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
