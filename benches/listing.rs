//! How long a post takes to be read as a listing: short, as on forums; long, with the offer far down.
//!
//! `cargo bench --bench listing [-- NAME]` prints microseconds of CPU a post and a kilobyte; the house limit is 200 a post of usual size.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod clock;

use clock::ClockId;
use dyepack::domain::listing::{self, Written};

const SHORT: &str =
    "120k rows, name, phone, card, exported Apr 2026. Price 900$, half 450$, escrow ok, contact tg @grey_heron7";
const CHINESE: &str = "共34万条，2026年1月导出，字段：姓名、身份证、手机号、余额。打包价 900U，半库 450U，可走担保，联系飞机 @grey_heron7";
const RUSSIAN: &str =
    "120к строк, ФИО, телефон, паспорт, остаток. Цена 900$ за все, гарант форума, в одни руки. Пишите в лс";
const ROW: &str = "ada lovelace,ada@mail.example,+1 555 0100,9990123412341234,07/27\n";
const IDLE: &str = "Two weeks in the mountains, no signal at all, and four good books. ";
const IDLE_CHINESE: &str = "这两周出差没有上线，消息回得慢，请见谅。大家怎么看最近的行情，感觉没什么意思。\n";
const IDLE_RUSSIAN: &str =
    "Две недели в горах, связи не было совсем, зато прочитал четыре хорошие книги и сходил на рыбалку.\n";
const CATALOGUE: &str = "Bank of the North, 2.4M customers, March 2026: name, phone, mail, card (masked), balance. 1500$, half 800$.
【出售】北方银行 贷款客户 34万条 2026年3月 姓名 手机 身份证 2000U 可走担保
Продам базу вкладчиков, 120к строк, март 2026, ФИО, телефон, паспорт. Цена 900$, гарант, в одни руки.
Fresh leads: UK investors, 80k, first hand, $0.05 per record. Samples: https://paste.example/a7f3 pm me or tg @grey_heron7
";

/// An offer of eight kilobytes: what is sold, in three languages, talk, samples, a price list.
fn everything() -> String {
    format!(
        "{SHORT}\n{}{CHINESE}\n{}{RUSSIAN}\n{}{}{}",
        IDLE.repeat(12),
        IDLE_CHINESE.repeat(12),
        IDLE_RUSSIAN.repeat(8),
        ROW.repeat(16),
        CATALOGUE.repeat(2)
    )
}

fn main() {
    let posts = [
        ("English", "Selling bank customer database", SHORT.to_owned()),
        ("Chinese", "出一手银行理财客户数据", CHINESE.to_owned()),
        ("Russian", "Продам базу клиентов банка", RUSSIAN.to_owned()),
        ("English with sample rows", "Selling bank customer database", format!("{SHORT}\n{}", ROW.repeat(12))),
        ("English, offer far down", "Back from holiday", format!("{}\n{SHORT}", IDLE.repeat(15))),
        ("long English, offer far down", "Back from holiday", format!("{}{SHORT}{}", IDLE.repeat(64), IDLE.repeat(64))),
        ("long Chinese", "闲聊", IDLE_CHINESE.repeat(76)),
        ("long Russian", "Привет", IDLE_RUSSIAN.repeat(49)),
        ("long list of sample rows", "Selling bank customer database", format!("{SHORT}\n{}", ROW.repeat(132))),
        ("long catalogue of offers", "Selling databases of banks", CATALOGUE.repeat(14)),
        ("long offer with everything", "Selling bank customer database", everything()),
        ("a hundred kilobytes of numbers", "Numbers", "1,2,3,4,5,6,7,8,9 $ ".repeat(5_000)),
    ];
    println!("{:34} {:>8} {:>10} {:>8}", "", "bytes", "µs a post", "µs/KB");
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    for (name, title, text) in posts.into_iter().filter(|(name, ..)| name.contains(&wanted)) {
        for _ in 0..20 {
            std::hint::black_box(listing::read(&Written::new(title, &text)));
        }
        let rounds = u32::try_from((400_000 / (text.len() + 1_000)).max(4)).unwrap_or(4);
        let batch = || {
            let start = clock::seconds(ClockId::ThreadCPUTime);
            for _ in 0..rounds {
                std::hint::black_box(listing::read(std::hint::black_box(&Written::new(title, &text))));
            }
            (clock::seconds(ClockId::ThreadCPUTime) - start) * 1e6 / f64::from(rounds)
        };
        // The least of many batches: what else the machine does only adds.
        let micros = (0..20).map(|_| batch()).fold(f64::INFINITY, f64::min);
        let kilobytes = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1e3;
        println!("{name:34} {:8} {micros:10.1} {:8.1}", text.len(), micros / kilobytes);
    }
}
