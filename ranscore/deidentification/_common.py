# ruff: noqa: E501 -- a rule is read best on one line
"""Rules for what is written alike in every language: numerals of dates, times, telephones, cards, numbers, addresses."""

from __future__ import annotations

import re
from datetime import date

from ranscore.deidentification._rules import Rule

_CJK = r"\u3400-\u9fff"
_LATIN_EDGE = r"(?<![A-Za-z0-9])"
_CLOSE = r"(?![A-Za-z0-9])"
_CLINICAL_BEFORE = re.compile(
    r"\b(?:grade|stage|ribs?|levels?|[tlcs]|murmur|scale|score|zones?|lead|fr|type)[\s.]*$", re.IGNORECASE
)

_PLACE_OF_IMAGE = re.compile(r"(?:images?|im|series|slices?|ratio|pitch|se|i:e|[图序列比])\W{0,2}$", re.IGNORECASE)


def _is_day(match: re.Match[str]) -> bool:
    """True where the numbers are a day of a calendar in one of the usual orders."""
    a, b, c = (int(n) for n in re.findall(r"\d+", match["it"])[:3])
    if a > 99:
        return _exists(a, b, c)
    year = c if c > 99 else 2000 + c
    return _exists(year, a, b) or _exists(year, b, a)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _is_month_and_day(match: re.Match[str]) -> bool:
    a, b = (int(n) for n in re.findall(r"\d+", match["it"])[:2])
    before = match.string[max(0, match.start("it") - 12) : match.start("it")]
    return (_exists(2000, a, b) or _exists(2000, b, a)) and not _CLINICAL_BEFORE.search(before)


def whole_word(word: str) -> Rule:
    """A rule for one word where it stands alone; a Chinese one anywhere."""
    latin = word[0].isascii() and word[-1].isascii()
    pattern = rf"{_LATIN_EDGE}{re.escape(word)}{_CLOSE}" if latin else re.escape(word)
    return Rule("known", "name", re.compile(pattern))


def name_words(name: str) -> list[str]:
    """The words of a name that stand for the person elsewhere too: no initials, no title, no short Chinese part."""
    if re.search(f"[{_CJK}]", name):
        return [name] if len(name) >= 3 else []
    return [w for w in re.findall(r"[A-Za-z][A-Za-z'’-]+", name) if len(w) >= 4 and not w.islower()]


RULES = (
    Rule(
        "day, year first",
        "date",
        re.compile(r"(?<!\d)(?<!\d\.)(?P<it>(?:19|20)\d{2}([-/.])\d{1,2}\2\d{1,2})(?!\d(?!\d[:：时]|[:：时]))"),
        fits=_is_day,
    ),
    Rule(
        "day, year last",
        "date",
        re.compile(
            r"(?<![\d./-])(?P<it>\d{1,2}([-/])\d{1,2}\2(?:(?:19|20)\d{2}|\d{2})|\d{1,2}\.\d{1,2}\.(?:19|20)\d{2})(?![\d/]|-\d)"
        ),
        fits=_is_day,
    ),
    Rule(
        "day in eight digits",
        "date",
        re.compile(
            r"(?<![A-Za-z\d])(?<!\d\.)(?P<it>(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?![A-Za-z]|\d(?!\d?[:：时])|\.\d)"
        ),
    ),
    Rule(
        "month and year",
        "date",
        re.compile(r"(?<![\d/.-])(?P<it>(?:0?[1-9]|1[0-2])/(?:19|20)\d{2})(?![\d/-]|\.\d)"),
    ),
    Rule(
        "month and day after a word for it",
        "date",
        re.compile(
            r"\b(?:on|dated?|since|from|until|through|by|compared (?:to|with)|(?:stud(?:y|ies)|films?|radiographs?|exam(?:ination)?s?|CTs?|x-?rays?|images?|scans?) (?:of|from))"
            r"[\s:]+(?P<it>\d{1,2}[/-]\d{1,2})(?![\d/-]|\.\d|\s?(?:ribs?|lumens?|murmur|strength|cm|mm|weeks?|months?|days?|hours?|images?\b|im\b|series|slices?))",
            re.IGNORECASE,
        ),
        fits=_is_month_and_day,
    ),
    Rule(
        "month and day after an examination",
        "date",
        re.compile(
            r"\b(?:comparisons?|prior|previous|exam(?:ination)?|study|radiographs?|films?|x-?rays?|CT|MRI|scan|recent|and|at)\b[\s:,(;]+"
            r"(?P<it>\d{1,2}/\d{1,2})(?![\d/-]|\.\d|\s?(?:ribs?|lumens?|murmur|cm|mm))",
            re.IGNORECASE,
        ),
        sure=False,
        fits=_is_month_and_day,
    ),
    Rule(
        "month and day in a list of days",
        "date",
        re.compile(r"(?:[-/]\d{1,4}|\b\d{8})(?:,| and|, and) (?P<it>\d{1,2}/\d{1,2})(?![\d/-]|\.\d)"),
        sure=False,
        fits=_is_month_and_day,
    ),
    Rule(
        "month and day before a time",
        "date",
        re.compile(r"(?<![\d/.-])(?P<it>\d{1,2}/\d{1,2})(?= (?:at )?\d{1,2}:\d{2})"),
        fits=_is_month_and_day,
    ),
    Rule(
        "time run together with a day",
        "time",
        re.compile(
            r"(?:(?:19|20)\d{2}([-/.])\d{1,2}\1\d{1,2}|(?:19|20)\d{6})(?P<it>\d{1,2}(?:[:：]\d{2}(?:[:：]\d{2})?|时(?:\d{1,2}分)?))(?!\d)"
        ),
    ),
    Rule(
        "time of day",
        "time",
        re.compile(
            r"(?<![\d.])(?<!\d:)(?P<it>(?:[01]?\d|2[0-3])[:：][0-5]\d(?:[:：][0-5]\d)?(?:\s?[ap]\.?m\b\.?)?|"
            r"(?:1[0-2]|0?[1-9])\s?[ap]\.?m\b\.?|(?:[01]\d|2[0-3])[0-5]\d\s?(?:hours|hrs|h)\b)(?!\d)",
            re.IGNORECASE,
        ),
        fits=lambda m: not _PLACE_OF_IMAGE.search(m.string[max(0, m.start("it") - 12) : m.start("it")]),
    ),
    Rule(
        "telephone",
        "telephone",
        re.compile(
            r"(?<![\d-])(?P<it>(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?:,?\s?(?:x|ext\.?)\s?\d{1,6})?)(?![\d-])",
            re.IGNORECASE,
        ),
    ),
    Rule(
        "telephone after a word for it",
        "telephone",
        re.compile(
            r"(?:\b(?:phone|telephone|tel|fax|pager?|paging|beeper|beep|bleep|cell|mobile|extension|ext|call(?:ed)? (?:at|back at))\b|电话|手机|传真|联系方式|分机|热线)"
            r"(?:\s?(?:number|no\.?|号码?|#))?[\s.:：#]*(?P<it>\+?\(?\d[\d() .-]{2,17}\d)",
            re.IGNORECASE,
        ),
    ),
    Rule(
        "mobile telephone",
        "telephone",
        re.compile(r"(?<![\dA-Za-z])(?P<it>(?:\+?86[ -]?)?1[3-9]\d(?:\d{8}|[- ]\d{4}[- ]\d{4}))(?!\d)"),
    ),
    Rule(
        "telephone with area",
        "telephone",
        re.compile(r"(?<![\d.-])(?P<it>\(?0\d{2,3}\)?[-— ]?[2-9]\d{6,7})(?!\d|\.\d)"),
    ),
    Rule(
        "identity card",
        "identity card",
        re.compile(
            r"(?<![\dA-Za-z])(?P<it>[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx])(?![\dA-Za-z])"
        ),
    ),
    Rule("social security number", "identity card", re.compile(r"(?<![\d-])(?P<it>\d{3}-\d{2}-\d{4})(?![\d-])")),
    Rule(
        "card after a word for it",
        "identity card",
        re.compile(
            r"(?:\b(?:SSN|social security|passport|driver'?s licen[sc]e|identity card)\b|身份证|护照|证件|军官证|医保卡?|社保卡?)"
            r"(?:\s?(?:number|no\.?|号码?|#))?[\s.:：#]*(?P<it>[A-Za-z]{0,3}\d[\dA-Za-z*-]{4,})",
            re.IGNORECASE,
        ),
    ),
    Rule("mail address", "contact", re.compile(r"(?P<it>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)", re.ASCII)),
    Rule(
        "messenger",
        "contact",
        re.compile(
            r"(?:微信|QQ|微博|WeChat|企鹅|VX|Skype|Telegram)(?:群|公众号|号码|号|ID)?[\s:：]*(?P<it>[A-Za-z0-9][\w.-]{4,30})",
            re.IGNORECASE | re.ASCII,
        ),
    ),
    Rule("web address", "contact", re.compile(r"(?P<it>(?:https?://|www\.)[^\s,;，；。]+)", re.IGNORECASE)),
    Rule(
        "address of a machine",
        "contact",
        re.compile(r"(?<![\d.])(?P<it>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\d.])"),
    ),
    Rule(
        "many digits", "record number", re.compile(r"(?<![\d.A-Za-z-])(?P<it>\d{7,})(?![\d.]|\s?(?:cm|mm))"), sure=False
    ),
    Rule(
        "letters and digits", "record number", re.compile(r"(?<![\w.-])(?P<it>[A-Z]{1,4}-?\d{6,})(?![\w.])"), sure=False
    ),
)
