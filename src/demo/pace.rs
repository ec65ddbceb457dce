//! HOW FAST THE SIMULATED WORLD RUNS: profiles and scenarios are written in world time; this turns
//! it into real time. A demo runs at 1, a test a hundred times faster.

use std::time::Duration;

/// World seconds per real second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    speed: f64,
}

impl Pace {
    /// `speed` is kept within 0.001 to 10 000; what is not a number counts as 1.
    pub fn new(speed: f64) -> Self {
        let speed = if speed.is_nan() {
            1.0
        } else {
            speed.clamp(0.001, 10_000.0)
        };
        Self { speed }
    }

    /// How long a stretch of world time really takes.
    pub fn real(self, world: Duration) -> Duration {
        world.div_f64(self.speed)
    }

    /// How much world time passes in a real stretch.
    pub fn world(self, real: Duration) -> Duration {
        real.mul_f64(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_world_takes_less_real_time() {
        let pace = Pace::new(100.0);

        assert_eq!(
            pace.real(Duration::from_secs(20)),
            Duration::from_millis(200)
        );
        assert_eq!(
            pace.world(Duration::from_millis(200)),
            Duration::from_secs(20)
        );
    }

    #[test]
    fn nonsense_speeds_do_not_stop_the_world() {
        for speed in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::new(speed).real(Duration::from_secs(1)) <= Duration::from_secs(1000));
        }
    }
}
