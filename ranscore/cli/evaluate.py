"""Scores a frozen program against a dataset's reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, DatasetName, GroupBy, ProgramFile, Runs

if TYPE_CHECKING:
    from ranscore.cohort import Dataset
    from ranscore.freezing import FrozenProgram
    from ranscore.labelling.corpus import Grouping
    from ranscore.models import Model
    from ranscore.records import LabelTable
    from ranscore.scoring import Policies, ScoreReport

PARTS = ("development", "heldout")


def command(
    dataset: DatasetName,
    data: DataFolder = None,
    program: ProgramFile = None,
    seed_program: Annotated[
        bool, typer.Option("--seed-program", help="The unimproved seed instead of a frozen program.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 1000,
    grouping: GroupBy = "finding",
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Score although some cells are unanswered.")
    ] = False,
    split: Annotated[
        Path | None, typer.Option("--split", help="Score one part of the dataset, as `ranscore split` wrote it.")
    ] = None,
    part: Annotated[str | None, typer.Option("--part", help="That part: development or heldout.")] = None,
    mlruns: Runs = None,
    labels: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the labels to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score a program against a dataset's reference: every finding, and how many reach an accuracy of 0.95."""
    from ranscore.cli._print import print_evaluation
    from ranscore.cli.extract import choose_model, group_by
    from ranscore.cohort import open_dataset
    from ranscore.errors import InputError, UnknownNameError
    from ranscore.freezing import freeze_seed, load_frozen
    from ranscore.labelling._tables import check_output, write_labels
    from ranscore.scoring import Policies

    if seed_program and program:
        raise InputError("--seed-program and --program are both given; expected one of them.")
    if (split is None) != (part is None):
        raise InputError("--split FILE and --part development|heldout go together; expected both or neither.")
    if part and part not in PARTS:
        raise UnknownNameError("part", part, PARTS)
    if labels:
        check_output(labels)
    frozen = freeze_seed() if seed_program else load_frozen(program)
    by = group_by(grouping)
    if part == "heldout" and by == "report":
        raise InputError("--part heldout: it is opened with a call for each finding; leave --grouping out.")
    cohort, answering = open_dataset(dataset, data), choose_model(frozen, model, api_base, by)
    for remark in cohort.remarks:
        typer.echo(remark, err=True)
    policies = Policies(unanswered="allow-partial" if allow_partial else "refuse", no_finding="as-given")
    if split and part == "heldout":
        report, table = _score_heldout(frozen, cohort, split, answering, policies, resamples, mlruns)
    else:
        report, table = _score(frozen, _development(frozen, cohort, split), answering, policies, resamples, by)
    if labels:
        write_labels(table, labels)
    if as_json:
        typer.echo(report.to_json(indent=1))
        return
    print_evaluation(report)


def _score(
    frozen: FrozenProgram, cohort: Dataset, model: Model, policies: Policies, resamples: int, grouping: Grouping
) -> tuple[ScoreReport, LabelTable]:
    from ranscore.api import frame_of
    from ranscore.cli.extract import progress_bar
    from ranscore.labelling.batch import extract
    from ranscore.scoring import score_labels

    with progress_bar() as progress:
        advance = progress(len(cohort.reports) * len(frozen.findings))
        table = extract(frozen, cohort.reports, model, progress=advance, grouping=grouping).table
    report = score_labels(
        frame_of(cohort.reference), frame_of(table), policies, bootstrap=resamples, program_digest=frozen.sha256
    )
    return report, table


def _development(frozen: FrozenProgram, cohort: Dataset, split: Path | None) -> Dataset:
    from ranscore.cli._options import warn_if_tuned
    from ranscore.splitting import development_part, load_split

    part = development_part(cohort, load_split(split)) if split else cohort
    warn_if_tuned(frozen, part)
    return part


def _score_heldout(
    frozen: FrozenProgram,
    cohort: Dataset,
    split: Path,
    model: Model,
    policies: Policies,
    resamples: int,
    mlruns: Path | None,
) -> tuple[ScoreReport, LabelTable]:
    from ranscore.cli.extract import progress_bar
    from ranscore.heldout import score_heldout
    from ranscore.splitting import load_split
    from ranscore.tracking import Tracker

    chosen, tracker = load_split(split), Tracker.open(mlruns)
    with progress_bar() as progress:
        found = score_heldout(
            frozen, chosen, cohort, tracker, model, policies=policies, bootstrap=resamples, progress=progress
        )
    others = found.openings_of_dataset - found.openings
    typer.echo(
        f"Opening {found.openings} of this held-out part, recorded in {tracker.folder}"
        + (f"; other held-out parts of {cohort.name} were opened {others} times." if others else "."),
        err=True,
    )
    return found.report, found.labels
