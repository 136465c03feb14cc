//! The drivers on tokio, over a pipe, on the runtime's paused clock.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use media_core::TrackId;
use rtmp_core::message::MessageKind;
use rtmp_core::server::{Event, PlayStart, Rejection};
use rtmp_core::tokio::{Client, ClientError, Config, Incoming, PlayerInput, PlayerWriter, accept};
use rtmp_core::{Awaited, CloseReason, RtmpUrl, client};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, timeout};

use crate::media::{IDR, frame, video_body, video_header, video_track};
use crate::wire::message_bytes;

fn url(text: &str) -> RtmpUrl {
    RtmpUrl::parse(text).expect("valid")
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(test)
}

async fn publisher<Io>(io: Io, config: &Config) -> rtmp_core::tokio::Publisher<Io>
where
    Io: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug,
{
    match accept(io, config).await {
        Ok(Incoming::Publish(pending)) => {
            assert_eq!(pending.request().target.key.expose(), "key");
            pending.accept().await
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_publishes_to_a_listener() {
    run(async {
        let (near, far) = duplex(1000);
        let server = tokio::spawn(async move {
            let mut publisher = publisher(far, &Config::default()).await;
            let mut frames = 0;
            loop {
                match publisher.next_event().await {
                    Event::Frame(_) => frames += 1,
                    Event::Closed { reason } => break (frames, reason),
                    _ => {}
                }
            }
        });
        let mut client = Client::publish(near, url("rtmp://h/live/key")).await.expect("let in");
        client.send_track(video_track()).expect("publishing");
        for n in 0..1000 {
            client.send_frame(&frame(TrackId::video(0), n * 40, IDR)).await.expect("publishing");
        }
        client.finish().await;
        assert_eq!(server.await.expect("no panic"), (1000, CloseReason::Finished));
    });
}

/// A pipe that can be told to wake nobody.
struct Deaf {
    pipe: DuplexStream,
    deaf: bool,
}

impl Deaf {
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(Pin<&mut DuplexStream>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut nobody = Context::from_waker(Waker::noop());
        call(Pin::new(&mut self.pipe), if self.deaf { &mut nobody } else { cx })
    }
}

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(cx, |pipe, cx| pipe.poll_read(cx, buf))
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, |pipe, cx| pipe.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, AsyncWrite::poll_shutdown)
    }
}

#[test]
fn a_connection_that_wakes_nobody_is_asked_at_ticks() {
    run(async {
        let (near, pipe) = duplex(1 << 20);
        let server = tokio::spawn(async move {
            let accepted = accept(Deaf { pipe, deaf: false }, &Config::default()).await;
            let Ok(Incoming::Publish(pending)) = accepted else { panic!("no publisher") };
            let mut publisher = pending.accept().await;
            publisher.io_mut().deaf = true;
            let mut arrivals = Vec::new();
            loop {
                let now = Instant::now();
                match publisher.try_event(now.into_std()) {
                    Some(Event::Frame(_)) => arrivals.push(now),
                    Some(Event::Closed { reason }) => break (arrivals, reason),
                    Some(_) => {}
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let mut client = Client::publish(near, url("rtmp://h/live/key")).await.expect("let in");
        client.send_track(video_track()).expect("publishing");
        let mut sent = Vec::new();
        for n in 0..50 {
            sent.push(Instant::now());
            client.send_frame(&frame(TrackId::video(0), n * 7, IDR)).await.expect("publishing");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        client.finish().await;
        let (arrivals, reason) = server.await.expect("no panic");
        assert_eq!((arrivals.len(), reason), (50, CloseReason::Finished));
        for (sent, arrived) in sent.iter().zip(&arrivals) {
            assert!(*arrived - *sent <= Duration::from_millis(22), "{:?}", *arrived - *sent);
        }
    });
}

/// A pipe that gives out little at a time, as TLS does.
#[derive(Debug)]
struct Sips(DuplexStream);

impl AsyncRead for Sips {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut sip = buf.take(1_000);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut sip);
        let len = sip.filled().len();
        buf.advance(len);
        read
    }
}

impl AsyncWrite for Sips {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn a_connection_that_gives_out_little_at_a_time_is_read_to_its_end_at_each_tick() {
    run(async {
        let (near, far) = duplex(1 << 20);
        let config = Config::default();
        let (client, mut publisher) =
            tokio::join!(Client::publish(near, url("rtmp://h/live/key")), publisher(Sips(far), &config));
        let mut client = client.expect("let in");
        client.send_track(video_track()).expect("publishing");
        // 30 Mbit/s for a second, of which a thousand bytes a tick would be a hundredth.
        let picture: &'static [u8] = IDR.repeat(125_000 / IDR.len()).leak();
        let start = Instant::now();
        let sending = async {
            for n in 0..30 {
                client.send_frame(&frame(TrackId::video(0), n * 33, picture)).await.expect("publishing");
                tokio::time::sleep(Duration::from_millis(33)).await;
            }
            client.finish().await;
        };
        let receiving = async {
            let mut arrivals = Vec::new();
            loop {
                match publisher.next_event().await {
                    Event::Frame(_) => arrivals.push(start.elapsed()),
                    Event::Closed { .. } => break arrivals,
                    _ => {}
                }
            }
        };
        let ((), arrivals) = tokio::join!(sending, receiving);
        assert_eq!(arrivals.len(), 30);
        for (n, arrived) in (0..).zip(arrivals) {
            assert!(arrived <= Duration::from_millis(n * 34 + 22), "frame {n}: {arrived:?}");
        }
    });
}

#[test]
fn a_rejected_client_hears_why_before_the_connection_closes() {
    run(async {
        let (near, far) = duplex(1000);
        let server = async {
            match accept(far, &Config::default()).await {
                Ok(Incoming::Publish(pending)) => pending.reject(Rejection::BadName).await,
                other => panic!("{other:?}"),
            }
        };
        let (refused, ()) = tokio::join!(Client::publish(near, url("rtmp://h/live/wrong")), server);
        let Err(CloseReason::Refused { code, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(&*code, "NetStream.Publish.BadName");
    });
}

#[test]
fn a_silent_peer_is_dropped_in_time() {
    run(async {
        let (_near, far) = duplex(1000);
        let start = Instant::now();
        let ended = accept(far, &Config::default()).await;
        assert_eq!(ended.err(), Some(CloseReason::Timeout(Awaited::Handshake)));
        let taken = start.elapsed();
        assert!(taken >= Duration::from_secs(5) && taken <= Duration::from_millis(6_100), "{taken:?}");
    });
}

#[test]
fn a_publisher_that_falls_silent_or_vanishes_is_noticed() {
    for vanish in [false, true] {
        run(async {
            let (near, far) = duplex(10_000);
            let config = Config::default();
            let (client, mut publisher) =
                tokio::join!(Client::publish(near, url("rtmp://h/live/key")), publisher(far, &config));
            let client = client.expect("let in");
            let start = Instant::now();
            let (_kept, reason) = if vanish {
                drop(client);
                (None, publisher.next_event().await)
            } else {
                (Some(client), publisher.next_event().await)
            };
            let Event::Closed { reason } = reason else { panic!("{reason:?}") };
            let expected =
                if vanish { CloseReason::Disconnected } else { CloseReason::Timeout(Awaited::Media) };
            assert_eq!((reason, start.elapsed() >= Duration::from_secs(10)), (expected, !vanish));
            // Nothing comes any more, and asking does not spin.
            assert!(timeout(Duration::from_secs(1), publisher.next_event()).await.is_err());
        });
    }
}

#[test]
fn reads_of_media_wait_for_the_next_tick() {
    run(async {
        let (near, far) = duplex(100_000);
        let config = Config::default();
        let (client, mut publisher) =
            tokio::join!(Client::publish(near, url("rtmp://h/live/key")), publisher(far, &config));
        let mut client = client.expect("let in");
        client.send_track(video_track()).expect("publishing");
        let start = Instant::now();
        let sender = async {
            for n in 0..100 {
                client.send_frame(&frame(TrackId::video(0), n * 5, IDR)).await.expect("publishing");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            client.finish().await;
        };
        let receiver = async {
            let mut reads = std::collections::BTreeMap::new();
            loop {
                match publisher.next_event().await {
                    Event::Frame(frame) => {
                        let at = start.elapsed().as_millis() as i64;
                        assert!(at - frame.dts.0 / 1000 <= 21, "late: {} at {at}", frame.dts.0);
                        *reads.entry(at).or_insert(0) += 1;
                    }
                    Event::Closed { .. } => break reads,
                    _ => {}
                }
            }
        };
        let ((), reads) = tokio::join!(sender, receiver);
        assert_eq!(reads.values().sum::<i32>(), 100);
        assert!(reads.len() <= 28, "merged: {reads:?}");
    });
}

#[test]
fn a_player_is_handed_over_in_two_halves() {
    run(async {
        let (near, far) = duplex(100_000);
        let server = tokio::spawn(async move {
            let player = match accept(far, &Config::default()).await {
                Ok(Incoming::Play(pending)) => pending.accept(&PlayStart::default()),
                other => panic!("{other:?}"),
            };
            assert!(player.capabilities().enhanced);
            let (mut reader, writer) = player.split();
            let PlayerWriter { mut io, first, stream_id, .. } = writer;
            io.write_all(&first).await.expect("open");
            for body in [video_header(), video_body(0)] {
                io.write_all(&message_bytes(MessageKind::VIDEO, 0, stream_id, &body)).await.expect("open");
            }
            let mut said = Vec::new();
            loop {
                match reader.next().await {
                    PlayerInput::Transmit(bytes) => io.write_all(&bytes).await.expect("open"),
                    PlayerInput::Event(event) => {
                        let closed = matches!(event, Event::Closed { .. });
                        said.push(event);
                        if closed {
                            break said;
                        }
                    }
                }
            }
        });
        let mut client = Client::play(near, url("rtmp://h/play/stream")).await.expect("let in");
        assert!(matches!(client.next_event().await, client::Event::Track(_)));
        assert!(matches!(client.next_event().await, client::Event::Frame(_)));
        client.session().pause(true);
        client.flush(0).await.expect("open");
        assert!(matches!(client.next_event().await, client::Event::Status { .. }));
        client.finish().await;
        let said = server.await.expect("no panic");
        assert!(
            matches!(said[..], [Event::Pause(true), Event::Closed { reason: CloseReason::Finished }]),
            "{said:?}"
        );
    });
}

#[test]
fn a_client_waits_for_a_slow_connection_and_notices_its_end() {
    run(async {
        let (near, far) = duplex(5_000);
        let config = Config::default();
        let (client, publisher) =
            tokio::join!(Client::publish(near, url("rtmp://h/live/key")), publisher(far, &config));
        let mut client = client.expect("let in");
        client.send_track(video_track()).expect("publishing");
        static BIG: [u8; 50_000] = [0; 50_000];
        let send = async {
            loop {
                let mut sent = frame(TrackId::video(0), 0, IDR);
                sent.data = bytes::Bytes::from_static(&BIG);
                if let Err(error) = client.send_frame(&sent).await {
                    break error;
                }
            }
        };
        tokio::pin!(send);
        assert!(timeout(Duration::from_secs(3), &mut send).await.is_err(), "nobody reads");
        drop(publisher);
        let error = timeout(Duration::from_secs(3), send).await.expect("noticed");
        assert!(matches!(error, ClientError::Closed(CloseReason::Disconnected)), "{error:?}");
    });
}

#[test]
fn another_protocol_is_hung_up_on() {
    run(async {
        let (mut near, far) = duplex(1000);
        near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("open");
        let config = Config::default();
        let (ended, answer) = tokio::join!(accept(far, &config), async {
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await.expect("closed");
            drop(near);
            answer
        });
        assert!(matches!(ended, Err(CloseReason::Protocol(_))));
        assert!(answer.is_empty());
    });
}
