//! The command line's side.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use platform_core::sql;

use super::{Answer, Password, Request, execute, owner, socket};
use crate::cli::{AdminArgs, AdminCommand};
use crate::config::Config;
use crate::platform::{self, Absent, Opened, PlatformError};
use crate::run::Failure;

/// Runs a command to its end and prints what came of it, as JSON.
pub(crate) async fn run(args: AdminArgs) -> Result<(), Failure> {
    let (config, _) = Config::load(&args.place.sources())?;
    owner::check(&config)?;
    // Whoever creates an operator may be the first one here; all else is about what is there.
    let absent = match args.command {
        AdminCommand::CreateOperator { .. } => Absent::Make,
        _ => Absent::Refuse,
    };
    let request = request(args.command)?;
    match answer(&config, absent, request).await? {
        Answer::Done(value) => {
            crate::run::print(serde_json::to_string_pretty(&value)?)?;
            Ok(())
        }
        Answer::Failed(reason) => Err(reason.into()),
    }
}

/// Has the server that runs carry it out, or does so where none does.
async fn answer(config: &Config, absent: Absent, request: Request) -> Result<Answer, Failure> {
    if let Some(answer) = socket::ask(&config.data_dir, &request).await? {
        return Ok(answer);
    }
    if absent == Absent::Make {
        make_folder(config)?;
    }
    let Opened { db, tenancy, made } = match platform::open(config, absent).await {
        // A server that was starting listens by now.
        Err(PlatformError::Database(locked @ sql::Error::Locked { .. })) => {
            return socket::ask(&config.data_dir, &request).await?.ok_or_else(|| locked.into());
        }
        opened => opened?,
    };
    if let Some(key) = made {
        eprintln!("{}", told(config, &key));
    }
    let answer = Box::pin(execute::execute(&db, &tenancy, config, request)).await;
    db.close().await;
    Ok(answer)
}

/// Makes the folder of a new installation, unless it is there.
fn make_folder(config: &Config) -> Result<(), Failure> {
    owner::check_making(config)?;
    let folder = config.data_dir.display();
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|error| format!("cannot make the folder {folder}: {error}").into())
}

/// What is said of a new installation, which may be one that nobody meant.
fn told(config: &Config, key: &Path) -> String {
    let (folder, user) = (config.data_dir.display(), owner::called(owner::own()));
    format!(
        "pulse-server: there was no installation in {folder}: a new one was made, for a server that runs as the user {user}. Back its master \
         key up, elsewhere than the database: {}. If you meant another one, give --data or --config as `serve` has it.",
        key.display()
    )
}

fn request(command: AdminCommand) -> Result<Request, Failure> {
    Ok(match command {
        AdminCommand::CreateOperator { email, name } => {
            Request::CreateOperator { email, name, password: read_password()? }
        }
        AdminCommand::ListOrganizations { search, deleted } => Request::ListOrganizations { search, deleted },
        AdminCommand::SuspendOrganization { id } => Request::SuspendOrganization { id, suspended: true },
        AdminCommand::ResumeOrganization { id } => Request::SuspendOrganization { id, suspended: false },
        AdminCommand::RestoreOrganization { id } => Request::RestoreOrganization { id },
        AdminCommand::SuspendUser { user } => Request::SuspendUser { user, suspended: true },
        AdminCommand::ResumeUser { user } => Request::SuspendUser { user, suspended: false },
        AdminCommand::ExportUser { user } => Request::ExportUser { user },
        AdminCommand::EraseUser { user } => Request::EraseUser { user },
        AdminCommand::RotateMasterKey => Request::RotateMasterKey,
        AdminCommand::ReplaceSessionKey => Request::ReplaceSessionKey,
    })
}

/// A password from standard input: on the command line everybody on the machine would see it.
fn read_password() -> Result<Password, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprint!("Password (10 characters at least; it is shown as you type): ");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        Err("no password on standard input; type it, or give it with `< FILE`".into())
    } else {
        Ok(Password(password))
    }
}
