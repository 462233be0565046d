"""What a comparison says. A is what is compared with, B what is compared; every difference is B's figure less A's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ranscore.catalog import finding_ids, finding_name
from ranscore.metrics._paired import Estimate
from ranscore.metrics._verdicts import Verdict
from ranscore.policies import Policies
from ranscore.records import Record


class FindingComparison(Record):
    """One finding of a pair, over the `n` cells that are certain in the reference and answered by both.

    `figures` are f1, kappa, precision, recall and accuracy. `only_a_right` and `only_b_right` are the discordant
    reports, `p` their exact McNemar p-value, `p_adjusted` Holm's over all findings and pairs, from which the `verdict`
    follows. `needed` discordant reports, split as those found, would give p < alpha for this finding alone, and
    `needed_adjusted` whatever the other findings show; None where the reports do not suffice.
    """

    finding: str
    name: str
    n: int
    positives: int
    uncertain: int
    unanswered: int
    right_a: int
    right_b: int
    figures: dict[str, Estimate]
    only_a_right: int
    only_b_right: int
    p: float
    p_adjusted: float
    verdict: Verdict
    needed: int | None
    needed_adjusted: int | None
    warning: str | None


class PairComparison(Record):
    """System B against system A. `macro_f1` is the Ran Score where all findings are compared.

    `p` is that of the paired randomisation, `p_adjusted` Holm's over the pairs. `least` and `most` bound the difference
    if the `unanswered` cells were right or wrong.
    """

    a: str
    b: str
    macro_f1: Estimate
    p: float | None
    p_adjusted: float | None
    verdict: Verdict
    unanswered: int
    least: float | None
    most: float | None
    findings: tuple[FindingComparison, ...]


class SystemInfo(Record):
    """What was compared: its name, its kind, the digest of its labels, the program and model behind them if known."""

    name: str
    kind: Literal["labels", "reports", "run", "program"]
    labels_digest: str
    program_digest: str | None = None
    model: str | None = None
    remarks: tuple[str, ...] = ()


class Comparison(Record):
    """All pairs of the first system with each of the others; `remarks` hold what a reader must know beside the figures.

    `dataset_digest` is None where the reference came without reports.
    """

    reference: str
    reference_digest: str
    dataset_digest: str | None
    n_reports: int
    findings: tuple[str, ...]
    systems: tuple[SystemInfo, ...]
    pairs: tuple[PairComparison, ...]
    policies: Policies
    signature: str
    resamples: int
    randomisations: int
    seed: int
    alpha: float
    remarks: tuple[str, ...]

    @property
    def headline(self) -> str:
        """What the macro-F1 is called: the Ran Score only if it is the mean over all findings."""
        if len(self.findings) == 1:
            return f"F1 of {finding_name(self.findings[0])}"
        complete = self.findings == finding_ids()
        return "Ran Score" if complete else f"macro-F1 over {len(self.findings)} findings"

    def rows(self) -> Iterator[dict[str, object]]:
        """One row a pair and finding, unrounded, and one a pair for the macro-F1 (`all`); None where undefined."""
        for pair in self.pairs:
            yield {
                "a": pair.a, "b": pair.b, "finding": "all", **_figure("f1", pair.macro_f1),
                "p": pair.p, "p_adjusted": pair.p_adjusted, "verdict": pair.verdict, "unanswered": pair.unanswered,
            }  # fmt: skip
            for found in pair.findings:
                rest = found.model_dump(exclude={"figures", "warning"})
                figures = {k: v for name, figure in found.figures.items() for k, v in _figure(name, figure).items()}
                yield {"a": pair.a, "b": pair.b, "finding": found.name, **figures, **{k: rest[k] for k in _REST}}


_REST = (
    "p", "p_adjusted", "verdict", "unanswered", "n", "positives", "uncertain", "right_a", "right_b",
    "only_a_right", "only_b_right", "needed", "needed_adjusted",
)  # fmt: skip


def _figure(name: str, figure: Estimate) -> dict[str, object]:
    row: dict[str, object] = {}
    sides = (("a", figure.a, figure.a_interval), ("b", figure.b, figure.b_interval))
    for side, value, span in (*sides, ("difference", figure.difference, figure.interval)):
        low, high = span or (None, None)
        row |= {f"{name}_{side}": value, f"{name}_{side}_low": low, f"{name}_{side}_high": high}
    return row
