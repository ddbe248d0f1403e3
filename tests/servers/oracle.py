"""Answers for each line `KIND<tab>TEXT` whether python-stdnum or phonenumbers holds it for valid: `1`, or `0` and why."""

import sys

import phonenumbers
from stdnum import bitcoin, iban, luhn
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidComponent, InvalidFormat, InvalidLength, ValidationError
from stdnum.ru import inn
from stdnum.us import ssn
from stdnum.util import clean


def pan(text):
    digits = clean(text, " -").strip()
    if not digits.isdigit():
        raise InvalidFormat()
    if not 12 <= len(digits) <= 19:
        raise InvalidLength()
    luhn.validate(digits)


def resident_id(text):
    try:
        ric.validate(text)
    except KeyError:
        # A province without a county: its list of places has no answer.
        raise InvalidComponent()


def phone(text):
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise InvalidFormat()
    if not phonenumbers.is_valid_number(number):
        raise InvalidLength()


CHECKS = {
    "pan": pan,
    # The registry's rules: what single countries check inside their account numbers is not asked.
    "iban": lambda text: iban.validate(text, check_country=False),
    "resident_id": resident_id,
    "uscc": uscc.validate,
    "ssn": ssn.validate,
    "inn": inn.validate,
    "btc": bitcoin.validate,
    "phone": phone,
}

for line in sys.stdin:
    kind, text = line.rstrip("\n").split("\t")
    try:
        CHECKS[kind](text)
        print("1")
    except ValidationError as error:
        print("0", type(error).__name__)
