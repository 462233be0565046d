"""Invented names, dates and numbers as Chinese reports write them."""

from __future__ import annotations

import random

Pools = dict[str, list[str]]
DIGITS = "〇一二三四五六七八九"
TITLES = ("主任", "医生", "教授", "大夫")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def make(category: str, form: str, pools: Pools, rng: random.Random) -> str:
    """One value of a category in the wanted form, or in any."""
    return MAKERS[category](form, pools, rng)


def _name(form: str, pools: Pools, rng: random.Random) -> str:
    surname = rng.choice(pools["surname"])
    if form == "surname":
        return surname
    given = rng.choice(pools["given"])
    if len(surname + given) == 2 and rng.random() < 0.1:
        return f"{surname} {given}"
    return surname + given


def _date(form: str, pools: Pools, rng: random.Random) -> str:
    year, month, day = rng.randint(1936, 2024), rng.randint(1, 12), rng.randint(1, 28)
    if form == "month":
        return rng.choice((f"{year}年{month}月", f"{year}-{month:02}", f"{year}.{month:02}"))
    if form == "short":
        return rng.choice((f"{month}月{day}日", f"{month}月{day}号", f"{month:02}-{day:02}"))
    if rng.random() < 0.05:
        return f"{''.join(DIGITS[int(d)] for d in str(year))}年{_chinese(month)}月{_chinese(day)}日"
    return rng.choice(
        (
            f"{year}年{month}月{day}日", f"{year}-{month:02}-{day:02}", f"{year}/{month}/{day}",
            f"{year}.{month:02}.{day:02}", f"{year}{month:02}{day:02}", f"{year} 年 {month} 月 {day} 日",
            f"{year}年{month:02}月{day:02}日", f"{year}-{month}-{day}",
        )
    )  # fmt: skip


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{DIGITS[tens]}十") + (DIGITS[ones] if ones else "")


def _time(form: str, pools: Pools, rng: random.Random) -> str:
    hour, minute, second = rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)
    half = "上午" if hour < 12 else "下午"
    return rng.choice(
        (
            f"{hour:02}:{minute:02}", f"{hour:02}:{minute:02}:{second:02}", f"{hour}时{minute}分",
            f"{half}{(hour % 12) or 12}点{minute}分", f"{hour:02}：{minute:02}", f"{half}{(hour % 12) or 12}时",
        )
    )  # fmt: skip


def _age(form: str, pools: Pools, rng: random.Random) -> str:
    return str(rng.choice((90, 91, 92, 93, 94, 95, 97, 99, 101)))


def _telephone(form: str, pools: Pools, rng: random.Random) -> str:
    mobile = f"1{rng.choice((38, 39, 50, 77, 86, 99))}{rng.randint(10000000, 99999999)}"
    spaced = f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}"
    dashed = f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}"
    line = rng.choice((f"027-{rng.randint(80000000, 89999999)}", f"(010){rng.randint(60000000, 69999999)}"))
    return rng.choice((mobile, mobile, spaced, dashed, line, f"0713-{rng.randint(8000000, 8999999)}"))


def _identity(form: str, pools: Pools, rng: random.Random) -> str:
    region = rng.choice(("420106", "110108", "440305", "310104", "510107"))
    day = f"{rng.randint(1936, 2010)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    if rng.random() < 0.1:
        return f"{region}{day[2:]}{rng.randint(100, 999)}"
    body = f"{region}{day}{rng.randint(100, 999)}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


def _record(form: str, pools: Pools, rng: random.Random) -> str:
    if form == "bed":
        return str(rng.randint(1, 60))
    number = rng.randint(100000, 99999999)
    if form == "accession":
        return rng.choice((f"DR{number:08}", f"X{number}", f"{number}", f"20{rng.randint(10, 24)}{number:08}"))
    return rng.choice((f"{number}", f"{number:010}", f"ZY{number:08}", f"{number}-{rng.randint(1, 9)}"))


def _address(form: str, pools: Pools, rng: random.Random) -> str:
    if form == "city":
        return rng.choice(pools["city"])
    street = rng.choice(pools["street"])
    number = f"{rng.randint(1, 9)}组" if street.endswith("村") else f"{rng.randint(1, 1999)}号"
    flat = rng.choice(("", "", f"{rng.randint(1, 30)}栋{rng.randint(1, 4)}单元{rng.randint(101, 3204)}室"))
    return f"{rng.choice(pools['place'])}{street}{number}{flat}"


def _hospital(form: str, pools: Pools, rng: random.Random) -> str:
    return rng.choice(pools["hospital"])


def _contact(form: str, pools: Pools, rng: random.Random) -> str:
    name = rng.choice(("zhangw", "lina", "fsk", "yxzx")) + str(rng.randint(1, 9999))
    if form == "url":
        return f"www.{name}.com.cn"
    if form == "wechat":
        return f"{name}_wx"
    if form == "qq":
        return str(rng.randint(10000000, 999999999))
    return f"{name}@{rng.choice(('163.com', 'qq.com', 'hospital.cn'))}"


def _young(form: str, pools: Pools, rng: random.Random) -> str:
    return str(rng.randint(18, 89))


def _title(form: str, pools: Pools, rng: random.Random) -> str:
    return rng.choice(TITLES)


MAKERS = {
    "name": _name, "date": _date, "time": _time, "age": _age, "telephone": _telephone, "identity": _identity,
    "record": _record, "address": _address, "hospital": _hospital, "contact": _contact, "young": _young,
    "title": _title,
}  # fmt: skip
