//! The one table of settings: every flag, its help and its default. The environment, the file and
//! the settings page are derived from it; nothing about a setting is written anywhere else.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pinhole_core::gather::{Audience, Paths};
use pinhole_core::trace::AddressPolicy;
use pinhole_encoder::{Content, EncoderChoice, SourceKind};
use pinhole_runtime::Batching;

use super::choices::{BitrateFloor, IceFor, RuntimeKind, TcpPort};
use super::{record, values};
use crate::ice_servers::IceServer;
use crate::origin::AllowedOrigin;

/// The command line of the program.
#[derive(Debug, Parser)]
#[command(
    name = "pinhole",
    version,
    about = "Low-latency H.264 from a server behind NAT to a browser, over WebRTC",
    after_help = "Without a command, `pinhole` is `pinhole serve`: a test picture at \
                  http://127.0.0.1:8080."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Streams to browsers.
    Serve(Box<ServeFlags>),
    /// Rewrites the addresses of SDP on standard input, another program's offer or answer, by the
    /// port map, to standard output
    #[command(name = "rewrite-sdp")]
    RewriteSdp(RewriteFlags),
    /// Checks the network before anybody connects: which NAT, whether each STUN and TURN server
    /// answers, whether each mapped port is reached from outside
    Doctor(Box<DoctorFlags>),
    /// Sends probes back to doctors that ask, so that they can prove their ports from outside; for
    /// any public machine
    Reflect(ReflectFlags),
    /// Lists the encoders of this machine and its GPUs: which is used, and why not another
    Encoders(EncodersFlags),
    /// Runs a recorded session again (`serve --record FILE`), tells what happened and why, and says
    /// whether it would be decided the same today
    Replay(ReplayFlags),
    /// Prints the settings reference, docs/settings.md.
    #[command(hide = true)]
    SettingsPage,
}

/// The port map and who is told what of it, the same for every command that has to do with
/// addresses.
#[derive(Debug, Args)]
pub struct MapFlags {
    /// Local UDP ports and the outside address that forwards to them:
    /// `10111-10115/udp=203.0.113.10:20111-20115`. Repeatable. Host names are resolved at start
    #[arg(long, value_name = "LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]", help_heading = "Addresses")]
    pub map: Vec<String>,

    /// Outside address that forwards every local UDP port to the same port here. Repeatable (IPv4
    /// and IPv6)
    #[arg(long, value_name = "ADDR", help_heading = "Addresses")]
    pub public_ip: Vec<String>,

    /// Addresses that viewers are told: public (those that are mapped, public of themselves, or
    /// found by STUN and TURN servers), lan (those of this machine) or both. public if something
    /// is mapped, else both if there are STUN or TURN servers, else lan
    #[arg(long, value_name = "AUDIENCE", value_parser = values::audience,
          help_heading = "Addresses")]
    pub advertise: Option<Audience>,
}

/// The flags of `pinhole rewrite-sdp`. The map may stand in the environment and the settings file,
/// as for `serve`.
#[derive(Debug, Args)]
pub struct RewriteFlags {
    /// The port map and who is told what of it.
    #[command(flatten)]
    pub mapping: MapFlags,

    /// Each line is a message of its own: a candidate as it is trickled, `candidate:…`, or JSON
    /// with a `candidate` or an `sdp`. It is answered at once, by as many lines as come in its
    /// place; JSON with neither passes
    #[arg(long)]
    pub messages: bool,

    /// Keep candidates with mDNS names (`….local`) for a public audience, which cannot resolve them
    #[arg(long)]
    pub keep_mdns: bool,

    /// Settings file. pinhole.toml in the working directory, where there is one, if not given
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The flags of `pinhole doctor`: those of `serve`, so that one word of a command line is changed,
/// and how to print.
#[derive(Debug, Args)]
pub struct DoctorFlags {
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,

    /// What `serve` would be told.
    #[command(flatten)]
    pub serve: ServeFlags,
}

/// The flags of `pinhole replay`.
#[derive(Debug, Args)]
pub struct ReplayFlags {
    /// The recording
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Tell this session only, by its number in the recording
    #[arg(long, value_name = "N")]
    pub session: Option<u64>,

    /// Tell every packet, candidate and sum, not only the first of each kind
    #[arg(long, short)]
    pub verbose: bool,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The flags of `pinhole encoders`.
#[derive(Debug, Args)]
pub struct EncodersFlags {
    /// Encoder: auto, openh264, vulkan-video or vulkan-compute
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = values::encoder)]
    pub encoder: EncoderChoice,

    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
}

/// The flags of `pinhole reflect`.
#[derive(Debug, Args)]
pub struct ReflectFlags {
    /// TCP and UDP address; both ports must be open
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:4780",
          value_parser = values::listen)]
    pub listen: SocketAddr,

    /// Secret of those who may have probes sent to any address. Without it everybody may, to the
    /// address that they come from and no other. Better set as PINHOLE_REFLECT_TOKEN
    #[arg(long, value_name = "SECRET", value_parser = values::token)]
    pub token: Option<String>,
}

/// The flags of `pinhole serve`, as written, before they are checked against each other.
#[derive(Debug, Args)]
pub struct ServeFlags {
    /// HTTP and WebSocket address; other than loopback needs --token or --open
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080",
          value_parser = values::listen, help_heading = "Signalling")]
    pub listen: SocketAddr,

    /// Secret that viewers present: a bearer token for WHEP, `?token=` for the page and the
    /// WebSocket. Better set as PINHOLE_TOKEN: a command line can be read by everybody on the
    /// machine
    #[arg(long, value_name = "SECRET", value_parser = values::token, help_heading = "Signalling")]
    pub token: Option<String>,

    /// Whoever reaches the port may watch, from pages of any origin
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true",
          action = clap::ArgAction::Set, hide_possible_values = true, help_heading = "Signalling")]
    pub open: bool,

    /// Origin whose pages may connect besides our own (`https://example.com`), or `*`. Repeatable
    #[arg(long, value_name = "ORIGIN", value_parser = AllowedOrigin::parse,
          help_heading = "Signalling")]
    pub allow_origin: Vec<AllowedOrigin>,

    /// Certificate chain (PEM) for HTTPS and WSS; with --tls-key
    #[arg(long, value_name = "FILE", help_heading = "Signalling")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of --tls-cert
    #[arg(long, value_name = "FILE", help_heading = "Signalling")]
    pub tls_key: Option<PathBuf>,

    /// Viewers at once; the next one gets 503 with Retry-After
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::max_viewers,
          help_heading = "Signalling")]
    pub max_viewers: usize,

    /// Picture source: test, a .y4m or .h264 file (looped), - for y4m on standard input, shm:NAME for
    /// what another program writes into shared memory (docs/shared-memory.md), or x11 or x11:DISPLAY for
    /// the screen of an X server
    #[arg(long, value_name = "test|FILE|-|shm:NAME|x11[:DISPLAY]", default_value = "test", value_parser = values::source,
          help_heading = "Picture")]
    pub source: SourceKind,

    /// Encoder: auto, openh264, vulkan-video or vulkan-compute
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = values::encoder,
          help_heading = "Picture")]
    pub encoder: EncoderChoice,

    /// Cisco's binary of OpenH264 2.6.0, as downloaded from Cisco, to encode with in place of the one
    /// that is built in: OpenH264 Video Codec provided by Cisco Systems, Inc.
    /// docs/h264-licensing.md tells where it is and what it means for patent fees
    #[arg(long, value_name = "FILE", help_heading = "Picture")]
    pub openh264_library: Option<PathBuf>,

    /// Size of the test picture, and of shared memory that nobody writes into yet; all else brings its
    /// own
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720",
          value_parser = values::size, help_heading = "Picture")]
    pub size: (u32, u32),

    /// Frames a second: 30 for the test picture and screens if not given; files and shared memory keep
    /// their own if not given
    #[arg(long, value_name = "N", value_parser = values::fps, help_heading = "Picture")]
    pub fps: Option<u32>,

    /// Bits a second, and the ceiling of adaptation: 3M, 800k or a plain number
    #[arg(long, value_name = "BITS", default_value = "3M", value_parser = values::bitrate,
          help_heading = "Picture")]
    pub bitrate: u32,

    /// Bits a second below which no viewer brings the stream down: whose path takes less sees fewer
    /// pictures. off: the stream keeps its bitrate, whatever the paths take. 300k if not given, and off
    /// for a .h264 file
    #[arg(long, value_name = "BITS|off", value_parser = values::bitrate_floor,
          help_heading = "Picture")]
    pub bitrate_floor: Option<BitrateFloor>,

    /// Milliseconds for which a packet can be sent again to a viewer that lost it, 0 to 2000, at most:
    /// where paths are not estimated, 400 ms and four round trips until the viewer loses something. 1000
    /// take 0.4 MB a viewer at 8 Mbit/s
    #[arg(long, value_name = "MS", default_value = "1000", value_parser = values::retransmit_ms,
          help_heading = "Picture")]
    pub retransmit_ms: u64,

    /// What the picture shows: camera, or screen (text, windows, games with still parts). screen for x11
    /// if not given, else camera
    #[arg(long, value_name = "camera|screen", value_parser = values::content,
          help_heading = "Picture")]
    pub content: Option<Content>,

    /// Local UDP port or range; one port serves all viewers of an event loop: the first free ones, as
    /// many as --threads. Any ports if not given
    #[arg(long, value_name = "PORT[-PORT]", value_parser = values::port_range,
          help_heading = "Addresses")]
    pub udp_ports: Option<values::PortRange>,

    /// Bind and offer only this local address. All interfaces if not given
    #[arg(long, value_name = "IP", value_parser = values::bind_address, help_heading = "Addresses")]
    pub udp_bind: Option<IpAddr>,

    /// How the datagrams of a picture leave, at best: gso (in one call, cut apart by the system or the
    /// network card), sendmmsg (in one call, each by itself), plain (a call for each). What the system or
    /// a path refuses is sent in the next best way; for cards and drivers that damage what gso gives them
    #[arg(long, value_name = "gso|sendmmsg|plain", default_value = "gso",
          value_parser = values::udp_send, help_heading = "Addresses")]
    pub udp_send: Batching,

    /// The port map and who is told what of it.
    #[command(flatten)]
    pub mapping: MapFlags,

    /// TCP port for viewers without UDP (ICE-TCP): http shares the port of --listen, a number is a
    /// port of its own on all interfaces, off is none. For viewers outside it is mapped by --map
    /// too: `8080/tcp=203.0.113.10:8080`
    #[arg(long, value_name = "http|PORT|off", default_value = "http",
          value_parser = values::tcp_port, help_heading = "Addresses")]
    pub tcp_port: TcpPort,

    /// Paths that viewers may take: all, direct (no TURN server of ours) or relay (only TURN
    /// servers of ours: no viewer learns an address of this machine)
    #[arg(long, value_name = "all|direct|relay", default_value = "all",
          value_parser = values::paths, help_heading = "Addresses")]
    pub ice_policy: Paths,

    /// STUN or TURN server, for this server and told to browsers: `stun:HOST[:PORT]`,
    /// `turn:HOST[:PORT][?transport=udp|tcp]`, `turns:HOST[:PORT]`. Repeatable. Names are resolved
    /// while the program runs. `stuns:` is for browsers only
    #[arg(long, value_name = "URL[,USER,CREDENTIAL]", value_parser = IceServer::parse_flag,
          help_heading = "STUN and TURN")]
    pub ice_server: Vec<IceServer>,

    /// File with the browser's own iceServers JSON: `[{"urls": …, "username": …, "credential": …}]`
    #[arg(long, value_name = "FILE", help_heading = "STUN and TURN")]
    pub ice_servers: Option<PathBuf>,

    /// Who uses these servers: both, browsers (they alone are told), or server (this server alone
    /// asks them)
    #[arg(long, value_name = "both|browsers|server", default_value = "both",
          value_parser = values::ice_for, help_heading = "STUN and TURN")]
    pub ice_for: IceFor,

    /// Shared secret of the TURN servers (coturn's static-auth-secret): credentials are made for
    /// this server and for each viewer. Better set as PINHOLE_TURN_SECRET
    #[arg(long, value_name = "SECRET", value_parser = values::secret,
          help_heading = "STUN and TURN")]
    pub turn_secret: Option<String>,

    /// Certificates (PEM) of the CA that signed those of `turns:` servers, where it is not among the
    /// system's, or those certificates themselves
    #[arg(long, value_name = "FILE", help_heading = "STUN and TURN")]
    pub turn_ca: Option<PathBuf>,

    /// Records sessions to this file, for a bug report: what came, what was decided, when, without
    /// passwords and keys, but with addresses. Written anew at each start; readable by its owner
    /// only. docs/record.md tells what stands in it
    #[arg(long, value_name = "FILE", help_heading = "Recording")]
    pub record: Option<PathBuf>,

    /// Bytes that the recording may have: 64M, 500k or a plain number
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = record::bytes,
          help_heading = "Recording")]
    pub record_max: u64,

    /// Addresses and host names in the recording: keep, or hide (others of the same kind in their
    /// place)
    #[arg(long, value_name = "keep|hide", default_value = "keep",
          value_parser = record::addresses, help_heading = "Recording")]
    pub record_addresses: AddressPolicy,

    /// A `pinhole reflect` on a public machine, which proves from outside that mapped ports lead
    /// here: `reflect.example.org:4780`
    #[arg(long, value_name = "HOST:PORT", value_parser = values::reflector,
          help_heading = "Diagnosis")]
    pub reflector: Option<String>,

    /// Secret of --reflector, where outside addresses are not the one that this machine connects
    /// from. Better set as PINHOLE_REFLECTOR_TOKEN
    #[arg(long, value_name = "SECRET", value_parser = values::token, help_heading = "Diagnosis")]
    pub reflector_token: Option<String>,

    /// Event loop of the sessions: mio or smol
    #[arg(long, value_name = "mio|smol", default_value = "mio", value_parser = values::runtime,
          help_heading = "Program")]
    pub runtime: RuntimeKind,

    /// Event loops, each with a thread and a UDP port of its own, and viewers shared out among them.
    /// One for each core but one if not given; fewer where --udp-ports has fewer ports
    #[arg(long, value_name = "N", value_parser = values::threads, help_heading = "Program")]
    pub threads: Option<usize>,

    /// Log filter: a level (warn, info, debug, trace), or one for each module (pinhole=debug)
    #[arg(long, value_name = "FILTER", default_value = "info", help_heading = "Program")]
    pub log: String,

    /// Settings file. pinhole.toml in the working directory, where there is one, if not given
    #[arg(long, value_name = "FILE", help_heading = "Program")]
    pub config: Option<PathBuf>,
}
