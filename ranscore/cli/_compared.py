"""How comparisons, corrections and tables of models are printed and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.cli._print import console, exact, number, span, table

if TYPE_CHECKING:
    from ranscore.comparing import Comparison, Estimate, FindingComparison, ModelTable, PairComparison
    from ranscore.correcting import CorrectedPrevalence, Correction
    from ranscore.scoring import ScoreReport

TESTS = (
    "finding", "right A", "right B", "difference [95 %]", "only A", "only B", "McNemar p", "Holm p", "verdict",
    "needed",
)  # fmt: skip
FIGURES = ("finding", "positives", "F1 A", "F1 B", "difference [95 %]", "kappa A", "kappa B", "difference [95 %]")


def p_value(p: float | None) -> str:
    """Four decimals, `<0.0001`, or `undefined`."""
    return "undefined" if p is None else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def signed(figure: Estimate) -> str:
    """A difference with its sign and interval."""
    if figure.difference is None:
        return "undefined"
    return f"{figure.difference:+.3f}{span(figure.interval, '+')}"


def print_comparison(found: Comparison) -> None:
    """All pairs, each with its headline, the tests and the figures of every finding, and the remarks."""
    out = console()
    for pair in found.pairs:
        _print_pair(found, pair)
    family = sum(len(pair.findings) for pair in found.pairs)
    out.print(
        f"Differences are B less A. Verdicts on findings: exact McNemar, Holm over {family} tests, {found.alpha}. "
        "needed: discordant reports for p < 0.05 if split as found (and after adjustment). Where only few reports are "
        "discordant, bootstrap intervals are too narrow: the verdict holds."
    )
    for remark in found.remarks:
        out.print(remark)
    out.print(f"reference {found.reference_digest[:19]}…, {found.reference}, {found.n_reports} reports")
    out.print(found.signature)


def _print_pair(found: Comparison, pair: PairComparison) -> None:
    out, figure = console(), pair.macro_f1
    out.print(f"A: {pair.a}\nB: {pair.b}")
    adjusted = f", Holm p {p_value(pair.p_adjusted)}" if len(found.pairs) > 1 else ""
    out.print(
        f"{found.headline}: A {_spanned(figure.a, figure.a_interval)}, B {_spanned(figure.b, figure.b_interval)}, "
        f"difference {signed(figure)}, randomisation p {p_value(pair.p)}{adjusted}: {_said(pair.verdict)}"
    )
    if pair.unanswered and pair.least is not None and pair.most is not None:
        out.print(
            f"{pair.unanswered} cells without an answer of both are left out; were they right or wrong, the difference "
            f"would lie between {pair.least:+.3f} and {pair.most:+.3f}"
        )
    out.print()
    out.print(table(TESTS, [_test_row(f) for f in pair.findings]))
    out.print()
    out.print(table(FIGURES, [_figure_row(f) for f in pair.findings]))
    few = [f.warning for f in pair.findings if f.warning]
    if few:
        out.print(f"\nToo few positives in the reference for F1 to say much (recall of B): {'; '.join(few)}")
    out.print()


def _said(verdict: str) -> str:
    return verdict if verdict == "cannot tell" else f"B is {verdict}"


def _spanned(value: float | None, interval: tuple[float, float] | None) -> str:
    return number(value) + span(interval)


def _test_row(found: FindingComparison) -> list[str]:
    needed = "" if found.verdict != "cannot tell" else f"{_count(found.needed)} ({_count(found.needed_adjusted)})"
    return [
        found.name, f"{found.right_a}/{found.n}", f"{found.right_b}/{found.n}", signed(found.figures["accuracy"]),
        str(found.only_a_right), str(found.only_b_right), p_value(found.p), p_value(found.p_adjusted), found.verdict,
        needed,
    ]  # fmt: skip


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _figure_row(found: FindingComparison) -> list[str]:
    f1, kappa = found.figures["f1"], found.figures["kappa"]
    return [
        found.name, str(found.positives), number(f1.a), number(f1.b), signed(f1), number(kappa.a), number(kappa.b),
        signed(kappa),
    ]  # fmt: skip


def print_correction(found: Correction, observed: ScoreReport) -> None:
    """The plausible range of the Ran Score, every finding's prevalence and range of F1, and what it rests on."""
    out = console()
    low, high = found.ran_score_range
    out.print(
        f"\nWithout the program's own errors: Ran Score plausibly {low:.3f} to {high:.3f} "
        f"(middle {found.ran_score_middle:.3f}; as labelled {observed.ran_score:.3f}), "
        f"program {found.program_digest[:19]}…"
    )
    out.print()
    columns = ["finding", "sensitivity", "specificity", "generated", "prevalence [95 %]"]
    columns += ["reference", "prevalence [95 %]"] if found.sides == "both" else []
    scores = {f.finding: f.f1 for f in observed.findings}
    rows = []
    for one in found.findings:
        row = [one.name, _of(one.sensitivity), _of(one.specificity), *_prevalence(one.generated)]
        row += _prevalence(one.reference) if found.sides == "both" else []
        plausible = f"{one.f1_range[0]:.3f} to {one.f1_range[1]:.3f}" if one.f1_range else "undefined"
        rows.append([*row, number(scores[one.finding]), plausible])
    out.print(table([*columns, "F1", "plausible F1"], rows))
    for remark in found.remarks:
        out.print(remark)


def _of(pair: tuple[int, int] | None) -> str:
    return "derived" if pair is None else f"{pair[0]}/{pair[1]}"


def _prevalence(found: CorrectedPrevalence | None) -> list[str]:
    if found is None:
        return ["", ""]
    return [f"{found.k}/{found.n}", _spanned(found.estimate, found.interval)]


def print_models(found: ModelTable) -> None:
    """Accuracy of every finding and model with its exact interval, then macro-F1 and unanswered cells a model."""
    out = console()
    names = [m.model for m in found.models]
    rows = [
        [findings[0].name, *(exact(f) + (f" ({f.unanswered} unanswered)" if f.unanswered else "") for f in findings)]
        for findings in zip(*(m.score.findings for m in found.models), strict=True)
    ]
    out.print(f"accuracy [95 %] on {found.dataset}, {found.n_reports} reports, program {found.program_digest[:19]}…")
    out.print(table(["finding", *names], rows))
    out.print()
    shown = [
        [
            m.model, m.route, number(m.score.macro.accuracy), _spanned(m.score.ran_score, m.score.ran_score_interval),
            str(m.unanswered), f"{m.score.coverage:.2%}", f"{m.score.worst_case:.3f} to {m.score.best_case:.3f}",
        ]
        for m in found.models
    ]  # fmt: skip
    columns = ("model", "route", "macro accuracy", "macro-F1 [95 %]", "unanswered", "coverage", "worst to best case")
    out.print(table(columns, shown))
    if found.tuned_here:
        out.print(f"The program was tuned on reports of {found.dataset}: all figures here are too good.")
    others = [m.model for m in found.models if not m.tuned_for]
    if others:
        out.print(f"The program was tuned for {found.tuned_for}, not for {', '.join(others)}.")
    out.print("Compare two models with `ranscore compare`, on the labels that `ranscore extract --model` writes.")
    out.print(found.models[0].score.signature)


def print_presets() -> None:
    """The presets of `ranscore models`."""
    from ranscore.models._presets import PRESETS

    rows = [[name, p.route, p.thinking, p.needs] for name, p in PRESETS.items()]
    console().print(table(("preset", "litellm route", "thinking", "needs"), rows))


def write_rows(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Writes rows as CSV, blank where undefined; whole or not at all."""
    from ranscore.freezing import write_whole

    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode("utf-8"))
