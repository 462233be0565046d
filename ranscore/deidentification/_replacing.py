"""A report without what identifies somebody: marks in place of names, moved dates, a list of what was replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ranscore.deidentification._dates import shift_dates
from ranscore.deidentification._keys import Key
from ranscore.deidentification._spans import Span, find_spans

_CJK = re.compile(r"[\u3400-\u9fff]")
_MARKS = {
    "name": ("NAME", "姓名"), "hospital": ("HOSPITAL", "医院"), "record number": ("NUMBER", "编号"),
    "identity card": ("CARD", "证件"), "telephone": ("TELEPHONE", "电话"), "address": ("ADDRESS", "地址"),
    "contact": ("CONTACT", "联系方式"), "time": ("TIME", "时间"), "date": ("DATE", "日期"),
}  # fmt: skip
_STABLE = ("name", "hospital", "record number", "identity card")


@dataclass(frozen=True)
class Deidentified:
    """The text after replacement; `spans` are places in the text before, `surrogates` what stands there now.

    `left` are the doubtful places that were kept.
    """

    text: str
    spans: tuple[Span, ...]
    surrogates: tuple[str, ...]
    left: tuple[Span, ...] = ()


def deidentify(
    text: str, key: Key, patient: str, *, known: Sequence[str] = (), keep_doubtful: bool = False
) -> Deidentified:
    """A text without identifying spans; the same name gets the same mark everywhere under one key.

    All dates of one `patient` move back by the same number of days, so that intervals stay. Ages over 89 become `90+`.
    Doubtful spans are replaced too, unless `keep_doubtful`.
    """
    found = find_spans(text, known)
    chosen = [s for s in found if s.sure or not keep_doubtful]
    surrogates = [_surrogate(s, text, key, patient) for s in chosen]
    for span, surrogate in reversed(list(zip(chosen, surrogates, strict=True))):
        text = text[: span.start] + surrogate + text[span.end :]
    return Deidentified(text, tuple(chosen), tuple(surrogates), tuple(s for s in found if s not in chosen))


def _surrogate(span: Span, text: str, key: Key, patient: str) -> str:
    value = text[span.start : span.end]
    if span.category == "age":
        return "90+"
    if span.category == "date" and (moved := shift_dates(value, key.days(patient))) is not None:
        return moved
    english, chinese = _MARKS[span.category]
    around = text[max(0, span.start - 6) : span.end + 6]
    mark = f"-{key.mark(span.category, value)}" if span.category in _STABLE else ""
    return f"【{chinese}{mark}】" if _CJK.search(around) else f"[{english}{mark}]"
