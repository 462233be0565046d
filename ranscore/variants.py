"""Texts with a known effect: sources, whose labels are known, and what a probe makes of them. No model is asked.

A source is a report of a dataset with its reference, or a report into which a sentence was put that states a finding
the report is silent about. Everything is drawn from a seed; the same seed gives the same texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.phrases import compile_phrase, normalize
from ranscore.probes import Kind, Line, ProbeFile, Statement, fields_of, statements
from ranscore.records import ABSENT, PRESENT, Report
from ranscore.reference.derive import NO_FINDING

_CJK = re.compile(r"[\u3400-\u9fff]")
_NUMBER = re.compile(r"\W*\d{1,2}[.)、）]?")
_ENDED = re.compile(r"[.!?:;。！？：；]$")


@dataclass(frozen=True, slots=True)
class Source:
    """A text, what is known of it (1, 0, -1 by finding), and the findings for which it is judged.

    With a `statement` the text is `rest`, a report that is silent about the finding, after the sentence that states it.
    `unit` names the report, or the statement, which stands in several texts.
    """

    id: str
    unit: str
    kind: Kind
    language: str
    text: str
    known: dict[str, int]
    judged: tuple[str, ...]
    rest: str = ""
    statement: Statement | None = None


def make_sources(
    datasets: Sequence[Dataset], findings: Sequence[str], *, reports: int, carriers: int, seed: int
) -> tuple[Source, ...]:
    """At most `reports` reports of each dataset, and each statement of the findings in `carriers` reports of each."""
    found: list[Source] = []
    for dataset in datasets:
        rows = _rows(dataset)
        drawn = random.Random(f"{seed}:{dataset.name}").sample(dataset.reports, min(reports, len(dataset.reports)))
        for report in drawn:
            known, judged = rows[report.report_id], tuple(findings)
            name = f"{dataset.name}/{report.report_id}"
            found.append(Source(name, name, "reports", _language(dataset, report), report.text, known, judged))
        for finding in (f for f in statements() if f in findings):
            found += _stated(dataset, rows, finding, carriers, seed)
    return tuple(found)


def _rows(dataset: Dataset) -> dict[str, dict[str, int]]:
    table = dataset.reference
    rows = zip(table.report_ids, table.values, strict=True)
    return {i: dict(zip(table.findings, values, strict=True)) for i, values in rows}


def _language(dataset: Dataset, report: Report) -> str:
    return report.language or dataset.card.language


def _stated(
    dataset: Dataset, rows: dict[str, dict[str, int]], finding: str, carriers: int, seed: int
) -> Iterator[Source]:
    pool = list(dataset.reports)
    random.Random(f"{seed}:{dataset.name}:{finding}").shuffle(pool)
    stated = statements()[finding].statements
    silent = {
        code: _silent([r for r in pool if _language(dataset, r) == code], rows, finding)
        for code in {s.language for s in stated}
    }
    for place, statement in enumerate(stated, 1):
        unit = f"{finding}-{statement.language}-{place}"
        for report in islice(silent[statement.language], carriers):
            yield Source(
                id=f"{unit} in {dataset.name}/{report.report_id}",
                unit=unit,
                kind="statements",
                language=statement.language,
                text=state(statement, report.text),
                known=rows[report.report_id] | {finding: PRESENT},
                judged=(finding,),
                rest=report.text,
                statement=statement,
            )


def state(statement: Statement, report: str) -> str:
    """The report after a line that states the finding, under the language's first heading that is read."""
    heading = catalog.languages()[statement.language].sections.read[0]
    colon = "：" if _CJK.search(heading) else ": "
    return f"{heading}{colon}{statement.states}\n{report}"


def _silent(pool: Sequence[Report], rows: dict[str, dict[str, int]], finding: str) -> Iterator[Report]:
    """Reports that have a finding, but not this one, and in which no wording of its seed stands."""
    for report in pool:
        row = rows[report.report_id]
        if row.get(finding) != ABSENT or row.get(NO_FINDING, ABSENT) != ABSENT or not report.text.strip():
            continue
        text = normalize(report.text)
        if not any(compile_phrase(phrase).find(text) for phrase in _wordings(finding)):
            yield report


@lru_cache(maxsize=64)
def _wordings(finding: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phrase for rule in catalog.seed_program(finding).rules for phrase in rule.phrases))


def vary(probe: ProbeFile, source: Source, seed: int = 0) -> tuple[str, ...]:
    """The source as the probe changes it: by every template for a statement, by one drawn for a report.

    Empty where the probe does not apply or changes nothing.
    """
    rng = random.Random(f"{seed}:{probe.id}:{source.id}")
    if probe.change == "fill":
        texts = _fill(probe, source, rng)
    elif source.kind not in probe.applies_to:
        texts = []
    elif probe.change == "swap_words":
        texts = [swap_words(source.text, probe.words.get(source.language, ()))]
    elif probe.change == "insert_characters":
        texts = [insert_characters(source.text, probe.characters, rng)]
    else:
        texts = [shuffle_sentences(source.text, probe.attached.get(source.language, ()), rng)]
    return tuple(dict.fromkeys(text for text in texts if text.split() != source.text.split()))


def _fill(probe: ProbeFile, source: Source, rng: random.Random) -> list[str]:
    values = {"report": source.text}
    if source.statement:
        values |= source.statement.forms() | {"rest": source.rest}
    else:
        values["body"] = flatten(source.text)
    lines = [line.text for line in probe.lines.get(source.language, ()) if _may_add(line, source)]
    known = set(values) | ({"line"} if lines else set())
    fitting = [t for t in probe.templates(source.kind, source.language) if fields_of(t) <= known]
    chosen = fitting if source.statement or not fitting else [rng.choice(fitting)]
    return [t.format_map(values | {"line": rng.choice(lines) if lines else ""}).strip() for t in chosen]


def _may_add(line: Line, source: Source) -> bool:
    return all(source.known.get(finding) == ABSENT for finding in line.denies)


def swap_words(text: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The text with the words of each pair exchanged, capitals as they were; of words that overlap the longer one."""
    other = {word: by for a, b in pairs for word, by in ((a, b), (b, a))}
    if not other:
        return text
    words = sorted(other, key=len, reverse=True)
    pattern = "|".join(rf"\b{re.escape(w)}\b" if w.isascii() else re.escape(w) for w in words)

    def exchange(found: re.Match[str]) -> str:
        word = found.group()
        by = other[word.lower()]
        return by.upper() if word.isupper() and len(word) > 1 else by.capitalize() if word[:1].isupper() else by

    return re.sub(pattern, exchange, text, flags=re.IGNORECASE)


def insert_characters(text: str, characters: Sequence[str], rng: random.Random) -> str:
    """The text with one of the characters, drawn anew, inside every second word, and between Chinese characters."""
    places = [
        m.start() for m in re.finditer(r"(?<=[A-Za-z])(?=[A-Za-z]{2})(?<![A-Za-z]{2})|(?<=[\u3400-\u9fff])", text)
    ]
    chosen = set(places[::2])
    return "".join((rng.choice(characters) if at in chosen else "") + c for at, c in enumerate(text))


def shuffle_sentences(text: str, attached: Sequence[str], rng: random.Random) -> str:
    """The text with the sentences of each section in another order; one that begins with an attached word stays put
    behind the one before it."""
    lines = []
    for heading, sentences in split_sections(text):
        units: list[list[str]] = []
        for sentence in sentences:
            if units and _is_attached(sentence, attached):
                units[-1].append(sentence)
            else:
                units.append([sentence])
        rng.shuffle(units)
        lines.append(_join([heading] if heading else [], *units))
    return "\n".join(lines)


def _is_attached(sentence: str, attached: Sequence[str]) -> bool:
    start = re.sub(r"^[\W\d_]+", "", sentence)
    first = re.match(r"[A-Za-z]+", start)
    return start.startswith(tuple(w for w in attached if not w.isascii())) or bool(
        first and first.group().casefold() in attached
    )


def flatten(text: str) -> str:
    """All sentences on one line, without headings."""
    return _join(*(sentences for _, sentences in split_sections(text)))


def _join(*groups: Sequence[str]) -> str:
    joined = ""
    for sentence in (s for group in groups for s in group):
        wide = bool(_CJK.search(sentence[-8:]))
        ended = sentence if _ENDED.search(sentence) else sentence + ("。" if wide else ".")
        joined += ended if not joined or _CJK.search(joined[-2:] + sentence[:1]) else f" {ended}"
    return joined


def split_sections(text: str) -> list[tuple[str, list[str]]]:
    """Each section's heading (with its colon, empty where it has none) and its sentences, an item's number in front."""
    sections: list[tuple[str, list[str]]] = []
    number = ""
    for piece in _pieces(text):
        found = _heading().match(piece)
        if found:
            sections.append((_with_colon(found.group().strip()), []))
            piece = piece[found.end() :].strip()
        elif not sections:
            sections.append(("", []))
        if _NUMBER.fullmatch(piece):
            number = f"{piece} "
        elif piece:
            sections[-1][1].append(number + piece)
            number = ""
    return sections


def _with_colon(heading: str) -> str:
    return heading if heading.endswith((":", "：")) else heading + ("：" if _CJK.search(heading) else ":")


def _pieces(text: str) -> Iterator[str]:
    """The sentences of a text, cut where its normal form has line ends."""
    at = 0
    for end in [*(m.end() for m in re.finditer("\n", normalize(text))), len(text)]:
        piece = " ".join(text[at:end].split())
        if piece:
            yield piece
        at = end


@lru_cache(maxsize=1)
def _heading() -> re.Pattern[str]:
    files = catalog.languages().values()
    words = {h for f in files for h in (*f.sections.read, *f.sections.unread)}
    either = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
    return re.compile(rf"[\s#*]*(?:{either})[\s*]*(?:[:：]|$)", re.IGNORECASE)
