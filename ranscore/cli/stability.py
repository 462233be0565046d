"""Labels the same reports several times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, ProgramFile, SplitFile

if TYPE_CHECKING:
    from ranscore.stability import FlipRate, Noise, StabilityReport


def command(
    reports: Annotated[
        Path | None, typer.Argument(help="Reports: CSV, Parquet or JSONL with report_id and report; or --dataset.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A dataset with a reference, by name or card.yaml, instead.")
    ] = None,
    data: DataFolder = None,
    split: SplitFile = None,
    program: ProgramFile = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Runs, for each concurrency.")] = 5,
    concurrency: Annotated[
        str, typer.Option("--concurrency", help="Requests at a time, such as 1,8: as many runs with each; endpoints.")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first reports.")] = None,
    resamples: Annotated[int, typer.Option("--bootstrap", min=1, help="Resamples of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Label the same reports several times: how many answers flip, and which difference of Ran Score means nothing."""
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.freezing import load_frozen
    from ranscore.stability import measure_stability, open_levels, open_reports

    frozen = load_frozen(program)
    texts, reference = open_reports(reports, dataset, data, limit, split=split, frozen=frozen)
    models = open_levels(choose_model(frozen, model, api_base), numbers_of(concurrency), api_base)
    with progress_bar() as progress:
        advance = progress(len(texts) * len(frozen.findings) * repeats * len(models))
        found = measure_stability(
            frozen, texts, models, repeats, reference, bootstrap=resamples, seed=seed, progress=advance
        )
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_stability(found)


def numbers_of(text: str) -> list[int]:
    """The whole numbers of a list such as `1,8`; raises InputError for anything else."""
    from ranscore.errors import InputError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() for part in parts):
        raise InputError(f"--concurrency {text}: expected whole numbers with commas between, such as 1,8.")
    return [int(part) for part in parts]


def print_stability(found: StabilityReport) -> None:
    """The verdict in words, the flips by finding, the agreement between runs, and the noise of the Ran Score."""
    from ranscore.cli._print import console, table

    out = console()
    out.print(f"model {found.model}, program {found.program[:19]}…, {found.reports} reports, {len(found.runs)} runs")
    for line in _verdict(found):
        out.print(line)
    out.print()
    rates = [*found.findings, *found.levels]
    out.print(table(("finding", "flips/cells [95 %]", "unanswered"), [_rate_row(r) for r in rates]))
    if not found.deterministic:
        rows = [
            [f"{_run(found.runs, a.first)} and {_run(found.runs, a.second)}", _number(a.ran_score)]
            for a in found.agreements
        ]
        out.print()
        out.print(table(("runs", f"{_score_name(found)} between them"), rows))
    out.print()
    for line in _noise(found):
        out.print(line)


def _verdict(found: StabilityReport) -> list[str]:
    overall = found.overall
    if overall.interval is None:
        return [f"No cell was answered in every run; {overall.unanswered} cells lack an answer."]
    if overall.flips:
        first = f"Not deterministic: flips {rate(overall)} (cells whose answers are not all the same)."
    else:
        first = (
            f"{'Deterministic' if found.deterministic else 'No answer changed'}: 0 of {overall.cells} cells flipped; "
            f"the flip rate is at most {overall.interval[1]:.5f} (exact 95 % interval)."
        )
    lines = [first]
    if found.embedded and not overall.flips:
        lines.append("The model runs in this process and draws nothing by chance: expect 0 flips always.")
    if overall.unanswered:
        lines.append(f"{overall.unanswered} more cells stayed unanswered in some run, and are counted apart.")
    return lines


def rate(found: FlipRate) -> str:
    """k/n with the rate and its exact 95 % interval."""
    from ranscore.cli import _print

    return _print.share(found.flips, found.cells, found.rate, found.interval, places=4)


def _rate_row(found: FlipRate) -> list[str]:
    name = found.name or f"all, the {found.runs} runs at concurrency {found.concurrency}"
    return [name, rate(found), str(found.unanswered)]


def _run(runs: Sequence[int | None], number: int) -> str:
    level = runs[number - 1]
    return str(number) if level is None else f"{number} (concurrency {level})"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _score_name(found: StabilityReport) -> str:
    from ranscore.catalog import finding_ids

    whole = len(found.findings) == len(finding_ids())
    return "Ran Score" if whole else f"mean F1 of {len(found.findings)} findings"


def _noise(found: StabilityReport) -> list[str]:
    noise, name = found.noise, _score_name(found)
    if noise is None:
        return [f"Without a reference the smallest difference of {name} that means anything is not known: --dataset."]
    low, high = min(noise.scores), max(noise.scores)
    return [
        f"{name} against the reference: {low:.4f} to {high:.4f} over the runs.",
        _smallest(noise, name, found),
        f"Other reports of the same kind would move one score by about {noise.sampling_half_width:.4f} (half of its "
        "95 % bootstrap interval); between two systems on the same reports `ranscore compare` decides.",
    ]


def _smallest(noise: Noise, name: str, found: StabilityReport) -> str:
    if not noise.smallest_difference:
        return f"The model adds no noise: every difference of {name} on the same reports comes from what was changed."
    return (
        f"On the same reports a difference of {name} below {noise.smallest_difference:.4f} means nothing: runs differ "
        f"by {noise.repeat_difference:.4f} (95th percentile of {len(found.agreements)} pairs, at most "
        f"{noise.largest_difference:.4f}), and half of the paired bootstrap interval is {noise.paired_half_width:.4f}."
    )
