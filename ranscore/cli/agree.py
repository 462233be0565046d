"""Measures how far readers agree, and where a program stands among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, SplitFile

if TYPE_CHECKING:
    from ranscore.agreement import AgreementReport, Ceiling, Figure, Uncertain
    from ranscore.cohort import Dataset, Panel
    from ranscore.freezing import FrozenProgram
    from ranscore.records import LabelTable

POLICIES = ("category", "exclude")


def command(
    raters: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Readers' labels: a wide table a reader, or a long one (report_id, rater, finding, value)."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A dataset's readers; with --program also the reports it labels.")
    ] = None,
    data: DataFolder = None,
    split: SplitFile = None,
    program: Annotated[Path | None, typer.Option("--program", help="A frozen program to place among them.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    uncertain: Annotated[
        str, typer.Option("--uncertain", help="An uncertain answer is a third category, or is left out: exclude.")
    ] = "category",
    label: Annotated[str | None, typer.Option("--label", help="Show the pairs' kappas on this finding alone.")] = None,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Compare although the program left cells unanswered.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write every figure to this CSV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Measure how far readers agree, per finding and pair, and whether a program is within their range."""
    from ranscore.agreement import measure_agreement
    from ranscore.catalog import finding_id
    from ranscore.cohort import choose_panel
    from ranscore.errors import InputError, UnknownNameError
    from ranscore.freezing import load_frozen, write_whole
    from ranscore.splitting import narrow_panel, open_development

    if uncertain not in POLICIES:
        raise UnknownNameError("policy for uncertain answers", uncertain, POLICIES)
    shown = finding_id(label) if label else ""
    frozen = load_frozen(program) if program else None
    panel = choose_panel(raters or [], dataset, data)
    if (frozen or split) and dataset is None:
        raise InputError("--program and --split need the reports that the readers read; name them with --dataset.")
    cohort = open_development(dataset, data, split) if dataset and (frozen or split) else None
    panel = narrow_panel(panel, cohort) if cohort and split else panel
    labels = _label(frozen, panel, cohort, model, api_base, allow_partial) if frozen and cohort else None
    report = measure_agreement(
        panel.tables, panel.names, labels, uncertain=cast("Uncertain", uncertain), bootstrap=resamples, seed=seed,
        program_digest=frozen.sha256 if frozen else None,
    )  # fmt: skip
    if output:
        write_whole(output, _as_csv(report))
    if as_json:
        typer.echo(report.model_dump_json(indent=1))
    else:
        _print(report, shown)


def _label(
    frozen: FrozenProgram,
    panel: Panel,
    cohort: Dataset,
    model: str | None,
    api_base: str | None,
    allow_partial: bool,
) -> LabelTable:
    """The program's labels of the reports that the readers read."""
    from ranscore.cli._options import warn_if_tuned
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.errors import IncompleteError, InputError
    from ranscore.labelling.batch import extract

    missing = sorted(set(panel.tables[0].report_ids) - {r.report_id for r in cohort.reports})
    if missing:
        raise InputError(
            f"{len(missing)} reports that the readers read are not in {cohort.name} "
            f"(such as {', '.join(missing[:3])}), so the program cannot label them; name the dataset that holds them."
        )
    warn_if_tuned(frozen, cohort)
    read = set(panel.tables[0].report_ids)
    reports = [r for r in cohort.reports if r.report_id in read]
    with progress_bar() as progress:
        advance = progress(len(reports) * len(frozen.findings))
        result = extract(frozen, reports, choose_model(frozen, model, api_base), progress=advance)
    if result.unanswered and not allow_partial:
        raise IncompleteError(
            f"{len(result.unanswered)} cells stayed unanswered (coverage {result.coverage:.2%}); run again for them, "
            "or compare on the others with --allow-partial."
        )
    return result.table


def _print(report: AgreementReport, finding: str) -> None:
    from ranscore.catalog import finding_name
    from ranscore.cli._print import console, number, table

    out = console()
    policy = "a third category" if report.uncertain == "category" else "left out"
    out.print(f"{len(report.raters)} readers, {report.reports} reports; uncertain answers are {policy}", markup=False)
    out.print()
    columns = (
        "finding",
        "cells",
        "read by all",
        "present answers",
        "raw [95 %]",
        "mean kappa",
        "Fleiss' kappa",
        "alpha",
    )
    rows = []
    for a in report.agreement:
        figures = (a.raw, a.mean_kappa, a.fleiss, a.alpha)
        rows.append([a.name, _whole(a.n), _whole(a.complete), _whole(a.present), *map(_shown, figures)])
    out.print(table(columns, rows, "Agreement"))
    out.print()
    chosen = next(a for a in report.agreement if (a.finding == finding if finding else a.name == "all cells"))
    known = {(p.rater, p.other): number(p.kappa.value) for p in chosen.pairs}
    rows = [[a, *(known.get((a, b)) or known.get((b, a)) or "" for b in report.raters)] for a in report.raters]
    where = finding_name(finding) if finding else "all cells"
    out.print(table(("reader", *report.raters), rows, f"Cohen's kappa of each pair, {where}"))
    out.print()
    _print_ceiling(report)


def _print_ceiling(report: AgreementReport) -> None:
    from ranscore.cli._print import console, table

    rows = []
    for c in report.ceiling:
        figures = (_range(c.kappa), _shown(c.kappa.mean), _range(c.f1), _shown(c.f1.mean))
        rows.append([c.name, _whole(c.n), _whole(c.positives), *figures])
    columns = ["finding", "cells", "positives", "kappa", "mean [95 %]", "F1", "mean [95 %]"]
    out = console()
    out.print(table(columns, rows, "Human ceiling: each reader against the majority of the others, lowest to highest"))
    if not report.program:
        return
    rows = []
    for c in report.ceiling:
        kappa, f1 = (
            [_shown(m.program), _shown(m.difference, "+"), str(m.place), m.verdict or "undefined"]
            for m in (c.kappa, c.f1)
        )
        rows.append([c.name, *kappa, f1[0].split(" ")[0], *f1[2:]])
    columns = ["finding", "kappa [95 %]", "less the readers' mean [95 %]", "place", "verdict", "F1", "place", "verdict"]
    out.print()
    out.print(table(columns, rows, "The program in each reader's place: below, within or above the readers' range"))


def _shown(figure: Figure | None, sign: str = "") -> str:
    from ranscore.cli._print import span

    if figure is None or figure.value is None:
        return "undefined"
    return f"{figure.value:{sign}.3f}{span(figure.interval, sign)}"


def _range(ceiling: Ceiling) -> str:
    if ceiling.lowest is None or ceiling.highest is None:
        return "undefined"
    return f"{ceiling.lowest:.3f} to {ceiling.highest:.3f}"


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _as_csv(report: AgreementReport) -> bytes:
    """Every figure, one a row, unrounded; blank where it is undefined."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("table", "finding", "figure", "reader", "other", "n", "value", "low", "high"))
    for *names, n, figure in [*_agreement_rows(report), *_ceiling_rows(report)]:
        low, high = figure.interval or (None, None)
        writer.writerow([*names, n, figure.value, low, high])
    return text.getvalue().encode("utf-8")


def _agreement_rows(report: AgreementReport) -> Iterator[tuple[str, str, str, str, str, int | None, Figure]]:
    for a in report.agreement:
        figures = {"raw": a.raw, "mean_kappa": a.mean_kappa, "fleiss": a.fleiss, "alpha": a.alpha}
        for name, figure in figures.items():
            yield "agreement", a.name, name, "", "", a.complete if name == "fleiss" else a.n, figure
        for pair in a.pairs:
            yield "pairs", a.name, "kappa", pair.rater, pair.other, pair.n, pair.kappa
            yield "pairs", a.name, "raw", pair.rater, pair.other, pair.n, pair.raw


def _ceiling_rows(report: AgreementReport) -> Iterator[tuple[str, str, str, str, str, int | None, Figure]]:
    for c in report.ceiling:
        for metric, ceiling in (("kappa", c.kappa), ("f1", c.f1), ("accuracy", c.accuracy)):
            for rater, figure in ceiling.raters.items():
                yield "ceiling", c.name, metric, rater, "the others", c.n, figure
            yield "ceiling", c.name, metric, "mean of the readers", "the others", c.n, ceiling.mean
            if ceiling.program and ceiling.difference:
                yield "ceiling", c.name, metric, "program", "the others", c.n, ceiling.program
                yield "ceiling", c.name, f"{metric} difference", "program", "readers", c.n, ceiling.difference
