"""Labels reports with a frozen program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._live import progress_bar as progress_bar
from ranscore.cli._options import AllowRemote, ApiBase, Encoding, GroupBy, ProgramFile, Sections, model_of

if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram
    from ranscore.labelling.corpus import Corpus, Grouping, Outcome
    from ranscore.labelling.forecast import Forecast
    from ranscore.labelling.gate import Gate
    from ranscore.models import Model

Reports = Annotated[
    Path, typer.Argument(help="Reports in any format (`ranscore guide formats`), or a dataset's name or card.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the labels go: .csv, .parquet or .jsonl.")]
OtherModel = Annotated[
    str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
]
Reader = Annotated[str | None, typer.Option("--reader", help="The reports' format, where the suffix does not tell.")]
LedgerFolder = Annotated[
    Path | None, typer.Option("--ledger", help="Folder of what was answered so far; beside the output when not named.")
]
Engine = Annotated[str, typer.Option("--engine", help="Where the work is done: local, or ray.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes, embedded model; all cores when not named.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what it would take: calls, tokens, money, hours; nothing is asked.")
]
Rate = Annotated[float | None, typer.Option("--rate", min=0.001, help="Calls a second, for the hours of --dry-run.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=0, help="Stop after so many calls.")]
MaxCost = Annotated[float | None, typer.Option("--max-cost", min=0.0, help="Stop at so many US dollars.")]
MaxFailures = Annotated[int | None, typer.Option("--max-failures", min=0, help="Stop after more failures than this.")]
RequestsAMinute = Annotated[float | None, typer.Option("--rpm", min=0.1, help="At most so many requests a minute.")]
TokensAMinute = Annotated[float | None, typer.Option("--tpm", min=1.0, help="At most so many tokens a minute.")]
Timeout = Annotated[float | None, typer.Option("--timeout", min=0.1, help="Seconds to wait for one answer.")]
Ways = Annotated[
    Path | None, typer.Option("--ways", help="Also write how each label came: model, gate, duplicate, derived.")
]
Cascade = Annotated[
    Path | None, typer.Option("--cascade", help="A gate of `ranscore gate`: only what it lets pass is sent.")
]
MaxMiss = Annotated[
    float | None, typer.Option("--max-miss", help="Refuse a gate that may miss a larger share of the positives (95 %).")
]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="Exit 0 although some cells stayed unanswered.")]


def command(
    reports: Reports,
    output: Output,
    program: ProgramFile = None,
    model: OtherModel = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    reader: Reader = None,
    sections: Sections = "findings+impression",
    encoding: Encoding = None,
    ledger: LedgerFolder = None,
    engine: Engine = "local",
    workers: Workers = None,
    dry_run: DryRun = False,
    rate: Rate = None,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    max_failures: MaxFailures = None,
    rpm: RequestsAMinute = None,
    tpm: TokensAMinute = None,
    timeout: Timeout = None,
    ways: Ways = None,
    cascade: Cascade = None,
    max_miss: MaxMiss = None,
    grouping: GroupBy = "finding",
    allow_partial: AllowPartial = False,
) -> None:
    """Label reports with a frozen program: 1, 0 or unanswered for every finding; run again to go on where it ended."""
    from ranscore.cli._live import live_line
    from ranscore.cli._reports import open_stream
    from ranscore.freezing import load_frozen
    from ranscore.guard import check_terms
    from ranscore.labelling._brakes import Brakes
    from ranscore.labelling._tables import check_output
    from ranscore.labelling.corpus import check_engine, open_corpus
    from ranscore.labelling.forecast import forecast
    from ranscore.labelling.ledger import default_folder

    frozen = load_frozen(program)
    for path in (output, ways) if ways else (output,):
        check_output(path)
    check_engine(engine)
    stream = open_stream(reports, reader, encoding, sections)
    by = group_by(grouping)
    answering = choose_model(frozen, model, api_base, by, {"rpm": rpm, "tpm": tpm, "timeout": timeout})
    if not dry_run:
        check_terms(answering, stream.terms, early=True)
    gate = open_gate(cascade, max_miss, answering)
    folder = ledger or default_folder(output)
    kept = None if dry_run and not folder.exists() else folder
    with open_corpus(frozen, stream, answering, kept, gate=gate, grouping=by) as corpus:
        for remark in stream.lacking():
            typer.echo(remark, err=True)
        if dry_run:
            print_forecast(forecast(corpus, rate=rate, workers=workers))
            return
        labels_a_call = len(corpus.job.questions) if corpus.grouped else 1
        brakes = Brakes(max_calls and max_calls * labels_a_call, max_cost, max_failures)
        with live_line() as watch:
            outcome = corpus.label(engine=engine, workers=workers, brakes=brakes, watch=watch)
        _check_not_stopped(corpus, outcome, folder)
        missing = corpus.write(output, ways)
        _tell(corpus, output, missing, outcome, allow_partial)


def choose_model(
    frozen: FrozenProgram,
    name: str | None,
    api_base: str | None,
    grouping: Grouping = "finding",
    limits: Mapping[str, float | None] | None = None,
) -> Model:
    """The model of the options, or else the one that the program was tuned for, opened as the program needs it."""
    from ranscore.extraction.grouped import TOKENS_A_FINDING

    _tell_lacking(frozen)
    own = name is None or name == frozen.model.name
    address = api_base or (frozen.model.settings.get("api_base") if own else None)
    if not own:
        typer.echo(
            f"The program was tuned for {frozen.model.name}, not for {name}: its scores do not carry over.", err=True
        )
    grouped = grouping == "report"
    model = model_of(
        name or frozen.model.name,
        address,
        logprobs=frozen.calibrated and not grouped,
        max_tokens=TOKENS_A_FINDING * len(frozen.findings) if grouped else None,
        limits=limits,
    )
    if frozen.calibrated and (grouped or not frozen.thresholds(model)):
        why = "one call answers for all findings" if grouped else f"they were fitted on {frozen.model.name}"
        typer.echo(f"The program's thresholds are left out: {why}.", err=True)
    return model


def _tell_lacking(frozen: FrozenProgram) -> None:
    """Says on standard error which findings of one's own (RANSCORE_HOME) the program was frozen without."""
    from ranscore import catalog

    shipped = set(catalog.program_set().order)
    lacking = [f for f in catalog.asked_ids() if f not in frozen.findings]
    if lacking and not shipped & set(lacking):
        names = ", ".join(map(catalog.finding_name, lacking))
        typer.echo(
            f"The program was frozen without {names} (RANSCORE_HOME), so No Finding, which depends on every finding, "
            "cannot be derived; freeze one that has it with `ranscore compile`.",
            err=True,
        )


def group_by(name: str) -> Grouping:
    """The grouping of an option; raises UnknownNameError."""
    from ranscore.errors import UnknownNameError

    if name not in ("finding", "report"):
        raise UnknownNameError("grouping", name, ("finding", "report"))
    return "report" if name == "report" else "finding"


def open_gate(path: Path | None, max_miss: float | None, model: Model) -> Gate | None:
    """The gate of the options, said in one line; raises InputError for a model that needs none."""
    from ranscore.errors import InputError
    from ranscore.labelling.gate import load_gate

    if path is None:
        if max_miss is not None:
            raise InputError(
                f"--max-miss {max_miss:g}: no gate is named; expected --cascade GATE.json, made by `ranscore gate`."
            )
        return None
    if model.embedded:
        raise InputError(f"--cascade {path}: {model.name} runs in this process and needs no calls; leave it out.")
    gate = load_gate(path, max_miss)
    typer.echo(gate.line(), err=True)
    return gate


def _check_not_stopped(corpus: Corpus, outcome: Outcome, folder: Path) -> None:
    """Raises StoppedError where a signal ended the run before its end."""
    from ranscore.errors import StoppedError

    if not outcome.signalled or not (missing := corpus.shape.count_missing()):
        return
    done = outcome.progress.answered
    raise StoppedError(
        f"stopped: {done:,} labels were added in this run, {missing:,} are missing. All of them are kept in {folder}; "
        "run the same command again to go on."
    )


def _tell(corpus: Corpus, output: Path, missing: int, outcome: Outcome, allow_partial: bool) -> None:
    """Prints how it ended, and lists what is missing; raises IncompleteError unless that is allowed."""
    from ranscore.errors import IncompleteError

    plan, asked = corpus.plan, len(corpus.job.questions)
    coverage = 1.0 - missing / (plan.reports * asked)
    typer.echo(f"{output}: {plan.reports} reports x {corpus.findings} findings, coverage {coverage:.2%}.")
    if plan.blank:
        typer.echo(f"{plan.blank} reports have no text: every finding is absent in them.")
    if undecided := corpus.count_without_odds():
        typer.echo(f"{undecided} answers came without log-odds: no threshold could decide them, they are as answered.")
    listed = output.with_name(f"{output.name}.missing.csv")
    reasons = corpus.write_missing(listed)
    if not missing:
        return
    said = f"{outcome.stopped}: " if outcome.stopped else ""
    message = (
        f"{said}{missing} cells stayed unanswered ({'; '.join(reasons[:3])}); they are marked in {output} and listed "
        f"in {listed}"
    )
    if not allow_partial:
        raise IncompleteError(f"{message}: run again for them, or accept them with --allow-partial.")
    typer.echo(f"{message}.")


def print_forecast(found: Forecast) -> None:
    """A forecast on standard output, one figure a line; `unknown` with its reason where nobody knows."""
    from ranscore.cli._live import duration

    about = "about " if found.estimated else ""
    lines = [
        ("reports", f"{found.reports:,}, {found.texts:,} distinct texts"),
        ("labels", f"{found.cells:,}, {found.done:,} in the ledger"),
        ("calls", f"{about}{found.calls:,}" + (f", {about}{found.gated:,} saved by the gate" if found.gated else "")),
        ("tokens in", f"{found.tokens_in:,}, {found.tokens_in - found.tokens_head:,} where the prefix is reused"),
        ("tokens out", f"{found.tokens_out:,}"),
    ]
    if found.dollars is None:
        money = "unknown: no price is listed for this model"
    else:
        money = f"${found.dollars[1]:,.2f}, ${found.dollars[0]:,.2f} where the prefix is reused"
    lines.append(("money", money))
    hours = f"unknown: {found.measured}"
    if found.hours is not None and found.rate:
        hours = f"{duration(found.hours * 3600)} at {found.rate:,.0f} calls a second ({found.measured})"
    lines.append(("time", hours))
    for name, text in lines:
        typer.echo(f"{name:<11}{text}")
