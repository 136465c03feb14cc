//! Our client against our server, byte by byte on a virtual clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use media_core::{Codec, Frame, Timescale, Track, TrackId};
use rtmp_core::chunk::{Chunking, DEFAULT_CHUNK_SIZE, write_message};
use rtmp_core::client::{self, ClientSession, SendError};
use rtmp_core::flv::{Muxer, TagKind, WireForm};
use rtmp_core::message::{MessageHeader, MessageKind};
use rtmp_core::server::{self, PlayNotice, PlayStart, Rejection, ServerSession};
use rtmp_core::{Awaited, Capabilities, CloseReason, Output, RtmpUrl};

use crate::media::{ASC, IDR, audio_track, frame, video_track};

struct Pair {
    server: ServerSession,
    client: ClientSession,
    now: Instant,
    step: usize,
    at_server: Vec<server::Event>,
    at_client: Vec<client::Event>,
    wake: Instant,
}

impl Pair {
    fn new(config: client::Config, step: usize) -> Self {
        let now = Instant::now();
        let server = ServerSession::new(Arc::default(), 1, now);
        let client = ClientSession::new(config, 2, now);
        let mut pair =
            Self { server, client, now, step, at_server: Vec::new(), at_client: Vec::new(), wake: now };
        pair.run();
        pair
    }

    /// Carries bytes between the two until neither has anything to say.
    fn run(&mut self) {
        loop {
            let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
            let server_wake = loop {
                match self.server.poll_output() {
                    Output::Transmit(bytes) => to_client.extend(bytes),
                    Output::Event(event) => self.at_server.push(event),
                    Output::Timeout(at) => break at,
                }
            };
            let client_wake = loop {
                match self.client.poll_output() {
                    Output::Transmit(bytes) => to_server.extend(bytes),
                    Output::Event(event) => self.at_client.push(event),
                    Output::Timeout(at) => break at,
                }
            };
            self.wake = server_wake.min(client_wake);
            if to_client.is_empty() && to_server.is_empty() {
                return;
            }
            to_client.chunks(self.step).for_each(|piece| self.client.handle_input(self.now, piece));
            to_server.chunks(self.step).for_each(|piece| self.server.handle_input(self.now, piece));
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.wake <= end {
            self.now = self.wake;
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    fn publishing(config: client::Config, step: usize) -> Self {
        let mut pair = Self::new(config, step);
        let Some(server::Event::Publish(request)) = pair.at_server.pop() else {
            panic!("{:?}", pair.at_server)
        };
        assert_eq!((&*request.target.app, request.target.key.expose()), ("live", "key"));
        assert_eq!(request.target.params.get("token"), Some("t"));
        pair.server.accept_publish(pair.now, request);
        pair.run();
        assert!(matches!(pair.at_client[..], [client::Event::Publishing]), "{:?}", pair.at_client);
        pair.at_client.clear();
        pair
    }
}

fn publish_config() -> client::Config {
    client::Config::publish(RtmpUrl::parse("rtmp://h/live/key?token=t").expect("valid"))
}

fn play_config() -> client::Config {
    client::Config::play(RtmpUrl::parse("rtmp://h/play/stream").expect("valid"))
}

#[test]
fn a_stream_arrives_as_it_was_sent() {
    for step in [1, 1000, usize::MAX] {
        let mut pair = Pair::publishing(publish_config(), step);
        pair.client.send_track(video_track()).expect("publishing");
        pair.client.send_track(audio_track(0)).expect("publishing");
        let sent: Vec<Frame> = (0..50)
            .flat_map(|n| {
                [frame(TrackId::video(0), n * 33, IDR), frame(TrackId::audio(0), n * 33 + 5, &[0x21, 0x10])]
            })
            .collect();
        for frame in &sent {
            pair.client.send_frame(frame).expect("publishing");
            pair.run();
        }
        let mut events = pair.at_server.drain(..);
        assert!(matches!(events.next(), Some(server::Event::Metadata(_))));
        assert!(matches!(events.next(), Some(server::Event::Track(track)) if track == video_track()));
        assert!(matches!(events.next(), Some(server::Event::Track(track)) if track == audio_track(0)));
        let received: Vec<Frame> = events
            .map(|event| match event {
                server::Event::Frame(frame) => frame,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(received, sent);
    }
}

#[test]
fn enhanced_codecs_and_several_tracks_arrive() {
    let opus_head = [b"OpusHead" as &[u8], &[1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat();
    let opus =
        |n| Track::from_config(TrackId::audio(n), Codec::Opus, Timescale::MICROS, opus_head.clone().into());
    let mut pair = Pair::publishing(publish_config(), 100);
    assert!(pair.client.server_capabilities().multitrack);
    let tracks = [video_track(), opus(0).expect("valid"), opus(1).expect("valid")];
    tracks.iter().for_each(|track| pair.client.send_track(track.clone()).expect("publishing"));
    for id in [TrackId::video(0), TrackId::audio(0), TrackId::audio(1)] {
        pair.client.send_frame(&frame(id, 40, IDR)).expect("publishing");
    }
    pair.run();
    let id = |event: &server::Event| match event {
        server::Event::Track(track) => Some(track.id),
        server::Event::Frame(frame) => Some(frame.track),
        _ => None,
    };
    let received: Vec<_> = pair.at_server.iter().filter_map(id).collect();
    let ids = [TrackId::video(0), TrackId::audio(0), TrackId::audio(1)];
    assert_eq!(received, [ids, ids].concat());
}

#[test]
fn a_legacy_client_gets_a_legacy_answer() {
    let mut config = publish_config();
    config.capabilities = Capabilities::default();
    let pair = Pair::publishing(config, usize::MAX);
    assert_eq!(pair.client.server_capabilities(), &Capabilities::default());
    assert!(!pair.server.connect_info().expect("connected").capabilities.enhanced);
}

#[test]
fn a_client_that_finishes_ends_the_server_in_order() {
    let mut pair = Pair::publishing(publish_config(), 1);
    pair.client.finish(pair.now);
    pair.run();
    assert!(matches!(pair.at_client[..], [client::Event::Closed { reason: CloseReason::Finished }]));
    assert!(matches!(pair.at_server[..], [server::Event::Closed { reason: CloseReason::Finished }]));
}

#[test]
fn a_rejected_client_is_told_so() {
    let mut pair = Pair::new(publish_config(), usize::MAX);
    let Some(server::Event::Publish(request)) = pair.at_server.pop() else { panic!("no request") };
    pair.server.reject(pair.now, request, Rejection::BadName);
    pair.run();
    let [client::Event::Closed { reason: CloseReason::Refused { code, .. } }] = &pair.at_client[..] else {
        panic!("{:?}", pair.at_client)
    };
    assert_eq!(&**code, "NetStream.Publish.BadName");
}

#[test]
fn a_player_plays_what_a_fan_out_writes() {
    for step in [1, usize::MAX] {
        let mut pair = Pair::new(play_config(), step);
        let Some(server::Event::Play(request)) = pair.at_server.pop() else { panic!("no request") };
        assert_eq!((&*request.target.app, request.target.key.expose()), ("play", "stream"));
        assert!(request.capabilities().multitrack);
        let stream_id = request.stream_id;
        pair.server.accept_play(pair.now, request, &PlayStart::default());
        pair.run();
        assert!(matches!(pair.at_client[..], [client::Event::Playing]), "{:?}", pair.at_client);

        let mut muxer = Muxer::new(WireForm::Legacy);
        muxer.set_tracks(&[video_track(), audio_track(0)]);
        let sent = frame(TrackId::video(0), 40, IDR);
        let tags = muxer.headers(40).into_iter().chain(muxer.frame(&sent));
        for tag in tags {
            let (kind, chunk_stream) = match tag.kind {
                TagKind::Audio => (MessageKind::AUDIO, 4),
                TagKind::Video => (MessageKind::VIDEO, 6),
                TagKind::Script => (MessageKind::DATA_AMF0, 5),
            };
            let header = MessageHeader { kind, timestamp_ms: tag.timestamp_ms, stream_id };
            let mut out = bytes::BytesMut::new();
            let chunking = Chunking { chunk_stream, chunk_size: DEFAULT_CHUNK_SIZE };
            write_message(&header, &[tag.head(), &tag.payload], chunking, &mut out);
            out.chunks(step).for_each(|piece| pair.client.handle_input(pair.now, piece));
        }
        pair.server.notify(pair.now, PlayNotice::Unpublished);
        pair.client.pause(true);
        pair.client.receive_audio(false);
        pair.run();
        assert!(
            matches!(
                &pair.at_client[1..],
                [
                    client::Event::Metadata(_),
                    client::Event::Track(_),
                    client::Event::Track(_),
                    client::Event::Frame(_),
                    client::Event::Status { .. },
                    client::Event::Status { .. },
                ]
            ),
            "{:?}",
            pair.at_client
        );
        let events = [&pair.at_server[0], &pair.at_server[1]];
        assert!(
            matches!(events, [server::Event::Pause(true), server::Event::ReceiveAudio(false)]),
            "{events:?}"
        );
        pair.client.finish(pair.now);
        pair.run();
        assert!(matches!(
            pair.at_server.last(),
            Some(server::Event::Closed { reason: CloseReason::Finished })
        ));
    }
}

#[test]
fn sending_before_permission_or_past_the_bound_is_refused() {
    let mut config = publish_config();
    config.queue_bytes = 1000;
    let mut pair = Pair::new(config.clone(), usize::MAX);
    assert_eq!(pair.client.send_track(video_track()), Err(SendError::NotPublishing));
    let frame = frame(TrackId::audio(0), 0, ASC);
    assert_eq!(pair.client.send_frame(&frame), Err(SendError::NotPublishing));
    let mut pair = Pair::publishing(config, usize::MAX);
    pair.client.send_track(audio_track(0)).expect("publishing");
    let refused = (0..1000).find_map(|_| pair.client.send_frame(&frame).err());
    assert!(matches!(refused, Some(SendError::Full { limit: 1000, .. })), "{refused:?}");
    assert!(pair.client.queued_bytes() < 1100);
    pair.run();
    assert_eq!(pair.client.send_frame(&frame), Ok(()));
}

#[test]
fn a_reconnect_request_reaches_the_client() {
    let mut pair = Pair::publishing(publish_config(), usize::MAX);
    assert!(pair.server.request_reconnect(pair.now, Some("/other")));
    pair.run();
    assert!(
        matches!(&pair.at_client[..], [client::Event::Reconnect { tc_url: Some(url) }] if &**url == "/other"),
        "{:?}",
        pair.at_client
    );
}

#[test]
fn a_client_waits_for_nobody_forever() {
    let now = Instant::now();
    let mut client = ClientSession::new(publish_config(), 2, now);
    client.handle_timeout(now + Duration::from_secs(4));
    assert!(!client.is_closed());
    client.handle_timeout(now + Duration::from_secs(5));
    assert!(client.is_closed());

    let mut pair = Pair::new(publish_config(), usize::MAX);
    pair.wait(Duration::from_secs(11));
    let timeout = CloseReason::Timeout(Awaited::Request);
    assert!(matches!(&pair.at_client[..], [client::Event::Closed { reason }] if *reason == timeout));
}
