//! The action table, in the order of the help and of docs/dashboard.md.

use super::action::{Action, SortOrder};
use super::binding::Binding;
use crate::tui::input_context::{
    ALERTS, CLIENTS, DECISIONS, DETAIL, InputContext, LOG, MODELS, OVERVIEW, REVISIONS, SCREENS,
    Screen, WEIGHTS,
};

/// Screens with rows.
const ROWS: &[InputContext] = &[
    OVERVIEW, DECISIONS, MODELS, CLIENTS, ALERTS, REVISIONS, LOG, WEIGHTS,
];
/// All screens but the overview.
const AWAY: &[InputContext] = &[
    DETAIL, WEIGHTS, DECISIONS, MODELS, CLIENTS, ALERTS, REVISIONS, LOG,
];
const TEXT: &[InputContext] = &[
    InputContext::Filter,
    InputContext::Palette,
    InputContext::Field,
    InputContext::HelpSearch,
];
const LIST: &[InputContext] = &[OVERVIEW];
/// Screens whose rows have a sort order.
const SORTED: &[InputContext] = &[OVERVIEW, MODELS, CLIENTS];
/// Screens that can show the past.
const PAST: &[InputContext] = &[OVERVIEW, DETAIL, DECISIONS];
const DRAFT: &[InputContext] = &[WEIGHTS];
const SIDE: &[InputContext] = &[DETAIL, WEIGHTS, LOG];
const ANSWER: &[InputContext] = &[InputContext::Confirm, InputContext::Field];
/// Boxes with text that scrolls.
const READ: &[InputContext] = &[InputContext::Help, InputContext::Report];
const MENU: &[InputContext] = &[InputContext::Menu];
const SORT: &[InputContext] = &[InputContext::Sort];
const PRESETS: &[InputContext] = &[InputContext::Presets];

macro_rules! bind {
    ($id:literal, $action:expr, [$($key:literal),+], $text:literal, $short:literal, $contexts:expr) => {
        Binding { id: $id, action: $action, keys: &[$($key),+], text: $text, short: $short, contexts: $contexts }
    };
}

use Action as A;

/// All actions.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind!("help", A::Help, ["?", "F1"], "keys that work here, and the meaning of the signs", "help", SCREENS),
    bind!("info", A::Info, ["i"], "version, address and process", "", SCREENS),
    bind!("palette", A::Palette, [":"], "run a command by name, or window 1h, goto NAME, request ID, rollback N", "cmd", SCREENS),
    bind!("back", A::Back, ["Esc"], "close, clear the filter, go up; never quits, never applies", "back", AWAY),
    bind!("open", A::Open, ["Enter"], "open the provider, review the draft, or list the decisions of a client", "open", &[OVERVIEW, DECISIONS, MODELS, CLIENTS, ALERTS, WEIGHTS]),
    bind!("act", A::Menu, ["."], "open the menu of the provider, revision or alert", "act", &[OVERVIEW, DETAIL, WEIGHTS, MODELS, ALERTS, REVISIONS]),
    bind!("view.weights", A::Go(Screen::Weights), ["w"], "weights: draft, preview, apply", "weights", SCREENS),
    bind!("view.decisions", A::Go(Screen::Decisions), ["d"], "decisions: which target was selected, and why", "decisions", SCREENS),
    bind!("view.alerts", A::Go(Screen::Alerts), ["a"], "alerts and providers in trouble, and what to do", "alerts", SCREENS),
    bind!("view.revisions", A::Go(Screen::Revisions), ["v"], "changes: who, what, why, before and after; rollback", "changes", SCREENS),
    bind!("view.models", A::Go(Screen::Models), ["M"], "models: one model across providers", "models", SCREENS),
    bind!("view.clients", A::Go(Screen::Clients), ["C"], "clients: who calls, what it costs, what is left of budgets", "clients", SCREENS),
    bind!("move.down", A::Move(1), ["j", "↓"], "next row", "", ROWS),
    bind!("move.up", A::Move(-1), ["k", "↑"], "previous row", "", ROWS),
    bind!("move.first", A::First, ["g", "Home"], "first row", "", ROWS),
    bind!("move.last", A::Last, ["G", "End"], "last row", "", ROWS),
    bind!("move.page_down", A::Move(10), ["^d", "PgDn"], "ten rows down", "", ROWS),
    bind!("move.page_up", A::Move(-10), ["^u", "PgUp"], "ten rows up", "", ROWS),
    bind!("move.left", A::Side(-1), ["h", "←"], "previous provider; weights: one point less; log: scroll left", "", SIDE),
    bind!("move.right", A::Side(1), ["l", "→"], "next provider; weights: one point more; log: scroll right", "", SIDE),
    bind!("weight.more10", A::Points(10), [">"], "ten points more", "+10", DRAFT),
    bind!("weight.less10", A::Points(-10), ["<"], "ten points less", "-10", DRAFT),
    bind!("weight.digit", A::Digit, ["0-9"], "type a value", "type", DRAFT),
    bind!("weight.even", A::Even, ["="], "even out cost, latency and reliability", "even", DRAFT),
    bind!("weight.own", A::Own, ["o"], "own weights for this provider, or the global ones again", "own", DRAFT),
    bind!("weight.presets", A::Presets, ["P"], "presets: balanced, cheap, fast, reliable", "presets", DRAFT),
    bind!("weight.advise", A::Advise, ["A"], "advise: the cheapest weights that meet a goal, as the draft", "advise", DRAFT),
    bind!("weight.row_reset", A::ResetRow, ["r"], "reset this row to the value in effect", "", DRAFT),
    bind!("weight.reset", A::Reset, ["R"], "reset all rows to the values in effect", "reset", DRAFT),
    bind!("focus.next", A::Panel(1), ["Tab"], "next panel; weights: objectives, settings, providers", "", &[OVERVIEW, WEIGHTS]),
    bind!("focus.previous", A::Panel(-1), ["S-Tab"], "previous panel", "", &[OVERVIEW, WEIGHTS]),
    bind!("focus.panel", A::Number, ["1-5"], "select a panel: latency, events, cost, success, share", "", LIST),
    bind!("zoom", A::Zoom, ["z"], "show the selected panel full screen, and back", "zoom", LIST),
    bind!("first_token", A::Measure, ["f"], "chart the first token, or the whole response", "first token", &[DETAIL]),
    bind!("window.longer", A::Window(1), ["t", "+"], "longer window: 1m 5m 15m 1h 6h 24h", "window", SCREENS),
    bind!("window.shorter", A::Window(-1), ["T", "-"], "shorter window", "", SCREENS),
    bind!("freeze", A::Freeze, ["Space"], "freeze the screen, or continue; trouble stays live", "freeze", SCREENS),
    bind!("filter", A::Filter, ["/"], "show rows that match: state:slow az p95>2s ok<99 -name; result:failed client:ann; level:warn", "filter", &[OVERVIEW, DECISIONS, MODELS, CLIENTS, LOG]),
    bind!("next", A::Next(1), ["n"], "next row in trouble; log: next match or warning", "", &[OVERVIEW, DECISIONS, MODELS, CLIENTS, LOG]),
    bind!("previous", A::Next(-1), ["N"], "previous row in trouble; log: previous match or warning", "", &[OVERVIEW, DECISIONS, MODELS, CLIENTS, LOG]),
    bind!("sort.menu", A::Sort, ["s"], "sort by trouble, name, share, latency, success or cost", "sort", SORTED),
    bind!("group", A::Group, ["b"], "group by model, or by route", "group", &[MODELS]),
    bind!("log.source", A::LogSource, ["b"], "log of the gateway, or of this dashboard", "whose", &[LOG]),
    bind!("sort.hold", A::Hold, ["o"], "hold the order of the rows, or release it", "", LIST),
    bind!("explain.more", A::Scroll(1), ["Tab"], "the next page of the explanation", "more", &[DECISIONS]),
    bind!("explain.back", A::Scroll(-1), ["S-Tab"], "the page before", "", &[DECISIONS]),
    bind!("explain", A::Explain, ["e"], "decisions about this provider", "explain", &[OVERVIEW, DETAIL, MODELS]),
    bind!("view.log", A::Go(Screen::Log), ["L"], "log of the gateway; attached, also of this dashboard", "", SCREENS),
    bind!("past.back", A::Past(-1), ["{"], "show the window before this one, from the store", "past", PAST),
    bind!("past.forward", A::Past(1), ["}"], "show the window after this one; the last is the present", "", PAST),
    bind!("view.home", A::Go(Screen::Overview), ["H"], "the overview", "", SCREENS),
    bind!("alert.ack", A::Acknowledge, ["A"], "acknowledge the alert; can be undone", "ack", &[ALERTS, OVERVIEW]),
    bind!("undo", A::Undo, ["u"], "undo the last change made here; asks first", "undo", SCREENS),
    bind!("keep", A::Keep, ["K"], "keep the change that is on trial", "", SCREENS),
    bind!("arm", A::Arm, ["!"], "allow changes for five minutes, if they are protected", "", SCREENS),
    bind!("reload", A::Reload, ["^r"], "reload the configuration; asks first, shows the changes", "", SCREENS),
    bind!("copy", A::Copy, ["y"], "copy the name or id under the cursor", "", SCREENS),
    bind!("copy.all", A::CopyAll, ["Y"], "copy the whole row as JSON", "", SCREENS),
    bind!("export", A::Export, ["x"], "save the screen as text and its data as JSON", "", SCREENS),
    bind!("mouse", A::Mouse, ["m"], "let the mouse wheel move the cursor, on or off", "", SCREENS),
    bind!("mask", A::Mask, ["p"], "hide amounts, names of people and addresses, or show them", "", SCREENS),
    bind!("bell", A::Bell, ["B"], "ring the terminal bell for new trouble, on or off", "", SCREENS),
    bind!("repaint", A::Repaint, ["^l"], "redraw the screen", "", SCREENS),
    bind!("suspend", A::Suspend, ["^z"], "suspend; refused if the gateway runs in this process", "", SCREENS),
    bind!("quit", A::Quit, ["q"], "quit; asks first if the gateway runs in this process", "quit", SCREENS),
    bind!("quit.hard", A::QuitHard, ["^c"], "quit: attached, press twice within a second; else asks first", "", SCREENS),
    bind!("act.drain", A::Drain, ["d"], "drain: accept no new requests; or stop draining", "drain", MENU),
    bind!("act.enable", A::Enable, ["e"], "disable, or enable again", "on/off", MENU),
    bind!("act.reset", A::ResetBreaker, ["b"], "reset its circuit breakers and send requests now", "breaker", MENU),
    bind!("act.probe", A::Probe, ["p"], "probe now, free of charge", "probe", MENU),
    bind!("act.mute", A::Mute, ["m"], "mute the alert for a time, or end that", "mute", MENU),
    bind!("act.rollback", A::Rollback, ["r"], "roll the weights back to this revision", "roll back", MENU),
    bind!("sort.trouble", A::SortBy(SortOrder::Trouble), ["t"], "trouble first, then traffic", "trouble", SORT),
    bind!("sort.name", A::SortBy(SortOrder::Name), ["n"], "name", "name", SORT),
    bind!("sort.share", A::SortBy(SortOrder::Share), ["s"], "share of the traffic, largest first", "share", SORT),
    bind!("sort.latency", A::SortBy(SortOrder::Latency), ["l"], "p95 latency, slowest first", "latency", SORT),
    bind!("sort.success", A::SortBy(SortOrder::Success), ["o"], "success, worst first", "success", SORT),
    bind!("sort.cost", A::SortBy(SortOrder::Cost), ["c"], "spending, highest first", "cost", SORT),
    bind!("preset.balanced", A::Preset([30, 40, 30]), ["b"], "balanced: cost 30, latency 40, reliability 30", "balanced", PRESETS),
    bind!("preset.cheap", A::Preset([70, 15, 15]), ["c"], "cheap: cost 70, latency 15, reliability 15", "cheap", PRESETS),
    bind!("preset.fast", A::Preset([15, 70, 15]), ["f"], "fast: cost 15, latency 70, reliability 15", "fast", PRESETS),
    bind!("preset.reliable", A::Preset([10, 20, 70]), ["r"], "reliable: cost 10, latency 20, reliability 70", "reliable", PRESETS),
    bind!("answer.next", A::Focus(1), ["Tab", "↓", "→"], "next field or button", "next", ANSWER),
    bind!("answer.previous", A::Focus(-1), ["S-Tab", "↑", "←"], "previous field or button", "", ANSWER),
    bind!("answer.press", A::Press, ["Enter"], "press the focused button", "press", ANSWER),
    bind!("answer.yes", A::Yes, ["y"], "yes, do it; draining: until it is undone; muting: for a day", "yes", &[InputContext::Confirm]),
    bind!("answer.half_hour", A::HalfHour, ["3"], "draining or muting: for 30 minutes", "30 min", &[InputContext::Confirm]),
    bind!("answer.hour", A::Hour, ["1"], "draining or muting: for an hour", "1 h", &[InputContext::Confirm]),
    bind!("answer.discard", A::Discard, ["x"], "conflict: drop the draft", "drop draft", &[InputContext::Confirm]),
    bind!("answer.stop", A::Stop, ["s"], "leaving: drain and stop the gateway", "stop", &[InputContext::Confirm]),
    bind!("answer.detach", A::Detach, ["d"], "leaving: close the screen, keep serving", "detach", &[InputContext::Confirm]),
    bind!("text.erase", A::Erase, ["Bksp"], "erase a character", "", TEXT),
    bind!("text.clear", A::Clear, ["^u"], "erase everything", "clear", TEXT),
    bind!("text.accept", A::Accept, ["Enter"], "accept", "accept", &[InputContext::Filter, InputContext::Palette, InputContext::HelpSearch]),
    bind!("text.next", A::Choose(1), ["Tab", "↓"], "next command", "", &[InputContext::Palette]),
    bind!("text.previous", A::Choose(-1), ["S-Tab", "↑"], "previous command", "", &[InputContext::Palette]),
    bind!("help.down", A::Scroll(1), ["j", "↓", "PgDn"], "scroll down", "down", READ),
    bind!("help.up", A::Scroll(-1), ["k", "↑", "PgUp"], "scroll up", "up", READ),
    bind!("help.search", A::HelpSearch, ["/"], "show only what matches", "search", &[InputContext::Help]),
    bind!("help.close", A::Back, ["?", "F1", "q", "Enter"], "close", "close", READ),
];
