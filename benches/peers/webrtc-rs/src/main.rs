//! webrtc-rs 0.21: a connection and a track for each viewer, frames packetized once and handed to a task for each
//! viewer, as in its own `broadcast` example.
//!
//! ```text
//! webrtc-rs-server --file FILE --fps 60 --http 127.0.0.1:PORT [--stamp]
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use peers::http::{self, Asked};
use peers::{Args, Frames};
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MediaEngine};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp;
use rtc::rtp::packetizer::Packetizer;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::broadcast::{self, error::RecvError};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, SettingEngineBuilder,
};
use webrtc::runtime::{Sender, TokioRuntime, channel};

/// Frames that wait for a viewer's task at most.
const WAITING_MAX: usize = 64;
/// Longest packet.
const PACKET_BYTES_MAX: usize = 1200;
const PAYLOAD_TYPE: u8 = 96;
const CLOCK_RATE: u32 = 90_000;
const THREADS: usize = 2;
const GATHERING_TIME: Duration = Duration::from_secs(3);

/// The packets of a frame.
type Packets = Arc<Vec<rtp::Packet>>;
type Connection = Arc<dyn PeerConnection>;

fn main() -> Result<()> {
    let args = Args::of_process();
    let executor =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let (sender, _) = broadcast::channel::<Packets>(WAITING_MAX);
    let (handle, packets) = (executor.handle().clone(), sender.clone());
    let viewers: Mutex<(u64, HashMap<u64, Connection>)> = Mutex::default();
    http::serve_whep(&args.needed::<String>("http")?, move |asked| match asked {
        Asked::Offer(offer) => match handle.block_on(accept(offer, packets.clone())) {
            Ok((answer, viewer)) => {
                let mut viewers = viewers.lock().unwrap_or_else(PoisonError::into_inner);
                viewers.0 += 1;
                let number = viewers.0;
                viewers.1.insert(number, viewer);
                Some((answer, number))
            }
            Err(error) => {
                eprintln!("{error:#}");
                None
            }
        },
        Asked::Bye(number) => {
            let viewer =
                viewers.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&number)?;
            let _ = handle.block_on(viewer.close());
            None
        }
    })?;
    executor.block_on(send(&Frames::of(&args)?, &sender));
    Ok(())
}

async fn send(frames: &Frames, sender: &broadcast::Sender<Packets>) {
    let mut packetizer = rtp::packetizer::new_packetizer(
        Instant::now(),
        PACKET_BYTES_MAX,
        PAYLOAD_TYPE,
        1,
        Box::new(rtp::codec::h264::H264Payloader::default()),
        Box::new(rtp::sequence::new_random_sequencer()),
        CLOCK_RATE,
    );
    for index in 0.. {
        tokio::time::sleep_until(frames.due(index).into()).await;
        let frame = bytes::Bytes::from(frames.frame(index));
        let ticks = (frames.rtp_time(index + 1) - frames.rtp_time(index)) as u32;
        if let Ok(packets) = packetizer.packetize(Instant::now(), &frame, ticks) {
            // Nobody may watch.
            let _ = sender.send(Arc::new(packets));
        }
    }
}

fn codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: CLOCK_RATE,
        channels: 0,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            .into(),
        rtcp_feedback: vec![],
    }
}

async fn accept(
    offer: String,
    packets: broadcast::Sender<Packets>,
) -> Result<(String, Connection)> {
    let (gathered, mut is_gathered) = channel::<()>(4);
    let (up, mut is_up) = channel::<()>(4);
    let viewer = connection(Watch { gathered, up }).await?;
    let ssrc = rand::random::<u32>();
    let track = Arc::new(TrackLocalStaticRTP::new(track(ssrc)));
    let sender = viewer.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
    viewer.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
    let answer = viewer.create_answer(None).await?;
    viewer.set_local_description(answer).await?;
    let _ = tokio::time::timeout(GATHERING_TIME, is_gathered.recv()).await;
    let answer = viewer.local_description().await.context("no local description")?.sdp;
    let parameters = sender.get_parameters().await?.rtp_parameters;
    let payload_type = parameters.codecs.first().map_or(PAYLOAD_TYPE, |codec| codec.payload_type);
    let kept = viewer.clone();
    tokio::spawn(async move {
        if is_up.recv().await.is_some() {
            let _kept = kept;
            forward(&track, packets.subscribe(), ssrc, payload_type).await;
        }
    });
    Ok((answer, viewer))
}

/// Sends frames to one viewer until it has gone.
async fn forward(
    track: &TrackLocalStaticRTP,
    mut packets: broadcast::Receiver<Packets>,
    ssrc: u32,
    payload_type: u8,
) {
    loop {
        let frame = match packets.recv().await {
            Ok(frame) => frame,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        for packet in frame.iter() {
            let mut packet = packet.clone();
            packet.header.ssrc = ssrc;
            packet.header.payload_type = payload_type;
            if track.write_rtp(packet).await.is_err() {
                return;
            }
        }
    }
}

async fn connection(watch: Watch) -> Result<Connection> {
    let mut media = MediaEngine::default();
    let parameters = RTCRtpCodecParameters {
        rtp_codec: codec(),
        payload_type: PAYLOAD_TYPE,
        ..Default::default()
    };
    media.register_codec(parameters, RtpCodecKind::Video)?;
    let registry = register_default_interceptors(Registry::new(), &mut media)?;
    let settings = SettingEngineBuilder::default().with_include_loopback_candidate(true).build();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .with_setting_engine(settings)
        .with_handler(Arc::new(watch))
        .with_runtime(Arc::new(TokioRuntime))
        .with_udp_addrs(vec!["127.0.0.1:0".to_string()])
        .build()
        .await?;
    Ok(Arc::new(connection))
}

fn track(ssrc: u32) -> MediaStreamTrack {
    let parameters = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    MediaStreamTrack::new(
        format!("s{ssrc}"),
        format!("t{ssrc}"),
        format!("l{ssrc}"),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: parameters,
            codec: codec(),
            ..Default::default()
        }],
    )
}

/// Tells when a connection has its candidates, and when it is up.
struct Watch {
    gathered: Sender<()>,
    up: Sender<()>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watch {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.up.try_send(());
        }
    }
}
