//! The speed of the simulation. Profiles and scenarios are written in simulated time, which is
//! converted to real time here. A demo runs at speed 1, a test at 100.

use std::time::Duration;

/// Simulated seconds per real second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    speed: f64,
}

impl Pace {
    /// A pace of 0.001 to 10 000; values outside are clamped, and NaN counts as 1.
    pub fn new(speed: f64) -> Self {
        let speed = if speed.is_nan() {
            1.0
        } else {
            speed.clamp(0.001, 10_000.0)
        };
        Self { speed }
    }

    /// Converts simulated time to real time.
    pub fn to_real(self, simulated: Duration) -> Duration {
        simulated.div_f64(self.speed)
    }

    /// Converts real time to simulated time.
    pub fn to_simulated(self, real: Duration) -> Duration {
        real.mul_f64(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_pace_takes_less_real_time() {
        let pace = Pace::new(100.0);

        assert_eq!(
            pace.to_real(Duration::from_secs(20)),
            Duration::from_millis(200)
        );
        assert_eq!(
            pace.to_simulated(Duration::from_millis(200)),
            Duration::from_secs(20)
        );
    }

    #[test]
    fn invalid_speeds_are_clamped() {
        for speed in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::new(speed).to_real(Duration::from_secs(1)) <= Duration::from_secs(1000));
        }
    }
}
