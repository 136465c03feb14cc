//! An accepted player on a fan-out: both of its directions, to the end.

use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::select;
use ::tokio::time::timeout;

use super::super::{Player, PlayerInput, PlayerReader, PlayerWriter};
use super::delivery::{Delivery, End};
use super::{Fanout, Wire};
use crate::CloseReason;
use crate::server::{Ending, Event, PlayNotice};

/// How long a player is kept to be told why it ends.
const LINGER: Duration = Duration::from_secs(1);

/// How playing came to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outcome {
    /// The player left or broke the protocol, or `stop` said so.
    #[error(transparent)]
    Session(CloseReason),
    /// The stream ended, or the player could not follow it.
    #[error(transparent)]
    Delivery(End),
}

/// Plays to an accepted player until it leaves, the stream ends, it cannot follow, or `stop` is ready: its rights were revoked, or the
/// server shuts down. The caller chose `fanout` by [`Player::capabilities`] and [`Player::stream_id`].
pub async fn play<Io>(fanout: &Fanout, player: Player<Io>, stop: impl Future<Output = Ending>) -> Outcome
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    play_apart(fanout, player.split(), stop).await
}

/// [`play`] to a player that was taken apart. Nobody need be woken when its writing half takes more: it is asked again.
pub async fn play_apart<R, W>(
    fanout: &Fanout,
    (mut reader, writer): (PlayerReader<R>, PlayerWriter<W>),
    stop: impl Future<Output = Ending>,
) -> Outcome
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    debug_assert!(
        matches!(fanout.wire(), Wire::Rtmp { stream_id, .. } if stream_id == writer.stream_id),
        "the player hears nothing of another message stream"
    );
    let mut delivery = fanout.attach_announced(writer.io, writer.first, writer.capabilities);
    let mut stop = std::pin::pin!(stop);
    let (ending, end) = loop {
        select! {
            input = reader.next() => {
                if let Some(reason) = heed(input, &delivery) {
                    return Outcome::Session(reason);
                }
            }
            end = delivery.ended() => match end {
                // To the player both are an end of what it plays.
                end @ (End::StreamEnded | End::CodecsChanged) => break (Ending::StreamEnded, Some(end)),
                end => return Outcome::Delivery(end),
            },
            why = &mut stop => break (why, None),
        }
    };
    let reason = say_goodbye(&mut reader, delivery, ending).await;
    end.map_or(Outcome::Session(reason), Outcome::Delivery)
}

/// Does what a player asks for; the reason when it is gone.
fn heed(input: PlayerInput, delivery: &Delivery) -> Option<CloseReason> {
    match input {
        PlayerInput::Transmit(bytes) => delivery.send(bytes),
        PlayerInput::Event(Event::Pause(paused)) => delivery.pause(paused),
        PlayerInput::Event(Event::ReceiveAudio(receive)) => delivery.receive_audio(receive),
        PlayerInput::Event(Event::ReceiveVideo(receive)) => delivery.receive_video(receive),
        PlayerInput::Event(Event::Closed { reason }) => return Some(reason),
        PlayerInput::Event(_) => {}
    }
    None
}

async fn say_goodbye<R>(reader: &mut PlayerReader<R>, delivery: Delivery, ending: Ending) -> CloseReason
where
    R: AsyncRead + Unpin,
{
    if ending == Ending::StreamEnded {
        reader.notify(PlayNotice::Unpublished);
    }
    reader.end(ending);
    let reason = loop {
        if let Some(reason) = heed(reader.next().await, &delivery) {
            break reason;
        }
    };
    let _ = timeout(LINGER, delivery.finish()).await;
    reason
}
