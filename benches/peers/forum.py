"""Crawls a forum as one would in Python: Scrapy reads posts, pyahocorasick matches them, SQLite keeps them.

usage: forum.py URL CANARIES.csv DATABASE; prints how many pages, posts and hits there were.
"""
import csv
import re
import sqlite3
import sys

import ahocorasick
import scrapy
from scrapy.crawler import CrawlerProcess

start_url, canaries, database = sys.argv[1:]
FIELDS = ("pan", "iban", "account", "email", "phone", "resident_id", "national_id", "passport")


def squeezed(text):
    """Drops what may stand between the groups of a number."""
    return re.sub(r"[ \-]", "", text.lower())


automaton = ahocorasick.Automaton()
with open(canaries, encoding="utf-8") as table:
    for row in csv.DictReader(table):
        for field in FIELDS:
            if row.get(field):
                automaton.add_word(squeezed(row[field]), (row["canary"], field))
automaton.make_automaton()
store = sqlite3.connect(database)
store.execute("PRAGMA journal_mode = WAL")
store.execute("CREATE TABLE post (id TEXT PRIMARY KEY, thread TEXT, author TEXT, posted_at TEXT, text TEXT)")
store.execute("CREATE TABLE hit (post TEXT, canary TEXT, field TEXT)")
counts = {"pages": 0, "posts": 0, "hits": 0}


class Forum(scrapy.Spider):
    """Follows boards and the pages of their threads."""

    name = "forum"
    start_urls = [start_url]

    def parse(self, response):
        thread = re.search(r"tid=(\d+)", response.url)
        counts["pages"] += thread is not None
        for post in response.css("div.post"):
            body = post.css(".post_body")
            text = "\n".join(body.css("::text").getall())
            identity = post.attrib.get("id", "")
            author = post.css(".author_information a::text").get()
            posted_at = post.css(".post_date::text").get()
            row = (identity, thread and thread[1], author, posted_at, text)
            store.execute("INSERT OR REPLACE INTO post VALUES (?, ?, ?, ?, ?)", row)
            counts["posts"] += 1
            for _, (canary, field) in automaton.iter(squeezed(text)):
                store.execute("INSERT INTO hit VALUES (?, ?, ?)", (identity, canary, field))
                counts["hits"] += 1
        store.commit()
        links = "span[id^=tid_] a::attr(href), strong a[href^=forumdisplay]::attr(href), a.pagination_next::attr(href)"
        for link in response.css(links).getall():
            yield response.follow(link, self.parse)


crawler = CrawlerProcess(
    settings={
        "LOG_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "COOKIES_ENABLED": False,
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_DELAY": 0,
    }
)
crawler.crawl(Forum)
crawler.start()
print(counts["pages"], counts["posts"], counts["hits"])
