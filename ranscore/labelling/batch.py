"""Extraction: a frozen program's labels of reports, and scoring reports by way of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ranscore.errors import InputError
from ranscore.extraction.asking import VALUES, Asked, ask_reports
from ranscore.extraction.derived import gather
from ranscore.extraction.grouped import GroupPrompt, answer_grouped
from ranscore.extraction.module import label_table
from ranscore.freezing import FrozenProgram, check_prompts
from ranscore.models import Model
from ranscore.records import UNANSWERED, Label, LabelTable, Report


@dataclass(frozen=True)
class Extracted:
    """The labels of a set of reports and those that stayed unanswered."""

    table: LabelTable
    unanswered: tuple[Label, ...]

    @property
    def coverage(self) -> float:
        """Answered cells over asked cells; 1 where nothing was asked."""
        asked = len(self.table.report_ids) * max(1, len(self.table.findings) - ("no_finding" in self.table.findings))
        return 1.0 - len(self.unanswered) / asked if asked else 1.0


def extract(
    frozen: FrozenProgram,
    reports: Sequence[Report],
    model: Model | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    grouping: Literal["finding", "report"] = "finding",
) -> Extracted:
    """Every finding's label of every report, in their order; `progress` is told of finished cells.

    Without a `model` the one that the program was frozen for answers. With a `grouping` by report all findings are
    asked for at once (by thresholds nothing is decided then). Raises InputError for no reports, DigestError when this
    version would send another prompt than the frozen one.
    """
    if not reports:
        raise InputError("there are no reports to label; expected at least one.")
    check_prompts(frozen)
    model = model or frozen.open_model()
    if grouping == "report":
        return _extract_grouped(frozen, reports, model, progress)
    if thresholds := frozen.thresholds(model):
        return _extract_by_thresholds(frozen, thresholds, reports, model, progress)
    table, failed = label_table(frozen.programs(), reports, model, progress)
    return Extracted(table, failed)


def _extract_by_thresholds(
    frozen: FrozenProgram,
    thresholds: Mapping[str, float],
    reports: Sequence[Report],
    model: Model,
    progress: Callable[[int], None] | None,
) -> Extracted:
    cells = ask_reports(frozen.programs(), reports, model, progress)
    if all(cell.log_odds is None for finding in thresholds for cell in cells[finding]):
        raise InputError(
            f"--model {model.name}: the program has thresholds for its log-odds, and it tells none now; expected a "
            "server that tells log-probabilities, as when the program was calibrated."
        )
    return _extracted(reports, cells, thresholds)


def _extract_grouped(
    frozen: FrozenProgram, reports: Sequence[Report], model: Model, progress: Callable[[int], None] | None
) -> Extracted:
    if model.answer is None:
        return _extracted(reports, ask_reports(frozen.programs(), reports, model, progress, grouped=True), {})
    prompt = GroupPrompt(frozen.programs())
    cells: dict[str, list[Asked]] = {f: [] for f in prompt.findings}
    for report in reports:
        for finding, (value, reason) in answer_grouped(prompt, report.text, model.answer).values.items():
            cells[finding].append(Asked(VALUES[value], reason))
        if progress:
            progress(len(cells))
    return _extracted(reports, cells, {})


def _extracted(
    reports: Sequence[Report], asked: Mapping[str, Sequence[Asked]], thresholds: Mapping[str, float]
) -> Extracted:
    columns, failed = {}, []
    for finding, cells in asked.items():
        threshold = thresholds.get(finding)
        columns[finding] = {r.report_id: c.decided(threshold) for r, c in zip(reports, cells, strict=True)}
        for report, cell in zip(reports, cells, strict=True):
            if columns[finding][report.report_id] == UNANSWERED:
                failed.append(
                    Label(report_id=report.report_id, finding=finding, value="unanswered", reason=cell.reason)
                )
    return Extracted(gather(reports, columns), tuple(failed))
