//! What the product's words are called in the console's languages.

use super::viewer::Tongue;
use crate::domain::alert::AlertReason;
use crate::domain::case::State;
use crate::domain::matcher::{EntryKind, Ownership};
use crate::domain::severity::Severity;
use crate::ports::store::desk::acts;
use crate::ports::store::model::AlertState;

/// Names a state.
pub(crate) const fn state(tongue: Tongue, state: State) -> &'static str {
    match state {
        State::New => tongue.choose("new", "新"),
        State::Acknowledged => tongue.choose("acknowledged", "已受理"),
        State::Confirmed => tongue.choose("confirmed", "已确认"),
        State::FalsePositive => tongue.choose("false positive", "误报"),
        State::Closed => tongue.choose("closed", "已关闭"),
    }
}

/// Says what moving a case there is called on a button.
pub(crate) const fn move_to(tongue: Tongue, to: State) -> &'static str {
    match to {
        State::New => tongue.choose("Make new", "设为新"),
        State::Acknowledged => tongue.choose("Acknowledge", "受理"),
        State::Confirmed => tongue.choose("Confirm", "确认"),
        State::FalsePositive => tongue.choose("False positive", "误报"),
        State::Closed => tongue.choose("Close", "关闭"),
    }
}

/// Names a level; a case that is not weighed has none.
pub(crate) const fn severity(tongue: Tongue, severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Critical) => tongue.choose("critical", "严重"),
        Some(Severity::High) => tongue.choose("high", "高"),
        Some(Severity::Medium) => tongue.choose("medium", "中"),
        Some(Severity::Low) => tongue.choose("low", "低"),
        None => tongue.choose("not weighed", "未评估"),
    }
}

/// Returns the word of a level in style sheets.
pub(crate) fn severity_class(severity: Option<Severity>) -> &'static str {
    severity.map_or("none", Severity::as_str)
}

/// Names a kind of entry.
pub(crate) const fn kind(tongue: Tongue, kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Canary => tongue.choose("canary", "诱饵"),
        EntryKind::Fingerprint => tongue.choose("fingerprint", "指纹"),
        EntryKind::Anchor => tongue.choose("anchor", "锚点"),
    }
}

/// Names what the audit log calls an act, or a state's word.
pub(crate) fn act(tongue: Tongue, word: &str) -> String {
    let named = match word {
        "" => "",
        acts::ASSIGNED => tongue.choose("assigned to", "指派给"),
        acts::REVEALED => tongue.choose("revealed full values", "显示完整值"),
        acts::DOWNLOADED => tongue.choose("downloaded evidence", "下载证据"),
        acts::SILENCED => tongue.choose("silenced", "静默"),
        acts::UNSILENCED => tongue.choose("looks again for", "恢复查找"),
        acts::PLEDGED => tongue.choose("asked for a second person", "申请第二人"),
        acts::SECONDED => tongue.choose("agreed as second person", "作为第二人同意"),
        "merged" => tongue.choose("merged", "合并"),
        "split" => tongue.choose("split", "拆分"),
        "hold" => tongue.choose("put on hold", "保全"),
        other => return State::parse(other).map_or_else(|| other.to_owned(), |to| state(tongue, to).to_owned()),
    };
    named.to_owned()
}

/// Says whose rows they are.
pub(crate) const fn ownership(tongue: Tongue, ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Ours => tongue.choose("ours", "属于本机构"),
        Ownership::NotOurs => tongue.choose("not ours", "不属于本机构"),
        Ownership::Mixed => tongue.choose("partly ours", "部分属于本机构"),
        Ownership::Unknown => tongue.choose("unknown", "未知"),
    }
}

/// Says where a mail stands.
pub(crate) const fn alert_state(tongue: Tongue, state: AlertState) -> &'static str {
    match state {
        AlertState::Queued => tongue.choose("waits", "待发送"),
        AlertState::WaitingForContact => tongue.choose("no confirmed contact", "无已确认联系人"),
        AlertState::Sent => tongue.choose("sent", "已发送"),
        AlertState::Dead => tongue.choose("given up", "已放弃"),
        AlertState::Dropped => tongue.choose("dropped", "已作废"),
    }
}

/// Says why a mail was made.
pub(crate) const fn reason(tongue: Tongue, reason: AlertReason) -> &'static str {
    match reason {
        AlertReason::Opened => tongue.choose("new case", "新案件"),
        AlertReason::NewEntries => tongue.choose("more entries", "新增条目"),
        AlertReason::NewSource => tongue.choose("another site", "新增来源"),
        AlertReason::FirstOffer => tongue.choose("offered for sale", "首次出售"),
    }
}

/// Returns a crawled text as it may be shown: without what turns the direction of writing or moves a cursor.
pub(crate) fn plain(text: &str) -> String {
    let is_kept = |character: &char| {
        (!character.is_control() || *character == '\n')
            && !matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
    };
    text.chars().filter(is_kept).collect()
}

/// Returns an address that nobody follows by accident.
pub(crate) fn defanged(url: &str) -> String {
    plain(&url.replacen("http", "hxxp", 1).replace(".onion", "[.]onion").replace(".i2p", "[.]i2p"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawled_texts_cannot_turn_or_hide_what_is_shown() {
        assert_eq!(plain("a\u{202e}b\u{0}\u{200b}c\nd"), "abc\nd");
        assert_eq!(defanged("http://abc.onion/t?http"), "hxxp://abc[.]onion/t?http");
    }

    #[test]
    fn every_act_has_a_name_in_both_languages() {
        for word in [acts::ASSIGNED, acts::REVEALED, acts::DOWNLOADED, acts::SILENCED, acts::UNSILENCED, "merged"] {
            assert_ne!(act(Tongue::English, word), "");
            assert_ne!(act(Tongue::Chinese, word), act(Tongue::English, word));
            assert!(State::parse(word).is_none());
        }
        assert_eq!(act(Tongue::English, "false_positive"), "false positive");
    }
}
