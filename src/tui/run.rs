//! The dashboard's own thread: keys, news and time in, effects out, a frame where something has
//! changed. It shares no lock and no runtime with the traffic, so that a terminal that does not
//! read stalls nobody but itself.

use super::message::{Effect, Ending, Message};
use super::model::{Model, Options};
use super::terminal::Screen;
use super::update::update;
use super::view;
use crate::client::{Client, Update};
use crate::contract::Window;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// At most thirty frames a second while keys come.
const SHORTEST_FRAME: Duration = Duration::from_millis(33);
/// Time is told once a second: ages and notices move with it.
const TICK: Duration = Duration::from_secs(1);
/// Answers to commands under way.
const ANSWERS: usize = 16;

/// How others end the dashboard.
#[derive(Debug, Clone, Default)]
pub struct Strings {
    /// Give the terminal back and end.
    pub close: CancellationToken,
    /// The terminal is gone: end without touching it.
    pub lost: CancellationToken,
}

/// Starts the thread. The error is that no thread could be started; what goes wrong with the
/// terminal is an [`Ending`].
pub fn spawn(client: Client, options: Options, strings: Strings) -> io::Result<JoinHandle<Ending>> {
    std::thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended = runtime.and_then(|runtime| runtime.block_on(run(client, options, strings)));
            ended.unwrap_or_else(|error| Ending::Lost(error.to_string()))
        })
}

async fn run(client: Client, options: Options, strings: Strings) -> io::Result<Ending> {
    let screen = Screen::enter()?;
    let refresh = options.refresh;
    let model = Model::new(options);
    let (answers, answered) = mpsc::channel(ANSWERS);
    let started = Instant::now();
    let dashboard = Dashboard {
        client,
        screen,
        model,
        answers,
        answered,
        updates: mpsc::channel(1).1,
        started,
        refresh,
        dirty: true,
        urgent: true,
        drawn: None,
        waiting: true,
    };
    dashboard.live(strings).await
}

struct Dashboard {
    client: Client,
    screen: Screen,
    model: Model,
    answers: mpsc::Sender<Message>,
    answered: mpsc::Receiver<Message>,
    updates: mpsc::Receiver<Update>,
    started: Instant,
    refresh: Duration,
    /// Something has changed since the last frame.
    dirty: bool,
    /// It was a key or an answer: people wait for it.
    urgent: bool,
    drawn: Option<Instant>,
    /// Nothing has come over this window yet: the first picture is shown at once.
    waiting: bool,
}

impl Dashboard {
    async fn live(mut self, strings: Strings) -> io::Result<Ending> {
        for effect in self.model.start() {
            self.perform(effect)?;
        }
        self.draw()?;
        let mut keys = EventStream::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let frame = self.next_frame();
            // Biased so that a key never waits behind news.
            tokio::select! {
                biased;
                () = strings.lost.cancelled() => return Ok(Ending::Lost("the terminal is gone".to_owned())),
                () = strings.close.cancelled() => return Ok(Ending::Quit),
                key = keys.next() => match key {
                    Some(Ok(event)) => {
                        if let Some(ending) = self.on_event(&event)? {
                            return Ok(ending);
                        }
                    }
                    // The terminal is gone; reading on would spin.
                    Some(Err(error)) => return Err(error),
                    None => return Ok(Ending::Lost("the terminal has ended".to_owned())),
                },
                Some(answer) = self.answered.recv() => {
                    self.urgent = true;
                    self.hear(answer)?;
                }
                Some(news) = self.updates.recv() => {
                    self.urgent |= std::mem::take(&mut self.waiting);
                    self.hear(Message::Update(news))?;
                }
                _ = tick.tick() => { self.hear(Message::Tick)?; }
                () = tokio::time::sleep_until(frame), if self.dirty => self.draw()?,
            }
        }
    }

    /// When the next frame may be drawn.
    fn next_frame(&self) -> Instant {
        let pause = if self.urgent {
            SHORTEST_FRAME
        } else {
            self.refresh
        };
        self.drawn.map_or_else(Instant::now, |drawn| drawn + pause)
    }

    fn draw(&mut self) -> io::Result<()> {
        let model = &self.model;
        self.screen
            .draw(|frame| view::draw(model, frame.area(), frame.buffer_mut()))?;
        self.drawn = Some(Instant::now());
        self.dirty = false;
        self.urgent = false;
        Ok(())
    }

    fn on_event(&mut self, event: &Event) -> io::Result<Option<Ending>> {
        self.urgent = true;
        self.dirty = true;
        match *event {
            Event::Key(key) => self.hear(Message::Key(key)),
            Event::Resize(columns, rows) => {
                self.screen.resize(columns, rows)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn hear(&mut self, message: Message) -> io::Result<Option<Ending>> {
        self.dirty = true;
        let mut ended = None;
        for effect in update(&mut self.model, message, self.started.elapsed()) {
            ended = ended.or(self.perform(effect)?);
        }
        Ok(ended)
    }

    fn perform(&mut self, effect: Effect) -> io::Result<Option<Ending>> {
        match effect {
            Effect::Watch(window) => self.watch(window),
            Effect::SetWeights(change) => {
                let (client, answers) = (self.client.clone(), self.answers.clone());
                tokio::spawn(async move {
                    let result = client.set_weights(change).await;
                    let _dashboard_may_have_ended = answers.send(Message::WeightsSet(result)).await;
                });
            }
            Effect::ChangeProvider { name, change } => {
                let (client, answers) = (self.client.clone(), self.answers.clone());
                tokio::spawn(async move {
                    let result = client.change_provider(&name, change).await.map(drop);
                    let _dashboard_may_have_ended = answers
                        .send(Message::ProviderChanged { name, result })
                        .await;
                });
            }
            Effect::Repaint => self.screen.repaint()?,
            Effect::End(ending) => return Ok(Some(ending)),
        }
        Ok(None)
    }

    /// The old watch ends with its receiver.
    fn watch(&mut self, window: Window) {
        self.updates = self.client.watch(window);
        self.waiting = true;
    }
}
