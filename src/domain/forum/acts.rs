//! Addresses that do something when they are asked for, or lead to where it is done: never followed, on any engine.
//!
//! Reading must change nothing: no log-out, no reply, no report, no vote, nothing marked as read.

use url::Url;

/// Files whose only purpose is to act.
const FILES: [&str; 26] = [
    "newreply.php",
    "newthread.php",
    "posting.php",
    "post.php",
    "editpost.php",
    "report.php",
    "private.php",
    "usercp.php",
    "usercp2.php",
    "ratethread.php",
    "reputation.php",
    "moderation.php",
    "modcp.php",
    "polls.php",
    "poll.php",
    "sendmessage.php",
    "subscription.php",
    "profile.php",
    "ajax.php",
    "mcp.php",
    "logout.php",
    "logout",
    "log-out",
    "logoff",
    "signout",
    "register.php",
];

/// Parameters that name an action.
const KEYS: [&str; 6] = ["action", "do", "mode", "act", "ac", "app_action"];

/// What those parameters may name.
const ACTS: [&str; 61] = [
    "logout",
    "logoff",
    "signout",
    "reply",
    "newreply",
    "post",
    "post2",
    "newthread",
    "quote",
    "edit",
    "modify",
    "delete",
    "deletemsg",
    "remove",
    "report",
    "reporttm",
    "report_post",
    "like",
    "unlike",
    "thank",
    "thanks",
    "react",
    "rate",
    "vote",
    "poll",
    "bump",
    "lock",
    "sticky",
    "move",
    "merge",
    "split",
    "approve",
    "markread",
    "markasread",
    "mark",
    "subscribe",
    "unsubscribe",
    "addsubscription",
    "removesubscription",
    "dosubscribe",
    "watch",
    "unwatch",
    "follow",
    "unfollow",
    "notify",
    "notifyboard",
    "favorite",
    "favourite",
    "addfavorite",
    "bookmark",
    "ignore",
    "friend",
    "addfriend",
    "pm",
    "sendpm",
    "compose",
    "email",
    "emailtopic",
    "register",
    "activate",
    "join",
];

/// Ends of a path that act, as XenForo, Invision, NodeBB, Flarum, Discourse and vBulletin 5 have them.
const SEGMENTS: [&str; 34] = [
    "logout",
    "log-out",
    "logoff",
    "signout",
    "sign_out",
    "reply",
    "add-reply",
    "report",
    "react",
    "reactions",
    "like",
    "vote",
    "bookmark",
    "watch",
    "unwatch",
    "follow",
    "unfollow",
    "subscribe",
    "unsubscribe",
    "mark-read",
    "mark-all-read",
    "markread",
    "delete",
    "edit",
    "quote",
    "post-thread",
    "add-thread",
    "create-topic",
    "submit",
    "compose",
    "register",
    "lost-password",
    "delete-account",
    "join",
];

/// Parameters that are only there to act, whatever they hold.
const MARKS: [&str; 9] =
    ["logoutkey", "markread", "mark_read", "watch", "unwatch", "bookmark", "ajaxreply", "vote_id", "csrfkey"];

/// Tells whether asking for an address would do something on the site, or begin to.
pub fn acts(url: &Url) -> bool {
    let lower = |text: &str| text.to_ascii_lowercase();
    let segments: Vec<String> = url.path_segments().into_iter().flatten().map(lower).collect();
    let last = segments.iter().rev().find(|segment| !segment.is_empty());
    if last.is_some_and(|last| FILES.contains(&last.as_str()) || SEGMENTS.contains(&last.as_str())) {
        return true;
    }
    // SMF parts its parameters by semicolons, Invision's friendly addresses begin them with a slash.
    let query = url.query().unwrap_or_default();
    query.split(['&', ';']).take(64).any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (lower(key), lower(value));
        let is_bare_act =
            value.is_empty() && SEGMENTS.contains(&key.trim_matches('/').rsplit('/').next().unwrap_or_default());
        MARKS.contains(&key.as_str()) || is_bare_act || (KEYS.contains(&key.as_str()) && ACTS.contains(&value.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_followed_and_nothing_that_is_read_is_left_out() {
        for (address, expected) in [
            // MyBB
            ("member.php?action=logout&logoutkey=ab", true),
            ("newreply.php?tid=101", true),
            ("misc.php?action=markread&fid=2&my_post_key=x", true),
            ("report.php?type=post&pid=1", true),
            ("ratethread.php?tid=1&rating=5", true),
            ("usercp2.php?action=addsubscription&tid=1", true),
            ("showthread.php?tid=101&page=2", false),
            ("forumdisplay.php?fid=11", false),
            ("attachment.php?aid=3", false),
            // phpBB
            ("ucp.php?mode=logout&sid=ab", true),
            ("posting.php?mode=reply&t=201", true),
            ("viewforum.php?f=2&hash=x&watch=forum", true),
            ("viewtopic.php?t=5&bookmark=1&hash=x", true),
            ("mcp.php?i=main", true),
            ("viewtopic.php?t=201&start=10", false),
            ("download/file.php?id=3", false),
            ("index.php?hash=x&mark=forums", false),
            // Discuz!
            ("member.php?mod=logging&action=logout&formhash=ab", true),
            ("forum.php?mod=post&action=reply&tid=301", true),
            ("home.php?mod=spacecp&ac=favorite&type=thread&id=1", true),
            ("forum.php?mod=misc&action=report&rtype=post", true),
            ("forum.php?mod=viewthread&tid=301&extra=page%3D1", false),
            ("forum.php?mod=attachment&aid=NTAz", false),
            // SMF
            ("index.php?action=logout;abc=def", true),
            ("index.php?action=post;topic=5.0", true),
            ("index.php?action=markasread;sa=board;board=1.0", true),
            ("index.php?action=notify;topic=5.0", true),
            ("index.php?topic=5.0", false),
            ("index.php?action=dlattach;topic=5.0;attach=3", false),
            // XenForo, Invision, NodeBB, Flarum, Discourse, vBulletin
            ("logout/?t=123", true),
            ("index.php?logout/&t=123", true),
            ("threads/fresh-base.101/reply", true),
            ("posts/1/react?reaction_id=1", true),
            ("posts/1/report", true),
            ("threads/fresh-base.101/watch", true),
            ("forums/databases.11/mark-read", true),
            ("topic/101-fresh/?do=reply", true),
            ("topic/101-fresh/?csrfKey=ab&do=x", true),
            ("threads/fresh-base.101/page-2", false),
            ("forums/databases.11/", false),
            ("attachments/dump-zip.3/", false),
            ("topic/101-fresh/?page=2", false),
            ("t/fresh-base/101", false),
            ("d/101-fresh-base", false),
            ("login.php?do=logout&logouthash=x", true),
            ("showthread.php?t=101", false),
            // Elsewhere: what only sounds like it.
            ("blog/report/2026/", false),
            ("message.php?action=read&id=5", false),
        ] {
            let url = Url::parse(&format!("http://forum.example/board/{address}")).unwrap();
            assert_eq!(acts(&url), expected, "{address}");
        }
    }
}
