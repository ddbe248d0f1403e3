//! Every network call of the program while it crawls an onion: none goes past Tor's SOCKS port.
//!
//! Apart from the other tests of Tor, so that it needs no network: a SOCKS proxy of our own leads to the site.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use super::net::has;
use super::seducer;
use crate::site::{Site, html};
use crate::world::program::Installation;

const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_is_resolved_and_no_socket_opened_past_tor() {
    if !has("strace") {
        eprintln!("SKIPPED: strace is not installed");
        return;
    }
    let elsewhere = Site::start(|_| html("secret")).await;
    let site = seducer(&elsewhere.base).await;
    let socks = socks_to(site.base.trim_start_matches("http://").trim_end_matches('/'));
    let installation = Installation::new();
    let url = format!("http://{ONION}/");
    assert!(installation.run(&["source", "add", &url, "--pace", "0", "--concurrency", "4"]).status.success());
    let trace = tempfile::NamedTempFile::new().unwrap();
    let plain = installation.command(&["crawl", "--once", "--source", ONION]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-s", "256", "-e", "trace=network", "-o"]).arg(trace.path());
    traced.arg(plain.get_program()).args(plain.get_args());
    let output = traced.env("DYEPACK_TOR_SOCKS", format!("127.0.0.1:{socks}")).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("ptrace") && !output.status.success() {
        eprintln!("SKIPPED: strace may not trace here: {said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    let calls = fs::read_to_string(trace.path()).unwrap();
    assert!(site.asked().len() >= 4, "the site was not crawled: {:?}", site.asked());
    assert!(elsewhere.asked().is_empty());
    let expected = format!("AF_INET, sin_port=htons({socks}), sin_addr=inet_addr(\"127.0.0.1\")");
    assert_eq!(destinations(&calls), BTreeSet::from([expected]), "sockets past Tor");
    for word in ["htons(53)", "SOCK_DGRAM", "AF_NETLINK", "nscd"] {
        let call = calls.lines().find(|line| line.contains(word));
        assert!(call.is_none(), "{word}: {call:?}");
    }
}

/// Every internet address that was connected to.
fn destinations(calls: &str) -> BTreeSet<String> {
    let connects = calls.lines().filter(|line| line.contains("connect(") && line.contains("sa_family=AF_INET"));
    let address = |line: &str| Some(line.split_once("sa_family=")?.1.split_once('}')?.0.to_owned());
    connects.filter_map(address).collect()
}

/// A SOCKS5 proxy that leads all onions to one address; returns its port.
fn socks_to(address: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = address.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let address = address.clone();
            thread::spawn(move || stream.and_then(|stream| relay(stream, &address)));
        }
    });
    port
}

fn relay(mut client: TcpStream, address: &str) -> std::io::Result<()> {
    let take = |stream: &mut TcpStream, count: usize| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = take(&mut client, 2)?[1];
    take(&mut client, usize::from(methods))?;
    client.write_all(&[5, 2])?;
    for skipped in [1, 0] {
        take(&mut client, skipped)?;
        let length = take(&mut client, 1)?[0];
        take(&mut client, usize::from(length))?;
    }
    client.write_all(&[1, 0])?;
    let length = take(&mut client, 5)?[4];
    take(&mut client, usize::from(length) + 2)?;
    let server = TcpStream::connect(address)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut up, mut down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    thread::spawn(move || std::io::copy(&mut up.0, &mut up.1));
    std::io::copy(&mut down.0, &mut down.1).map(drop)
}
