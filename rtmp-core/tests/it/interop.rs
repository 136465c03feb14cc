//! Our server against `rml_rtmp`'s client, our client against its server.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use media_core::TrackId;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions as rml;
use rml_rtmp::sessions::{ClientSessionEvent, ClientSessionResult, ServerSessionEvent, ServerSessionResult};
use rml_rtmp::time::RtmpTimestamp;
use rtmp_core::chunk::{Chunking, DEFAULT_CHUNK_SIZE, write_message};
use rtmp_core::client::{self, ClientSession};
use rtmp_core::message::{MessageHeader, MessageKind};
use rtmp_core::server::{Event, PlayStart, ServerSession};
use rtmp_core::{Output, RtmpUrl};

use crate::media::{IDR, audio_header, audio_track, frame, video_body, video_header, video_track};

/// Our server session and a client of `rml_rtmp`.
struct Theirs {
    server: ServerSession,
    client: rml::ClientSession,
    now: Instant,
    events: Vec<ClientSessionEvent>,
    ours: Vec<Event>,
}

impl Theirs {
    fn new() -> Self {
        let now = Instant::now();
        let mut server = ServerSession::new(Arc::default(), 1, now);
        let mut handshake = Handshake::new(PeerType::Client);
        let hello = handshake.generate_outbound_p0_and_p1().expect("a hello");
        server.handle_input(now, &hello);
        let answer = transmitted(&mut server);
        let HandshakeProcessResult::Completed { response_bytes, remaining_bytes } =
            handshake.process_bytes(&answer).expect("our handshake, signed as theirs")
        else {
            panic!("not completed")
        };
        assert!(remaining_bytes.is_empty());
        server.handle_input(now, &response_bytes);
        let (client, results) = rml::ClientSession::new(rml::ClientSessionConfig::new()).expect("a session");
        let mut theirs = Self { server, client, now, events: Vec::new(), ours: Vec::new() };
        theirs.deliver(results);
        let connect = theirs.client.request_connection("live".to_owned()).expect("a command");
        theirs.deliver(vec![connect]);
        assert_eq!(theirs.events.remove(0), ClientSessionEvent::ConnectionRequestAccepted);
        theirs
    }

    fn deliver(&mut self, results: Vec<ClientSessionResult>) {
        for result in results {
            match result {
                ClientSessionResult::OutboundResponse(packet) => {
                    self.server.handle_input(self.now, &packet.bytes);
                }
                ClientSessionResult::RaisedEvent(event) => self.events.push(event),
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        self.run();
    }

    fn run(&mut self) {
        loop {
            match self.server.poll_output() {
                Output::Transmit(bytes) => {
                    let results = self.client.handle_input(&bytes).expect("our chunks");
                    self.deliver(results);
                }
                Output::Event(event) => self.ours.push(event),
                Output::Timeout(_) => return,
            }
        }
    }
}

fn transmitted(server: &mut ServerSession) -> Vec<u8> {
    let mut out = Vec::new();
    while let Output::Transmit(bytes) = server.poll_output() {
        out.extend(bytes);
    }
    out
}

#[test]
fn their_client_publishes_to_our_server() {
    let mut theirs = Theirs::new();
    let publish = theirs.client.request_publishing("key".to_owned(), rml::PublishRequestType::Live);
    theirs.deliver(vec![publish.expect("a command")]);
    let Some(Event::Publish(request)) = theirs.ours.pop() else { panic!("{:?}", theirs.ours) };
    assert_eq!((&*request.target.app, request.target.key.expose()), ("live", "key"));
    theirs.server.accept_publish(theirs.now, request);
    theirs.run();
    assert!(theirs.events.contains(&ClientSessionEvent::PublishRequestAccepted), "{:?}", theirs.events);

    let mut metadata = rml::StreamMetadata::new();
    metadata.video_width = Some(1280);
    let results = vec![
        theirs.client.publish_metadata(&metadata).expect("publishing"),
        theirs
            .client
            .publish_video_data(video_header().into(), RtmpTimestamp::new(0), false)
            .expect("publishing"),
        theirs
            .client
            .publish_audio_data(audio_header().into(), RtmpTimestamp::new(0), false)
            .expect("publishing"),
        theirs
            .client
            .publish_video_data(video_body(0).into(), RtmpTimestamp::new(40), false)
            .expect("publishing"),
        theirs
            .client
            .publish_video_data(video_body(0).into(), RtmpTimestamp::new(80), false)
            .expect("publishing"),
    ];
    theirs.deliver(results);
    let [
        Event::Metadata(metadata),
        Event::Track(_),
        Event::Track(_),
        Event::Frame(first),
        Event::Frame(second),
    ] = &theirs.ours[..]
    else {
        panic!("{:?}", theirs.ours)
    };
    assert_eq!(metadata.width, Some(1280));
    assert_eq!((first.dts.0, second.dts.0), (40_000, 80_000));
    assert_eq!(first.data, IDR);
    let stop = theirs.client.stop_publishing().expect("publishing");
    theirs.deliver(stop);
    assert!(matches!(theirs.ours.last(), Some(Event::Closed { .. })));
}

#[test]
fn their_client_plays_from_our_server() {
    let mut theirs = Theirs::new();
    let play = theirs.client.request_playback("stream".to_owned()).expect("a command");
    theirs.deliver(vec![play]);
    let Some(Event::Play(request)) = theirs.ours.pop() else { panic!("{:?}", theirs.ours) };
    let stream_id = request.stream_id;
    theirs.server.accept_play(theirs.now, request, &PlayStart::default());
    theirs.run();
    assert!(theirs.events.contains(&ClientSessionEvent::PlaybackRequestAccepted), "{:?}", theirs.events);

    let body: Bytes = vec![0x17; 150_000].into();
    let mut shared = BytesMut::new();
    let header = MessageHeader { kind: MessageKind::VIDEO, timestamp_ms: 5, stream_id };
    let chunking = Chunking { chunk_stream: 6, chunk_size: DEFAULT_CHUNK_SIZE };
    write_message(&header, &[&body], chunking, &mut shared);
    let results = theirs.client.handle_input(&shared).expect("our chunks");
    theirs.deliver(results);
    let video = ClientSessionEvent::VideoDataReceived { timestamp: RtmpTimestamp::new(5), data: body };
    assert!(theirs.events.contains(&video));
}

/// Our client session and a server of `rml_rtmp`.
struct Ours {
    client: ClientSession,
    server: Option<rml::ServerSession>,
    handshake: Handshake,
    now: Instant,
    events: Vec<client::Event>,
    theirs: Vec<ServerSessionEvent>,
    to_client: Vec<u8>,
}

impl Ours {
    fn new(config: client::Config) -> Self {
        let now = Instant::now();
        let mut handshake = Handshake::new(PeerType::Server);
        let to_client = handshake.generate_outbound_p0_and_p1().expect("a hello");
        let client = ClientSession::new(config, 2, now);
        Self { client, server: None, handshake, now, events: Vec::new(), theirs: Vec::new(), to_client }
    }

    fn run(&mut self) {
        loop {
            match self.client.poll_output() {
                Output::Transmit(bytes) => self.feed_server(&bytes),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) if self.to_client.is_empty() => return,
                Output::Timeout(_) => {
                    let bytes = std::mem::take(&mut self.to_client);
                    bytes.iter().for_each(|byte| self.client.handle_input(self.now, &[*byte]));
                }
            }
        }
    }

    fn feed_server(&mut self, bytes: &[u8]) {
        let results = match &mut self.server {
            Some(server) => server.handle_input(bytes).expect("our chunks"),
            None => match self.handshake.process_bytes(bytes).expect("our handshake, signed as theirs") {
                HandshakeProcessResult::InProgress { response_bytes } => {
                    self.to_client.extend(response_bytes);
                    return;
                }
                HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                    self.to_client.extend(response_bytes);
                    let (mut server, mut results) =
                        rml::ServerSession::new(rml::ServerSessionConfig::new()).expect("a session");
                    results.extend(server.handle_input(&remaining_bytes).expect("our chunks"));
                    self.server = Some(server);
                    results
                }
            },
        };
        self.results(results);
    }

    fn results(&mut self, results: Vec<ServerSessionResult>) {
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => self.to_client.extend(packet.bytes),
                ServerSessionResult::RaisedEvent(event) => self.event(event),
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
    }

    fn event(&mut self, event: ServerSessionEvent) {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, .. }
            | ServerSessionEvent::ReleaseStreamRequested { request_id, .. }
            | ServerSessionEvent::PublishStreamRequested { request_id, .. }
            | ServerSessionEvent::PlayStreamRequested { request_id, .. } => {
                self.theirs.push(event);
                let results =
                    self.server.as_mut().expect("a session").accept_request(request_id).expect("open");
                self.results(results);
            }
            other => self.theirs.push(other),
        }
    }
}

#[test]
fn our_client_publishes_to_their_server() {
    let mut ours = Ours::new(client::Config::publish(RtmpUrl::parse("rtmp://h/live/key").expect("valid")));
    ours.run();
    assert!(matches!(ours.events[..], [client::Event::Publishing]), "{:?} {:?}", ours.events, ours.theirs);
    ours.client.send_track(video_track()).expect("publishing");
    ours.client.send_track(audio_track(0)).expect("publishing");
    for ms in [0x00ff_fffe, 0x0100_0000] {
        ours.client.send_frame(&frame(TrackId::video(0), ms, IDR)).expect("publishing");
    }
    ours.run();
    let times: Vec<u32> = ours
        .theirs
        .iter()
        .filter_map(|event| match event {
            ServerSessionEvent::VideoDataReceived { timestamp, .. } => Some(timestamp.value),
            _ => None,
        })
        .collect();
    assert_eq!(times, [0x00ff_fffe, 0x00ff_fffe, 0x0100_0000]);
    let metadata =
        |event: &ServerSessionEvent| matches!(event, ServerSessionEvent::StreamMetadataChanged { .. });
    assert!(ours.theirs.iter().any(metadata), "{:?}", ours.theirs);
    ours.client.finish(ours.now);
    ours.run();
    assert!(
        matches!(ours.theirs.last(), Some(ServerSessionEvent::PublishStreamFinished { .. })),
        "{:?}",
        ours.theirs
    );
}

#[test]
fn our_client_plays_from_their_server() {
    let mut ours = Ours::new(client::Config::play(RtmpUrl::parse("rtmp://h/live/stream").expect("valid")));
    ours.run();
    assert!(matches!(ours.events[..], [client::Event::Playing]), "{:?} {:?}", ours.events, ours.theirs);
    ours.events.clear();
    let stream_id = ours.theirs.iter().find_map(|event| match event {
        ServerSessionEvent::PlayStreamRequested { stream_id, .. } => Some(*stream_id),
        _ => None,
    });
    let stream_id = stream_id.expect("a request");
    let server = ours.server.as_mut().expect("a session");
    for (body, time) in [(video_header(), 0), (video_body(0), 40), (video_body(0), 80), (video_body(0), 120)]
    {
        let packet = server.send_video_data(stream_id, body.into(), RtmpTimestamp::new(time), false);
        ours.to_client.extend(packet.expect("playing").bytes);
    }
    ours.run();
    let dts: Vec<i64> = ours
        .events
        .iter()
        .filter_map(|event| match event {
            client::Event::Frame(frame) => Some(frame.dts.0),
            _ => None,
        })
        .collect();
    assert_eq!(dts, [40_000, 80_000, 120_000]);
}
