//! Why a source waits and what would mend it, in the viewer's language.

use jiff::{SignedDuration, Timestamp};

use crate::domain::health::{Alarm, AlarmKind, SourcePast};
use crate::domain::source::Rest;
use crate::faces::web::viewer::{Tongue, Viewer};
use crate::ports::store::model::SourceRow;

/// What the words are about.
pub(super) struct Wording<'a> {
    pub(super) viewer: &'a Viewer,
    pub(super) row: &'a SourceRow,
    pub(super) past: &'a SourcePast,
    pub(super) alarm: Option<&'a Alarm>,
    pub(super) now: Timestamp,
}

impl Wording<'_> {
    /// Says why nothing happens now, what went wrong last, or when it is read next.
    pub(super) fn waits(&self) -> String {
        let t = |english: &'static str, chinese: &'static str| self.viewer.tongue.choose(english, chinese);
        let alarm = self.alarm.map(|alarm| match self.viewer.tongue {
            Tongue::English => format!("{}: {}. ", capital(alarm.kind.says()), alarm.detail),
            Tongue::Chinese => format!("{}。", Self::alarm_says(alarm.kind)),
        });
        let rest = match (self.row.paused_at, self.row.rest) {
            (Some(_), _) => t("paused by the operator", "已由运维人员暂停").to_owned(),
            (None, Some((rest, until))) if until == Timestamp::MAX => Self::rest(self.viewer, rest).to_owned(),
            (None, Some((rest, until))) => {
                format!("{}{}{}", Self::rest(self.viewer, rest), t("; goes on ", "；恢复时间："), self.until(until))
            }
            (None, None) => self.last_or_next(),
        };
        format!("{}{rest}", alarm.unwrap_or_default())
    }

    fn last_or_next(&self) -> String {
        let t = |english: &'static str, chinese: &'static str| self.viewer.tongue.choose(english, chinese);
        let next = self.past.next_due_at.map(|due| format!("{}{}", t("next visit ", "下次访问："), self.until(due)));
        let failure = self.past.last_failure.as_ref().filter(|(at, _)| Some(*at) > self.past.last_success_at);
        match failure {
            Some((at, what)) => {
                let next = next.map_or_else(String::new, |next| format!("; {next}"));
                format!("{}{}: {what}{next}", t("failed ", "读取失败，"), self.ago(*at))
            }
            None => next.unwrap_or_default(),
        }
    }

    /// Says what would mend what is not well.
    pub(super) fn mend(&self) -> String {
        match (self.alarm, self.row.rest) {
            (Some(alarm), _) => alarm.mend.clone(),
            (None, Some((rest, _))) if rest.needs_person() => {
                let english = "Log in with a browser, export its cookies, and bring them below.";
                self.viewer.t(english, "请用浏览器登录，导出 Cookie，并在下方导入。").to_owned()
            }
            (None, Some(_) | None) => String::new(),
        }
    }

    fn until(&self, at: Timestamp) -> String {
        let time = at.duration_since(self.now);
        let t = |english: &'static str, chinese: &'static str| self.viewer.tongue.choose(english, chinese);
        if time <= SignedDuration::ZERO {
            return t("now", "现在").to_owned();
        }
        match self.viewer.tongue {
            Tongue::English => format!("in {}", self.lasted(time)),
            Tongue::Chinese => format!("{}后", self.lasted(time)),
        }
    }

    fn ago(&self, at: Timestamp) -> String {
        let time = self.lasted(self.now.duration_since(at));
        match self.viewer.tongue {
            Tongue::English => format!("{time} ago"),
            Tongue::Chinese => format!("{time}前"),
        }
    }

    fn lasted(&self, time: SignedDuration) -> String {
        lasted(self.viewer, time)
    }

    /// Says why a source rests.
    pub(super) fn rest(viewer: &Viewer, rest: Rest) -> &'static str {
        if viewer.tongue == Tongue::English {
            return rest.words();
        }
        match rest {
            Rest::Hours => "不在其活动时段内",
            Rest::Requests => "当日请求数已用完",
            Rest::Bytes => "当日流量已用完",
            Rest::Time => "当日时间已用完",
            Rest::RetryAfter => "站点要求等待",
            Rest::Login => "登录未成功，稍后重试",
            Rest::Captcha => "需要人工处理：登录时要求验证码",
            Rest::TwoStep => "需要人工处理：登录时要求二次验证",
            Rest::Banned => "需要人工处理：账户已被封禁",
            Rest::Refused => "需要人工处理：用户名或密码不被接受",
            Rest::Cookies => "需要人工处理：Cookie 已失效",
            Rest::NoForm => "需要人工处理：未找到可识别的登录表单",
            Rest::LoginFile => "需要人工处理：登录文件无法使用",
        }
    }

    const fn alarm_says(kind: AlarmKind) -> &'static str {
        match kind {
            AlarmKind::YieldFell => "产出明显低于以往",
            AlarmKind::LayoutUnknown => "页面可获取但无法识别",
            AlarmKind::SessionLost => "需要登录",
            AlarmKind::SourceDown => "长时间无法访问",
            AlarmKind::NothingNew => "异常长时间没有新内容",
            AlarmKind::ClockWrong => "时钟有误",
            AlarmKind::NetworkDown => "网络无法进入",
            AlarmKind::DiskLow => "磁盘将满",
            AlarmKind::DrillFailed => "演练失败",
            AlarmKind::DrillMissing => "长时间没有成功的演练",
            AlarmKind::AlertUndelivered => "警报无法送达",
        }
    }
}

/// Writes a length of time in its largest unit.
pub(crate) fn lasted(viewer: &Viewer, time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (count, english, chinese) = match seconds {
        0..120 => (seconds, "s", "秒"),
        120..7_200 => (seconds / 60, "min", "分钟"),
        7_200..172_800 => (seconds / 3_600, "h", "小时"),
        _ => (seconds / 86_400, "days", "天"),
    };
    format!("{count} {}", viewer.t(english, chinese))
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
