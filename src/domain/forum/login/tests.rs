//! Pages as engines write them, cut down to what matters at the door.

use jiff::Timestamp;

use super::*;

fn look_at(address: &str, media_type: &str, body: &str) -> Doorway {
    let site = Url::parse("http://forum.example/board/").unwrap();
    let url = site.join(address).unwrap();
    let page = FetchedPage {
        requested: url.clone(),
        url,
        status: 200,
        headers: vec![("content-type".to_owned(), format!("{media_type}; charset=utf-8"))],
        body: body.as_bytes().to_vec(),
        fetched_at: Timestamp::UNIX_EPOCH,
        asked: crate::domain::page::Asked::default(),
    };
    doorway(&page, &site)
}

fn look(body: &str) -> Doorway {
    look_at("index.php", "text/html", body)
}

fn account() -> Account {
    Account { user: Secret::new("lurker".to_owned()), password: Secret::new("p&ss 词".to_owned()) }
}

fn posted(body: &str) -> (String, String) {
    let submission = look(body).form.expect("a login form").fill(&account(), None);
    (submission.url.to_string(), submission.body.reveal().clone())
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn forms_of_all_engines_are_found_and_filled_as_a_browser_would() {
    let secret = "p%26ss+%E8%AF%8D";
    for (engine, body, url, sent) in [
        (
            "MyBB",
            "<form action='search.php'><input name=keywords><input type=hidden name=action value=do_search></form>\
             <form method=post action='http://forum.example/board/member.php'><input name=action type=hidden value=do_login>\
             <input name=my_post_key type=hidden value=abc><input name=quick_username type=text>\
             <input name=quick_password type=password><input name=quick_remember type=checkbox value=yes checked>\
             <input name=submit type=submit value=Login></form>",
            "member.php",
            "action=do_login&my_post_key=abc&quick_username=lurker&quick_password=SECRET&quick_remember=yes&submit=Login",
        ),
        (
            "phpBB",
            "<form action='./ucp.php?mode=login' method=post><input type=text name=username><input type=password name=password>\
             <input type=checkbox name=autologin><input type=checkbox name=viewonline><input type=hidden name=creation_time value=17>\
             <input type=hidden name=form_token value=ef><input type=submit name=login value=Login></form>",
            "ucp.php?mode=login",
            "username=lurker&password=SECRET&autologin=on&creation_time=17&form_token=ef&login=Login",
        ),
        (
            "Discuz!",
            "<form method=post action='member.php?mod=logging&amp;action=login&amp;loginsubmit=yes&amp;lssubmit=yes'>\
             <select name=fastloginfield><option value=username>u</option><option value=email>e</option></select>\
             <input name=username><input type=checkbox name=cookietime value=2592000><input type=password name=password>\
             <input type=hidden name=formhash value=04><input type=hidden name=handlekey value=ls></form>",
            "member.php?mod=logging&action=login&loginsubmit=yes&lssubmit=yes&inajax=1",
            "fastloginfield=username&username=lurker&cookietime=2592000&password=SECRET&formhash=04&handlekey=ls",
        ),
        (
            "SMF, with a random name",
            "<form action='index.php?action=login2' method=post><input type=text name=user><input type=password name=passwrd>\
             <input type=checkbox name=cookieneverexp><input type=hidden name=c7f3a1 value=9bd0>\
             <input type=hidden name=hash_passwrd value=''></form>",
            "index.php?action=login2",
            "user=lurker&passwrd=SECRET&cookieneverexp=on&c7f3a1=9bd0&hash_passwrd=",
        ),
        (
            "XenForo",
            "<form action='/board/login/login' method=post><input type=hidden name=_xfToken value='17,ab'>\
             <input type=text name=login><input type=password name=password><input type=checkbox name=remember value=1 checked>\
             <button type=submit class=button>Log in</button><input type=hidden name=_xfRedirect value=/board/></form>",
            "login/login",
            "_xfToken=17%2Cab&login=lurker&password=SECRET&remember=1&_xfRedirect=%2Fboard%2F",
        ),
        (
            "vBulletin, without its script's hashes, in a table that swallows the form",
            "<table><form action='login.php?do=login' method=post><tr><td><input name=vb_login_username>\
             <input type=password name=vb_login_password><input type=hidden name=securitytoken value=guest>\
             <input type=hidden name=do value=login><input type=hidden name=vb_login_md5password>\
             <input type=hidden name=vb_login_md5password_utf></td></tr></form></table>",
            "login.php?do=login",
            "vb_login_username=lurker&vb_login_password=SECRET&securitytoken=guest&do=login&vb_login_md5password=\
             &vb_login_md5password_utf=",
        ),
        (
            "Invision",
            "<form method=post action='/board/login/'><input type=hidden name=csrfKey value=cd><input type=email name=auth>\
             <input type=password name=password><input type=checkbox name=remember_me value=1>\
             <button type=submit name=_processLogin value=usernamepassword>Sign In</button></form>",
            "login/",
            "csrfKey=cd&auth=lurker&password=SECRET&remember_me=1&_processLogin=usernamepassword",
        ),
    ] {
        let expected = (format!("http://forum.example/board/{url}"), sent.replace("SECRET", secret));
        assert_eq!(posted(body), expected, "{engine}");
    }
}

#[test]
fn engines_without_a_form_have_a_way_of_their_own() {
    let nodebb = look(
        "<meta name=generator content=NodeBB><script>var config = {\"csrf_token\":\"a\\u002fb\"};</script>\
         <form id=login-form method=post action=/board/login><input name=username><input type=password name=password></form>",
    );
    let submission = nodebb.form.unwrap().fill(&account(), None);
    assert!(submission.headers.contains(&("x-csrf-token".to_owned(), Secret::new("a/b".to_owned()))));

    let flarum = look(
        "<script type=application/json>{\"resources\":[],\"session\":{\"userId\":0,\"csrfToken\":\"tok\"}}</script><div id=app></div>",
    );
    assert_eq!(flarum.standing, Standing::Guest);
    let submission = flarum.form.unwrap().fill(&account(), None);
    assert_eq!(submission.media_type, "application/json");
    let sent: serde_json::Value = serde_json::from_str(submission.body.reveal()).unwrap();
    assert_eq!(sent, serde_json::json!({"identification": "lurker", "password": "p&ss 词", "remember": true}));
    assert_eq!(submission.headers, [("x-csrf-token".to_owned(), Secret::new("tok".to_owned()))]);

    let discourse =
        look("<meta name=generator content='Discourse 3.2'><div id=data-preloaded data-preloaded='{}'></div>");
    assert_eq!(discourse.standing, Standing::Guest);
    let form = discourse.form.unwrap();
    assert_eq!(form.token.as_ref().unwrap().url.as_str(), "http://forum.example/board/session/csrf.json");
    let page = Url::parse("http://forum.example/board/session/csrf.json").unwrap();
    let answer = FetchedPage {
        requested: page.clone(),
        url: page,
        status: 200,
        headers: Vec::new(),
        body: b"{\"csrf\":\"t0\"}".to_vec(),
        fetched_at: Timestamp::UNIX_EPOCH,
        asked: crate::domain::page::Asked::default(),
    };
    let submission = form.fill(&account(), Some(&answer));
    assert!(submission.headers.contains(&("x-csrf-token".to_owned(), Secret::new("t0".to_owned()))));
}

#[test]
fn forms_that_are_no_login_or_lead_away_are_left_alone() {
    for (what, body) in [
        (
            "registration",
            "<form method=post><input name=user><input type=password name=a><input type=password name=b></form>",
        ),
        ("a board's password", "<form method=post action=x><input type=password name=pw></form>"),
        ("search", "<form><input name=q></form>"),
        (
            "another site",
            "<form method=post action='http://sso.other.example/'><input name=u><input type=password name=p></form>",
        ),
        ("nothing", ""),
    ] {
        assert_eq!(look(body).form, None, "{what}");
    }
}

#[test]
fn a_members_page_is_told_from_a_guests_by_what_it_offers() {
    use Standing::{Guest, Member, Unclear};
    for (body, expected) in [
        ("<a href='member.php?action=logout&amp;logoutkey=ab'>Log Out</a>", Member),
        ("<a href='./ucp.php?mode=logout&amp;sid=ab'>Logout</a>", Member),
        ("<a href='index.php?action=logout;a=b'>Logout</a>", Member),
        ("<a href='/board/logout/?t=1'>x</a>", Member),
        ("<a href='./ucp.php?mode=login'>Login</a>", Guest),
        ("<a href='member.php?action=login'>Login</a>", Guest),
        ("<html data-logged-in=true><body>x", Member),
        ("<html data-logged-in=false><body>x", Guest),
        ("<script>var discuz_uid = '0', cookiepre = 'a';</script>", Guest),
        ("<script>var discuz_uid = '900', cookiepre = 'a';</script>", Member),
        ("<script>var config = {\"loggedIn\":true};</script>", Member),
        (
            "<meta name=generator content='Discourse'><div id=data-preloaded data-preloaded='{\"currentUser\":1}'></div>",
            Member,
        ),
        // A form to log in outweighs a link that somebody posted.
        ("<a href='/board/logout'>x</a><form method=post><input name=u><input type=password name=p></form>", Guest),
        ("<div class=post_body id=pid_7><a href='member.php?action=logout'>free money</a></div>", Unclear),
        ("<a href='http://other.example/logout'>x</a>", Unclear),
        ("<p>discuz_uid = '900' said somebody</p>", Unclear),
    ] {
        assert_eq!(look(body).standing, expected, "{body}");
    }
}

#[test]
fn what_stands_in_the_way_is_named() {
    for (body, expected) in [
        (
            "<form method=post><input name=username><input type=password name=password><input name=confirm_code></form>",
            Some(Rest::Captcha),
        ),
        (
            "<form method=post><input name=username><input type=password name=password><div class=g-recaptcha></div></form>",
            Some(Rest::Captcha),
        ),
        ("<form method=post action=two-step><input name=totp></form>", Some(Rest::TwoStep)),
        ("<p>Two-factor authentication is required</p>", Some(Rest::TwoStep)),
        ("<p>a</p><p>b</p><p>c</p><p>Your forum account is currently banned.</p>", Some(Rest::Banned)),
        ("<p>抱歉，验证码填写错误</p>", Some(Rest::Captcha)),
        ("<p>You have entered an invalid username/password combination.</p>", None),
        ("<form method=post><input name=username><input type=password name=password></form>", None),
    ] {
        assert_eq!(look(body).obstacle, expected, "{body}");
    }
    let answer = "<?xml version=\"1.0\"?><root><![CDATA[<script>showWindow('login', 'member.php?mod=logging&action=login&auth=ba')\
                  </script>]]></root>";
    assert_eq!(look_at("member.php", "text/xml", answer).obstacle, Some(Rest::Captcha));
    let answer = "{\"error\":\"Invalid code\",\"reason\":\"invalid_second_factor\"}";
    assert_eq!(look_at("session", "application/json", answer).obstacle, Some(Rest::TwoStep));
}

#[test]
fn the_login_page_is_found_where_a_page_names_it() {
    for (body, expected) in [
        (
            "<a href='ucp.php?mode=login&amp;redirect=index.php'>Login</a>",
            Some("ucp.php?mode=login&redirect=index.php"),
        ),
        (
            "<a href='javascript:;' onclick=\"showWindow('login', 'member.php?mod=logging&action=login')\">登录</a>",
            Some("member.php?mod=logging&action=login"),
        ),
        ("<a href='http://other.example/login'>Login</a>", None),
    ] {
        let found = look(body).login_page.map(String::from);
        assert_eq!(found, expected.map(|page| format!("http://forum.example/board/{page}")), "{body}");
    }
}

#[test]
fn a_form_that_names_no_address_counts_on_the_site_only() {
    let form = "<form method=post><input name=user><input type=password name=pass></form>";
    let on_site = look_at("login?next=1", "text/html", form).form.expect("a login form").fill(&account(), None);
    assert_eq!(on_site.url.as_str(), "http://forum.example/board/login?next=1");
    assert_eq!(look_at("http://other.example/board/login", "text/html", form).form, None);
}

#[test]
fn what_is_no_address_of_the_web_is_neither_base_nor_home() {
    for base in ["httpi:v", "https+x://other.example/", "javascript:0"] {
        let page = format!("<head><base href='{base}'></head><a href='login.php'>Log in</a>");
        let login_page = look(&page).login_page.map(String::from);
        assert_eq!(login_page.as_deref(), Some("http://forum.example/board/login.php"), "{base}");
    }
}
