//! What is put up in a drill: an organization, its one planted record, the listing that offers it. All of it is invented.

use std::fmt::Write as _;

use crate::domain::watchlist::{
    Alerts, Anchors, Canary, Contact, ContactRole, Custodian, Dataset, Engagement, Language, Organization,
    OrganizationId, Watchlist,
};

/// The id that is kept for drills; no tenant has it.
pub const ORGANIZATION: &str = "dyepack-drill";

/// A drill's leak.
#[derive(Debug, Clone)]
pub struct Script {
    /// The organization and its planted record.
    pub watchlist: Watchlist,
    /// The planted card.
    pub card: String,
    /// The listing's body, as the site shows it.
    pub listing_html: String,
    /// A table of the leak, for an attached archive.
    pub table: String,
}

impl Script {
    /// Who offers it.
    pub const SELLER: &'static str = "drill_seller";
    /// Who is mailed, at a name that cannot exist (RFC 2606).
    pub const CONTACT: &'static str = "drill@dyepack-drill.invalid";
    /// Address of the listing, on the site.
    pub const THREAD: &'static str = "/showthread.php?tid=1";

    /// Invents a leak; `chance` makes it another one each time.
    pub fn new(chance: u64) -> Self {
        // No issuer's range begins like this.
        let card = format!("999900{:010}", chance % 10_000_000_000);
        let mail = format!("planted{:08}@dyepack-drill.invalid", chance % 100_000_000);
        let fields = [("name", "Drill Person"), ("pan", card.as_str()), ("email", mail.as_str())];
        let canary = Canary {
            id: "drill-1".to_owned(),
            dataset: "customers".to_owned(),
            holders: vec!["DRILL".to_owned()],
            planted_at: None,
            retired_at: None,
            p: None,
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let mut table = "name;card;mail\n".to_owned();
        for number in 0..5 {
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "Filler Person {number};99990100000000{number:02};filler{number}@dyepack-drill.invalid"
            );
        }
        let row = format!("Drill Person;{card};{mail}");
        table.push_str(&row);
        table.push('\n');
        let listing_html =
            format!("Selling a fresh customer database of a bank, 1000000 rows, price 500 USD. Sample:<br />{row}");
        let watchlist = Watchlist { organization: organization(), canaries: vec![canary], deliveries: Vec::new() };
        Self { watchlist, card, listing_html, table }
    }
}

fn organization() -> Organization {
    Organization {
        id: OrganizationId(ORGANIZATION.to_owned()),
        name: "dyepack drill".to_owned(),
        aliases: Vec::new(),
        language: Language::En,
        market_share: None,
        auditor: None,
        contacts: vec![Contact {
            address: Script::CONTACT.to_owned(),
            role: ContactRole::Security,
            openpgp: None,
            key: None,
            after: None,
        }],
        custodians: vec![Custodian {
            code: "DRILL".to_owned(),
            name: "Drill Custodian".to_owned(),
            prior: None,
            engagement: Engagement::default(),
        }],
        datasets: vec![Dataset {
            id: "customers".to_owned(),
            rows: Some(1_000_000),
            issuer_unique: vec!["pan".to_owned()],
            universal: vec!["email".to_owned()],
        }],
        anchors: Anchors::default(),
        alerts: Alerts::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::matcher::{Document, Matcher};

    #[test]
    fn each_leak_is_another_and_is_found() {
        let (one, other) = (Script::new(17), Script::new(18));
        assert_ne!(one.card, other.card);
        let find = |script: &Script, text: &str| {
            let document = Document { bytes: text.as_bytes(), name: "x.csv", media_type: None, charset: None };
            Matcher::compile(std::slice::from_ref(&script.watchlist)).scan(&document).hits.len()
        };
        assert!(find(&one, &one.listing_html) >= 2 && find(&one, &one.table) >= 2);
        assert_eq!(find(&one, &other.table), 0);
    }
}
