//! The connections that clicks come by: each click is acknowledged before anything is done about it, and a connection
//! that is to end is replaced before it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

use super::api::Slack;
use super::event::{Click, Envelope};
use crate::clock;
use crate::net::{Client, WebSocket};

/// The pause after a connection that came to nothing; then twice as long each time.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest one.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What is heard.
#[derive(Debug)]
pub enum SlackEvent {
    /// Somebody clicked.
    Click(Box<Click>),
    /// Clicks are heard, from now on or again.
    Connected,
    /// They are not, for this reason.
    Trouble(String),
}

/// What a connection says of itself.
enum Sign {
    /// It is up.
    Hello,
    /// Another one is wanted in its place.
    Replace(String),
}

/// Listens until nobody wants to hear it any more.
pub async fn listen(slack: Arc<Slack>, client: Arc<Client>, heard: Sender<SlackEvent>) {
    let (signs, mut signed) = mpsc::channel(16);
    let mut connections = JoinSet::new();
    let mut pause = PAUSE;
    let mut complained = false;
    while !heard.is_closed() {
        let began = clock::monotonic();
        let why = match slack.connect(&client).await {
            Ok(socket) => {
                connections.spawn(read(socket, heard.clone(), signs.clone()));
                let (was_up, why) = until_replaced(&mut signed, &heard, &mut complained).await;
                if was_up {
                    pause = PAUSE;
                }
                why
            }
            Err(trouble) => {
                pause = pause.max(trouble.after.unwrap_or_default()).min(LONGEST);
                trouble.why
            }
        };
        while connections.try_join_next().is_some() {}
        if !why.is_empty() && !complained {
            complained = true;
            if heard.send(SlackEvent::Trouble(why)).await.is_err() {
                return;
            }
        }
        rest(began, &mut pause).await;
    }
}

/// A connection that was up for a while is replaced at once; what fails is tried less and less often.
async fn rest(began: Instant, pause: &mut Duration) {
    let lived = clock::monotonic().saturating_duration_since(began);
    if lived < *pause {
        tokio::time::sleep(pause.saturating_sub(lived)).await;
        *pause = pause.saturating_mul(2).min(LONGEST);
    }
}

/// Whether it was up, and why another one is wanted: nothing, where that is as it should be.
async fn until_replaced(
    signed: &mut mpsc::Receiver<Sign>,
    heard: &Sender<SlackEvent>,
    complained: &mut bool,
) -> (bool, String) {
    let mut was_up = false;
    loop {
        match signed.recv().await {
            Some(Sign::Hello) => {
                was_up = true;
                *complained = false;
                if heard.send(SlackEvent::Connected).await.is_err() {
                    return (was_up, String::new());
                }
            }
            Some(Sign::Replace(why)) => return (was_up, if was_up { String::new() } else { why }),
            None => return (was_up, String::new()),
        }
    }
}

/// Reads a connection to its end. It goes on after it has asked to be replaced: a click may come by it still.
async fn read(mut socket: WebSocket, heard: Sender<SlackEvent>, signs: Sender<Sign>) {
    let mut replaced = false;
    let why = loop {
        match socket.next().await {
            Ok(Some(text)) => match Envelope::read(&text) {
                Envelope::Hello => drop(signs.send(Sign::Hello).await),
                Envelope::Disconnect { reason } => {
                    if !replaced {
                        replaced = true;
                        let _gone = signs.send(Sign::Replace(disconnected(&reason))).await;
                    }
                }
                Envelope::Event { ack, click } => {
                    if let Err(error) = socket.say(ack).await {
                        break error.to_string();
                    }
                    if let Some(click) = click
                        && heard.send(SlackEvent::Click(click)).await.is_err()
                    {
                        return;
                    }
                }
                Envelope::Other => {}
            },
            Ok(None) => break "Slack closed the connection".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    if !replaced {
        let _gone = signs.send(Sign::Replace(why)).await;
    }
}

fn disconnected(reason: &str) -> String {
    match reason {
        "link_disabled" => "Socket Mode is turned off on the app's page (link_disabled)".to_owned(),
        _ => "Slack ended the connection before it was up".to_owned(),
    }
}
