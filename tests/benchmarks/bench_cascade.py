"""What the cascade saves and what it costs on Open-I: gates tuned on four fifths, measured on the fifth left out.

    RANSCORE_OPENI=FOLDER python tests/benchmarks/bench_cascade.py

Tuning is cross-validated inside the four fifths, so no report has a part in the gate that judges it. The lexical
reader reads the wordings that open the gate, so it can hardly lose by it; the reference taken for a model's answers is
the other end, a model that finds every positive and loses each one that is held back.
"""

from __future__ import annotations

import sys
import time

from ranscore.cohort import Dataset, open_dataset
from ranscore.extraction.module import label_table
from ranscore.freezing import FrozenProgram, load_frozen
from ranscore.labelling._effects import Effect, measure_effect
from ranscore.labelling._tuning import folds_of, gather_evidence, tune_gate
from ranscore.labelling.gate import Gate
from ranscore.models import open_model
from ranscore.splitting import narrow

MAX_MISS = (0.005, 0.01, 0.02, 0.05)


def sent_by_others(
    frozen: FrozenProgram, dataset: Dataset, rates: tuple[float, ...]
) -> tuple[dict[float, dict[str, set[str]]], float]:
    """By rate and finding the reports that gates tuned without them send, and how many a gate reads in a second."""
    ids = [r.report_id for r in dataset.reports]
    sent: dict[float, dict[str, set[str]]] = {m: {f: set() for f in frozen.findings} for m in rates}
    spent, read = 0.0, 0
    for fold in folds_of(dataset.reports, seed=1):
        left_out = {i for place, i in enumerate(ids) if fold >> place & 1}
        development = narrow(dataset, set(ids) - left_out)
        evidence = gather_evidence(frozen, development)
        for rate in rates:
            gate = Gate(tune_gate(frozen, development, evidence, rate).file)
            start = time.process_time()
            for report in dataset.reports:
                if report.report_id in left_out:
                    for finding in set(frozen.findings) - gate.decides(report.text):
                        sent[rate][finding].add(report.report_id)
            spent, read = spent + time.process_time() - start, read + len(left_out)
    return sent, read / spent


def row(name: str, found: Effect) -> str:
    """One line of the table."""
    assert found.everything is not None
    assert found.cascade is not None
    assert found.pooled_everything is not None
    assert found.pooled_cascade is not None
    low, high = found.missed.interval
    return (
        f"{name:<24}{found.calls.k / found.calls.n:>8.1%}{found.missed.k:>6}/{found.missed.n} "
        f"{found.missed.k / found.missed.n:.2%} [{low:.2%}, {high:.2%}]"
        f"{found.everything:>9.4f}{found.cascade:>9.4f}{found.cascade - found.everything:>+9.4f}"
        f"{found.pooled_cascade - found.pooled_everything:>+9.4f}{found.between or 0:>9.4f}"
    )


def main() -> None:
    """Prints the table; ends with 1 where no gate saves the lexical reader four fifths at a kappa loss up to 0.005."""
    dataset, frozen = open_dataset("openi"), load_frozen()
    labels = label_table(frozen.programs(), dataset.reports, open_model("lexical"))[0]
    sent, speed = sent_by_others(frozen, dataset, MAX_MISS)
    print(f"{len(dataset.reports)} reports of openi, 5 folds; the gate reads {speed:.0f} reports/s on one core")
    print(
        f"{'':<62}kappa against the reference; change of its mean and pooled; of both ways\n"
        f"{'--max-miss, model':<24}{'saved':>8}  positives missed [95 %]    "
        " everything  cascade     mean   pooled  between"
    )
    good = False
    for rate, passed in sent.items():
        frozen_sets = {f: frozenset(ids) for f, ids in passed.items()}
        for name, table in (("lexical", labels), ("always right", dataset.reference)):
            found = measure_effect(dataset, table, frozen_sets)
            print(row(f"{rate:g}, {name}", found))
            loss = (found.everything or 0) - (found.cascade or 0)
            good |= name == "lexical" and found.calls.k / found.calls.n >= 0.8 and loss <= 0.005
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
