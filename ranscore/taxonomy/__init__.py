"""How a label set comes about: candidate finding terms of a sample of reports, and what the findings make of them.

Source: the Ran Score paper, section 3.1 (arXiv 2603.22935).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ranscore import catalog
from ranscore.errors import InputError
from ranscore.models import Model
from ranscore.models._reading import read
from ranscore.records import Report
from ranscore.taxonomy._coverage import LabelSet, findings_at
from ranscore.taxonomy._groups import group_terms, place_terms
from ranscore.taxonomy._mentions import Chunk, cut
from ranscore.taxonomy._records import ELSEWHERE, FindingCoverage, Taxonomy, Term
from ranscore.taxonomy._skeleton import Skeleton, propose
from ranscore.taxonomy._terms import Key, Mention, core_of, shown, tag_all, weigh

__all__ = ["ELSEWHERE", "FindingCoverage", "Skeleton", "Taxonomy", "Term", "draw", "explore", "propose"]

LEAST = 2
_SHARES = {"asserted": "asserted", "negation": "negated", "hedge": "hedged", "context": "history"}
Found = Mapping[Mention, tuple[frozenset[str], frozenset[str]]]


def draw(reports: Sequence[Report], size: int, seed: int) -> tuple[Report, ...]:
    """So many reports at random, the same for a seed, whatever their order; those of a patient one after another."""
    known = sorted(reports, key=lambda r: (r.group or r.report_id, r.report_id))
    chosen = known if size >= len(known) else random.Random(seed).sample(known, size)
    return tuple(sorted(chosen, key=lambda r: (r.group or r.report_id, r.report_id)))


def explore(
    reports: Sequence[Report],
    *,
    source: str = "",
    size: int = 3000,
    seed: int = 0,
    least: int = LEAST,
    model: Model | None = None,
    progress: Callable[[int], None] | None = None,
) -> Taxonomy:
    """The terms of a sample of the reports that stand in at least `least` patients' reports (reports, where no patient
    is known), and how the label set covers them; with a `model` it names the terms.

    Raises InputError for no reports, and for fewer than 2 with reports that are not open: a term of one report could
    tell whose it is. Raises GuardError where the reports may not be sent to the model.
    """
    _check(reports, least)
    sample = draw(reports, size, seed)
    chunks, unread = _chunks(sample, model, progress)
    mentions, rare = tag_all(chunks, least)
    labels = LabelSet()
    mapped, rare_count = _map(sample, mentions, rare, labels)
    value = weigh(chunks, least).value
    terms = _terms(sample, mentions, mapped, value)
    asserted = [m for m in mentions if m.chunk.status == "asserted"]
    return Taxonomy(
        source=source,
        model=model.name if model else "",
        seed=seed,
        available=len(reports),
        sampled=len(sample),
        unread=unread,
        least=least,
        asserted=len(asserted),
        stated=sum(bool(mapped[m][0]) for m in asserted),
        look_alike=sum(bool(mapped[m][1]) and not mapped[m][0] for m in asserted),
        rare=rare_count[0],
        rare_stated=rare_count[1],
        findings=_by_finding(mentions, mapped),
        terms=terms,
    )


def _check(reports: Sequence[Report], least: int) -> None:
    if not reports:
        raise InputError("there are no reports to read; expected at least one.")
    private = any(r.terms.access != "open" for r in reports)
    if private and least < LEAST:
        raise InputError(
            f"--least {least}: a term that stands in one report could tell whose it is; expected {LEAST} or more, as "
            "the reports are not declared open by a card."
        )


def _chunks(
    sample: Sequence[Report], model: Model | None, progress: Callable[[int], None] | None
) -> tuple[list[Chunk], int]:
    """The chunks of all reports, and how many a model did not answer."""
    units: dict[str, int] = {}
    found: list[Chunk] = []
    wanted = None
    if model:
        from ranscore.extraction.term_reader import read_terms

        wanted = read_terms(sample, model, progress)
    for number, report in enumerate(sample):
        unit = units.setdefault(report.group or f"report {report.report_id}", len(units))
        named = wanted[number].terms if wanted else None
        found += cut(report, number, unit, named)
        if progress and not model:
            progress(1)
    return found, sum(bool(w.failure) for w in wanted) if wanted else 0


def _map(
    sample: Sequence[Report], mentions: Sequence[Mention], rare: Sequence[Chunk], labels: LabelSet
) -> tuple[Found, tuple[int, int]]:
    """By mention the findings that state it and those that exclude it; asserted rare chunks, and those stated."""
    by_report: defaultdict[int, list[Mention]] = defaultdict(list)
    extra = [Mention(c, c.tokens) for c in rare if c.status == "asserted"]
    for mention in (*mentions, *extra):
        by_report[mention.chunk.report].append(mention)
    found = {}
    for number, own in by_report.items():
        places = labels.places(read(sample[number].text))
        found.update({m: findings_at(core_of(m), places) for m in own})
    return found, (len(extra), sum(bool(found[m][0]) for m in extra))


def _by_finding(mentions: Sequence[Mention], mapped: Found) -> tuple[FindingCoverage, ...]:
    found = []
    for finding in catalog.asked_ids():
        own = [m for m in mentions if finding in mapped[m][0]]
        names = Counter(shown(m.tokens) for m in own)
        found.append(
            FindingCoverage(
                finding=finding,
                name=catalog.finding_name(finding),
                mentions=len(own),
                asserted=sum(m.chunk.status == "asserted" for m in own),
                reports=len({m.chunk.report for m in own if m.chunk.status == "asserted"}),
                terms=tuple(sorted(names, key=lambda n: (-names[n], n))),
            )
        )
    return tuple(found)


def _terms(
    sample: Sequence[Report], mentions: Sequence[Mention], mapped: Found, value: Mapping[Key, float]
) -> tuple[Term, ...]:
    by_key: defaultdict[Key, list[Mention]] = defaultdict(list)
    for mention in mentions:
        by_key[mention.key].append(mention)
    names = {key: _name(own) for key, own in by_key.items()}
    regions = place_terms(mentions, {i: r.text for i, r in enumerate(sample)}, names)
    chief = group_terms({key: own[0].tokens for key, own in by_key.items()}, value)
    found = [_term(names[k], regions[k], names[chief[k]], value[k], own, mapped) for k, own in by_key.items()]
    return tuple(sorted(found, key=lambda t: (-t.c_value, t.term)))


def _name(mentions: Sequence[Mention]) -> str:
    names = Counter(shown(m.tokens) for m in mentions)
    return min(names, key=lambda n: (-names[n], n))


def _term(name: str, region: str, group: str, value: float, own: Sequence[Mention], mapped: Found) -> Term:
    status = Counter(_SHARES[m.chunk.status] for m in own)
    unstated = [m for m in own if m.chunk.status == "asserted" and not mapped[m][0]]
    return Term(
        term=name,
        region=region,
        group=group,
        c_value=value,
        reports=len({m.chunk.report for m in own}),
        mentions=len(own),
        findings=_count(mapped[m][0] for m in own),
        look_alikes=_count(mapped[m][1] for m in own if not mapped[m][0]),
        unstated=len(unstated),
        unstated_reports=len({m.chunk.report for m in unstated}),
        **{share: status[share] / len(own) for share in _SHARES.values()},
    )


def _count(findings: Iterable[frozenset[str]]) -> dict[str, int]:
    counts = Counter(f for some in findings for f in some)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
