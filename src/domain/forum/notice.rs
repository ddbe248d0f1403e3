//! What a page without posts or threads says instead: log in, no permission, no such thing.
//!
//! Told by the page's words, because status codes lie; the code is asked last. Sentences are the engines' own, in
//! English, Chinese and Russian.

use crate::domain::forum::PageKind;

const LOGIN: [&str; 38] = [
    "requires you to be registered and logged in",
    "you need to login",
    "you need to log in",
    "you must be logged in",
    "you must be registered",
    "you are either not logged in",
    "you are not logged in",
    "please log in to",
    "please login to",
    "login required",
    "log in or register to",
    "尚未登录",
    "尚未登錄",
    "需要登录后",
    "您需要先登录",
    "请先登录",
    "請先登錄",
    "您还未登录",
    "没有登录",
    "необходимо войти",
    "вы должны войти",
    "вы не авторизованы",
    "войдите на форум",
    "требуется авторизация",
    "must be logged-in",
    "please login below",
    "please log in below",
    "try logging in",
    "you seem to be not logged in",
    "seem to be logged in",
    "sie sind nicht angemeldet",
    "sie müssen sich anmelden",
    "sie müssen angemeldet",
    "bitte melden sie sich an",
    "debes iniciar sesión",
    "debe iniciar sesión",
    "no has iniciado sesión",
    "авторизуйтесь",
];

const MISSING: [&str; 34] = [
    "does not exist",
    "do not exist",
    "no longer exists",
    "invalid forum",
    "invalid thread",
    "invalid post",
    "could not be found",
    "was not found",
    "404 not found",
    "no topic specified",
    "not found on this server",
    "不存在",
    "已被删除",
    "已被刪除",
    "没有找到",
    "未定义操作",
    "не существует",
    "не найден",
    "не найдена",
    "удалена или перемещена",
    "has been deleted",
    "page not found",
    "no thread specified",
    "no forum specified",
    "either missing or off limits",
    "could not locate the item",
    "doesn’t exist or is private",
    "doesn't exist or is private",
    "page doesn’t exist",
    "existiert nicht",
    "nicht gefunden",
    "no se ha encontrado",
    "no se encontró",
    "no existe",
];

const DENIED: [&str; 32] = [
    "you do not have permission",
    "you don't have permission",
    "not authorised",
    "not authorized",
    "permission denied",
    "access denied",
    "403 forbidden",
    "you have been banned",
    "permanently banned",
    "banned from",
    "your account has either been suspended",
    "can only perform one search every",
    "cannot use search at this time",
    "too many requests",
    "没有权限",
    "無權",
    "无权",
    "不在允许范围",
    "被禁用",
    "被禁止",
    "秒内只能",
    "您所在的用户组",
    "доступ запрещ",
    "недостаточно прав",
    "вы заблокированы",
    "not have enough privileges",
    "is not available for your account",
    "keine berechtigung",
    "nicht berechtigt",
    "no tienes permiso",
    "no tiene permiso",
    "no tienes los permisos",
];

/// Who is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Nobody is logged in.
    Guest,
    /// The page knows its reader.
    Member,
}

/// Tells what a page says; `None` if it says nothing of the kind.
pub(super) fn of(words: &str, status: u16, reader: Reader) -> Option<PageKind> {
    let words = words.to_lowercase();
    let says = |sentences: &[&str]| sentences.iter().any(|sentence| words.contains(sentence));
    if says(&LOGIN) && reader == Reader::Guest {
        return Some(PageKind::LoginRequired);
    }
    if says(&DENIED) {
        // Boards tell guests "no permission" where they mean "log in"; bans and floods are meant for anyone.
        let is_for_anyone =
            words.contains("ban") || words.contains("every") || words.contains("ip ") || words.contains("秒内");
        let is_login = reader == Reader::Guest && !is_for_anyone;
        return Some(if is_login { PageKind::LoginRequired } else { PageKind::Denied });
    }
    if says(&MISSING) {
        return Some(PageKind::NotFound);
    }
    of_status(status)
}

/// Tells what a status code alone says.
pub(super) fn of_status(status: u16) -> Option<PageKind> {
    match status {
        401 => Some(PageKind::LoginRequired),
        403 | 429 | 503 => Some(PageKind::Denied),
        404 | 410 => Some(PageKind::NotFound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_by_their_words() {
        for (words, status, reader, expected) in [
            ("The specified thread does not exist.", 200, Reader::Guest, Some(PageKind::NotFound)),
            ("Invalid forum", 200, Reader::Guest, Some(PageKind::NotFound)),
            ("抱歉，您尚未登录，没有权限访问该版块", 200, Reader::Guest, Some(PageKind::LoginRequired)),
            ("抱歉，指定的主题不存在或已被删除或正在被审核", 404, Reader::Guest, Some(PageKind::NotFound)),
            ("You have been permanently banned from this board.", 200, Reader::Guest, Some(PageKind::Denied)),
            (
                "Sorry, but you do not have permission to view threads",
                200,
                Reader::Guest,
                Some(PageKind::LoginRequired),
            ),
            ("You do not have permission to access this page.", 200, Reader::Member, Some(PageKind::Denied)),
            ("抱歉，您在 10 秒内只能进行一次搜索", 200, Reader::Member, Some(PageKind::Denied)),
            ("Требуется авторизация", 200, Reader::Guest, Some(PageKind::LoginRequired)),
            ("Welcome to the board", 200, Reader::Guest, None),
            ("", 404, Reader::Guest, Some(PageKind::NotFound)),
        ] {
            assert_eq!(of(words, status, reader), expected, "{words}");
        }
    }
}
