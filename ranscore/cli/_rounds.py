"""What `optimize` reads beside its data: notes of a table and of the ledger, targets of Delphi rounds; and the review
between rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ranscore.cohort import Dataset
    from ranscore.loop import Reviewed
    from ranscore.records import ErrorNote
    from ranscore.search._rounds import Optimized, Round
    from ranscore.search._tracked import Session


def gather_notes(
    opened: Dataset, used: Dataset, table: Path | None, ledger: Path | None, mlruns: Path | None
) -> tuple[ErrorNote, ...]:
    """The dataset's own notes, those of a table, and those that stand in the ledger, on the reports that are used.

    Without a named ledger that of the tracking folder is read, where there is one. A named one must be there and hold
    notes on these reports; raises InputError otherwise, and for notes that do not fit the reports.
    """
    from ranscore.errors import list_faults
    from ranscore.feedback.notes import check_notes
    from ranscore.readers import read_notes

    added = read_notes(table) if table else ()
    faults = check_notes(added, {r.report_id: r for r in opened.reports})
    if faults:
        raise list_faults(str(table), faults)
    ids = set(used.reference.report_ids)
    every = (*opened.notes, *added, *ledger_notes(opened, used, ledger, mlruns))
    known = {n.note_id: n for n in every if n.report_id in ids}
    return tuple(known.values())


def ledger_notes(opened: Dataset, used: Dataset, ledger: Path | None, mlruns: Path | None) -> tuple[ErrorNote, ...]:
    """The notes that stand in a ledger on a dataset, or on the part of it that is used, as a search reads them."""
    from ranscore.errors import InputError
    from ranscore.feedback.entries import error_notes
    from ranscore.feedback.ledger import open_ledger

    path = ledger_path(ledger, mlruns)
    if not path.is_file():
        if ledger is None:
            return ()
        raise InputError(f"{path}: there is no such ledger of notes; `ranscore review` or `ranscore notes` makes one.")
    book = open_ledger(path, opened.reports)
    digests = dict.fromkeys((opened.digest, used.digest))
    notes = error_notes(entry for digest in digests for entry in book.current(dataset_digest=digest))
    if ledger is not None and not notes:
        raise InputError(f"{path}: holds no note on dataset {opened.name} as it is now; name its ledger.")
    if notes:
        typer.echo(f"{len(notes)} notes of {path}.", err=True)
    return notes


def ledger_path(ledger: Path | None, mlruns: Path | None) -> Path:
    """The named ledger, or that of the tracking folder."""
    from ranscore.feedback.ledger import LEDGER_FILE
    from ranscore.tracking import runs_folder

    return ledger or runs_folder(mlruns) / LEDGER_FILE


def read_targets(path: Path | None) -> Mapping[str, Mapping[str, float]]:
    """The targets of each finding from the proposals of Delphi rounds; says which findings are still open."""
    from ranscore.delphi import read_votes, summarize_rounds

    if path is None:
        return {}
    found = summarize_rounds(read_votes([path]))
    left = [s.name for s in found.last().values() if not s.agreed]
    if left:
        typer.echo(
            f"{path}: no consensus yet on {', '.join(left)}; the medians of their last round are used.", err=True
        )
    return found.targets()


def alternate(
    session: Session,
    finding: str,
    gather: Callable[[], tuple[ErrorNote, ...]],
    read: Callable[[Session, Reviewed], bool],
    on_round: Callable[[Round], None],
) -> tuple[Optimized, str, Session]:
    """A search, the review of its errors, the search again with the notes as they stand then, until a review changes
    no note.

    Every search starts from the seed with all notes, so that its figures compare. `read` opens the page and returns
    when the reader ends it, False where he wants no further search.
    """
    from ranscore.loop import review_queue, reviewed_after
    from ranscore.search._tracked import optimize_label

    while True:
        found, run_id = optimize_label(session, finding, on_round)
        reviewed = reviewed_after(session, found, run_id)
        left = len(review_queue(reviewed))
        if not left:
            typer.echo("No error is left to review.", err=True)
            return found, run_id, session
        typer.echo(f"{left} errors to review; end the review on the page to search again.", err=True)
        again, notes = read(session, reviewed), gather()
        if not again or notes == session.notes:
            return found, run_id, session
        session = replace(session, notes=notes)


@dataclass(frozen=True)
class Page:
    """Where the review page of `optimize --review` is served and for whom."""

    dataset: str
    data: Path | None
    model: str
    api_base: str | None
    ledger: Path
    reader: str
    port: int

    def read(self, session: Session, reviewed: Reviewed) -> bool:
        """Serves the page on the errors of a kept program until the reader ends it; False on Ctrl-C."""
        from ranscore.cli._serving import check_port, stops_quietly
        from ranscore.cli.review import announce
        from ranscore.feedback.ledger import open_ledger
        from ranscore.loop import panel_of
        from ranscore.review.app import serve
        from ranscore.review.desk import Desk
        from ranscore.review.rounds import Setting
        from ranscore.review.security import make_gate

        host = "127.0.0.1"
        check_port(host, self.port, "ranscore review")
        panel = panel_of(self.dataset, self.data)
        desk = Desk(
            session.dataset, open_ledger(self.ledger), session.model, panel, session.mlruns,
            {reviewed.finding: reviewed},
        )  # fmt: skip
        setting = Setting(
            self.dataset, self.data, self.model, self.api_base, session.recipe, self.ledger, session.mlruns
        )
        gate = make_gate([self.reader], host, self.port)
        with stops_quietly():
            return serve(desk, gate, host, setting, lambda: announce(gate, host), until_done=True)
        return False
