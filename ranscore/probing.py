"""How a program and a model react to texts with a known effect: the share of expected reactions, and the failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ranscore.catalog import finding_name
from ranscore.cohort import Dataset, open_dataset, read_card
from ranscore.errors import InputError
from ranscore.extraction.module import label_reports
from ranscore.freezing import FrozenProgram, check_prompts
from ranscore.metrics._intervals import clopper_pearson
from ranscore.models import Model
from ranscore.probes import Expects, Kind, ProbeFile
from ranscore.records import ABSENT, PRESENT, UNANSWERED, Program, Record, Report, Terms
from ranscore.variants import Source, make_sources, vary

DATASETS = ("demo-en", "demo-zh")
WORDS = {PRESENT: "present", ABSENT: "absent", UNANSWERED: "unanswered"}
Outcome = Literal["expected", "unexpected", "unanswered", "source_wrong"]
Answers = Mapping[tuple[str, str], int]
Mark = tuple[bool, Outcome]  # whether the answer before (or the label) was present, and what became of it


class Share(Record):
    """How many of `n` reactions were expected; an empty `probe`, `finding`, `kind` or `language` stands for all.

    One reaction is that of one finding to one report or one statement; where a statement stands in several texts, all
    of them have to be answered as expected. Unless answers are to stay unchanged, a text counts only if it was answered
    present before; what is left out for that is in `source_wrong`, what has a missing answer in `unanswered`.
    `present_n` and `present_k` count the reactions that began with present. The interval is exact, 95 %.
    """

    probe: str = ""
    expects: Expects | None = None
    finding: str = ""
    kind: Kind | Literal[""] = ""
    language: str = ""
    k: int
    n: int
    share: float | None
    interval: tuple[float, float] | None
    present_k: int
    present_n: int
    source_wrong: int
    unanswered: int


class Failure(Record):
    """A reaction that was not expected: the answers before and after, and both texts."""

    probe: str
    finding: str
    expects: Expects
    kind: Kind
    language: str
    source: str
    before: str
    after: str
    text_before: str
    text_after: str


class ProbeReport(Record):
    """All shares of one program and model.

    `sources` says how many labels of untouched reports and statements were answered, `probes` the shares by probe, kind
    and language, `findings` those by probe and finding, `overall` that of all reactions.
    """

    program: str
    model: str
    datasets: dict[str, str]
    seed: int
    sources: tuple[Share, ...]
    probes: tuple[Share, ...]
    findings: tuple[Share, ...]
    overall: Share
    failures: tuple[Failure, ...]

    def rows(self) -> list[dict[str, object]]:
        """The shares by probe and finding, one flat row each, unrounded; None where undefined."""
        return [_row(share) for share in self.findings]


@dataclass(frozen=True, slots=True)
class Variant:
    """A source as a probe changed it."""

    probe: ProbeFile
    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of one finding's answer."""

    variant: Variant
    finding: str
    before: int
    after: int
    outcome: Outcome


def open_probed(names: Sequence[str] = ()) -> tuple[Dataset, ...]:
    """The datasets of these names, the demonstration cohorts where there are none; raises InputError for a restricted
    one, as its text would stand in the report."""
    for name in names:
        card, _ = read_card(name)
        if card.access != "open":
            raise InputError(
                f"dataset {card.name}: its text is {card.access}, and a probe shows texts; expected an open dataset."
            )
    return tuple(open_dataset(name) for name in names or DATASETS)


def run_probes(
    frozen: FrozenProgram,
    probes: Sequence[ProbeFile],
    datasets: Sequence[Dataset],
    model: Model | None = None,
    *,
    reports: int = 50,
    carriers: int = 2,
    seed: int = 0,
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> ProbeReport:
    """The reactions of a frozen program, with the model it was frozen for unless another is given, to these probes.

    `reports` of each dataset are changed as a whole, and each statement of a finding is put into `carriers` reports of
    each dataset that are silent about it. `progress(total)` gives what is told of finished answers. Raises InputError
    where no probe applies, DigestError when this version would send another prompt than the frozen one.
    """
    check_prompts(frozen)
    model = model or frozen.open_model()
    sources = make_sources(datasets, tuple(frozen.findings), reports=reports, carriers=carriers, seed=seed)
    variants = tuple(Variant(p, s, text) for p in probes for s in sources for text in vary(p, s, seed))
    if not variants:
        raise InputError("no probe applies: there is no text to change; expected more --reports, --carriers or probes.")
    remote: Literal["permitted", "refused"] = "refused" if any(d.remote == "refused" for d in datasets) else "permitted"
    terms = Terms(source=", ".join(d.name for d in datasets), access="open", remote=remote)
    answers = _ask(frozen.programs(), sources, variants, model, terms, progress)
    reactions = [r for v in variants for r in react(v, answers)]
    units = merge_units(reactions)
    return ProbeReport(
        program=frozen.sha256,
        model=model.name,
        datasets={d.name: d.digest for d in datasets},
        seed=seed,
        sources=_source_shares(sources, answers),
        probes=_shares(units, ("probe", "expects", "kind", "language")),
        findings=_shares(units, ("probe", "expects", "finding")),
        overall=_shares(units, ())[0],
        failures=tuple(_failure(r) for r in reactions if r.outcome == "unexpected"),
    )


def _ask(
    programs: Iterable[Program],
    sources: Sequence[Source],
    variants: Sequence[Variant],
    model: Model,
    terms: Terms,
    progress: Callable[[int], Callable[[int], None]] | None,
) -> Answers:
    """Each finding's answer to each text that bears on it, by finding and text; equal texts are asked once."""
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    for source, text in [*((s, s.text) for s in sources), *((v.source, v.text) for v in variants)]:
        for finding in source.judged:
            texts[finding][text] = None
    advance = progress(sum(map(len, texts.values()))) if progress else None
    answers: dict[tuple[str, str], int] = {}
    for program in programs:
        ids = {str(i): text for i, text in enumerate(texts[program.finding])}
        asked = [Report(report_id=i, text=text, terms=terms) for i, text in ids.items()]
        column = label_reports(program, asked, model, advance).column()
        answers |= {(program.finding, text): column[i] for i, text in ids.items()}
    return answers


def react(variant: Variant, answers: Answers) -> list[Reaction]:
    """The reactions to one text: of the findings that the source has, of all where answers are to stay unchanged."""
    probe, source = variant.probe, variant.source
    found = []
    for finding in source.judged:
        if probe.expects != "unchanged" and source.known.get(finding) != PRESENT:
            continue
        before, after = answers[finding, source.text], answers[finding, variant.text]
        found.append(Reaction(variant, finding, before, after, _outcome(probe.expects, before, after)))
    return found


def _outcome(expects: Expects, before: int, after: int) -> Outcome:
    if UNANSWERED in (before, after):
        return "unanswered"
    if expects == "unchanged":
        return "expected" if after == before else "unexpected"
    if before != PRESENT:
        return "source_wrong"
    return "expected" if after == (PRESENT if expects == "stays" else ABSENT) else "unexpected"


def merge_units(reactions: Iterable[Reaction]) -> list[Reaction]:
    """One reaction for each probe, finding, and report or statement."""
    groups: dict[tuple[str, str, str], list[Reaction]] = {}
    for r in reactions:
        groups.setdefault((r.variant.probe.id, r.finding, r.variant.source.unit), []).append(r)
    return [
        replace(group[0], outcome=_worst(r.outcome for r in group), before=max(r.before for r in group))
        for group in groups.values()
    ]


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Unexpected if one is; else expected if one is; else what kept them from being counted."""
    found = set(outcomes)
    order: tuple[Outcome, ...] = ("unexpected", "expected", "source_wrong", "unanswered")
    return next(outcome for outcome in order if outcome in found)


def _shares(reactions: Sequence[Reaction], by: Sequence[str]) -> tuple[Share, ...]:
    """The shares of each group, in the order of their first reaction."""
    groups: dict[tuple[str, ...], list[Mark]] = {}
    for reaction in reactions:
        place = _place(reaction)
        mark = (reaction.before == PRESENT, reaction.outcome)
        groups.setdefault(tuple(place[name] for name in by), []).append(mark)
    return tuple(_share(group, dict(zip(by, key, strict=True))) for key, group in groups.items())


def _place(reaction: Reaction) -> dict[str, str]:
    probe, source = reaction.variant.probe, reaction.variant.source
    return {
        "probe": probe.id,
        "expects": probe.expects,
        "finding": reaction.finding,
        "kind": source.kind,
        "language": source.language,
    }


def _source_shares(sources: Sequence[Source], answers: Answers) -> tuple[Share, ...]:
    """How many labels of the untouched reports and statements were answered, by kind and language."""
    units: dict[tuple[str, str, str, str], list[Mark]] = {}
    for source in sources:
        for finding in source.judged:
            label, answer = source.known.get(finding), answers[finding, source.text]
            if label not in (PRESENT, ABSENT):
                continue
            outcome: Outcome = "expected" if answer == label else "unexpected"
            mark = (label == PRESENT, "unanswered" if answer == UNANSWERED else outcome)
            units.setdefault((source.kind, source.language, finding, source.unit), []).append(mark)
    groups: dict[tuple[str, str], list[Mark]] = {}
    for (kind, code, _, _), marks in units.items():
        groups.setdefault((kind, code), []).append((marks[0][0], _worst(outcome for _, outcome in marks)))
    return tuple(_share(group, {"kind": kind, "language": code}) for (kind, code), group in groups.items())


def _share(marks: Sequence[Mark], place: Mapping[str, str]) -> Share:
    counted = [(present, outcome == "expected") for present, outcome in marks if outcome in ("expected", "unexpected")]
    k, n = sum(right for _, right in counted), len(counted)
    outcomes = Counter(outcome for _, outcome in marks)
    numbers = {
        "k": k,
        "n": n,
        "share": k / n if n else None,
        "interval": clopper_pearson(k, n) if n else None,
        "present_k": sum(right for present, right in counted if present),
        "present_n": sum(present for present, _ in counted),
        "source_wrong": outcomes["source_wrong"],
        "unanswered": outcomes["unanswered"],
    }
    return Share.model_validate({**place, **numbers})


def _failure(reaction: Reaction) -> Failure:
    variant = reaction.variant
    return Failure(
        probe=variant.probe.id,
        finding=reaction.finding,
        expects=variant.probe.expects,
        kind=variant.source.kind,
        language=variant.source.language,
        source=variant.source.id,
        before=WORDS[reaction.before],
        after=WORDS[reaction.after],
        text_before=variant.source.text,
        text_after=variant.text,
    )


def _row(share: Share) -> dict[str, object]:
    low, high = share.interval or (None, None)
    place = {"probe": share.probe, "expects": share.expects, "finding": share.finding}
    counts = share.model_dump(include={"k", "n", "share", "present_k", "present_n", "source_wrong", "unanswered"})
    return place | {"name": finding_name(share.finding)} | counts | {"low": low, "high": high}
