//! The plain text alternative.

use super::letter::{Action, Block, Card, Letter, Section};

/// Columns of a line; words and commands are not broken.
const COLUMNS: usize = 76;

/// Renders a letter as plain text, lines ending in `\n`.
pub(super) fn render(letter: &Letter) -> String {
    let mut text = String::with_capacity(4096);
    push_wrapped(&mut text, &letter.badges.join(" · "), "", "");
    text.push('\n');
    push_wrapped(&mut text, &letter.lead, "", "");
    for note in &letter.notes {
        push_wrapped(&mut text, note, "", "");
    }
    if let Some(Action { label, address: Some(address), why }) = &letter.action {
        text.push('\n');
        push_wrapped(&mut text, &[label, letter.colon].concat(), "", "");
        push_wrapped(&mut text, address, "", "");
        push_wrapped(&mut text, why, "", "");
    }
    if !letter.facts.is_empty() {
        text.push('\n');
        for (label, value) in &letter.facts {
            push_wrapped(&mut text, &[label, letter.colon, value].concat(), "", "  ");
        }
    }
    for section in &letter.sections {
        push_section(&mut text, section);
    }
    if !letter.footer.is_empty() {
        // RFC 3676 §4.3: what follows is a signature.
        text.push_str("\n-- \n");
        push_wrapped(&mut text, &letter.footer, "", "");
    }
    text
}

fn push_section(text: &mut String, section: &Section) {
    text.push('\n');
    text.push_str(&section.heading.to_uppercase());
    text.push('\n');
    for block in &section.blocks {
        match block {
            Block::Paragraph(paragraph) | Block::Aside(paragraph) => push_wrapped(text, paragraph, "", ""),
            Block::List(items) => items.iter().for_each(|item| push_wrapped(text, item, "- ", "  ")),
            Block::Steps(steps) => {
                for (number, step) in (1..).zip(steps) {
                    push_wrapped(text, step, &format!("{number}. "), "   ");
                }
            }
            Block::Cards(cards) => cards.iter().for_each(|card| push_card(text, card)),
        }
    }
}

fn push_card(text: &mut String, card: &Card) {
    let badge = card.badge.as_ref().map(|badge| format!(" [{badge}]")).unwrap_or_default();
    push_wrapped(text, &format!("{}{badge}", card.title), "- ", "  ");
    for line in &card.lines {
        push_wrapped(text, line, "  ", "    ");
    }
}

fn push_wrapped(text: &mut String, line: &str, first: &str, following: &str) {
    text.push_str(first);
    let mut column = first.chars().count();
    let mut is_line_start = true;
    let (line, is_wrapped) = (unbroken_commands(line), !line.chars().any(is_wide));
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if is_wrapped && !is_line_start && column + 1 + width > COLUMNS {
            text.push('\n');
            text.push_str(following);
            column = following.chars().count();
        } else if !is_line_start {
            text.push(' ');
            column += 1;
        }
        text.extend(word.chars().map(|c| if c == UNBROKEN { ' ' } else { c }));
        column += width;
        is_line_start = false;
    }
    text.push('\n');
}

/// A space that is no place to break a line; becomes an ordinary one in the text.
const UNBROKEN: char = '\u{a0}';

/// Keeps a command between backticks on one line.
fn unbroken_commands(line: &str) -> String {
    let mut is_command = false;
    line.chars()
        .map(|character| {
            is_command ^= character == '`';
            if is_command && character == ' ' { UNBROKEN } else { character }
        })
        .collect()
}

/// Writing without spaces between words is left for the mail program to wrap.
fn is_wide(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}
