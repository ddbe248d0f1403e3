//! Names and addresses as people have them, most frequent first; and how they are written in mail addresses.
//!
//! Frequent names and common street names only: together they are nobody.

use super::Language;
use super::dice::Dice;

const ENGLISH_SURNAMES: &str = "Smith Johnson Williams Brown Jones Garcia Miller Davis Martinez Lopez Wilson Anderson Thomas Taylor Moore \
Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson Baker Hall \
Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan Cooper Reed Bailey \
Bell Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray Hughes Price Myers Long Foster Ross Powell Sullivan Russell Fisher";
const ENGLISH_GIVEN: &str = "James Mary John Patricia Robert Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica \
Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty Anthony Margaret Mark Sandra Paul Ashley Steven Emily Andrew Kimberly \
Kenneth Donna Joshua Michelle Kevin Carol Brian Amanda George Melissa Timothy Deborah Ronald Stephanie Jason Rebecca Edward Laura Ryan Helen \
Jacob Cynthia Gary Kathleen Nicholas Amy Eric Angela Jonathan Anna Stephen Ruth Larry Emma Justin Nicole Scott Rachel";
const ENGLISH_STREETS: &str = "Main Church Park Oak High Maple Cedar Mill Station School Elm Washington Lake Hill Walnut Spring North Ridge \
Victoria Green Bridge Chestnut King Queen River Willow Franklin Highland Union Court";
const ENGLISH_TOWNS: &str = "Springfield Franklin Greenville Bristol Clinton Fairview Salem Madison Georgetown Arlington Ashland Dover Oxford \
Jackson Burlington Manchester Milton Newport Auburn Dayton Lexington Riverside Cleveland Kingston";
const CHINESE_SURNAMES: &str = "王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu 高gao 林lin 何he 郭guo \
马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu 董dong 萧xiao 程cheng 曹cao 袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng 彭peng 吕lv \
苏su 卢lu 蒋jiang 蔡cai 贾jia 丁ding 魏wei 薛xue 叶ye 阎yan 余yu 潘pan 杜du 戴dai 夏xia 钟zhong 汪wang 田tian 任ren 姜jiang";
const CHINESE_GIVEN: &str = "伟wei 芳fang 娜na 敏min 静jing 丽li 强qiang 磊lei 军jun 洋yang 勇yong 艳yan 杰jie 娟juan 涛tao 明ming 超chao 秀xiu 霞xia \
平ping 刚gang 桂gui 英ying 华hua 玉yu 兰lan 红hong 建jian 国guo 文wen 志zhi 海hai 春chun 梅mei 婷ting 雪xue 宇yu 浩hao 欣xin 怡yi 子zi 涵han 轩xuan \
佳jia 博bo 晨chen 俊jun 鹏peng 飞fei 斌bin 波bo 辉hui 玲ling 萍ping 云yun 莉li 淑shu 珍zhen 荣rong 宁ning 龙long 凯kai 琳lin 倩qian 瑞rui 思si 雨yu 梦meng";
const CHINESE_STREETS: &str =
    "人民 中山 解放 建设 和平 新华 胜利 文化 长江 黄河 朝阳 光明 东风 青年 友谊 迎宾 学府 滨河 团结 幸福";
const CHINESE_TOWNS: &str = "北京市朝阳区 上海市浦东新区 广州市天河区 深圳市南山区 成都市武侯区 杭州市西湖区 武汉市洪山区 南京市鼓楼区 西安市雁塔区 \
重庆市渝北区 天津市河西区 苏州市姑苏区 长沙市岳麓区 青岛市市南区 沈阳市和平区 郑州市金水区";
const RUSSIAN_SURNAMES: &str = "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков Алексеев Лебедев \
Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров Зайцев Соловьёв Борисов Яковлев Григорьев Романов \
Воробьёв Сергеев Кузьмин Фролов Александров Дмитриев Королёв Гусев Киселёв Ильин Максимов Поляков Сорокин Виноградов Ковалёв Белов Медведев";
const RUSSIAN_MEN: &str = "Александр Сергей Дмитрий Андрей Алексей Максим Евгений Иван Михаил Владимир Николай Артём Роман Павел Игорь Олег Денис Кирилл \
Антон Юрий Виктор Константин Илья Вадим";
const RUSSIAN_WOMEN: &str = "Елена Ольга Татьяна Наталья Анна Мария Ирина Светлана Екатерина Юлия Анастасия Людмила Марина Валентина Дарья Надежда Галина \
Виктория Оксана Вера Ксения Алёна Полина Лариса";
const RUSSIAN_FATHERS: &str = "Александр Сергеев Дмитриев Андреев Алексеев Иванов Михайлов Владимиров Николаев Викторов Анатольев Петров Юрьев Борисов Олегов Павлов";
const RUSSIAN_STREETS: &str = "Советская Молодёжная Центральная Школьная Новая Садовая Лесная Набережная Ленина Мира Октябрьская Зелёная Заречная Полевая Гагарина";
const RUSSIAN_TOWNS: &str = "Москва Санкт-Петербург Новосибирск Екатеринбург Казань Самара Омск Челябинск Ростов-на-Дону Уфа Красноярск Пермь Воронеж Волгоград Тула";

/// A person's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) whole: String,
    /// Its words as they are written in mail addresses.
    pub(super) words: Vec<String>,
    /// Where among them the given name is; the surname is the other one of the first two.
    pub(super) given: usize,
}

impl Name {
    /// Returns the given name and the surname as they are written in mail addresses.
    fn latin(&self) -> (&str, &str) {
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        (word(self.given), word(1 - self.given.min(1)))
    }
}

/// Word lists, split once.
#[derive(Debug)]
pub(super) struct Names {
    english: [Vec<&'static str>; 4],
    chinese: [Vec<&'static str>; 4],
    russian: [Vec<&'static str>; 6],
}

impl Names {
    pub(super) fn new() -> Self {
        let words = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
        Self {
            english: [ENGLISH_SURNAMES, ENGLISH_GIVEN, ENGLISH_STREETS, ENGLISH_TOWNS].map(words),
            chinese: [CHINESE_SURNAMES, CHINESE_GIVEN, CHINESE_STREETS, CHINESE_TOWNS].map(words),
            russian: [RUSSIAN_SURNAMES, RUSSIAN_MEN, RUSSIAN_WOMEN, RUSSIAN_FATHERS, RUSSIAN_STREETS, RUSSIAN_TOWNS]
                .map(words),
        }
    }

    pub(super) fn name(&self, language: Language, dice: &mut Dice) -> Name {
        match language {
            Language::En => {
                let (given, surname) = (often(&self.english[1], dice), often(&self.english[0], dice));
                let words = [given, surname].map(str::to_lowercase).into();
                Name { whole: format!("{given} {surname}"), words, given: 0 }
            }
            Language::Zh => {
                let (surname, surname_latin) = split(often(&self.chinese[0], dice));
                let (mut given, mut given_latin) = (String::new(), String::new());
                // Four in five given names have two characters.
                for _ in 0..=u32::from(dice.chance(0.8)) {
                    let (character, latin) = split(often(&self.chinese[1], dice));
                    given.push_str(character);
                    given_latin.push_str(latin);
                }
                let words = vec![given_latin, surname_latin.to_owned()];
                Name { whole: format!("{surname}{given}"), words, given: 0 }
            }
            Language::Ru => self.russian_name(dice),
        }
    }

    fn russian_name(&self, dice: &mut Dice) -> Name {
        let is_woman = dice.chance(0.5);
        let surname = often(&self.russian[0], dice);
        let given = often(&self.russian[if is_woman { 2 } else { 1 }], dice);
        // The first father's name is whole, the others are stems that end in в.
        let father = often(&self.russian[3], dice);
        let stem = if father.ends_with('в') { father.to_owned() } else { format!("{father}ов") };
        let (surname, father) = if is_woman {
            (format!("{surname}а"), format!("{stem}на"))
        } else {
            (surname.to_owned(), format!("{stem}ич"))
        };
        let words = [&surname, given, &father].map(latin).into();
        Name { whole: format!("{surname} {given} {father}"), words, given: 1 }
    }

    pub(super) fn address(&self, language: Language, dice: &mut Dice) -> String {
        let (house, flat) = (1 + dice.below(180), 1 + dice.below(140));
        match language {
            Language::En => {
                let kind = dice.pick(&["Street", "Avenue", "Road", "Lane", "Drive"]).copied().unwrap_or_default();
                format!("{house} {} {kind}, {}", often(&self.english[2], dice), often(&self.english[3], dice))
            }
            Language::Zh => {
                let (street, town) = (often(&self.chinese[2], dice), often(&self.chinese[3], dice));
                let (unit, room) = (1 + dice.below(5), 100 * (1 + dice.below(20)) + 1 + dice.below(4));
                format!("{town}{street}路{house}号{unit}单元{room}室")
            }
            Language::Ru => {
                let (street, town) = (often(&self.russian[4], dice), often(&self.russian[5], dice));
                format!("г. {town}, ул. {street}, д. {house}, кв. {flat}")
            }
        }
    }
}

/// Makes the part of a mail address before the @, in one of the habits people have.
pub(super) fn mail_name(name: &Name, birth_year: i16, dice: &mut Dice) -> String {
    let (given, surname) = name.latin();
    let initial = given.chars().next().map(String::from).unwrap_or_default();
    let number = dice.below(10_000);
    match dice.below(6) {
        0 => format!("{given}.{surname}{number:04}"),
        1 => format!("{initial}{surname}{birth_year}{:02}", number % 100),
        2 => format!("{surname}{given}{number}"),
        3 => format!("{given}_{surname}{:03}", number % 1000),
        4 => format!("{surname}.{initial}{number:04}"),
        _ => format!("{given}{surname}{:02}{:02}", birth_year % 100, number % 100),
    }
}

fn often(list: &[&'static str], dice: &mut Dice) -> &'static str {
    dice.frequent(list).copied().unwrap_or_default()
}

/// Splits `王wang` into the character and how it is read.
fn split(entry: &'static str) -> (&'static str, &'static str) {
    let end = entry.find(|character: char| character.is_ascii_lowercase()).unwrap_or(entry.len());
    entry.split_at_checked(end).unwrap_or((entry, ""))
}

/// Writes Russian in Latin letters, as people do in mail addresses.
pub(super) fn latin(text: &str) -> String {
    const LETTERS: [&str; 32] = [
        "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u", "f", "kh",
        "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya",
    ];
    text.to_lowercase()
        .chars()
        .map(|letter| {
            let at = u32::from(letter).checked_sub(u32::from('а')).map(|at| at as usize);
            if letter == 'ё' { "e" } else { at.and_then(|at| LETTERS.get(at)).copied().unwrap_or_default() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_habits_of_their_language() {
        let (names, mut dice) = (Names::new(), Dice::new(&[1; 32], "test"));
        for _ in 0..300 {
            for (language, is_own) in [
                (Language::En, (|letter| letter.is_ascii_alphabetic() || letter == ' ') as fn(char) -> bool),
                (Language::Zh, |letter| ('\u{4e00}'..'\u{9fff}').contains(&letter)),
                (Language::Ru, |letter| ('А'..='ё').contains(&letter) || letter == ' '),
            ] {
                let name = names.name(language, &mut dice);
                assert!(name.whole.chars().all(is_own) && name.whole.chars().count() >= 2, "{}", name.whole);
                let local = mail_name(&name, 1984, &mut dice);
                assert!(
                    local.len() >= 6
                        && local
                            .bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte)),
                    "{local}"
                );
                assert!(names.address(language, &mut dice).chars().count() > 8);
            }
        }
    }

    #[test]
    fn russian_names_agree_in_gender_and_are_written_in_latin() {
        assert_eq!(latin("Щукина"), "shchukina");
        assert_eq!(latin("Алёна"), "alena");
        let (names, mut dice) = (Names::new(), Dice::new(&[2; 32], "test"));
        for _ in 0..200 {
            let whole = names.russian_name(&mut dice).whole;
            let is_woman = whole.ends_with("вна");
            assert!(is_woman || whole.ends_with("вич"), "{whole}");
            assert_eq!(whole.split(' ').next().unwrap().ends_with('а'), is_woman, "{whole}");
        }
    }
}
