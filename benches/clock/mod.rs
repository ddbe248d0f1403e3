//! Time spent on a processor, to the nanosecond: `/proc` only tells it in ticks.

use rustix::time::clock_gettime;

pub(crate) use rustix::time::ClockId;

/// Seconds that this thread (`ClockId::ThreadCPUTime`) or all of this process (`ClockId::ProcessCPUTime`) was on a processor.
pub(crate) fn seconds(clock: ClockId) -> f64 {
    let spent = clock_gettime(clock);
    let whole = i32::try_from(spent.tv_sec).map_or(f64::MAX, f64::from);
    whole + i32::try_from(spent.tv_nsec).map_or(0.0, f64::from) / 1e9
}
