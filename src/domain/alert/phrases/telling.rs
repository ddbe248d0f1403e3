//! The sentences of what stands around an alert: acknowledging, digests, confirming an address, and the pages of their links.

use super::Counted;
use crate::domain::watchlist::Language;

/// What is said beside the facts of a case, in one language.
#[derive(Debug)]
pub(in crate::domain::alert) struct Telling {
    /// The button of a mail.
    pub(in crate::domain::alert) seen: &'static str,
    /// Under it.
    pub(in crate::domain::alert) seen_why: &'static str,
    /// For whom it is escalated to: `{time}`.
    pub(in crate::domain::alert) unanswered: &'static str,
    /// The badge of such a mail.
    pub(in crate::domain::alert) escalated: &'static str,
    pub(in crate::domain::alert) digest: DigestMail,
    pub(in crate::domain::alert) confirm: ConfirmMail,
    pub(in crate::domain::alert) pages: Pages,
}

/// Several cases in one mail.
#[derive(Debug)]
pub(in crate::domain::alert) struct DigestMail {
    /// `{org}`, `{n}`.
    pub(in crate::domain::alert) subject: Counted,
    pub(in crate::domain::alert) sealed: &'static str,
    pub(in crate::domain::alert) title: &'static str,
    /// `{org}`, `{n}`.
    pub(in crate::domain::alert) lead: Counted,
    /// Why they come together.
    pub(in crate::domain::alert) why: &'static str,
    pub(in crate::domain::alert) cases: &'static str,
    /// `{codes}`.
    pub(in crate::domain::alert) copies: &'static str,
    /// `{command}`.
    pub(in crate::domain::alert) steps: [&'static str; 2],
}

/// The question whether an address is right.
#[derive(Debug)]
pub(in crate::domain::alert) struct ConfirmMail {
    /// `{org}`.
    pub(in crate::domain::alert) subject: &'static str,
    pub(in crate::domain::alert) title: &'static str,
    /// `{org}`.
    pub(in crate::domain::alert) lead: &'static str,
    pub(in crate::domain::alert) what: &'static str,
    pub(in crate::domain::alert) button: &'static str,
    /// `{code}`.
    pub(in crate::domain::alert) code: &'static str,
    /// `{time}`.
    pub(in crate::domain::alert) until: &'static str,
    pub(in crate::domain::alert) ignore: &'static str,
}

/// What the pages of links say.
#[derive(Debug)]
pub(in crate::domain::alert) struct Pages {
    /// `{case}`.
    pub(in crate::domain::alert) ask_case: &'static str,
    pub(in crate::domain::alert) ask_case_why: &'static str,
    pub(in crate::domain::alert) press: &'static str,
    /// `{case}`.
    pub(in crate::domain::alert) done_case: &'static str,
    /// `{case}`, `{time}`.
    pub(in crate::domain::alert) was_done: &'static str,
    /// `{org}`.
    pub(in crate::domain::alert) ask_address: &'static str,
    pub(in crate::domain::alert) press_address: &'static str,
    /// `{org}`.
    pub(in crate::domain::alert) done_address: &'static str,
    pub(in crate::domain::alert) expired: &'static str,
    pub(in crate::domain::alert) unknown: &'static str,
    pub(in crate::domain::alert) close: &'static str,
}

/// Returns the sentences of a language.
pub(in crate::domain::alert) const fn telling(language: Language) -> &'static Telling {
    match language {
        Language::En => &EN,
        Language::Zh => &ZH,
        Language::Ru => &RU,
    }
}

const EN: Telling = Telling {
    seen: "I have seen this",
    seen_why: "Opens a page that asks once more. It tells your colleagues that somebody looks after the case.",
    unanswered: "Nobody has acknowledged this case since {time}; that is why it comes to you.",
    escalated: "Not acknowledged",
    digest: DigestMail {
        subject: ["{org}: {n} case", "", "{org}: {n} cases in one mail"],
        sealed: "{org}: encrypted alert, several cases",
        title: "Cases in one mail",
        lead: ["{n} case of {org} has news.", "", "{n} cases of {org} have news."],
        why: "They come together because of their severity, or because many came within an hour. The gravest is first.",
        cases: "Cases",
        copies: "copies that hold the records: {codes}",
        steps: [
            "Look at each case where dyepack runs: `dyepack case show CASE`. Do not open the sites or write to the sellers from your network.",
            "Have whoever manages the named copies secure access logs and hold deletions, before anybody is confronted.",
        ],
    },
    confirm: ConfirmMail {
        subject: "{org}: please confirm this address for leak alerts",
        title: "Confirm this address",
        lead: "{org} has named this address to be told when its records turn up for sale.",
        what: "No alert is sent here before you confirm. Nothing has happened yet.",
        button: "Confirm this address",
        code: "The same by code, for whoever runs dyepack for you: {code}",
        until: "Valid until {time}, once.",
        ignore: "If you do not expect this, leave it unanswered: nothing more will come.",
    },
    pages: Pages {
        ask_case: "Have you seen the alert about {case}?",
        ask_case_why: "Pressing the button says so to your colleagues. The case stays open.",
        press: "Yes, I have seen it",
        done_case: "Noted: {case} is acknowledged. Thank you.",
        was_done: "{case} was acknowledged on {time} already. There is nothing more to do here.",
        ask_address: "Shall leak alerts of {org} go to this address?",
        press_address: "Yes, confirm",
        done_address: "Confirmed: leak alerts of {org} come to this address from now on.",
        expired: "This link has run out. Ask whoever runs dyepack for you for a new one, or to note it for you.",
        unknown: "This link is not whole, was used before, or was replaced by a newer one.",
        close: "You may close this page.",
    },
};

const ZH: Telling = Telling {
    seen: "我已阅知",
    seen_why: "将打开一个需要再次确认的页面。它告诉同事：此案件已有人处理。",
    unanswered: "自 {time} 起尚无人确认此案件，因此转发给您。",
    escalated: "尚未确认",
    digest: DigestMail {
        subject: ["{org}：{n} 个案件", "", "{org}：{n} 个案件（合并邮件）"],
        sealed: "{org}：加密告警，多个案件",
        title: "多个案件合并通知",
        lead: ["{org}有 {n} 个案件出现新情况。", "", "{org}有 {n} 个案件出现新情况。"],
        why: "因其严重程度，或因一小时内数量较多，故合并发送。最严重的排在最前。",
        cases: "案件",
        copies: "含有这些记录的副本：{codes}",
        steps: [
            "在运行 dyepack 的机器上逐一查看案件：`dyepack case show 案件号`。请勿从本机构网络访问这些站点，也不要联系卖家。",
            "在与任何一方对质之前，请上述副本的管理人员先保全访问日志并暂停数据清理。",
        ],
    },
    confirm: ConfirmMail {
        subject: "{org}：请确认此地址用于接收泄露告警",
        title: "确认此地址",
        lead: "{org}指定此地址，在其记录被兜售时接收通知。",
        what: "在您确认之前，不会向此地址发送任何告警。目前没有发生任何事件。",
        button: "确认此地址",
        code: "也可将此代码告知为您运行 dyepack 的人员：{code}",
        until: "有效期至 {time}，仅可使用一次。",
        ignore: "如果您并未预期收到本邮件，请不予理会：不会再有邮件发来。",
    },
    pages: Pages {
        ask_case: "您是否已看到关于 {case} 的告警？",
        ask_case_why: "按下按钮即告知同事。案件仍保持打开。",
        press: "是，我已阅知",
        done_case: "已记录：{case} 已确认。谢谢。",
        was_done: "{case} 已于 {time} 确认，此处无需再做任何操作。",
        ask_address: "{org}的泄露告警是否发送到此地址？",
        press_address: "是，确认",
        done_address: "已确认：今后{org}的泄露告警将发送到此地址。",
        expired: "此链接已过期。请向为您运行 dyepack 的人员索取新链接，或请其代为登记。",
        unknown: "此链接不完整、已使用过，或已被更新的链接取代。",
        close: "您可以关闭此页面。",
    },
};

const RU: Telling = Telling {
    seen: "Принято к сведению",
    seen_why: "Откроется страница, которая переспросит. Так коллеги узнают, что делом уже занимаются.",
    unanswered: "С {time} никто не подтвердил получение, поэтому письмо пришло вам.",
    escalated: "Не подтверждено",
    digest: DigestMail {
        subject: ["{org}: {n} дело", "{org}: {n} дела одним письмом", "{org}: {n} дел одним письмом"],
        sealed: "{org}: зашифрованное оповещение, несколько дел",
        title: "Несколько дел одним письмом",
        lead: ["{org}: новости по {n} делу.", "{org}: новости по {n} делам.", "{org}: новости по {n} делам."],
        why: "Они собраны вместе по важности или потому, что за час пришло много. Самое важное — первым.",
        cases: "Дела",
        copies: "копии, в которых есть эти записи: {codes}",
        steps: [
            "Откройте каждое дело там, где работает dyepack: `dyepack case show ДЕЛО`. Не заходите на сайты из своей сети и не пишите продавцам.",
            "Пусть ответственные за названные копии сохранят журналы доступа и приостановят удаление данных, прежде чем кому-либо предъявлять претензии.",
        ],
    },
    confirm: ConfirmMail {
        subject: "{org}: подтвердите этот адрес для оповещений об утечках",
        title: "Подтвердите адрес",
        lead: "{org}: этот адрес указан для сообщений о том, что записи организации выставлены на продажу.",
        what: "Пока вы не подтвердите, оповещения сюда не отправляются. Пока ничего не случилось.",
        button: "Подтвердить адрес",
        code: "То же по коду, для того, у кого работает dyepack: {code}",
        until: "Действует до {time}, один раз.",
        ignore: "Если вы этого не ждали, не отвечайте: больше писем не будет.",
    },
    pages: Pages {
        ask_case: "Вы видели оповещение о деле {case}?",
        ask_case_why: "Нажатие сообщит об этом коллегам. Дело останется открытым.",
        press: "Да, принято к сведению",
        done_case: "Записано: получение по делу {case} подтверждено. Спасибо.",
        was_done: "Получение по делу {case} подтверждено ещё {time}. Больше ничего делать не нужно.",
        ask_address: "{org}: присылать оповещения об утечках на этот адрес?",
        press_address: "Да, подтверждаю",
        done_address: "Подтверждено: оповещения об утечках ({org}) теперь приходят на этот адрес.",
        expired: "Срок действия ссылки истёк. Попросите новую у того, у кого работает dyepack, или пусть он отметит за вас.",
        unknown: "Ссылка неполная, уже использована или заменена более новой.",
        close: "Страницу можно закрыть.",
    },
};
