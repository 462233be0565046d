"""Example reports with known answers: which characters identify somebody, and which only look like it.

`examples(language, part, count)` draws reports from `templates/<language>_<part>.txt`; the parts share no template,
no name, no hospital and no place. The same seed gives the same reports.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.deidentification import values_en, values_zh

TEMPLATES = Path(__file__).parent / "templates"
PARTS = ("development", "second", "third", "test")
CATEGORIES = (
    "name", "date", "time", "age", "telephone", "identity", "record", "address", "hospital", "contact",
)  # fmt: skip
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
MAKERS = {"en": values_en.make, "zh": values_zh.make}


@dataclass(frozen=True)
class Answer:
    """Characters `start` to `end` of a report, which tell a `category`."""

    start: int
    end: int
    category: str


@dataclass(frozen=True)
class Example:
    """A report, and all that identifies somebody in it."""

    text: str
    answers: tuple[Answer, ...]


Piece = tuple[str, str]  # text, and the category of an answer or ""


def examples(language: str, part: str, count: int, seed: int = 20260101) -> list[Example]:
    """`count` reports of one part in one language."""
    sections, pools = _templates(language, part)
    rng = random.Random(f"{seed} {language} {part}")
    return [_example(language, sections, pools, rng) for _ in range(count)]


def _templates(language: str, part: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    sections: dict[str, list[str]] = {}
    pools: dict[str, list[str]] = {}
    title = ""
    for line in (TEMPLATES / f"{language}_{part}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            title = line[1:-1]
        elif line.startswith("#") or not line.strip():
            continue
        elif title.startswith("pool "):
            pools[title[5:]] = line.split("|") if "|" in line else line.split()
        else:
            sections.setdefault(title, []).append(line.replace("\\n", "\n").replace("\\t", "\t"))
    return sections, pools


def dressed(texts: Iterable[str], language: str, part: str, seed: int = 20260101) -> list[str]:
    """Reports between a header, a comparison, a communication and a signature that identify somebody."""
    sections, pools = _templates(language, part)
    rng = random.Random(f"{seed} dressed {language} {part}")
    made = []
    for text in texts:
        around = [
            "".join(value for value, _ in _filled(rng.choice(sections[section]), language, pools, rng))
            for section in ("header", "comparison", "communication", "signature")
        ]
        made.append("\n\n".join((*around[:2], text, *around[2:])))
    return made


HEADINGS = {
    "en": {
        "findings": ("FINDINGS:\n", "FINDINGS: ", "Findings: ", "FINDINGS :\n", ""),
        "impression": ("IMPRESSION:\n", "IMPRESSION: ", "Impression:\n", "CONCLUSION: "),
    },
    "zh": {
        "findings": ("影像所见：", "检查所见：\n", "【影像表现】\n", "所见: ", ""),
        "impression": ("诊断意见：", "印象：\n", "【诊断】", "结论: "),
    },
}
CHANCES = {
    "header": 0.75, "history": 0.8, "comparison": 0.75, "technique": 0.4, "findings": 1.0, "impression": 0.9,
    "communication": 0.45, "signature": 0.75, "footer": 0.3, "lone": 0.05,
}  # fmt: skip


def _example(language: str, sections: dict[str, list[str]], pools: dict[str, list[str]], rng: random.Random) -> Example:
    blocks: list[list[Piece]] = []
    for section, chance in CHANCES.items():
        if rng.random() >= chance:
            continue
        lines = [rng.choice(sections[section])]
        if section == "findings":
            lines = rng.sample(sections["findings"], rng.randint(1, 3)) + rng.sample(
                sections["trap"], rng.randint(1, 3)
            )
            rng.shuffle(lines)
        heading = rng.choice(HEADINGS[language].get(section, ("",)))
        blocks.append([(heading, ""), *_filled((" " if language == "en" else "").join(lines), language, pools, rng)])
    between = rng.choice(("\n", "\n", "\n\n", "\r\n", " "))
    pieces = [p for i, block in enumerate(blocks) for p in ([(between, "")] if i else []) + block]
    return _joined(_roughened(pieces, language, rng))


def _filled(line: str, language: str, pools: dict[str, list[str]], rng: random.Random) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for slot in SLOT.finditer(line):
        pieces.append((line[at : slot.start()], ""))
        category, form = slot.group(1), slot.group(2) or ""
        value = MAKERS[language](category, form, pools, rng)
        pieces.append((value, category if category in CATEGORIES else ""))
        at = slot.end()
    return [*pieces, (line[at:], "")]


def _roughened(pieces: list[Piece], language: str, rng: random.Random) -> list[Piece]:
    """The pieces as careless typing leaves them: capitals, spaces too many or too few, lines wrapped, wide digits."""
    kind = rng.random()
    if language == "en":
        if kind < 0.15:
            return [(text.upper(), c) for text, c in pieces]
        if kind < 0.22:
            return [(re.sub(r": (?=\S)", ":", text) if not c else text, c) for text, c in pieces]
        if kind < 0.29:
            return [(re.sub(r" (?=\S)", "  ", text) if not c else text, c) for text, c in pieces]
        if kind < 0.37:
            return _wrapped(pieces, 60)
        return pieces
    if kind < 0.1:
        return [(text.replace("：", ":").replace("，", ",").replace("。", "."), c) for text, c in pieces]
    if kind < 0.2:
        return [(re.sub(r"([：:])", r"\1 ", text) if not c else text, c) for text, c in pieces]
    if kind < 0.25:
        wide = str.maketrans("0123456789", "０１２３４５６７８９")
        return [(text.translate(wide), c) for text, c in pieces]
    if kind < 0.32:
        return [(re.sub(r"[ \u3000]+", "", text) if not c else text, c) for text, c in pieces]
    return pieces


def _wrapped(pieces: list[Piece], width: int) -> list[Piece]:
    """Spaces turned into line ends where a line would be longer than `width`, also inside answers."""
    wrapped: list[Piece] = []
    column = 0
    for text, category in pieces:
        made = ""
        for character in text:
            if character == " " and column >= width:
                character = "\n"
            column = 0 if character == "\n" else column + 1
            made += character
        wrapped.append((made, category))
    return wrapped


def _joined(pieces: list[Piece]) -> Example:
    text, answers = "", []
    for piece, category in pieces:
        if category:
            answers.append(Answer(len(text), len(text) + len(piece), category))
        text += piece
    return Example(text, tuple(answers))
