"""The Python interface: `RanScore` scores generated reports against reference reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import IncompleteError, InputError
from ranscore.models import Model
from ranscore.readers import read_side
from ranscore.records import UNANSWERED, LabelTable, Report
from ranscore.scoring import Policies, ScoreReport, score_labels
from ranscore.scoring import frame_of as frame_of
from ranscore.sections import choose_sections, read_policy

# DSPy comes with freezing and labelling: imported only where a program is used, so that scoring tables stays quick.
if TYPE_CHECKING:
    import pandas as pd

    from ranscore.freezing import FrozenProgram
    from ranscore.readers import Side

Progress = Callable[[int], Callable[[int], None]]


class RanScore:
    """Ran Score of generated reports: macro-averaged F1 over 21 findings between each report and its reference.

    Source: "Ran Score: a LLM-based Evaluation Score for Radiology Report Generation" (arXiv 2603.22935).
    """

    def __init__(
        self, frozen: FrozenProgram | None = None, *, model: Model | None = None, policies: Policies | None = None
    ) -> None:
        """The release program and its model, unless others are given."""
        from ranscore.freezing import load_frozen

        self.frozen = frozen or load_frozen()
        self.model = model or self.frozen.open_model()
        self.policies = policies or self.frozen.policies

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> RanScore:
        """A scorer with the frozen program of a file; raises InputError or DigestError."""
        from ranscore.freezing import load_frozen

        return cls(load_frozen(Path(path)), **options)

    def __call__(
        self,
        refs: Sequence[str],
        hyps: Sequence[str],
        ids: Sequence[str] | None = None,
        per_report: bool = False,
        *,
        bootstrap: int = 1000,
        seed: int = 0,
    ) -> ScoreReport | tuple[ScoreReport, pd.DataFrame]:
        """The score of `hyps` against `refs` (texts, pair by pair); with `per_report` also a table of one row a pair.

        `ids` name the pairs (default: their number). Raises InputError for lists of different lengths or repeated ids
        and IncompleteError where a model left cells unanswered under the policy `refuse`.
        """
        from ranscore.labelling.batch import extract

        names = _names(refs, hyps, ids)
        sides = [[Report(report_id=i, text=t) for i, t in zip(names, texts, strict=True)] for texts in (refs, hyps)]
        reference, generated = (extract(self.frozen, side, self.model).table for side in sides)
        report = _score_tables(reference, generated, self.policies, bootstrap, seed, self.frozen.sha256)
        return (report, report.to_frame("reports")) if per_report else report


def _names(refs: Sequence[str], hyps: Sequence[str], ids: Sequence[str] | None) -> list[str]:
    for name, value in (("refs", refs), ("hyps", hyps), ("ids", ids)):
        if isinstance(value, str):
            raise InputError(f"{name}: found one text, expected a list of texts.")
    for name, texts in (("refs", refs), ("hyps", hyps)):
        wrong = next(((i, t) for i, t in enumerate(texts) if not isinstance(t, str)), None)
        if wrong:
            raise InputError(f"{name}: item {wrong[0]} is {wrong[1]!r:.40}, expected a text.")
    if len(refs) != len(hyps) or (ids is not None and len(ids) != len(refs)):
        found = f"{len(refs)} refs, {len(hyps)} hyps" + (f", {len(ids)} ids" if ids is not None else "")
        raise InputError(f"found {found}; expected lists of the same length, pair by pair.")
    names = [str(i) for i in ids] if ids is not None else [str(i) for i in range(len(refs))]
    if len(set(names)) != len(names):
        raise InputError("ids: some are repeated; expected one id a pair.")
    return names


@dataclass(frozen=True)
class Sides:
    """The labels of reference and generated reports, with the digest of the program that gave any of them.

    `remarks` are what the user should know of the files.
    """

    reference: LabelTable
    generated: LabelTable
    digest: str | None = None
    remarks: tuple[str, ...] = ()


def score_files(
    reference: Path,
    generated: Path,
    scorer: Callable[[], RanScore],
    policies: Policies,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> ScoreReport:
    """The score of two files, each of reports or of their labels, joined by report id (see `read_sides`)."""
    sides = read_sides(reference, generated, scorer, policies, progress=progress)
    return score_sides(sides, policies, bootstrap=bootstrap, seed=seed)


def read_sides(
    reference: Path,
    generated: Path,
    scorer: Callable[[], RanScore],
    policies: Policies,
    *,
    progress: Progress | None = None,
    sections: str | None = None,
    encoding: str | None = None,
) -> Sides:
    """The labels of two files, each of reports or of their labels; one file may hold both sides of every row.

    `scorer` is asked for only where a file holds reports; `progress(total)` gives what is told of finished cells;
    of texts only the `sections` are read (see `ranscore.sections.read_policy`), all of them as they are without it.
    Raises InputError, before any report is labelled, when the ids differ.
    """
    clip = policies.uncertain == "absent"
    read = [read_content(reference, "reference", clip, sections, encoding)]
    read.append(read_content(generated, "generated", clip, sections, encoding))
    (ours, _), (theirs, _) = read
    remarks = tuple(dict.fromkeys(remark for _, told in read for remark in told))
    check_ids(reference, generated, [ours, theirs])
    if isinstance(ours, LabelTable) and isinstance(theirs, LabelTable):
        return Sides(ours, theirs, remarks=remarks)
    made = scorer()
    ours, theirs = (side if isinstance(side, LabelTable) else _label(side, made, progress) for side in (ours, theirs))
    return Sides(ours, theirs, made.frozen.sha256, remarks)


def read_content(
    path: Path, side: Side, clip: bool = False, sections: str | None = None, encoding: str | None = None
) -> tuple[LabelTable | tuple[Report, ...], tuple[str, ...]]:
    """One side of a file, its texts cut to the sections, and what the user should know of it."""
    read = read_side(path, side, clip=clip, encoding=encoding)
    if sections is None or isinstance(read.content, LabelTable):
        return read.content, read.remarks
    reports, remarks = choose_sections(read.content, read_policy(sections))
    return reports, (*read.remarks, *(f"{path}: {remark}" for remark in remarks))


def _label(reports: Sequence[Report], made: RanScore, progress: Progress | None) -> LabelTable:
    from ranscore.labelling.batch import extract

    advance = progress(len(reports) * len(made.frozen.findings)) if progress else None
    return extract(made.frozen, reports, made.model, progress=advance).table


def score_sides(sides: Sides, policies: Policies, *, bootstrap: int = 1000, seed: int = 0) -> ScoreReport:
    """The score of two sides; raises IncompleteError for unanswered cells as the policies say."""
    return _score_tables(sides.reference, sides.generated, policies, bootstrap, seed, sides.digest)


def check_ids(reference: Path, generated: Path, sides: Sequence[LabelTable | tuple[Report, ...]]) -> None:
    """Raises InputError unless both sides have the same ids."""
    ours, theirs = (set(s.report_ids) if isinstance(s, LabelTable) else {r.report_id for r in s} for s in sides)
    missing, extra = sorted(ours - theirs), sorted(theirs - ours)
    if missing or extra:
        raise InputError(
            f"{generated}: {len(missing)} of {len(ours)} ids of {reference} are missing "
            f"(such as {', '.join(missing[:3]) or 'none'}) and {len(extra)} ids are not in it "
            f"(such as {', '.join(extra[:3]) or 'none'}); expected the same report_id in both files."
        )


def _score_tables(
    reference: LabelTable, generated: LabelTable, policies: Policies, bootstrap: int, seed: int, digest: str | None
) -> ScoreReport:
    holes = sum(v == UNANSWERED for row in reference.values for v in row)
    if holes and policies.unanswered != "absent":
        raise IncompleteError(
            f"{holes} labels of the reference reports stayed unanswered, so there is nothing to compare with; "
            "label them again, or score against a table of reference labels."
        )
    frames = frame_of(reference), frame_of(generated)
    return score_labels(*frames, policies, bootstrap=bootstrap, seed=seed, program_digest=digest)
