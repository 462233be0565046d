"""Fits a decision threshold a finding on a model's log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, DatasetName, ProgramFile

if TYPE_CHECKING:
    from ranscore.labelling.calibration import Fitted, Objective

OBJECTIVES = ("kappa", "f1")


def command(
    dataset: DatasetName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The calibrated program's file (.json).")],
    model: Annotated[str, typer.Option("--model", help="An endpoint by its litellm name, or gguf:PATH.")],
    program: ProgramFile = None,
    data: DataFolder = None,
    split: Annotated[Path | None, typer.Option("--split", help="Use the development part of this split alone.")] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    objective: Annotated[str, typer.Option("--objective", help="What a threshold maximizes: kappa or f1.")] = "kappa",
    golden: Annotated[
        bool, typer.Option(help="Let the model answer the golden reports, for `ranscore verify`.")
    ] = True,
) -> None:
    """Fit a decision threshold a finding on a model's log-odds, cross-validated, and freeze the program with them."""
    from ranscore.cli._files import check_json
    from ranscore.cli._live import progress_bar
    from ranscore.cli._options import model_of
    from ranscore.cohort import open_dataset
    from ranscore.errors import UnknownNameError
    from ranscore.freezing import load_frozen, save_frozen
    from ranscore.labelling.calibration import calibrate, with_thresholds
    from ranscore.splitting import development_part, load_split

    check_json(output)
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES)
    frozen, cohort = load_frozen(program), open_dataset(dataset, data)
    cohort = development_part(cohort, load_split(split)) if split else cohort
    answering = model_of(model, api_base, logprobs=True)
    wanted: Objective = "f1" if objective == "f1" else "kappa"
    with progress_bar() as progress:
        advance = progress(len(cohort.reports) * len(frozen.findings))
        fitted = calibrate(frozen, cohort, answering, wanted, progress=advance)
    made = with_thresholds(frozen, cohort, answering, fitted, wanted, golden=golden)
    save_frozen(made, output)
    _print(fitted, output, len(cohort.reports))
    typer.echo(made.sha256)


def _print(fitted: Sequence[Fitted], path: Path, reports: int) -> None:
    from ranscore.cli._print import console, number, table
    from ranscore.labelling.calibration import mean_scores

    out = console()
    kept = sum(f.threshold is not None for f in fitted)
    out.print(f"{path}: thresholds for {kept} of {len(fitted)} findings, fitted on {reports} reports", markup=False)
    out.print("A threshold that does not help on reports that it was not fitted on is not kept.")
    missing = sum(reports - f.with_odds for f in fitted)
    if missing:
        out.print(f"{missing} of {reports * len(fitted)} answers came without log-odds and stay as they are")
    out.print()
    rows = [
        [
            f.as_answered.name,
            "as answered" if f.threshold is None else f"{f.threshold:+.2f}",
            str(f.as_answered.positives),
            number(f.as_answered.kappa),
            number(f.tuned_on.kappa),
            number(f.cross_validated.kappa),
            number(f.as_answered.f1),
            number(f.cross_validated.f1),
        ]
        for f in fitted
    ]
    columns = (
        "finding", "threshold", "positives", "kappa as answered", "tuned-on", "cross-validated", "F1 as answered",
        "cross-validated",
    )  # fmt: skip
    out.print(table(columns, rows))
    out.print()
    scores = mean_scores(fitted)
    out.print(
        f"mean kappa: as answered {number(scores['kappa_as_answered'])}, "
        f"cross-validated with thresholds {number(scores['kappa_calibrated'])}; macro-F1 "
        f"{number(scores['macro_f1_as_answered'])}, {number(scores['macro_f1_calibrated'])}"
    )
