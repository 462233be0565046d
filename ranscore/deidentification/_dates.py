"""Dates moved by a number of days, in the form in which they are written."""

from __future__ import annotations

import re
from datetime import date, timedelta

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DIGITS = "〇一二三四五六七八九"
_MIDDLE = 15  # the day taken where a date names none
_LEAP = 2000  # the year taken where a date names none


def shift_dates(written: str, days: int) -> str | None:
    """A date that stands alone, moved back by `days` and written as it was; None for one that cannot be read."""
    for read in (_numbers, _words, _characters):
        moved = read(written, days)
        if moved is not None:
            return moved
    return None


def _moved(year: int, month: int, day: int, days: int) -> date | None:
    try:
        return date(year, month, day) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _numbers(written: str, days: int) -> str | None:
    """`2019-03-04`, `3/4/19`, `04.03.2019`, `20190304`, `3/4`, `2019年3月4日`, `3月4日`, `2019年3月`."""
    if re.fullmatch(r"\d{8}", written):
        moved = _moved(int(written[:4]), int(written[4:6]), int(written[6:]), days)
        return f"{moved:%Y%m%d}" if moved else None
    fields = list(re.finditer(r"\d+", written))
    if re.search(r"[A-Za-z]", written) or not 2 <= len(fields) <= 3 or len(fields[0][0]) > 4:
        return None
    for order in _orders(written, [m[0] for m in fields]):
        parts = dict(zip(order, (int(m[0]) for m in fields), strict=True))
        year = parts.get("year", _LEAP)
        moved = _moved(year + 2000 if year < 100 else year, parts["month"], parts.get("day", _MIDDLE), days)
        if moved:
            padded = any(m[0].startswith("0") for m in fields) or (order[0] == "year" and "月" not in written)
            return _refill(
                written, fields, [_as_written(moved, part, m[0], padded) for part, m in zip(order, fields, strict=True)]
            )
    return None


def _orders(written: str, fields: list[str]) -> list[tuple[str, ...]]:
    if "月" in written:
        named = [part for sign, part in (("年", "year"), ("月", "month")) if sign in written]
        return [(*named, "day")[: len(fields)]]
    if len(fields) == 2 and 4 in map(len, fields):
        return [("year", "month") if len(fields[0]) == 4 else ("month", "year")]
    if len(fields) == 2:
        return [("month", "day"), ("day", "month")]
    return [("year", "month", "day")] if len(fields[0]) == 4 else [("month", "day", "year"), ("day", "month", "year")]


def _as_written(moved: date, part: str, old: str, padded: bool = False) -> str:
    value = getattr(moved, part)
    if part == "year":
        return str(value)[-len(old) :]
    return str(value).zfill(2) if padded else str(value)


def _refill(written: str, fields: list[re.Match[str]], values: list[str]) -> str:
    text, at = "", 0
    for field, value in zip(fields, values, strict=True):
        text += written[at : field.start()] + value
        at = field.end()
    return text + written[at:]


def _words(written: str, days: int) -> str | None:
    """`March 4, 2019`, `4th of Mar 2019`, `Mar 4`, `March 2019`."""
    word = re.search(r"[A-Za-z]{3,}", written)
    month = word and next((i for i, m in enumerate(_MONTHS, 1) if m.startswith(word[0].lower()[:3])), None)
    if not word or not month:
        return None
    numbers = list(re.finditer(r"(\d+)(st|nd|rd|th)?", written, re.IGNORECASE))
    parts = {"year" if len(m[1]) == 4 or (i and len(numbers) == 2) else "day": m for i, m in enumerate(numbers)}
    year = int(parts["year"][1]) if "year" in parts else _LEAP
    moved = _moved(
        year + 2000 if year < 100 else year, month, int(parts["day"][1]) if "day" in parts else _MIDDLE, days
    )
    if moved is None:
        return None
    dashed = "-" in written
    found = [(m.span(), _number_as(moved, part, m, dashed)) for part, m in parts.items()]
    found.append((word.span(), _month_as(moved.month, word[0], dashed)))
    for (start, end), value in sorted(found, reverse=True):
        written = written[:start] + value + written[end:]
    return written


def _number_as(moved: date, part: str, old: re.Match[str], dashed: bool) -> str:
    value = _as_written(moved, part, old[1], dashed or old[1].startswith("0"))
    if not old[2]:
        return value
    number = int(value)
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return value + (ending.upper() if old[2].isupper() else ending)


def _month_as(month: int, old: str, dashed: bool) -> str:
    name = _MONTHS[month - 1]
    whole = old.lower() in _MONTHS and not (dashed and len(old) == 3)
    name = name if whole else name[:3]
    return name.upper() if old.isupper() else name.capitalize() if old[0].isupper() else name


def _characters(written: str, days: int) -> str | None:
    """`二〇一九年三月四日`."""
    found = re.fullmatch(
        r"(?:([〇零○一二三四五六七八九]{4})年)?([一二三四五六七八九十]{1,3})月(?:([一二三四五六七八九十]{1,3})([日号]))?",
        written,
    )
    if not found:
        return None
    year = (
        int("".join(str(_DIGITS.index(c.replace("零", "〇").replace("○", "〇"))) for c in found[1]))
        if found[1]
        else _LEAP
    )
    moved = _moved(year, _count(found[2]), _count(found[3]) if found[3] else _MIDDLE, days)
    if moved is None:
        return None
    text = "".join(_DIGITS[int(c)] for c in str(moved.year)) + "年" if found[1] else ""
    return text + _count_as(moved.month) + "月" + (_count_as(moved.day) + found[4] if found[3] else "")


def _count(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    value = (_DIGITS.index(tens) if tens else 1) * 10 if ten else 0
    return value + (_DIGITS.index(ones) if ones else 0)


def _count_as(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if not tens else "十" if tens == 1 else _DIGITS[tens] + "十") + (_DIGITS[ones] if ones else "")
