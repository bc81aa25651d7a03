//! The program `pinhole`: reads settings, and serves until the source ends or somebody says stop, or
//! does what another command says.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use pinhole::doctor::{self, Check, Grade};
use pinhole::reflect::{ReflectSettings, Reflecting};
use pinhole::serve::{self, End};
use pinhole::settings::{
    self, DoctorSettings, Invocation, ReplaySettings, RewriteSettings, Settings,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Threads for signalling; the sessions have their own.
const SIGNALLING_THREADS: usize = 2;

fn main() -> ExitCode {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let directory = std::env::current_dir().unwrap_or_default();
    match Settings::parse(std::env::args_os(), &environment, &directory) {
        Ok(Invocation::SettingsPage) => {
            tell(&settings::markdown());
            ExitCode::SUCCESS
        }
        Ok(Invocation::Serve(settings)) => serve(*settings),
        Ok(Invocation::RewriteSdp(settings)) => rewrite_sdp(&settings),
        Ok(Invocation::Doctor(settings)) => doctor(&settings),
        Ok(Invocation::Encoders(settings)) => {
            let (text, can_be_used) = pinhole::encoders::run(settings);
            tell(&text);
            if can_be_used { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Invocation::Reflect(settings)) => reflect(&settings),
        Ok(Invocation::Replay(settings)) => replay(&settings),
        Err(error) if error.is_help() => {
            tell(&error.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let text = error.to_string();
            eprintln!("{}", text.strip_prefix("error: ").map_or(text.as_str(), str::trim_end));
            ExitCode::from(2)
        }
    }
}

/// Prints. Whoever reads it may have seen enough and gone: `pinhole --help | head`.
fn tell(text: &str) {
    let mut output = std::io::stdout();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

fn rewrite_sdp(settings: &RewriteSettings) -> ExitCode {
    for warning in &settings.warnings {
        eprintln!("{warning}");
    }
    let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match pinhole::rewrite_sdp::run(settings, input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what an examination found; the exit code says whether a viewer outside would connect.
fn doctor(settings: &DoctorSettings) -> ExitCode {
    for warning in &settings.settings.warnings {
        eprintln!("{warning}");
    }
    let is_watched = std::io::stderr().is_terminal();
    let progress = move |check: &Check| {
        if is_watched {
            let mark = if check.grade == Grade::Bad { "BAD" } else { "done" };
            eprintln!("  {mark:4}  {} {}", check.area, check.subject);
        }
    };
    if is_watched {
        eprintln!("Looking at the network from here; this takes up to 15 s.");
    }
    let executor = match executor("pinhole-doctor") {
        Ok(executor) => executor,
        Err(code) => return code,
    };
    let examined = executor.block_on(pinhole::doctor::run(&settings.settings, &progress));
    if is_watched {
        eprintln!();
    }
    // A resolver that still waits is not waited for.
    executor.shutdown_background();
    let (text, is_good) = match &examined {
        Ok(report) if settings.json => (format!("{:#}\n", doctor::json(report)), report.is_good()),
        Ok(report) => {
            let colours = std::io::stdout().is_terminal();
            (doctor::table(report, terminal_columns(), colours), report.is_good())
        }
        Err(error) if settings.json => {
            (format!("{:#}\n", doctor::failure(&error.to_string())), false)
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    tell(&text);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what happened; the exit code says whether it would be decided the same today.
fn replay(settings: &ReplaySettings) -> ExitCode {
    let colours = std::io::stdout().is_terminal();
    match pinhole::replay::run(settings, terminal_columns(), colours) {
        Ok(told) => {
            tell(&told.text);
            if told.is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// As the shell says, where it says so.
fn terminal_columns() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(doctor::COLUMNS)
}

/// Runs until somebody says stop.
fn reflect(settings: &ReflectSettings) -> ExitCode {
    let work = async {
        let stop = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (Ok(mut interrupt), Ok(mut terminate)) = stop else {
            eprintln!("cannot listen for Ctrl-C");
            return ExitCode::FAILURE;
        };
        let reflecting = match Reflecting::start(settings).await {
            Ok(reflecting) => reflecting,
            Err(error) => {
                let address = settings.listen;
                eprintln!("cannot listen on {address}: {error}; choose another with --listen");
                return ExitCode::FAILURE;
            }
        };
        let whose = match settings.token {
            Some(_) => "whoever has the token may name any target",
            None => "each asker may name its own address only",
        };
        let (version, address) = (env!("CARGO_PKG_VERSION"), reflecting.address);
        tell(&format!("Pinhole {version} reflects on {address}\n"));
        tell(&format!("  TCP and UDP, both to be open; {whose}\n"));
        stopped(&mut interrupt, &mut terminate).await;
        ExitCode::SUCCESS
    };
    match executor("pinhole-reflect") {
        Ok(executor) => executor.block_on(work),
        Err(code) => code,
    }
}

/// Threads for work that waits.
fn executor(name: &str) -> Result<tokio::runtime::Runtime, ExitCode> {
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SIGNALLING_THREADS)
        .thread_name(name)
        .enable_all()
        .build();
    executor.map_err(|error| {
        eprintln!("cannot start threads: {error}");
        ExitCode::FAILURE
    })
}

fn serve(settings: Settings) -> ExitCode {
    let filter = match EnvFilter::try_new(&settings.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!(
                "--log {}: {error}; write a level such as info or pinhole=debug",
                settings.log
            );
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let executor = match executor("pinhole-http") {
        Ok(executor) => executor,
        Err(code) => return code,
    };
    let code = executor.block_on(run(settings));
    // A thread may still sit in a read of standard input, which nothing can interrupt.
    executor.shutdown_timeout(Duration::from_millis(50));
    code
}

async fn run(settings: Settings) -> ExitCode {
    let stop = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = stop else {
        eprintln!("cannot listen for Ctrl-C");
        return ExitCode::FAILURE;
    };
    let started = tokio::select! {
        started = serve::start(settings) => started,
        () = stopped(&mut interrupt, &mut terminate) => return ExitCode::SUCCESS,
    };
    let mut server = match started {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for line in &server.report {
        tell(&format!("{line}\n"));
    }
    let code = tokio::select! {
        () = stopped(&mut interrupt, &mut terminate) => {
            tell("Stopping; once more to stop at once.\n");
            ExitCode::SUCCESS
        }
        end = server.ended() => match end {
            End::SourceEnded => {
                tell("The source has ended.\n");
                ExitCode::SUCCESS
            }
            End::Failed(text) => {
                eprintln!("{text}");
                ExitCode::FAILURE
            }
        },
    };
    tokio::select! {
        () = server.shutdown() => code,
        () = stopped(&mut interrupt, &mut terminate) => ExitCode::from(130),
    }
}

async fn stopped(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
