//! The dashboard's own thread: keys, news and time in, effects out, a frame where something has
//! changed. It shares no lock and no runtime with the traffic, so that a terminal that does not
//! read stalls nobody but itself.

use super::change::apply_changes;
use super::clipboard;
use super::effect::{Effect, ExitReason};
use super::export;
use super::frame_pacer::FramePacer;
use super::input::{Input, Keyboard};
use super::message::Message;
use super::model::{Model, Options};
use super::panic_hook;
use super::terminal::TerminalScreen;
use super::title;
use super::update::update;
use super::view;
use crate::client::{Client, Update};
use crate::contract::Window;
use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// At most thirty frames a second while keys come.
const MIN_FRAME: Duration = Duration::from_millis(33);
/// Time is told once a second: ages and notices move with it.
const TICK: Duration = Duration::from_secs(1);
/// Answers to questions and changes under way.
const ANSWERS: usize = 16;
/// Decisions that are asked for at a time.
const DECISIONS: usize = 200;

/// How others end the dashboard.
#[derive(Debug, Clone, Default)]
pub struct DashboardShutdown {
    /// Give the terminal back and end.
    pub close: CancellationToken,
    /// The terminal is gone: end without touching it.
    pub lost: CancellationToken,
}

/// Starts the thread. The error is that no thread could be started; what goes wrong with the
/// terminal is an [`ExitReason`].
pub fn spawn(
    client: Client,
    options: Options,
    strings: DashboardShutdown,
) -> io::Result<JoinHandle<ExitReason>> {
    std::thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended = runtime.and_then(|runtime| runtime.block_on(run(client, options, strings)));
            ended.unwrap_or_else(|error| ExitReason::Lost(error.to_string()))
        })
}

async fn run(
    client: Client,
    options: Options,
    strings: DashboardShutdown,
) -> io::Result<ExitReason> {
    let keyboard = match Keyboard::open(options.over_line) {
        Ok(keyboard) => keyboard,
        Err(error) => {
            let why = format!("there is no terminal to read keys from ({error})");
            return Ok(ExitReason::Unopened(why));
        }
    };
    let resized = signal(SignalKind::window_change())?;
    let continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
    panic_hook::install();
    let screen = match TerminalScreen::enter() {
        Ok(screen) => screen,
        Err(error) => {
            let why = format!("the terminal cannot be drawn on ({error})");
            return Ok(ExitReason::Unopened(why));
        }
    };
    let (refresh, pacing) = (options.refresh, FramePacer::new(options.over_line));
    let model = Model::new(options);
    let (answers, answered) = mpsc::channel(ANSWERS);
    let dashboard = Dashboard {
        client,
        screen,
        model,
        answers,
        answered,
        updates: mpsc::channel(1).1,
        started: Instant::now(),
        refresh,
        pacing,
        dirty: true,
        urgent: true,
        drawn: None,
        waiting: true,
    };
    dashboard
        .run_loop(strings, keyboard, resized, continued)
        .await
}

struct Dashboard {
    client: Client,
    screen: TerminalScreen,
    model: Model,
    answers: mpsc::Sender<Message>,
    answered: mpsc::Receiver<Message>,
    updates: mpsc::Receiver<Update>,
    started: Instant,
    refresh: Duration,
    pacing: FramePacer,
    /// Something has changed since the last frame.
    dirty: bool,
    /// It was a key or an answer: people wait for it.
    urgent: bool,
    drawn: Option<Instant>,
    /// Nothing has come over this window yet: the first picture is shown at once.
    waiting: bool,
}

impl Dashboard {
    async fn run_loop(
        mut self,
        strings: DashboardShutdown,
        mut keyboard: Keyboard,
        mut resized: Signal,
        mut continued: Signal,
    ) -> io::Result<ExitReason> {
        for effect in self.model.start() {
            self.perform(effect)?;
        }
        self.draw()?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let frame = self.next_frame();
            let may_draw = self.dirty && !self.screen.is_busy();
            // Biased so that a key never waits behind news.
            tokio::select! {
                biased;
                () = strings.lost.cancelled() => return Ok(ExitReason::Lost("the terminal is gone".to_owned())),
                () = strings.close.cancelled() => return Ok(ExitReason::Quit),
                // An error is the end of the terminal; reading on would spin.
                inputs = keyboard.next() => if let Some(ending) = self.hear_all(inputs?)? {
                    return Ok(ending);
                },
                written = self.screen.written() => {
                    written?;
                    // Where a line is between, it has come only when the terminal says so.
                    if !self.pacing.is_waiting() {
                        self.seen();
                    }
                }
                _ = resized.recv() => {
                    self.screen.resize()?;
                    self.touch();
                }
                // Somebody stopped us and let us go on: a shell may have used the terminal.
                _ = continued.recv() => {
                    self.screen.come_back()?;
                    self.touch();
                }
                Some(answer) = self.answered.recv() => {
                    self.urgent = true;
                    self.handle(answer)?;
                }
                Some(news) = self.updates.recv() => {
                    if let Update::Status(status) = &news {
                        self.model.clock_skew.observe(&status.generated_at, jiff::Timestamp::now());
                    }
                    self.urgent |= std::mem::take(&mut self.waiting);
                    self.handle(Message::Update(news))?;
                }
                _ = tick.tick() => { self.handle(Message::Tick)?; }
                () = tokio::time::sleep_until(frame), if may_draw => self.draw()?,
            }
        }
    }

    /// When the next frame may be drawn.
    fn next_frame(&self) -> Instant {
        let pause = if self.urgent {
            MIN_FRAME
        } else {
            self.pacing.pause(self.refresh)
        };
        let due = self.drawn.map_or_else(Instant::now, |drawn| drawn + pause);
        let answer = self.pacing.waits_until().map(|until| self.started + until);
        answer.map_or(due, |answer| due.max(answer))
    }

    fn touch(&mut self) {
        self.dirty = true;
        self.urgent = true;
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = self.started.elapsed();
        let waited = self.pacing.is_waiting();
        if !self.pacing.is_open(now) {
            return Ok(());
        }
        if waited {
            self.seen();
        }
        self.screen.set_title(title::of(&self.model))?;
        let model = &self.model;
        let mut size = None;
        let picture = |frame: &mut ratatui::Frame<'_>| {
            size = Some(frame.area());
            view::draw(model, frame.area(), frame.buffer_mut());
        };
        let is_sent = self.screen.draw(self.pacing.asks(), picture)?;
        if is_sent {
            self.pacing.sent(now);
        }
        self.model.size = size;
        self.drawn = Some(Instant::now());
        self.dirty = false;
        self.urgent = false;
        update(&mut self.model, Message::Drawn, now);
        if !is_sent {
            // The frame before looks the same, and is there.
            self.seen();
        }
        Ok(())
    }

    /// The last frame is on the terminal.
    fn seen(&mut self) {
        update(&mut self.model, Message::Seen, self.started.elapsed());
    }

    /// All that was typed, then one picture.
    fn hear_all(&mut self, inputs: Vec<Input>) -> io::Result<Option<ExitReason>> {
        for input in inputs {
            if input == Input::Answered {
                self.pacing.answered(self.started.elapsed());
                self.model.distance = self.pacing.delay();
                self.seen();
                continue;
            }
            self.touch();
            if let Some(ending) = self.handle(Message::Input(input))? {
                return Ok(Some(ending));
            }
        }
        Ok(None)
    }

    fn handle(&mut self, message: Message) -> io::Result<Option<ExitReason>> {
        self.dirty = true;
        let mut ended = None;
        for effect in update(&mut self.model, message, self.started.elapsed()) {
            ended = ended.or(self.perform(effect)?);
        }
        Ok(ended)
    }

    fn perform(&mut self, effect: Effect) -> io::Result<Option<ExitReason>> {
        let client = self.client.clone();
        match effect {
            Effect::Watch(window) => self.watch(window),
            Effect::Change(changes) => {
                self.answer(async move { Message::Changed(apply_changes(&client, changes).await) });
            }
            Effect::AskDecisions(provider) => self.answer(async move {
                Message::Decisions(client.decisions(DECISIONS, provider.as_deref()).await)
            }),
            Effect::AskRevisions => {
                self.answer(async move { Message::Revisions(client.revisions().await) });
            }
            Effect::AskDecision(id) => {
                self.answer(async move { Message::Explained(client.decision(&id).await) });
            }
            Effect::AskWhatIf(request) => {
                self.answer(async move { Message::WhatIf(client.what_if(request).await) });
            }
            Effect::Copy(text) => self.screen.queue_escape(&clipboard::copy(&text))?,
            Effect::Export => {
                let size = self.screen.size();
                let written = export::write(&self.model, size);
                self.handle(Message::Exported(written))?;
            }
            Effect::Mouse(on) => self.screen.set_mouse(on)?,
            Effect::Bell => self.screen.queue_escape(b"\x07")?,
            Effect::Repaint => self.screen.repaint()?,
            Effect::Suspend => {
                self.screen.leave();
                // Going on is told by a signal, which takes the terminal again.
                rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::STOP,
                )?;
            }
            Effect::End(ending) => return Ok(Some(ending)),
        }
        Ok(None)
    }

    /// Asks beside everything else, and takes the answer in when it comes.
    fn answer(&self, confirm: impl Future<Output = Message> + 'static + Send) {
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let _dashboard_may_have_ended = answers.send(confirm.await).await;
        });
    }

    /// The old watch ends with its receiver.
    fn watch(&mut self, window: Window) {
        self.updates = self.client.watch(window);
        self.waiting = true;
    }
}
