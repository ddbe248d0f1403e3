"""Asks five classifiers to tell canaries from customers.

    classifier.py DYEPACK [--rows N] [--canaries N] [--languages en,zh,ru] [--seed N] [--limit AUC]

Needs what classifier-requirements.txt names. Makes up a bank's customers (its own word lists and habits, none of the mint's; no
two with one mail address or telephone number), has DYEPACK profile the table and mint canaries for it, trains five classifiers on half of both, and prints the area under the ROC curve of each on the other half.
The ranges that canaries are drawn from (first digits of cards and phones, the mail domain) are taken out of both: whoever
knows them needs no classifier. Ends with 1 if the best is above the limit.
"""

import argparse
import csv
import datetime
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy
from scipy.sparse import csr_matrix, hstack
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import ComplementNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.decomposition import TruncatedSVD

COLUMNS = ["id", "name", "phone", "email", "card_no", "address", "birth_date", "balance", "opened", "branch"]
RESERVED = """[reserved]
pan = ["999912##########"]
phone = ["+1 555 #######", "+86 120########", "+7 000 #######"]
email = ["mail.test-bank.example"]
"""

EN_GIVEN = "Amelia Oscar Freya Callum Imogen Rhys Niamh Declan Tamsin Gareth Bronwen Angus Isla Euan Morag Hamish Orla Fergus Aisling Conor".split()
EN_FAMILY = "Okafor Pemberton Gallagher MacLeod Whitcombe Tregenza Llewellyn Ashworth Haverstock Dunmore Kinsella Bickerstaff Fairweather Lockhart Penrose Standish Thackeray Umberland Vickers Wolstenholme".split()
EN_STREETS = "Harbour Beacon Lantern Orchard Quarry Foundry Weaver Tanner Cooper Chandler".split()
EN_TOWNS = "Gullhaven Westmere Oakmouth Harrowby Saltwick Fenbridge Aldercombe Stonereach".split()
ZH_FAMILY = "欧 司 闻 夏 秦 尤 何 吕 施 张 孔 曹 严 华 金 魏".split()
ZH_GIVEN = "采 薇 知 远 若 曦 沐 辰 梓 涵 景 行 嘉 言 书 瑶 亦 凡 云 舒".split()
ZH_PLACES = [f"{town}{street}路" for town in "雾州市 云栖市 澄海区 北辰区".split() for street in "望江 听雨 栖霞 鹤鸣 松涛".split()]
RU_FAMILY = "Звонарёв Тихозеров Ветров Ясенев Громов Лунин Северов Полынин Рябов Искрин".split()
RU_MEN = "Ярополк Елисей Тимофей Лука Савва Глеб Назар Родион".split()
RU_WOMEN = "Злата Есения Таисия Варвара Милана Ульяна Агния Стефания".split()
RU_FATHERS = "Глебов Лукин Саввин Назаров Тимофеев Родионов".split()
RU_STREETS = "Речная Кленовая Ясная Береговая Луговая Тихая".split()
RU_TOWNS = "Туманополь Камнегорск Светлоозерск Верхнеречье".split()


SYLLABLES = "ba be bro cal cor dal den el far gra hal in jor kel lam mar nor ol per quin ral sel tor ul ver wel yor".split()
ENDINGS = "ton ley worth by man son er ham wick field ford ard win well".split()
RU_ENDINGS = "ов ев ин ский".split()
RU_SYLLABLES = "Бар Вел Гор Дер Жур Зор Кал Лаг Мир Нов Ост Пол Рез Сол Тур Ухт Фил Чер Шум Яр".split()
# Most people have names that few share.
EN_FAMILY += sorted({f"{one}{other}{end}".capitalize() for one in SYLLABLES for other in ["", *SYLLABLES[::5]] for end in ENDINGS})
RU_FAMILY += sorted({f"{one}{other}{end}" for one in RU_SYLLABLES for other in ["", "ан", "ок", "ел"] for end in RU_ENDINGS[:3]})


def frequent(dice, words):
    """The n-th about as often as 1/(n+2)."""
    return dice.choices(words, [1 / (rank + 2) for rank in range(len(words))])[0]


def luhn(body):
    digits = [int(digit) for digit in reversed(body)]
    total = sum(digit if at % 2 else sum(divmod(digit * 2, 10)) for at, digit in enumerate(digits))
    return f"{body}{-total % 10}"


def unique(taken, draw):
    """What is drawn until nobody has it; a mail name that is taken gets a digit more, as people do."""
    suffix = ""
    for attempt in range(1000):
        value = draw(suffix)
        if value not in taken:
            taken.add(value)
            return value
        if attempt >= 2:
            suffix = str(random.Random(f"{value}{attempt}").randint(1, 10 ** (1 + attempt // 4)))
    raise SystemExit("too few values for so many customers")


def customer(dice, number, languages, taken):
    language = dice.choices(languages, [5, 3, 2][: len(languages)])[0]
    year = min(2006, max(1935, round(dice.gauss(1979, 15))))
    born = str(datetime.date(year, 1, 1) + datetime.timedelta(dice.randint(0, 364)))
    if language == "en":
        given, family = frequent(dice, EN_GIVEN), frequent(dice, EN_FAMILY)
        name = f"{given} {family}"
        local = dice.choice([f"{given}.{family}", f"{given[0]}{family}{year % 100:02}", f"{family}{dice.randint(1, 999)}"]).lower()
        phone = f"+1 555 {dice.randint(0, 9_999_999):07}"
        address = f"{dice.randint(1, 240)} {frequent(dice, EN_STREETS)} {dice.choice(['Street', 'Road', 'Lane'])}, {frequent(dice, EN_TOWNS)}"
    elif language == "zh":
        name = frequent(dice, ZH_FAMILY) + "".join(frequent(dice, ZH_GIVEN) for _ in range(dice.choices([1, 2], [15, 85])[0]))
        local = dice.choice(["", "a", "wx", "qq"]) + str(dice.randint(100_000, 999_999_999))
        phone = f"+86 120{dice.randint(0, 99_999_999):08}"
        address = f"{frequent(dice, ZH_PLACES)}{dice.randint(1, 320)}号{dice.randint(1, 6)}单元{dice.randint(1, 32)}{dice.randint(1, 4):02}室"
    else:
        woman = dice.random() < 0.52
        stem, father = frequent(dice, RU_FAMILY), frequent(dice, RU_FATHERS)
        given = frequent(dice, RU_WOMEN if woman else RU_MEN)
        name = f"{stem}{'а' if woman else ''} {given} {father}{'на' if woman else 'ич'}"
        local = dice.choice(["mail", "box", "my", "user"]) + str(dice.randint(1000, 99_999))
        phone = f"+7 000 {dice.randint(0, 9_999_999):07}"
        address = f"г. {frequent(dice, RU_TOWNS)}, ул. {frequent(dice, RU_STREETS)}, д. {dice.randint(1, 90)}, кв. {dice.randint(1, 260)}"
    return [
        str(100_000 + number * 7 + dice.randint(0, 6)),
        name,
        unique(taken, lambda suffix: phone if not suffix else phone[:-4] + f"{dice.randint(0, 9999):04}"),
        unique(taken, lambda suffix: f"{local}{suffix}@{dice.choice(['post.example', 'inbox.example', 'web.example'])}"),
        luhn(f"999912{dice.randint(0, 10**9 - 1):09}"),
        address,
        born,
        f"{dice.lognormvariate(7.5, 1.6):.2f}",
        str(datetime.date(dice.choices(range(2008, 2026), range(1, 19))[0], 1, 1) + datetime.timedelta(dice.randint(0, 364))),
        dice.choices(["North", "South", "Harbour", "Online"], [3, 3, 2, 5])[0],
    ]


def run(program, *args):
    done = subprocess.run([program, *map(str, args), "--format", "json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{args[:2]}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def minted(program, folder, rows, count):
    bank = folder / "test-bank"
    bank.mkdir()
    (bank / "organization.toml").write_text(
        'id = "test-bank"\nname = "Test Bank"\n[[contact]]\naddress = "soc@test-bank.example"\n'
        '[[custodian]]\ncode = "H01"\nname = "Hosting One"\n[[dataset]]\nid = "customers"\n'
    )
    table, profile, copy = folder / "customers.csv", folder / "customers.toml", folder / "copy.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    data = ["--data", folder / "data"]
    run(program, "mint", "profile", "--in", table, "--out", profile, *data)
    text = profile.read_text()
    head, _, tail = text.partition("\n[reserved]\n")
    profile.write_text(f"{head}\n{RESERVED}\n[{tail.partition(chr(10) + '[')[2]}")
    plan = ["--watchlist", bank, "--dataset", "customers", "--profile", profile, "--unique", count, "--shared", 0]
    mint = run(program, "mint", "plan", *plan, *data)[0]["mint"]
    run(program, "mint", "deliver", "--watchlist", bank, "--mint", mint, "--custodian", "H01", "--in", table, "--out", copy, *data)
    with pathlib.Path(f"{copy}.suppress.csv").open(newline="") as file:
        return [row[1:] for row in list(csv.reader(file))[1:]]


def words(row):
    """A row as text, without what is drawn from reserved ranges."""
    cells = dict(zip(COLUMNS, row))
    digits = re.sub(r"\D", "", cells["phone"])[-4:]
    local = cells["email"].split("@")[0]
    return f"n:{cells['name']} a:{cells['address']} l:{local} b:{cells['birth_date']} o:{cells['opened']} d:{digits} r:{cells['branch']}"


def numbers(row):
    cells = dict(zip(COLUMNS, row))
    local = cells["email"].split("@")[0]
    years = [float(cells[name][:4]) + float(cells[name][5:7] or 0) / 12 if cells[name] else 0 for name in ("birth_date", "opened")]
    days = [float(cells[name][8:10] or 0) for name in ("birth_date", "opened")]
    balance = float(cells["balance"] or 0)
    house = re.search(r"\d+", cells["address"])
    return [
        *years,
        *days,
        numpy.log1p(max(balance, 0)),
        balance * 100 % 100,
        len(cells["name"]),
        len(local),
        sum(letter.isdigit() for letter in local),
        local.count(".") + local.count("_"),
        float(house.group()) if house else 0,
        len(cells["address"]),
        float(cells["card_no"][8:12]),
        float(len(cells["phone"])),
    ]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--rows", type=int, default=40_000)
    options.add_argument("--canaries", type=int, default=2_000)
    options.add_argument("--languages", default="en,zh,ru")
    options.add_argument("--seed", type=int, default=5)
    options.add_argument("--limit", type=float, default=0.55)
    options = options.parse_args()
    dice, taken = random.Random(options.seed), set()
    rows = [customer(dice, number, options.languages.split(","), taken) for number in range(options.rows)]
    with tempfile.TemporaryDirectory() as folder:
        canaries = minted(options.program, pathlib.Path(folder), rows, options.canaries)
    real = dice.sample(rows, len(canaries))
    both, labels = canaries + real, numpy.array([1] * len(canaries) + [0] * len(real))
    texts, figures = [words(row) for row in both], numpy.array([numbers(row) for row in both])
    train, test = train_test_split(numpy.arange(len(both)), test_size=0.5, random_state=1, stratify=labels)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), min_df=3, sublinear_tf=True)
    grams.fit([texts[at] for at in train])
    sparse = grams.transform(texts)
    spread = figures.std(axis=0) + 1e-9
    scaled = (figures - figures.mean(axis=0)) / spread
    dense = TruncatedSVD(60, random_state=1).fit(sparse[train]).transform(sparse)
    dense = numpy.hstack([dense, scaled])
    wide = csr_matrix(hstack([sparse, csr_matrix(scaled)]))
    asked = [
        ("logistic regression", LogisticRegression(max_iter=3000, C=1.0), wide),
        ("random forest", RandomForestClassifier(400, n_jobs=1, random_state=1), dense),
        ("gradient boosting", HistGradientBoostingClassifier(random_state=1), dense),
        ("naive Bayes", make_pipeline(ComplementNB()), sparse),
        ("nearest neighbours", KNeighborsClassifier(25), dense),
    ]
    best = 0.0
    for name, model, features in asked:
        model.fit(features[train], labels[train])
        area = roc_auc_score(labels[test], model.predict_proba(features[test])[:, 1])
        best = max(best, area)
        print(f"{name:22} AUC {area:.3f}")
    print(f"best of five: {best:.3f}, {len(canaries)} canaries among {options.rows} customers; limit {options.limit}")
    sys.exit(best > options.limit)


if __name__ == "__main__":
    main()
