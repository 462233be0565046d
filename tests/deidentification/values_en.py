"""Invented names, dates and numbers as English reports write them."""

from __future__ import annotations

import random

Pools = dict[str, list[str]]
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
ABBREVIATIONS = ("MGH", "BIDMC", "UCSF", "NYU Langone", "OSH-Tufts")
STATES_OF_PHONE = ("({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "+1 {a} {b} {c}", "1-{a}-{b}-{c}", "{a}{b}{c}")


def make(category: str, form: str, pools: Pools, rng: random.Random) -> str:
    """One value of a category in the wanted form, or in any."""
    return MAKERS[category](form, pools, rng)


def _name(form: str, pools: Pools, rng: random.Random) -> str:
    first, last = rng.choice(pools["first"]), rng.choice(pools["last"])
    middle = rng.choice("ABCDEGHJKLMRSTW")
    if form == "last":
        return last
    if form == "first":
        return first
    if form == "first_last":
        return f"{first} {last}"
    if form == "initialled":
        return f"{first[0]}. {last}"
    if form == "comma":
        made = rng.choice((f"{last}, {first}", f"{last}, {first} {middle}", f"{last},{first}", f"{last}^{first}"))
        return made.upper() if rng.random() < 0.4 or "^" in made else made
    made = rng.choices((f"{first} {last}", f"{first} {middle}. {last}", f"{first[0]}. {middle}. {last}"), (6, 3, 1))[0]
    return made.upper() if rng.random() < 0.1 else made


def _date(form: str, pools: Pools, rng: random.Random) -> str:
    year, month, day = rng.randint(1936, 2024), rng.randint(1, 12), rng.randint(1, 28)
    word = MONTHS[month - 1]
    if form == "month":
        return rng.choice((f"{word} {year}", f"{word[:3]} {year}", f"{month:02}/{year}"))
    if form == "short":
        ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
        return rng.choice((f"{month}/{day}", f"{word} {day}", f"{word[:3]} {day}{ending}", f"{day} {word}"))
    return rng.choice(
        (
            f"{month:02}/{day:02}/{year}", f"{month}/{day}/{year % 100:02}", f"{year}-{month:02}-{day:02}",
            f"{word} {day}, {year}", f"{day} {word[:3]} {year}", f"{day:02}-{word[:3].upper()}-{year}",
            f"{day:02}.{month:02}.{year}", f"{word[:3]}. {day}, {year}", f"{year}/{month:02}/{day:02}",
            f"{month}-{day}-{year}", f"{year}{month:02}{day:02}", f"{day} {word} {year}",
        )
    )  # fmt: skip


def _time(form: str, pools: Pools, rng: random.Random) -> str:
    hour, minute, second = rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)
    half, noon = (hour % 12) or 12, "AM" if hour < 12 else "PM"
    return rng.choice(
        (
            f"{hour:02}:{minute:02}", f"{half}:{minute:02} {noon}", f"{half}:{minute:02}{noon.lower()}",
            f"{hour:02}:{minute:02}:{second:02}", f"{half}:{minute:02} {noon[0].lower()}.m.",
            f"{hour:02}{minute:02} hours", f"{half} {noon.lower()}",
        )
    )  # fmt: skip


def _age(form: str, pools: Pools, rng: random.Random) -> str:
    return str(rng.choice((90, 91, 92, 93, 94, 95, 97, 99, 101, 103)))


def _telephone(form: str, pools: Pools, rng: random.Random) -> str:
    if form == "pager":
        return str(rng.randint(10000, 99999))
    if form == "extension":
        return str(rng.randint(1000, 9999))
    a, b, c = rng.randint(201, 989), rng.randint(200, 999), rng.randint(1000, 9999)
    return rng.choice(STATES_OF_PHONE[:5]).format(a=a, b=b, c=c)


def _identity(form: str, pools: Pools, rng: random.Random) -> str:
    if form == "nhs":
        return f"{rng.randint(400, 999)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}"
    if form == "passport":
        return f"{rng.choice('ACEX')}{rng.randint(10000000, 99999999)}"
    return f"{rng.randint(100, 799)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def _record(form: str, pools: Pools, rng: random.Random) -> str:
    if form == "bed":
        return str(rng.randint(1, 60))
    number = rng.randint(1000000, 99999999)
    if form == "accession":
        return rng.choice((f"CR-{rng.randint(10, 24)}-{number:08}", f"A{number}", f"{number}", f"RAD{number}-1"))
    return rng.choice((f"{number}", f"{number:09}", f"{number // 10000:04}-{number % 10000:04}", f"E{number}"))


def _address(form: str, pools: Pools, rng: random.Random) -> str:
    city = rng.choice(pools["city"])
    if form == "city":
        return city
    flat = rng.choice(("", "", f", Apt {rng.randint(1, 40)}{rng.choice('ABC')}", f" #{rng.randint(2, 90)}"))
    return f"{rng.randint(1, 9800)} {rng.choice(pools['street'])}{flat}, {city}"


def _hospital(form: str, pools: Pools, rng: random.Random) -> str:
    return rng.choice(ABBREVIATIONS if form == "abbreviation" else pools["hospital"])


def _contact(form: str, pools: Pools, rng: random.Random) -> str:
    host = f"{rng.choice(('radiology', 'mail', 'imaging'))}.{rng.choice(('stmarys', 'mercy', 'lakeside'))}.org"
    if form == "url":
        return rng.choice((f"https://{host}/r/{rng.randint(1000, 99999)}", f"www.{host}"))
    first, last = rng.choice(pools["first"]).lower(), rng.choice(pools["last"]).lower()
    return f"{first[0]}{''.join(c for c in last if c.isascii() and c.isalpha())}@{host}"


def _young(form: str, pools: Pools, rng: random.Random) -> str:
    return str(rng.randint(18, 89))


MAKERS = {
    "name": _name, "date": _date, "time": _time, "age": _age, "telephone": _telephone, "identity": _identity,
    "record": _record, "address": _address, "hospital": _hospital, "contact": _contact, "young": _young,
}  # fmt: skip
