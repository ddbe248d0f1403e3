//! Crawls a site by the crate `spider`, links alone: nothing is read, matched or kept. Prints how many pages it fetched.
//!
//! usage: spider-peer URL

use spider::website::Website;

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).expect("usage: spider-peer URL");
    let mut website = Website::new(&url);
    website.configuration.respect_robots_txt = false;
    website.configuration.delay = 0;
    website.crawl().await;
    println!("{}", website.get_links().len());
}
