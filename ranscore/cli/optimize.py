"""Improves one finding's program, or all, on a dataset's reference."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, DatasetName, ModelName, Runs, model_of

if TYPE_CHECKING:
    from ranscore.cohort import Dataset
    from ranscore.records import ErrorNote
    from ranscore.search._rounds import Optimized, Round
    from ranscore.search._tracked import Session


def command(
    label: Annotated[str, typer.Option("--label", help="The finding to improve, or all.")],
    dataset: DatasetName = "demo-en",
    data: DataFolder = None,
    model: ModelName = "lexical",
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    recipe: Annotated[
        str, typer.Option("--recipe", help="An optimizer's recipe: a name, or a YAML file.")
    ] = "exemplar-tpe",
    split: Annotated[Path | None, typer.Option("--split", help="Use the development part of this split alone.")] = None,
    notes: Annotated[Path | None, typer.Option("--notes", help="More error notes (CSV, JSONL, Parquet).")] = None,
    notes_from: Annotated[
        Path | None, typer.Option("--notes-from", help="The ledger of notes; notes.db in the tracking folder else.")
    ] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", help="Most rounds.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="Candidates a round.")] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Folds of the cross-validation; 0 leaves it out.")
    ] = None,
    target_accuracy: Annotated[float | None, typer.Option("--target-accuracy", help="Stop at this accuracy …")] = None,
    target_kappa: Annotated[float | None, typer.Option("--target-kappa", help="… and this kappa.")] = None,
    target_from: Annotated[
        Path | None, typer.Option("--target-from", help="Each finding's targets from Delphi rounds (ranscore delphi).")
    ] = None,
    calls: Annotated[int | None, typer.Option("--calls", help="Most calls a search may make.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random choice.")] = None,
    writer: Annotated[
        str | None, typer.Option("--writer", help="Model that writes text for mipro and gepa, and reads notes.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes for --label all, embedded model.")] = 2,
    log_text: Annotated[
        bool, typer.Option("--log-text", help="Put report text into the tracked error tables.")
    ] = False,
    keep_report_text: Annotated[
        bool, typer.Option("--keep-report-text", help="Programs may quote restricted reports; their files say so.")
    ] = False,
    review: Annotated[
        bool, typer.Option("--review", help="Review the errors in the browser, search again with the notes, and so on.")
    ] = False,
    reader: Annotated[str, typer.Option("--reader", help="Who reviews (--review).")] = "reader",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the page (--review).")] = 8321,
    mlruns: Runs = None,
) -> None:
    """Improve the program of a finding (or of all) round by round, and track every round."""
    from ranscore import catalog
    from ranscore.cli._rounds import Page, alternate, gather_notes, ledger_path, read_targets
    from ranscore.search._recipe import read_recipe
    from ranscore.search._tracked import Session, check_model, optimize_all, optimize_label

    finding = "all" if label.casefold() == "all" else catalog.finding_id(label)
    if finding != "all":
        catalog.seed_program(finding)
    chosen = read_recipe(recipe).changed(
        rounds=rounds, trials=trials, folds=folds, target_accuracy=target_accuracy, target_kappa=target_kappa,
        budget=calls, seed=seed, writer=writer, keep_report_text=keep_report_text or None,
    )  # fmt: skip
    _check_choices(finding, review, target_from, target_accuracy, target_kappa, split)
    opened, used = _open(dataset, data, split)

    def gather() -> tuple[ErrorNote, ...]:
        return gather_notes(opened, used, notes, notes_from, mlruns)

    targets = read_targets(target_from)
    session = Session(used, model_of(model, api_base), chosen, gather(), mlruns, log_text, targets)
    check_model(session, catalog.asked_ids()[0] if finding == "all" else finding)
    _announce(session, label)
    if finding == "all":
        _print_all(session, optimize_all(session, catalog.asked_ids(), workers, _print_done))
        return
    tell = partial(_print_progress, folds=chosen.folds)
    if review:
        page = Page(dataset, data, model, api_base, ledger_path(notes_from, mlruns), reader, port)
        found, run_id, session = alternate(session, finding, gather, page.read, tell)
    else:
        found, run_id = optimize_label(session, finding, tell)
    _print_one(found, run_id, session)


def _check_choices(
    finding: str, review: bool, targets: Path | None, accuracy: float | None, kappa: float | None, split: Path | None
) -> None:
    from ranscore.errors import InputError

    if review and (finding == "all" or split):
        raise InputError("--review reviews one finding on all reports; name it with --label, and leave --split out.")
    if targets and (accuracy is not None or kappa is not None):
        raise InputError("--target-from gives the targets; take --target-accuracy and --target-kappa out.")


def _open(dataset: str, data: Path | None, split: Path | None) -> tuple[Dataset, Dataset]:
    """The dataset, and the part of it that is used."""
    from ranscore.cohort import open_dataset
    from ranscore.splitting import development_part, load_split

    opened = open_dataset(dataset, data)
    for remark in opened.remarks:
        typer.echo(remark, err=True)
    return opened, development_part(opened, load_split(split)) if split else opened


def _announce(session: Session, label: str) -> None:
    data = session.dataset
    typer.echo(
        f"Optimizing {label} on {data.name} ({len(data.reports)} reports) with {session.model.name}, "
        f"recipe {session.recipe.name}, seed {session.recipe.seed}; tracked in {session.tracker.folder}.",
        err=True,
    )


def _print_progress(current: Round, folds: int) -> None:
    from ranscore.cli._print import number

    score = current.scored.score
    name = "seed   " if current.number == 0 else f"round {current.number}"
    typer.echo(f"  {name}  kappa {number(score.kappa)}  F1 {number(score.f1)}  errors {len(current.errors)}", err=True)
    if current.stopped:
        typer.echo(f"  {current.stopped}{'; cross-validating …' if folds > 1 else ''}", err=True)


def _print_done(found: Optimized) -> None:
    from ranscore.cli._print import number

    crossed = f", cross-validated {number(found.crossed.score.f1)}" if found.crossed else ""
    typer.echo(
        f"  {found.best.score.name}: F1 {number(found.seed.score.f1)} -> {number(found.best.score.f1)}{crossed}",
        err=True,
    )


def _print_one(found: Optimized, run_id: str, session: Session) -> None:
    from ranscore.cli._print import console, exact, number, table

    rows = []
    for current in found.rounds:
        score = current.scored.score
        rows.append([
            "seed" if current.number == 0 else str(current.number), number(score.kappa), number(score.f1),
            number(score.precision), number(score.recall), exact(score), str(score.positives), str(score.uncertain),
            str(score.unanswered), str(len(current.errors)), str(len(current.notes)),
            str(len(current.scored.candidate.edits)), str(current.calls), str(current.scored.prompt_tokens),
        ])  # fmt: skip
    columns = (
        "round", "kappa", "F1", "precision", "recall", "accuracy [95 %]", "positives", "uncertain", "unanswered",
        "errors", "notes", "edits", "calls", "prompt tokens",
    )  # fmt: skip
    out = console()
    out.print(table(columns, rows, f"Rounds of {found.best.score.name}"))
    out.print()
    for line in _figures(found):
        out.print(line)
    typer.echo(f"Kept program {found.program.digest()} (run {run_id} in {session.tracker.folder}).")
    out.print("See the rounds with `ranscore ui`; freeze with `ranscore compile`.")


def _figures(found: Optimized) -> list[str]:
    from ranscore.cli._print import exact, number

    tuned = found.best.score
    lines = [f"tuned-on         kappa {number(tuned.kappa)}  F1 {number(tuned.f1)}  accuracy {exact(tuned)}"]
    if found.crossed is None:
        return [*lines, "cross-validated  not done (--folds 0): the tuned-on figure is optimistic"]
    honest = found.crossed.score
    lines.append(
        f"cross-validated  kappa {number(honest.kappa)}  F1 {number(honest.f1)}  accuracy {exact(honest)}  "
        f"({found.crossed.folds} folds)"
    )
    gaps = [
        f"{name} {a - b:+.3f}"
        for name, a, b in (("kappa", tuned.kappa, honest.kappa), ("F1", tuned.f1, honest.f1))
        if a is not None and b is not None
    ]
    return [*lines, f"optimism         {'  '.join(gaps) or 'undefined'}"]


def _print_all(session: Session, results: dict[str, Optimized]) -> None:
    from ranscore.cli._print import console, exact, number, table
    from ranscore.search._tracked import summarize

    summary = summarize(session.dataset, results)
    crossed = {s.finding: s for s in summary.crossed}
    rows = []
    for seed, tuned in zip(summary.seed, summary.tuned, strict=True):
        honest = crossed.get(tuned.finding)
        rows.append([
            tuned.name, number(seed.f1), number(tuned.f1), number(honest.f1) if honest else "not done",
            number(tuned.kappa), number(honest.kappa) if honest else "not done", exact(honest or tuned),
            str(tuned.positives), str(tuned.uncertain), str(tuned.unanswered), ])  # fmt: skip
    columns = (
        "finding", "seed F1", "tuned-on F1", "cross-val. F1", "tuned-on kappa", "cross-val. kappa",
        "cross-val. accuracy [95 %]" if crossed else "tuned-on accuracy [95 %]", "positives", "uncertain", "unanswered",
    )  # fmt: skip
    out = console()
    out.print(table(columns, rows, f"{session.dataset.name}, {session.model.name}, recipe {session.recipe.name}"))
    macro = summary.macro()
    out.print()
    names = (("seed", "seed_macro_f1"), ("tuned-on", "macro_f1"), ("cross-validated", "cv_macro_f1"))
    figures = ", ".join(f"{name} {number(macro.get(key))}" for name, key in names)
    out.print(f"macro-F1 over {len(summary.tuned)} findings: {figures}")
    tuned_f1, honest_f1 = macro.get("macro_f1"), macro.get("cv_macro_f1")
    if tuned_f1 is not None and honest_f1 is not None:
        out.print(f"optimism (tuned-on less cross-validated): {tuned_f1 - honest_f1:+.3f}")
    out.print("See the rounds with `ranscore ui`; freeze with `ranscore compile`.")
