"""What a run would take, before it is started: calls, tokens, money, hours; nothing is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ranscore.labelling._answering import Reader
from ranscore.labelling._units import ANSWER_TOKENS, Job
from ranscore.labelling.corpus import AT_ONCE, Corpus, cores
from ranscore.labelling.ledger import Spent
from ranscore.models import Model
from ranscore.models._base import count_tokens

SAMPLE = 200  # texts
GROUPED_TOKENS = 12  # of a finding in an answer for all
GATED = 2_000  # texts that a gate is tried on


@dataclass(frozen=True)
class Forecast:
    """Reports, distinct texts, cells of the table, cells that are in the ledger, calls left after duplicates, ledger
    and gate; tokens of these calls, of which `tokens_head` are the same for all calls of a finding.

    `gated` are the calls that the gate saves (estimated where `estimated`); `dollars` with and without reuse of the
    prompts' heads, None where no price is known; `rate` in calls a second, None where nobody measured it.
    """

    reports: int
    texts: int
    cells: int
    done: int
    calls: int
    gated: int
    estimated: bool
    tokens_in: int
    tokens_head: int
    tokens_out: int
    dollars: tuple[float, float] | None
    rate: float | None
    measured: str

    @property
    def hours(self) -> float | None:
        """Wall time at the rate; None without one."""
        return self.calls / self.rate / 3600 if self.rate else None


def forecast(corpus: Corpus, *, rate: float | None = None, workers: int | None = None) -> Forecast:
    """What labelling the corpus would take. `rate` is in calls a second, where it is known better.

    An embedded model is tried on 200 texts; for an endpoint the rate is the one of earlier calls in the ledger.
    Tokens are estimated, four characters each.
    """
    asked = _count(corpus)
    heads = [q.tokens for q in corpus.job.questions]
    head = sum(heads[p] * n for p, n in enumerate(asked.by_place))
    out = asked.calls * (GROUPED_TOKENS * len(heads) if corpus.grouped else ANSWER_TOKENS)
    price = corpus.price()
    dollars = None
    if price:
        dollars = price.of(head + asked.tokens, head, out), price.of(head + asked.tokens, 0, out)
    found, measured = (rate, "as you say") if rate else _rate(corpus, asked.sample, workers or cores())
    cells = corpus.plan.reports * len(corpus.job.questions)
    distinct = corpus.plan.texts * len(corpus.job.questions)
    return Forecast(
        corpus.plan.reports, corpus.plan.texts, cells, distinct - asked.units,
        asked.calls, asked.gated, asked.estimated, head + asked.tokens, head, out, dollars, found, measured,
    )  # fmt: skip


@dataclass(frozen=True)
class _Asked:
    units: int
    calls: int
    gated: int
    estimated: bool
    tokens: int
    by_place: tuple[int, ...]
    sample: tuple[str, ...]


def _count(corpus: Corpus) -> _Asked:
    """Goes through the table once: the calls that are left, their texts' tokens, and some of these texts."""
    by_place = [0] * len(corpus.job.questions)
    units = calls = tokens = tried = kept = of_tried = 0
    sample: list[str] = []
    for first, texts in corpus.plan.batches(AT_ONCE):
        for report, places in corpus.shape.missing(first, first + AT_ONCE).items():
            text = texts[report]
            units += len(places)
            findings = [corpus.job.questions[p].finding for p in places]
            places = places[:1] if corpus.grouped else places  # one call for all
            calls += len(places)
            tokens += len(places) * count_tokens(text)
            for place in places:
                by_place[place] += 1
            if len(sample) < SAMPLE:
                sample.append(text)
            if corpus.gate and tried < GATED:
                tried += 1
                of_tried += len(places)
                absent = corpus.gate.decides(text)
                open_to_it = sum(f not in absent for f in findings)
                kept += min(open_to_it, len(places))
    share = kept / of_tried if of_tried else 1.0
    left = round(calls * share)
    scaled = tuple(round(n * share) for n in by_place)
    return _Asked(units, left, calls - left, calls > of_tried > 0, round(tokens * share), scaled, tuple(sample))


def _rate(corpus: Corpus, sample: Sequence[str], workers: int) -> tuple[float | None, str]:
    if corpus.model.embedded:
        if not sample:
            return None, "nothing is left to label"
        rate = _embedded_rate(corpus.job, corpus.model, sample)
        return rate * workers, f"measured on {len(sample)} texts, times {workers} processes"
    spent: Spent = corpus.ledger.spent(corpus.job.identity)
    if not spent.calls or not spent.seconds:
        return None, "no call was made"
    return spent.calls / spent.seconds, f"measured over {spent.calls} earlier calls"


def _embedded_rate(job: Job, model: Model, sample: Sequence[str]) -> float:
    """Calls a second of one process, after a first text that loads what is loaded once."""
    reader = Reader(job, model)
    reader.label({b"": sample[0]})
    began = time.process_time()
    reader.label({str(n).encode(): text for n, text in enumerate(sample)})
    return len(sample) * len(job.questions) / max(1e-9, time.process_time() - began)
