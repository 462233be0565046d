"""Scores generated reports, or their labels, against the reference's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ranscore.cli._options import AllowRemote, ApiBase, Encoding, ProgramFile, Sections

if TYPE_CHECKING:
    from ranscore.api import RanScore, Sides
    from ranscore.freezing import FrozenProgram
    from ranscore.scoring import ScoreReport


def command(
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Reference reports, or a table of their labels.")
    ] = None,
    generated: Annotated[
        Path | None, typer.Option("--generated", help="Generated reports, or a table of their labels.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="Instead: one table whose rows hold both reports.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Score each system: a column of --pairs, or 'file' for a folder of one file each."),
    ] = None,
    sections: Sections = "findings+impression",
    encoding: Encoding = None,
    program: ProgramFile = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    policy: Annotated[
        str, typer.Option("--policy", help="ranscore, or authors: the released scorer's definition.")
    ] = "ranscore",
    uncertain: Annotated[
        str | None, typer.Option("--uncertain", help="Uncertain reference cells: exclude (default) or absent.")
    ] = None,
    empty: Annotated[
        str | None,
        typer.Option("--empty", help="F1 of a finding with no positive on either side: 0 (default), 1 or skip."),
    ] = None,
    no_finding: Annotated[
        str | None, typer.Option("--no-finding", help="derived+devices (default), derived-devices or as-given.")
    ] = None,
    corrected_by: Annotated[
        Path | None,
        typer.Option(
            "--corrected-by", help="The frozen program that gave the labels: also print what its errors allow."
        ),
    ] = None,
    corrected_sides: Annotated[
        str, typer.Option("--corrected-sides", help="Whose labels are that program's: both, or generated only.")
    ] = "both",
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the interval; 0 leaves it out.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    per_report: Annotated[Path | None, typer.Option("--per-report", help="Write one row a report to this CSV.")] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Score although some cells are unanswered.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score generated reports against reference reports: Ran Score with its interval, and every finding."""
    from ranscore.api import RanScore, read_sides, score_sides
    from ranscore.cli._options import policies_of
    from ranscore.cli._pairs import check_inputs, print_ranking
    from ranscore.cli._print import print_score
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.ranking import open_pairs, rank_systems

    policies = policies_of(policy, uncertain=uncertain, empty=empty, no_finding=no_finding, allow_partial=allow_partial)
    known = _extractor(corrected_by, program, corrected_sides) if corrected_by else None

    def scorer() -> RanScore:
        from ranscore.freezing import load_frozen

        frozen = known or load_frozen(program)
        return RanScore(frozen, model=choose_model(frozen, model, api_base))

    check_inputs(reference, generated, pairs, by)
    if by or not (reference and generated):
        _refuse_beside(pairs, by, corrected_by=corrected_by, per_report=per_report)
        with progress_bar() as progress:
            opened = open_pairs(pairs, by, reference=reference, generated=generated, sections=sections,
                                encoding=encoding)  # fmt: skip
            found = rank_systems(opened, scorer, policies, bootstrap=resamples, seed=seed, progress=progress)
        print_ranking(found) if not as_json else typer.echo(found.model_dump_json(indent=1))
        return
    with progress_bar() as progress:
        sides = read_sides(
            reference, generated, scorer, policies, progress=progress, sections=sections, encoding=encoding
        )
    for remark in sides.remarks:
        typer.echo(remark, err=True)
    report = score_sides(sides, policies, bootstrap=resamples, seed=seed)
    if per_report:
        from ranscore.freezing import write_whole

        write_whole(per_report, report.to_frame("reports").to_csv(index=False).encode("utf-8"))
    if known:
        whose: Literal["both", "generated"] = "both" if corrected_sides == "both" else "generated"
        _print_corrected(report, sides, known, whose, seed, as_json)
    elif as_json:
        typer.echo(report.to_json(indent=1))
    else:
        print_score(report)


def _print_corrected(
    report: ScoreReport,
    sides: Sides,
    known: FrozenProgram,
    whose: Literal["both", "generated"],
    seed: int,
    as_json: bool,
) -> None:
    """The score, and what the errors of the program that gave the labels allow."""
    from ranscore.cli._compared import print_correction
    from ranscore.cli._print import print_score
    from ranscore.correcting import correct_score

    correction = correct_score(sides.reference, sides.generated, known, report.policies, sides=whose, seed=seed)
    if as_json:
        both = {"score": report.model_dump(mode="json"), "correction": correction.model_dump(mode="json")}
        typer.echo(json.dumps(both, indent=1))
        return
    print_score(report)
    print_correction(correction, report)


def _refuse_beside(pairs: Path | None, by: str | None, **options: Path | None) -> None:
    """Raises InputError for options that say something of one score only."""
    from ranscore.errors import InputError

    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if given:
        what = f"--by {by}" if by else f"--pairs {pairs}"
        raise InputError(f"{what}: {', '.join(given)} cannot stand beside it; give --reference and --generated.")


def _extractor(corrected_by: Path, program: Path | None, sides: str) -> FrozenProgram:
    """The program whose errors are known; raises InputError where another one is to label the reports."""
    from ranscore.correcting import crossed_scores
    from ranscore.errors import InputError
    from ranscore.freezing import load_frozen

    if sides not in ("both", "generated"):
        raise InputError(f"--corrected-sides: found {sides!r}; expected 'both' or 'generated'.")
    frozen = load_frozen(corrected_by)
    if program and load_frozen(program).sha256 != frozen.sha256:
        raise InputError(
            f"--corrected-by {corrected_by}: another program than --program {program}, whose errors it does not know; "
            "expected the program that gives the labels."
        )
    crossed_scores(frozen)
    return frozen
