"""Makes the gate of a cascade on development reports, and shows what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import DataFolder, DatasetName, ProgramFile

if TYPE_CHECKING:
    from rich.table import Table

    from ranscore.cohort import Dataset
    from ranscore.freezing import FrozenProgram
    from ranscore.labelling._effects import Effect, Share
    from ranscore.labelling.gate import GateFile
    from ranscore.records import LabelTable


def command(
    dataset: DatasetName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The gate's file (.json).")],
    data: DataFolder = None,
    program: ProgramFile = None,
    max_miss: Annotated[
        float, typer.Option("--max-miss", help="Upper 95 % limit of the share of positives that may be missed.")
    ] = 0.005,
    max_loss: Annotated[
        float, typer.Option("--max-loss", help="Mean kappa that a model which is always right may lose by them.")
    ] = 0.005,
    split: Annotated[Path | None, typer.Option("--split", help="Use the development part of this split alone.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="A model's labels of all these reports; without, the embedded reader's."),
    ] = None,
) -> None:
    """Make the gate of `extract --cascade`: which reports cannot state a finding, and need no call."""
    from ranscore.cli._files import check_json
    from ranscore.cohort import open_dataset
    from ranscore.freezing import load_frozen
    from ranscore.labelling._effects import measure_effect
    from ranscore.labelling._tuning import Limits, gather_evidence, tune_gate
    from ranscore.labelling.gate import save_gate
    from ranscore.splitting import development_part, load_split

    check_json(output)
    limits = Limits(max_miss, max_loss)
    frozen, cohort = load_frozen(program), open_dataset(dataset, data)
    cohort = development_part(cohort, load_split(split)) if split else cohort
    tuned = tune_gate(frozen, cohort, gather_evidence(frozen, cohort), limits)
    answered = _labels(frozen, cohort, labels)
    effect = measure_effect(cohort, answered, tuned.sent)
    perfect = measure_effect(cohort, cohort.reference, tuned.sent)
    save_gate(tuned.file, output)
    _print(tuned.file, effect, perfect, output, f"{labels}" if labels else "lexical")


def _labels(frozen: FrozenProgram, cohort: Dataset, path: Path | None) -> LabelTable:
    from ranscore.extraction.module import label_table
    from ranscore.models import open_model
    from ranscore.readers import read_labels

    if path:
        return read_labels(path)
    return label_table(frozen.programs(), cohort.reports, open_model("lexical"))[0]


def _print(file: GateFile, effect: Effect, perfect: Effect, path: Path, model: str) -> None:
    from ranscore.cli._print import console, number

    out = console()
    out.print(f"{path}: gate for {len(file.findings)} findings, tuned on {file.reports} reports of {file.data.dataset}")
    out.print("Counted in cross-validation, each report judged by a gate that was tuned without it:")
    if file.worth is None:
        out.print(
            f"everything is sent: {file.positives} positives are too few, or too many of them are missed, for an "
            f"upper limit of {file.max_miss:g} and a loss of kappa up to {file.max_loss:g}"
        )
    out.print(f"calls saved {_share(effect.calls)}")
    out.print(
        f"reference positives missed, pooled over the findings {_share(effect.missed)}; "
        f"one-sided 95 % limit {file.bound:.4f}, asked for {file.max_miss:g}"
    )
    out.print(f"of the positives that {model} would have found, lost {_share(effect.lost)}")
    for name, before, after in (
        ("mean over findings", effect.everything, effect.cascade),
        ("all cells pooled", effect.pooled_everything, effect.pooled_cascade),
    ):
        change = "undefined" if before is None or after is None else f"{after - before:+.4f}"
        out.print(
            f"kappa against the reference, {name}: everything {number(before)}, cascade {number(after)}, {change}"
        )
    out.print(f"kappa of the cascade against sending everything {number(effect.between)}")
    out.print(
        "were the model always right: kappa 1.000 with everything sent; with the cascade "
        f"{number(perfect.cascade)} (mean over findings; loss {file.loss:.4f}, asked for up to {file.max_loss:g}), "
        f"{number(perfect.pooled_cascade)} (pooled)"
    )
    out.print()
    out.print(_by_finding(file, effect))
    out.print()
    if file.contains_report_text:
        out.print("It may hold words of reports (exemplars): treat it as you treat the reports.")
    out.print(file.sha256)


def _by_finding(file: GateFile, effect: Effect) -> Table:
    """One row a finding: how it is gated, and what that costs."""
    from ranscore.cli._print import number, table

    rows = [
        [
            e.cascade.name, file.findings[e.finding].counts, f"{e.sent / max(1, file.reports):.1%}",
            f"{e.missed.k}/{e.missed.n}", number(e.everything.kappa), number(e.cascade.kappa), str(e.unlike),
        ]
        for e in effect.findings
    ]  # fmt: skip
    columns = ("finding", "opened by a phrase", "sent", "missed", "kappa everything", "kappa cascade", "labels changed")
    return table(columns, rows)


def _share(share: Share) -> str:
    low, high = share.interval
    rate = share.k / share.n if share.n else float("nan")
    return f"{share.k}/{share.n} = {rate:.2%} [{low:.2%}, {high:.2%}]"
