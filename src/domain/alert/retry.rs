//! When a mail that could not be sent is tried again.
//!
//! Times are given, never read; the jitter comes from the alert's own id, so that a crowd of alerts spreads out and the
//! same alert always has the same plan.

use std::time::Duration;

/// How eagerly failed tries are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eagerness {
    /// A real mail server: 10 s, 1 min, 5 min, 15 min, then hourly for three days.
    Patient,
    /// A mail server on loopback, or a run that ends once all is delivered: 0.2 s growing to 5 s, for as long as asked.
    Quick,
}

/// Tries before a patient alert is given up: four short ones and an hourly one for three days.
pub const PATIENT_TRIES: u32 = 4 + 72;

/// Returns how long to wait after the `failed`th failed try (1 for the first), or `None` when it was the last.
pub fn delay(eagerness: Eagerness, failed: u32, alert: &str) -> Option<Duration> {
    let seconds = Duration::from_secs;
    let base = match eagerness {
        Eagerness::Quick => {
            let doubled = 200_u64.saturating_mul(1 << failed.saturating_sub(1).min(5));
            Duration::from_millis(doubled.min(5000))
        }
        Eagerness::Patient => match failed {
            0 | 1 => seconds(10),
            2 => seconds(60),
            3 => seconds(5 * 60),
            4 => seconds(15 * 60),
            5..PATIENT_TRIES => seconds(60 * 60),
            PATIENT_TRIES.. => return None,
        },
    };
    Some(base + base.mul_f64(spread(alert, failed) / 5.0))
}

/// A number in 0..1 that differs from alert to alert and from try to try (FNV-1a).
fn spread(alert: &str, failed: u32) -> f64 {
    let hash = alert
        .bytes()
        .chain(failed.to_le_bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    f64::from(hash) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_alert_waits_longer_each_time_and_is_dead_after_three_days() {
        let waits: Vec<Duration> = (1..).map_while(|failed| delay(Eagerness::Patient, failed, "a-1")).collect();
        assert_eq!(u32::try_from(waits.len()).unwrap() + 1, PATIENT_TRIES);
        for (wait, base) in waits.iter().zip([10, 60, 300, 900, 3600, 3600]) {
            assert!((base..=base * 6 / 5).contains(&wait.as_secs()), "{wait:?} for {base}");
        }
        let days = waits.iter().sum::<Duration>().as_secs_f64() / 86_400.0;
        assert!((2.9..3.7).contains(&days), "{days}");
    }

    #[test]
    fn two_alerts_do_not_wait_alike() {
        assert_ne!(delay(Eagerness::Patient, 3, "a-1"), delay(Eagerness::Patient, 3, "a-2"));
    }

    #[test]
    fn a_quick_alert_is_tried_again_within_a_second_and_never_given_up() {
        assert!(delay(Eagerness::Quick, 1, "a").unwrap() < Duration::from_secs(1));
        let late = delay(Eagerness::Quick, 10_000, "a").unwrap();
        assert!((5..=6).contains(&late.as_secs()), "{late:?}");
    }
}
