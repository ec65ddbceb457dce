//! Weights at given hours.

use super::Workspace;
use crate::domain::ScheduledWeights;
use insta::assert_snapshot;

#[test]
fn schedules_are_read_with_their_days_zones_and_weights() {
    let workspace = Workspace::with_file(
        r#"
[[schedules]]
name = "office hours"
at = "Mon-Fri 08:00"
zone = "Europe/Lisbon"
weights = { cost = 20, latency = 60, reliability = 20 }
[[schedules]]
name = "night"
at = "20:00"
[schedules.weights]
cost = 70
latency = 10
reliability = 20
load = 0
priority = 5.5
"#,
    )
    .variable("OPENAI_API_KEY", "k");

    let settings = workspace.loaded().settings;

    let [day, night] = &*settings.schedules else {
        panic!("two schedules: {:?}", settings.schedules);
    };
    assert_eq!(&*day.name, "office hours");
    assert_eq!(day.zone.iana_name(), Some("Europe/Lisbon"));
    assert_eq!((day.weights.load, day.weights.priority), (None, None));
    assert_eq!(night.zone, jiff::tz::TimeZone::UTC);
    let expected = ScheduledWeights {
        cost: 70.0,
        latency: 10.0,
        reliability: 20.0,
        load: Some(0.0),
        priority: Some(5.5),
    };
    assert_eq!(night.weights, expected);
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn every_wrong_schedule_is_named() {
    let workspace = Workspace::with_file(
        r#"
[[schedules]]
name = "a"
at = "Mon-Fri 25:00"
zone = "Europe/Lisboa"
weights = { cost = 20, latency = 60, reliability = 10 }
[[schedules]]
name = "a"
at = "08:00"
weights = { cost = 20, latency = 60 }
[[schedules]]
at = "08:00"
weights = { cost = 120, latency = 60, reliability = 20 }
[[schedules]]
name = "b"
weight = { cost = 20 }
"#,
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:3: schedules[a].weights: cost + latency + reliability are 90, but must be 100 (cost 20, latency 60, reliability 10)
    aibal.toml:3: schedules[a].name: is also the name of another schedule, but must be unique
    aibal.toml:4: schedules[a].at: "Mon-Fri 25:00": must be a time such as 08:00, Mon-Fri 08:00 or Sat,Sun 22:30
    aibal.toml:5: schedules[a].zone: "Europe/Lisboa": must be the name of a time zone that this machine knows, for example Europe/Lisbon or UTC
    aibal.toml:11: schedules[#3].name: missing, but must be given
    aibal.toml:13: schedules[#3].weights.cost: 120: must be a number from 0 to 100
    aibal.toml:14: schedules[b].at: missing, but must be given
    aibal.toml:15: schedules[b].weights: must have cost, latency and reliability, which sum to 100
    aibal.toml:16: schedules[b].weight: unknown key; did you mean weights?
    "#);
}
