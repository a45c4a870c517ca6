//! The `everwire` program: reads its arguments, starts the log, runs, exits.

use std::process::ExitCode;

use clap::Parser;
use everwire::config::{Arguments, Command, DatabaseOptions};
use everwire::error::StartError;
use everwire::{embedded, server};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("everwire: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("everwire: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), StartError> {
    match command {
        Command::Serve(options) => {
            start_log(&options.database);
            server::serve(&options, interrupted()).await
        }
        Command::Schema(options) => {
            start_log(&options);
            print!("{}", server::print_schema(&options).await?);
            Ok(())
        }
        Command::Url(options) => {
            println!("{}", database_url(&options)?);
            Ok(())
        }
        Command::Check(options) => {
            start_log(&options);
            server::check(&options).await
        }
        Command::Slots(options) => {
            start_log(&options.database);
            let url = database_url(&options.database)?;
            print!("{}", server::slots(url, options.drop.as_deref()).await?);
            Ok(())
        }
    }
}

fn database_url(options: &DatabaseOptions) -> Result<String, StartError> {
    match &options.database_url {
        Some(url) => Ok(url.clone()),
        None => embedded::running_url(&options.data_dir.clone().unwrap_or_else(embedded::default_data_dir)),
    }
}

/// Ctrl-C, or the signal by which service managers end a program.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    tracing::info!("stopping");
}

/// The log goes to standard error: standard output belongs to what a command prints.
fn start_log(options: &DatabaseOptions) {
    let filter = tracing_subscriber::EnvFilter::try_new(&options.log).unwrap_or_else(|_| "info".into());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
