"""Which reports count: of the chest, with Findings and Impression, each text once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ranscore.records import Report
from ranscore.sampling._chest import study_of
from ranscore.sampling._draw import order_key
from ranscore.sampling._flow import Exclusion
from ranscore.sampling._near import words_of
from ranscore.sampling._recipe import Recipe
from ranscore.sections import FINDINGS, IMPRESSION, find_sections, read_policy, take_sections

WHY = {
    "column": "not of the chest, by the study's columns",
    "heading": "not of the chest, by its own heading",
    "empty": "no text",
    "neither": "neither Findings nor Impression",
    "findings": "no Findings",
    "impression": "no Impression",
    "short": "Findings or Impression too short",
    "duplicate": "the same text as another report",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An eligible report, the text of its Findings and Impression, and how many reports had that text."""

    report: Report
    text: str
    copies: int


@dataclass(frozen=True, slots=True)
class Screened:
    """The eligible reports, sorted by id, and how many fell out for which reason (reasons without any left out)."""

    kept: tuple[Kept, ...]
    excluded: tuple[Exclusion, ...]


def screen(reports: Sequence[Report], details: Mapping[str, Mapping[str, str]], recipe: Recipe) -> Screened:
    """The reports that the recipe takes; `details` are a report's other columns by folded name.

    Of reports with the same Findings and Impression (case, spaces and punctuation aside) the seed chooses one.
    """
    out = dict.fromkeys(WHY, 0)
    policy = read_policy(f"{FINDINGS}+{IMPRESSION}")
    same: dict[str, list[tuple[Report, str]]] = {}
    for report in reports:
        why = _study(report, details.get(report.report_id, {}), recipe) or _lack(report.text, recipe.minimum_words)
        if why:
            out[why] += 1
            continue
        text, _ = take_sections(report.text, policy)
        same.setdefault(" ".join(words_of(text)), []).append((report, text))
    kept = []
    for copies in same.values():
        report, text = min(copies, key=lambda c: (order_key(recipe.seed, c[0].report_id), c[0].report_id))
        kept.append(Kept(report, text, len(copies)))
        out["duplicate"] += len(copies) - 1
    excluded = tuple(Exclusion(key=key, why=why, reports=out[key]) for key, why in WHY.items() if out[key])
    return Screened(tuple(sorted(kept, key=lambda k: k.report.report_id)), excluded)


def _study(report: Report, details: Mapping[str, str], recipe: Recipe) -> str:
    return "" if recipe.chest == "off" else study_of(report.text, details if recipe.chest == "auto" else {})


def _lack(text: str, minimum: int) -> str:
    """What a report lacks: a short name of WHY, "" where it is complete."""
    if not text.strip():
        return "empty"
    sections = [s for s in find_sections(text) if s.read]
    words = {
        kind: sum(len(words_of(text[s.body : s.end])) for s in sections if kind in s.kinds)
        for kind in (FINDINGS, IMPRESSION)
    }
    missing = [kind for kind, n in words.items() if not n]
    if missing:
        return "neither" if len(missing) == 2 else missing[0]
    return "short" if min(words.values()) < minimum else ""
