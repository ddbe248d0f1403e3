//! How long a post takes to be read as a listing: short, as on forums; long, with the offer far down.
//!
//! `cargo bench --bench listing` prints microseconds a post; the house limit is 200.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::time::Instant;

use dyepack::domain::listing;

const SHORT: &str =
    "120k rows, name, phone, card, exported Apr 2026. Price 900$, half 450$, escrow ok, contact tg @grey_heron7";
const CHINESE: &str = "共34万条，2026年1月导出，字段：姓名、身份证、手机号、余额。打包价 900U，半库 450U，可走担保，联系飞机 @grey_heron7";
const RUSSIAN: &str =
    "120к строк, ФИО, телефон, паспорт, остаток. Цена 900$ за все, гарант форума, в одни руки. Пишите в лс";
const ROW: &str = "ada lovelace,ada@mail.example,+1 555 0100,9990123412341234,07/27\n";

fn main() {
    let sampled = format!("{SHORT}\n{}", ROW.repeat(12));
    let long = format!("{}\n{SHORT}", "Two weeks in the mountains, no signal at all, and four good books. ".repeat(15));
    let posts = [
        ("English, 0.1 kB", "Selling bank customer database", SHORT),
        ("Chinese, 0.2 kB", "出一手银行理财客户数据", CHINESE),
        ("Russian, 0.2 kB", "Продам базу клиентов банка", RUSSIAN),
        ("English with sample rows, 0.9 kB", "Selling bank customer database", &sampled),
        ("English, offer far down, 1.1 kB", "Back from holiday", &long),
    ];
    for (name, title, text) in posts {
        for _ in 0..200 {
            std::hint::black_box(listing::read(title, text));
        }
        let rounds = 2000_u32;
        let start = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(listing::read(std::hint::black_box(title), std::hint::black_box(text)));
        }
        println!("{name:36} {:7.1} µs", start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    }
}
