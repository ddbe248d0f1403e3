//! The HTML alternative: one column, system fonts, light and dark, no image, nothing external, no link but the reader's own button.
//!
//! Mail programs differ in what they keep of a style sheet, so whatever carries the layout stands in `style` attributes;
//! the sheet in the head only adds dark colours and the room that a phone has.

use std::fmt::{self, Write as _};

use super::letter::{Action, Block, Card, Letter, Section};
use crate::domain::escape::html as escape;

const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
@media (max-width:480px){.sheet{padding:20px 16px!important}}\
@media (prefers-color-scheme:dark){body,.page{background:#14171a!important;color:#e6e8ea!important}\
.sheet{background:#1d2126!important;border-color:#343a41!important}.quiet,.k{color:#a4acb5!important}\
.card{background:#262b31!important;border-color:#3a414a!important}h1,h2,.strong{color:#ffffff!important}\
.rule{border-color:#343a41!important}code{background:#30363d!important;color:#e6e8ea!important}}";

const FONT: &str = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Noto Sans','PingFang SC',\
'Microsoft YaHei',Arial,sans-serif";

/// A document being written.
struct Markup(String);

impl Markup {
    fn add(&mut self, piece: fmt::Arguments<'_>) {
        self.0.write_fmt(piece).expect("writing to a string cannot fail");
    }

    fn push_str(&mut self, piece: &str) {
        self.0.push_str(piece);
    }
}

/// Renders a letter as one self-contained document.
pub(super) fn render(letter: &Letter) -> String {
    let mut html = Markup(String::with_capacity(12 * 1024));
    push_head(&mut html, letter);
    push_lead(&mut html, letter);
    if let Some(action) = &letter.action {
        push_action(&mut html, action);
    }
    push_facts(&mut html, letter);
    for section in &letter.sections {
        push_section(&mut html, section);
    }
    if !letter.footer.is_empty() {
        html.add(format_args!(
            "<p class=\"quiet rule\" style=\"margin:28px 0 0;padding-top:14px;border-top:1px solid #e1e4e8;font-size:13px;\
             line-height:1.5;color:#59636e\">{}</p>\n",
            escape(&letter.footer)
        ));
    }
    html.push_str("</td></tr></table>\n</td></tr></table>\n</body></html>\n");
    html.0
}

fn push_head(html: &mut Markup, letter: &Letter) {
    html.add(format_args!(
        "<!doctype html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <meta name=\"format-detection\" content=\"telephone=no,date=no,address=no,email=no,url=no\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body style=\"margin:0;padding:0;background:#f3f4f6;color:#1f2328;{FONT};-webkit-text-size-adjust:100%\">\n\
         <table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
         style=\"background:#f3f4f6\"><tr><td align=\"center\" style=\"padding:0\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
         style=\"max-width:600px\"><tr><td class=\"sheet\" style=\"padding:28px 32px;background:#ffffff;\
         border:1px solid #e1e4e8;text-align:left;font-size:16px;line-height:1.5;overflow-wrap:anywhere\">\n",
        lang = escape(letter.language_tag),
        title = escape(&letter.title),
    ));
}

fn push_lead(html: &mut Markup, letter: &Letter) {
    html.push_str("<p style=\"margin:0 0 14px\">");
    for (number, badge) in letter.badges.iter().enumerate() {
        let (background, colour) = if number == 0 { ("#1f2328", "#ffc000") } else { ("#0b5cad", "#ffffff") };
        html.add(format_args!(
            "<span style=\"display:inline-block;margin:0 8px 4px 0;padding:2px 8px;border:1px solid #59636e;border-radius:4px;font-size:13px;\
             font-weight:600;background:{background};color:{colour}\">{}</span>",
            escape(badge)
        ));
    }
    html.add(format_args!(
        "</p>\n<h1 style=\"margin:0 0 10px;font-size:21px;line-height:1.35;font-weight:650\">{}</h1>\n",
        escape(&letter.lead)
    ));
    for note in &letter.notes {
        html.add(format_args!("<p style=\"margin:0 0 8px\">{}</p>\n", escape(note)));
    }
}

/// A button: a link that opens a page, or, on that page, what is pressed.
fn push_action(html: &mut Markup, action: &Action) {
    const BUTTON: &str = "display:inline-block;padding:10px 18px;border:0;border-radius:6px;background:#0b5cad;color:#ffffff;\
                          font-size:16px;font-weight:600;text-decoration:none;font-family:inherit";
    let label = escape(&action.label);
    match &action.address {
        Some(address) => html.add(format_args!(
            "<p style=\"margin:16px 0 6px\"><a href=\"{}\" style=\"{BUTTON}\">{label}</a></p>\n",
            escape(address)
        )),
        None => html.add(format_args!(
            "<form method=\"post\" style=\"margin:16px 0 6px\"><button type=\"submit\" style=\"{BUTTON};cursor:pointer\">{label}\
             </button></form>\n"
        )),
    }
    html.add(format_args!(
        "<p class=\"quiet\" style=\"margin:0 0 4px;font-size:14px;color:#59636e\">{}</p>\n",
        escape(&action.why)
    ));
}

fn push_facts(html: &mut Markup, letter: &Letter) {
    if letter.facts.is_empty() {
        return;
    }
    html.push_str(
        "<table role=\"presentation\" class=\"fact\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
         style=\"margin:14px 0 0\">\n",
    );
    for (label, value) in &letter.facts {
        html.add(format_args!(
            "<tr><td class=\"k\" valign=\"top\" style=\"width:34%;padding:4px 12px 4px 0;font-size:14px;color:#59636e\">{}</td>\
             <td valign=\"top\" style=\"padding:4px 0\">{}</td></tr>\n",
            escape(label),
            escape(value)
        ));
    }
    html.push_str("</table>\n");
}

fn push_section(html: &mut Markup, section: &Section) {
    html.add(format_args!(
        "<h2 style=\"margin:26px 0 8px;font-size:17px;line-height:1.35;font-weight:650\">{}</h2>\n",
        escape(&section.heading)
    ));
    for block in &section.blocks {
        match block {
            Block::Paragraph(text) => html.add(format_args!("<p style=\"margin:0 0 8px\">{}</p>\n", escape(text))),
            Block::Aside(text) => html.add(format_args!(
                "<p class=\"quiet\" style=\"margin:8px 0 0;font-size:14px;color:#59636e\">{}</p>\n",
                escape(text)
            )),
            Block::List(items) => push_list(html, "ul", items),
            Block::Steps(steps) => push_list(html, "ol", steps),
            Block::Cards(cards) => cards.iter().for_each(|card| push_card(html, card)),
        }
    }
}

fn push_list(html: &mut Markup, tag: &str, items: &[String]) {
    html.add(format_args!("<{tag} style=\"margin:0;padding:0 0 0 22px\">\n"));
    for item in items {
        html.add(format_args!("<li style=\"margin:0 0 8px\">{}</li>\n", with_commands(item)));
    }
    html.add(format_args!("</{tag}>\n"));
}

fn push_card(html: &mut Markup, card: &Card) {
    html.add(format_args!(
        "<div class=\"card\" style=\"margin:0 0 8px;padding:10px 12px;border:1px solid #e1e4e8;border-radius:6px;\
         background:#f8f9fa\"><div class=\"strong\" style=\"font-weight:600\">{}",
        escape(&card.title)
    ));
    if let Some(badge) = &card.badge {
        html.add(format_args!(
            " <span style=\"display:inline-block;padding:0 6px;border-radius:4px;font-size:12px;background:#0b5cad;\
             color:#ffffff\">{}</span>",
            escape(badge)
        ));
    }
    html.push_str("</div>");
    for line in &card.lines {
        html.add(format_args!("<div style=\"font-size:14px;margin-top:2px\">{}</div>", escape(line)));
    }
    html.push_str("</div>\n");
}

/// Escapes a line and sets what stands between backticks as code.
fn with_commands(line: &str) -> String {
    let mut html = Markup(String::with_capacity(line.len() + 64));
    for (number, part) in line.split('`').enumerate() {
        if number % 2 == 1 {
            html.add(format_args!(
                "<code style=\"overflow-wrap:anywhere;padding:1px 5px;border-radius:4px;background:#eef0f2;\
                 font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px\">{}</code>",
                escape(part)
            ));
        } else {
            html.push_str(&escape(part));
        }
    }
    html.0
}
