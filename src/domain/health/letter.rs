//! What the operator's mail about an alarm says.

use jiff::Timestamp;

use super::Alarm;
use super::told::lasted;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The alarm has come.
    Onset,
    /// It has gone.
    Cleared,
}

/// Returns the subject line: one line, bounded.
pub fn subject(alarm: &Alarm, occasion: Occasion) -> String {
    let line = match occasion {
        Occasion::Onset => format!("dyepack: {} {}", alarm.subject, alarm.kind.says()),
        Occasion::Cleared => format!("dyepack: well again: {} ({})", alarm.subject, alarm.kind.word()),
    };
    line.chars().map(|character| if character.is_control() { ' ' } else { character }).take(160).collect()
}

/// Returns the text, in lines.
pub fn body(alarm: &Alarm, occasion: Occasion, since: Timestamp, now: Timestamp) -> String {
    let Alarm { kind, subject, detail, mend } = alarm;
    let seconds = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    match occasion {
        Occasion::Onset => format!(
            "{subject} {}.\n\nWhat was seen: {detail}.\nWhat would mend it: {mend}.\nSince: {}.\n\n\
             You will be told once when it is well again. All that stands now: dyepack health\n",
            kind.says(),
            seconds(since)
        ),
        Occasion::Cleared => format!(
            "{subject}: well again after {}.\n\nIt was: {detail}.\nFrom {} to {}.\n",
            lasted(now.duration_since(since)),
            seconds(since),
            seconds(now)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::AlarmKind;

    #[test]
    fn a_mail_says_what_was_seen_and_what_would_mend_it() {
        let alarm = Alarm {
            kind: AlarmKind::NetworkDown,
            subject: "Tor\r\nBcc: x".to_owned(),
            detail: "since 3 min ago: nothing answers at 127.0.0.1:9050".to_owned(),
            mend: "start Tor".to_owned(),
        };
        let since: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let line = subject(&alarm, Occasion::Onset);
        assert!(line.ends_with("cannot be entered") && !line.contains(['\r', '\n']), "{line}");
        let text = body(&alarm, Occasion::Onset, since, since);
        assert!(text.contains("nothing answers") && text.contains("start Tor"), "{text}");
        let later = since + jiff::SignedDuration::from_mins(90);
        assert!(body(&alarm, Occasion::Cleared, since, later).contains("after 90 min"));
    }
}
