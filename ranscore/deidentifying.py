"""A table of reports without what identifies patients: marks for ids and names, moved dates, a list to look at."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ranscore import catalog
from ranscore.deidentification import Key, Span, deidentify, shift_dates
from ranscore.errors import InputError, UnknownNameError
from ranscore.readers import read_table, rows_of

FORMATS = (".csv", ".jsonl")
IDS = ("report_id", "id", "uid", "study_id", "example_id", "dicom_id", "image_id", "accession", "检查号", "报告号")
PATIENTS = ("patient_id", "subject_id", "patient", "住院号", "病人id", "患者id")
NAMES = (
    "name",
    "patient_name",
    "patientname",
    "姓名",
    "患者姓名",
    "physician",
    "radiologist",
    "referring_physician",
    "报告医师",
    "审核医师",
)
TEXTS = (
    "report", "text", "findings", "impression", "indication", "comparison", "technique", "history", "conclusion",
    "影像所见", "检查所见", "诊断意见", "印象", "临床诊断", "报告",
)  # fmt: skip
DATES = ("date", "study_date", "studydate", "exam_date", "birth_date", "dob", "检查日期", "报告日期", "出生日期")
AGES = ("age", "patient_age", "年龄")
KEPT = ("language", "sex", "gender", "patientsex", "view", "split", "性别")
OLDEST = 89
SecondOpinion = Callable[[str], Iterator[tuple[int, int, str]]]


@dataclass(frozen=True)
class Replacement:
    """One replaced or doubtful place: `text` is what stood there, so this row is as private as the reports."""

    row: str
    column: str
    start: int
    end: int
    category: str
    rule: str
    sure: bool
    text: str
    surrogate: str


@dataclass(frozen=True)
class Cleaned:
    """The de-identified rows, what was replaced in their texts, and the columns that were left out."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    replacements: tuple[Replacement, ...]
    left_out: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Replaced places by category."""
        return dict(Counter(r.category for r in self.replacements if r.surrogate))

    def doubtful(self) -> tuple[Replacement, ...]:
        """What a person should look at."""
        return tuple(r for r in self.replacements if not r.sure)


def check_places(reports: Path, output: Path, review: Path | None) -> None:
    """Raises InputError where the output would replace the reports, or lie beside the list of what was taken out."""
    if output.resolve() == reports.resolve():
        raise InputError(f"{output}: is the table of the reports itself; expected another file (-o).")
    if review is not None and review.resolve().parent == output.resolve().parent:
        raise InputError(
            f"{review}: the list holds what was taken out and would lie in the folder of {output.name}; expected "
            "another folder, one that is not passed on (--review)."
        )


def clean_table(
    path: Path,
    key: Key,
    *,
    reader: str | None = None,
    keep: tuple[str, ...] = (),
    keep_doubtful: bool = False,
    second_opinion: SecondOpinion | None = None,
) -> Cleaned:
    """The table with marks for ids, cleaned texts, moved dates, ages over 89 as `90+`, and no column that is unknown.

    Columns of findings stay; `keep` names others that hold nothing that identifies. Names in a column of names are
    looked for in the row's texts. `second_opinion` gives places (start, end, what) that go to the doubtful ones. Raises
    InputError for a table without an id or a text, one that this key made, or where two ids get one mark.
    """
    table = read_table(path, reader)
    roles = _roles([str(c) for c in table.columns], keep, path)
    ids = [c for c, role in roles.items() if role == "id"]
    _check_ids({c: [str(v) for v in table[c]] for c in ids}, key, path)
    cleaner = _Cleaner(key, roles, keep_doubtful, second_opinion)
    rows, replaced = [], []
    for place, row in rows_of(table):
        cleaned, places = cleaner.clean(place, row)
        rows.append(cleaned)
        replaced += places
    for column in ids:
        before, after = {str(v) for v in table[column]}, {r[column] for r in rows}
        if len(before) != len(after):
            raise InputError(f"{path}: two values of {column!r} get one mark under this key; take another key.")
    kept = tuple(c for c, role in roles.items() if role not in ("name", ""))
    left = tuple(c for c, role in roles.items() if role in ("name", ""))
    return Cleaned(kept, tuple(rows), tuple(replaced), left)


def _check_ids(values: Mapping[str, list[str]], key: Key, path: Path) -> None:
    done = [c for c, ids in values.items() if ids and all(key.made(v) for v in ids)]
    if done:
        raise InputError(
            f"{path}: the values of {done[0]!r} are marks of this key, so the table was de-identified before; "
            "expected the table of the reports as they came, since its dates would be moved twice."
        )


def _roles(columns: list[str], keep: tuple[str, ...], path: Path) -> dict[str, str]:
    """What each column is, "" for one that is left out."""
    unknown = [c for c in keep if c not in columns]
    if unknown:
        raise InputError(f"{path}: --keep names {', '.join(unknown)}; columns there: {', '.join(columns)}.")
    roles = {c: "keep" if c in keep else _role(c) for c in columns}
    for wanted, names in (("id", IDS), ("text", TEXTS)):
        if wanted not in roles.values():
            raise InputError(
                f"{path}: found the columns {', '.join(columns)}, expected one of {', '.join(names)} "
                f"with the reports' {'ids' if wanted == 'id' else 'text'}; rename it."
            )
    return roles


def _role(column: str) -> str:
    name = column.strip().casefold()
    found = {"id": IDS, "patient": PATIENTS, "name": NAMES, "text": TEXTS, "date": DATES, "age": AGES, "keep": KEPT}
    for role, names in found.items():
        if name in names:
            return role
    try:
        catalog.finding_id(column)
    except UnknownNameError:
        return ""
    return "keep"


@dataclass(frozen=True)
class _Cleaner:
    key: Key
    roles: Mapping[str, str]
    keep_doubtful: bool
    second_opinion: SecondOpinion | None

    def clean(self, place: str, row: Mapping[str, str]) -> tuple[dict[str, str], list[Replacement]]:
        """One row cleaned, and what was replaced in it."""
        patient = next((row[c] for c, r in self.roles.items() if r == "patient" and row[c]), "")
        patient = patient or next(row[c] for c, r in self.roles.items() if r == "id")
        known = tuple(row[c] for c, r in self.roles.items() if r in ("name", "patient") and row[c].strip())
        cleaned: dict[str, str] = {}
        places: list[Replacement] = []
        for column, role in self.roles.items():
            value = row[column]
            if role in ("id", "patient"):
                cleaned[column] = self.key.id_mark(role, value) if value.strip() else ""
            elif role == "date":
                cleaned[column] = self._day(value, patient)
                if value.strip() and not cleaned[column]:
                    places.append(_unread(place, column, value))
            elif role == "age":
                cleaned[column] = "90+" if _years(value) > OLDEST else value
            elif role == "keep":
                cleaned[column] = value
            elif role == "text":
                cleaned[column], found = self._text(place, column, value, patient, known)
                places += found
        return cleaned, places

    def _day(self, value: str, patient: str) -> str:
        """A moved date, without the time of day behind it; empty where it cannot be read."""
        day = re.sub(r"[T ]\d{1,2}:\d{2}.*$", "", value.strip())
        return shift_dates(day, self.key.days(patient)) or "" if day else ""

    def _text(
        self, place: str, column: str, text: str, patient: str, known: tuple[str, ...]
    ) -> tuple[str, list[Replacement]]:
        done = deidentify(text, self.key, patient, known=known, keep_doubtful=self.keep_doubtful)
        pairs: list[tuple[Span, str]] = list(zip(done.spans, done.surrogates, strict=True))
        found = [
            Replacement(place, column, s.start, s.end, s.category, s.rule, s.sure, text[s.start : s.end], surrogate)
            for s, surrogate in [*pairs, *((s, "") for s in done.left)]
        ]
        for start, end, what in self.second_opinion(text) if self.second_opinion else ():
            if not any(start < s.end and s.start < end for s in (*done.spans, *done.left)):
                found.append(Replacement(place, column, start, end, what, "second opinion", False, text[start:end], ""))
        return done.text, found


def _unread(place: str, column: str, value: str) -> Replacement:
    return Replacement(place, column, 0, len(value), "date", "date that cannot be read", False, value, "")


def _years(value: str) -> float:
    """Years of an age as tables write it: `95`, `095Y`, `95岁`, `100 days`."""
    found = re.match(r"\s*(\d+(?:\.\d+)?)\s*(.?)", value)
    return float(found[1]) if found and found[2].upper() not in ("M", "W", "D", "月", "周", "天", "日") else 0


def encode_rows(columns: tuple[str, ...], rows: tuple[dict[str, str], ...], suffix: str) -> bytes:
    """The rows as CSV or JSONL."""
    if suffix == ".jsonl":
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode("utf-8")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def review_rows(done: Cleaned) -> bytes:
    """The list for a second look as CSV, the doubtful places first; it holds what was taken out."""
    fields = ("row", "column", "start", "end", "category", "rule", "sure", "text", "surrogate")
    ordered = sorted(done.replacements, key=lambda r: r.sure)
    rows = [{f: _harmless(str(getattr(r, f))) for f in fields} for r in ordered]
    return encode_rows(fields, tuple(rows), ".csv")


def _harmless(value: str) -> str:
    """A cell that a spreadsheet takes as text."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
