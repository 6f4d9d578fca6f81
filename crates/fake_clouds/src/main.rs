//! Runs the fakes by hand, with a few files in them, and says how to lead the product there.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use fake_clouds::drive::{DriveAccount, DriveFake, DriveOptions};
use fake_clouds::graph::{GraphAccount, GraphFake, GraphOptions};

/// Google Drive and OneDrive on this machine, without an account, until stopped.
#[derive(Parser)]
struct Arguments {
    /// Where Drive listens. OneDrive takes the next two ports: one for its API, one for its files.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Consent is given at once, without a page.
    #[arg(long)]
    auto_approve: bool,
    /// Uploads are hashed and thrown away, for measuring with more than memory holds.
    #[arg(long)]
    discard: bool,
    /// So many more items in each drive: a hundred folders below `Many`, and files in them.
    #[arg(long, default_value_t = 0)]
    many: usize,
    /// Nothing else is in them to begin with.
    #[arg(long)]
    bare: bool,
}

/// Whose drives they are.
const EMAIL: &str = "ada@gmail.com";
/// What `--many` items are in.
const FOLDERS: usize = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let next = |step: u16| {
        let mut address = arguments.listen;
        address.set_port(address.port().checked_add(step)?);
        Some(address)
    };
    let (Some(graph), Some(files)) = (next(1), next(2)) else {
        eprintln!("there must be two more ports above that of --listen");
        return ExitCode::FAILURE;
    };
    let drive_options = DriveOptions {
        listen: arguments.listen,
        auto_approve: arguments.auto_approve,
        signed_in: EMAIL.to_owned(),
        keep_bytes: !arguments.discard,
        ..DriveOptions::default()
    };
    let graph_options = GraphOptions {
        listen: graph,
        listen_files: files,
        shows_page: !arguments.auto_approve,
        keep_bytes: !arguments.discard,
        ..GraphOptions::default()
    };
    let mut drive = DriveFake::start(drive_options.clone()).await;
    let mut graph = GraphFake::start(graph_options.clone()).await;
    let (google, microsoft) = (drive.account(EMAIL), graph.account(EMAIL));
    if !arguments.bare {
        plant_drive(&google);
        plant_graph(&microsoft);
    }
    if arguments.many > 0 {
        plant_many(&google, &microsoft, arguments.many);
    }
    // Whoever waits for these finds everything in its place.
    print_settings(&drive_options, &graph_options);
    tokio::select! {
        () = drive.wait() => {}
        () = graph.wait() => {}
        stopped = tokio::signal::ctrl_c() => stopped.unwrap_or_default(),
    }
    ExitCode::SUCCESS
}

fn print_settings(drive: &DriveOptions, graph: &GraphOptions) {
    let (google, microsoft) = (drive.listen, graph.listen);
    let settings = [
        ("GOOGLE_CLIENT_ID", drive.client_id.clone()),
        ("GOOGLE_CLIENT_SECRET", drive.client_secret.clone()),
        ("CUMULI_GOOGLE_API_URL", format!("http://{google}")),
        (
            "CUMULI_GOOGLE_AUTH_URL",
            format!("http://{google}/o/oauth2/v2/auth"),
        ),
        ("CUMULI_GOOGLE_TOKEN_URL", format!("http://{google}/token")),
        ("CUMULI_GOOGLE_REVOKE_URL", format!("http://{google}/revoke")),
        (
            "CUMULI_GOOGLE_JWKS_URL",
            format!("http://{google}/oauth2/v3/certs"),
        ),
        ("ONEDRIVE_CLIENT_ID", graph.client_id.clone()),
        ("ONEDRIVE_CLIENT_SECRET", graph.client_secret.clone()),
        ("CUMULI_GRAPH_URL", format!("http://{microsoft}/v1.0")),
        (
            "CUMULI_MICROSOFT_ISSUER",
            format!("http://{microsoft}/{{tenantid}}/v2.0"),
        ),
        (
            "CUMULI_MICROSOFT_JWKS_URL",
            format!("http://{microsoft}/common/discovery/v2.0/keys"),
        ),
        (
            "CUMULI_MICROSOFT_AUTH_URL",
            format!("http://{microsoft}/common/oauth2/v2.0/authorize"),
        ),
        (
            "CUMULI_MICROSOFT_TOKEN_URL",
            format!("http://{microsoft}/common/oauth2/v2.0/token"),
        ),
    ];
    for (name, value) in settings {
        println!("{name}={value}");
    }
}

fn plant_drive(account: &DriveAccount) {
    let photos = account.create_folder("root", "Photos");
    let _ = account.create_typed(&photos, "a cloud.svg", "image/svg+xml", CLOUD);
    let _ = account.create_file(&photos, "same name.txt", "the first");
    let _ = account.create_file(&photos, "same name.txt", "the second");
    let work = account.create_folder("root", "Work");
    let _ = account.make_doc(&work, "Plan", "document", "Everything goes into a cloud.");
    let _ = account.make_doc(&work, "Numbers", "spreadsheet", "1,2,3");
    let _ = account.create_file(&work, "either/or.txt", "A name that no disk takes.");
    let _ = account.make_shortcut("root", "To the photos", &photos);
    let _ = account.create_typed("root", "Read me.txt", "text/plain", "This cloud is not real.");
}

/// Below one folder, and that not counted, `many` items in both.
fn plant_many(drive: &DriveAccount, graph: &GraphAccount, many: usize) {
    let top = drive.create_folder("root", "Many");
    let folders: Vec<String> = (0..FOLDERS.min(many))
        .map(|number| {
            graph.create_folder(&format!("/Many/{number:02}"));
            drive.create_folder(&top, &format!("{number:02}"))
        })
        .collect();
    for number in 0..many - folders.len() {
        let place = number % folders.len();
        let (name, text) = (format!("{number:06}.txt"), number.to_string());
        let _ = drive.create_file(&folders[place], &name, text.clone());
        graph.create_file(&format!("/Many/{place:02}/{name}"), text);
    }
}

fn plant_graph(account: &GraphAccount) {
    account.create_folder("/Documents");
    account.create_file("/Documents/Letter.txt", "Dear cloud,");
    account.create_folder("/Pictures");
    account.create_file("/Pictures/a cloud.svg", CLOUD);
    account.create_file("/Read me.txt", "This cloud is not real either.");
}

const CLOUD: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 16\"><path fill=\"#89b\" \
                     d=\"M6 16a6 6 0 0 1 0-12 7 7 0 0 1 13 2 5 5 0 0 1 0 10z\"/></svg>";
