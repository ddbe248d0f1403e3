//! The raw request is on record as the server got it, but for who reads the site.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::world::program::{Installation, python};
use crate::world::{canary, write_watchlist};

/// A site of one page behind a redirect that sets a cookie; keeps what it was asked.
fn site(asked: Arc<Mutex<Vec<Vec<String>>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (email, pan, _) = canary(1);
    let body =
        format!("<html><body>\u{41f}\u{440}\u{43e}\u{434}\u{430}\u{43c}: Planted Person 1;{pan};{email}</body></html>");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines: Vec<String> =
                BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let answer = if lines[0].starts_with("GET /robots") {
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
            } else if lines[0].starts_with("GET /base ") {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\n\
                     Set-Cookie: trace=s3cret-two\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
            } else {
                "HTTP/1.1 302 Found\r\nLocation: /base\r\nSet-Cookie: sid=s3cret-one; Path=/\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
                    .to_owned()
            };
            asked.lock().unwrap().push(lines);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.flush();
            let mut rest = [0; 16];
            let _ = stream.read(&mut rest);
        }
    });
    format!("http://{address}/start")
}

#[test]
fn a_capture_holds_the_request_as_it_left_with_cookies_hidden() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let watchlist = write_watchlist(folder.path(), 3);
    let source = site(Arc::clone(&asked));
    let arguments = ["crawl", "--once", "--watchlist", watchlist.to_str().unwrap(), "--source", &source];
    let output = installation.run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let case = installation.rows(&["case", "list"]).remove(0)["id"].as_str().unwrap().to_owned();
    let out = installation.data().join("export");
    installation.rows(&["evidence", "export", "--case", &case, "--out", out.to_str().unwrap()]);
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    let capture = serde_json::from_str::<serde_json::Value>(&manifest).unwrap()["captures"][0].clone();
    assert_eq!((&capture["method"], &capture["protocol"]), (&"GET".into(), &"HTTP/1.1".into()));
    assert_eq!((&capture["route"], capture["hops"][0]["status"].as_u64()), (&"direct".into(), Some(302)), "{capture}");
    assert!(capture["hops"][0]["url"].as_str().unwrap().ends_with("/start"));
    assert!(capture["clock_offset_s"].as_i64().is_some() && capture["tool"].as_str().unwrap().starts_with("dyepack/"));
    // What the server got is what is on record, whatever the order.
    let mut sent: Vec<(String, String)> = asked
        .lock()
        .unwrap()
        .iter()
        .find(|lines| lines[0].starts_with("GET /base "))
        .unwrap()
        .iter()
        .skip(1)
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap())
        .filter(|(name, _)| name != "host")
        .collect();
    let cookie = sent.iter_mut().find(|(name, _)| name == "cookie").expect("the site's cookie goes back to it");
    assert_eq!(std::mem::replace(&mut cookie.1, "[hidden]".to_owned()), "sid=s3cret-one");
    let kept = capture["request_headers"].as_array().unwrap().iter();
    let mut kept: Vec<(String, String)> =
        kept.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned())).collect();
    sent.sort();
    kept.sort();
    assert_eq!(kept, sent);
    // Nowhere in the export does a cookie show.
    let script = "import sys, gzip, pathlib\n\
                  for path in pathlib.Path(sys.argv[1]).rglob('*'):\n \
                  if path.is_file():\n  data = path.read_bytes()\n  data += gzip.decompress(data) if path.suffix == '.gz' else b''\n  \
                  assert b's3cret' not in data, path\n\
                  text = gzip.open(sys.argv[1] + '/captures.warc.gz').read()\n\
                  assert b'GET /base HTTP/1.1\\r\\n' in text and b'cookie: [hidden]\\r\\n' in text, text\n\
                  assert b'set-cookie: [hidden]\\r\\n' in text, text\n";
    let looked = Command::new(python()).args(["-c", script]).arg(&out).output().unwrap();
    assert!(looked.status.success(), "{}", String::from_utf8_lossy(&looked.stderr));
}
