//! The thread of the dashboard: it receives keys, updates and ticks, performs effects, and draws a
//! frame when something has changed. It shares no lock and no runtime with the gateway, so that a
//! stalled terminal stalls only the dashboard.

use super::change::apply_changes;
use super::clipboard;
use super::effect::{Effect, ExitReason};
use super::export;
use super::frame_pacer::FramePacer;
use super::input::{Input, Keyboard};
use super::kept_view::{self, KeptView};
use super::message::Message;
use super::model::{Model, Options};
use super::panic_hook;
use super::state_folder::state_folder;
use super::terminal::TerminalScreen;
use super::title;
use super::update::update;
use super::view;
use crate::client::{Client, ClientError, DecisionFilter, TroubleFilter, Update};
use crate::contract::{DecisionList, Window};
use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Minimum time between frames while keys arrive: thirty frames a second.
const MIN_FRAME: Duration = Duration::from_millis(33);
/// Interval of ticks, which update ages and notices.
const TICK: Duration = Duration::from_secs(1);
/// Capacity of the queue of replies.
const REPLY_QUEUE: usize = 16;

/// Tokens that end the dashboard from outside.
#[derive(Debug, Clone, Default)]
pub struct DashboardShutdown {
    /// Gives the terminal back and ends.
    pub close: CancellationToken,
    /// The terminal is gone: ends without touching it.
    pub lost: CancellationToken,
}

/// Starts the thread. Fails only if no thread could be started; problems of the terminal are an
/// [`ExitReason`].
pub fn spawn(
    client: Client,
    options: Options,
    shutdown: DashboardShutdown,
) -> io::Result<JoinHandle<ExitReason>> {
    std::thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended =
                runtime.and_then(|runtime| runtime.block_on(run(client, options, shutdown)));
            ended.unwrap_or_else(|error| ExitReason::Lost(error.to_string()))
        })
}

async fn run(
    client: Client,
    options: Options,
    shutdown: DashboardShutdown,
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
    let (refresh, pacer) = (options.refresh, FramePacer::new(options.over_line));
    let kept_in = state_folder().filter(|_| !options.all_in_one);
    let mut model = Model::new(options);
    let kept = kept_in.as_deref();
    if let Some(view) = kept.and_then(|folder| kept_view::load(folder, &model.options.address)) {
        view.show(&mut model);
    }
    let (replies, replies_in) = mpsc::channel(REPLY_QUEUE);
    let mut dashboard = Dashboard {
        client,
        screen,
        model,
        replies,
        replies_in,
        updates: mpsc::channel(1).1,
        started: Instant::now(),
        refresh,
        pacer,
        dirty: true,
        urgent: true,
        drawn: None,
        waiting: true,
    };
    let ended = dashboard
        .run_loop(shutdown, keyboard, resized, continued)
        .await;
    let Dashboard { model, screen, .. } = dashboard;
    // A slow disk does not keep the terminal.
    drop(screen);
    let saved = kept_in.map(|folder| kept_view::save(&folder, KeptView::of(&model)));
    if let Some(Err(error)) = saved {
        tracing::warn!("what the dashboard showed could not be kept: {error}");
    }
    ended
}

struct Dashboard {
    client: Client,
    screen: TerminalScreen,
    model: Model,
    replies: mpsc::Sender<Message>,
    replies_in: mpsc::Receiver<Message>,
    updates: mpsc::Receiver<Update>,
    started: Instant,
    refresh: Duration,
    pacer: FramePacer,
    /// Something has changed since the last frame.
    dirty: bool,
    /// The change was a key or a reply, which the operator waits for.
    urgent: bool,
    drawn: Option<Instant>,
    /// No status of this window has arrived yet; the first one is drawn at once.
    waiting: bool,
}

impl Dashboard {
    async fn run_loop(
        &mut self,
        shutdown: DashboardShutdown,
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
            // Biased, so that a key never waits behind an update.
            tokio::select! {
                biased;
                () = shutdown.lost.cancelled() => return Ok(ExitReason::Lost("the terminal is gone".to_owned())),
                () = shutdown.close.cancelled() => return Ok(ExitReason::Quit),
                // An error means the terminal is gone; reading on would spin.
                inputs = keyboard.next() => if let Some(reason) = self.handle_inputs(inputs?)? {
                    return Ok(reason);
                },
                written = self.screen.written() => {
                    written?;
                    // Over a network the frame has arrived only when the terminal replies.
                    if !self.pacer.is_waiting() {
                        self.seen();
                    }
                }
                _ = resized.recv() => {
                    self.screen.resize()?;
                    self.touch();
                }
                // After SIGSTOP a shell may have used the terminal.
                _ = continued.recv() => {
                    self.screen.come_back()?;
                    self.touch();
                }
                Some(answer) = self.replies_in.recv() => {
                    self.urgent = true;
                    self.handle(answer)?;
                }
                Some(update_message) = self.updates.recv() => {
                    if let Update::Status(status) = &update_message {
                        self.model.clock_skew.observe(&status.generated_at, jiff::Timestamp::now());
                    }
                    self.urgent |= std::mem::take(&mut self.waiting);
                    self.handle(Message::Update(update_message))?;
                }
                _ = tick.tick() => { self.handle(Message::Tick)?; }
                () = tokio::time::sleep_until(frame), if may_draw => self.draw()?,
            }
        }
    }

    /// The earliest time of the next frame.
    fn next_frame(&self) -> Instant {
        let pause = if self.urgent {
            MIN_FRAME
        } else {
            self.pacer.pause(self.refresh)
        };
        let due = self.drawn.map_or_else(Instant::now, |drawn| drawn + pause);
        let answer = self.pacer.waits_until().map(|until| self.started + until);
        answer.map_or(due, |answer| due.max(answer))
    }

    fn touch(&mut self) {
        self.dirty = true;
        self.urgent = true;
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = self.started.elapsed();
        let waited = self.pacer.is_waiting();
        if !self.pacer.is_open(now) {
            return Ok(());
        }
        if waited {
            self.seen();
        }
        self.screen.set_title(title::title_text(&self.model))?;
        let model = &self.model;
        let mut size = None;
        let draw_frame = |frame: &mut ratatui::Frame<'_>| {
            size = Some(frame.area());
            view::draw(model, frame.area(), frame.buffer_mut());
        };
        let is_sent = self.screen.draw(self.pacer.asks(), draw_frame)?;
        if is_sent {
            self.pacer.sent(now);
        }
        self.model.size = size;
        self.drawn = Some(Instant::now());
        self.dirty = false;
        self.urgent = false;
        update(&mut self.model, Message::Drawn, now);
        if !is_sent {
            // The previous frame, which looks the same, is on the terminal.
            self.seen();
        }
        Ok(())
    }

    /// Notes that the last frame is on the terminal.
    fn seen(&mut self) {
        update(&mut self.model, Message::Seen, self.started.elapsed());
    }

    /// Handles all inputs before the next frame.
    fn handle_inputs(&mut self, inputs: Vec<Input>) -> io::Result<Option<ExitReason>> {
        for input in inputs {
            if input == Input::Answered {
                self.pacer.answered(self.started.elapsed());
                self.model.distance = self.pacer.delay();
                self.seen();
                continue;
            }
            self.touch();
            if let Some(reason) = self.handle(Message::Input(input))? {
                return Ok(Some(reason));
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
                self.request(
                    async move { Message::Changed(apply_changes(&client, changes).await) },
                );
            }
            Effect::AskDecisions(filter) => self.request(async move {
                Message::Decisions(latest_and_troubled(&client, filter).await)
            }),
            Effect::AskClients(window) => {
                self.request(async move { Message::Clients(client.clients(window).await) });
            }
            Effect::AskLog(filter) => {
                self.request(async move { Message::Log(client.log(&filter).await) });
            }
            Effect::AskPast(window, until) => self.request(async move {
                let answer = client.past_status(window, until).await;
                Message::Past((window, until), Box::new(answer))
            }),
            Effect::AskRevisions => {
                self.request(async move { Message::Revisions(client.revisions().await) });
            }
            Effect::AskAlerts => {
                self.request(async move { Message::Alerts(client.alerts().await) });
            }
            Effect::AskDecision(id) => {
                self.request(async move {
                    let answer = client.decision(&id).await;
                    Message::Explained(id, answer)
                });
            }
            Effect::AskWhatIf(request) => {
                self.request(
                    async move { Message::WhatIf(Box::new(client.what_if(request).await)) },
                );
            }
            Effect::AskAdvice(goal) => {
                self.request(async move { Message::Advice(Box::new(client.advise(goal).await)) });
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
                // SIGCONT takes the terminal again.
                rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::STOP,
                )?;
            }
            Effect::End(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    /// Runs a request in the background; its reply arrives as a message.
    fn request(&self, reply: impl Future<Output = Message> + 'static + Send) {
        let replies = self.replies.clone();
        tokio::spawn(async move {
            let _dashboard_may_have_ended = replies.send(reply.await).await;
        });
    }

    /// Watches a window; the old watch ends with its receiver.
    fn watch(&mut self, window: Window) {
        self.updates = self.client.watch(window);
        self.waiting = true;
    }
}

/// The latest decisions that match, and below them older ones in trouble.
async fn latest_and_troubled(
    client: &Client,
    filter: DecisionFilter,
) -> Result<DecisionList, ClientError> {
    let latest = client.decisions(&filter).await?;
    if filter.trouble.is_some() || filter.outcome.is_some() {
        return Ok(latest);
    }
    let troubled = DecisionFilter {
        trouble: Some(TroubleFilter::Any),
        ..filter
    };
    Ok(latest.with_older(client.decisions(&troubled).await?))
}
