"""Policies: the released scorer's definition against plain Python, the signature, and what they do to label tables."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pandas as pd
import pytest

from ranscore.api import read_sides, score_sides
from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.errors import IncompleteError, InputError
from ranscore.policies import AUTHORS, Policies, apply_policies, pick_findings, signature_line
from ranscore.records import LabelTable
from ranscore.scoring import score_labels

FINDINGS = finding_ids()
Cells = list[list[str]]


def random_cells(rng: random.Random, reports: int, common: float) -> Cells:
    """Cells as people write them: blank, -1, 0, 1, and numbers beyond."""
    values = ["", "-1", "0", "0", "0", "1", "1.0", "2", "-3", "0.0"]
    weights = [common, common, 3, 3, 3, 3, 1, common, common, 1]
    return [rng.choices(values, weights, k=len(FINDINGS)) for _ in range(reports)]


def as_csv(ids: list[str], cells: Cells, order: list[int]) -> str:
    """A table with shuffled columns."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["report_id", *(finding_name(FINDINGS[at]) for at in order)])
    writer.writerows([[i, *(row[at] for at in order)] for i, row in zip(ids, cells, strict=True)])
    return text.getvalue()


def released_score(reference: dict[str, list[str]], generated: dict[str, list[str]]) -> float:
    """The released definition in plain Python: coerce, clip, F1 a column with 0 for no positive, plain mean."""

    def value(cell: str) -> int:
        return min(1, max(0, int(float(cell)))) if cell else 0

    scores = []
    for at in range(len(FINDINGS)):
        both = only_one = 0
        for report, row in reference.items():
            truth, given = value(row[at]), value(generated[report][at])
            both += truth and given
            only_one += truth != given
        scores.append(2 * both / (2 * both + only_one) if both else 0.0)
    return sum(scores) / len(scores)


@pytest.mark.parametrize("seed", range(200))
def test_authors_equals_the_released_definition(seed: int, tmp_path: Path) -> None:
    """On 200 random tables with blanks, -1, 2 and -3, in any order of rows and columns, read from files."""
    rng = random.Random(seed)
    ids = [f"r{i}" for i in range(rng.randint(1, 25))]
    sides = [random_cells(rng, len(ids), rng.choice([0, 0.2, 2])) for _ in range(2)]
    paths = []
    for name, cells in zip(("reference", "generated"), sides, strict=True):
        rows = list(zip(ids, cells, strict=True))
        rng.shuffle(rows)
        order = rng.sample(range(len(FINDINGS)), len(FINDINGS))
        path = tmp_path / f"{name}.csv"
        path.write_text(as_csv([i for i, _ in rows], [c for _, c in rows], order), encoding="utf-8")
        paths.append(path)
    ours, theirs = (dict(zip(ids, cells, strict=True)) for cells in sides)
    read = read_sides(*paths, scorer=no_scorer, policies=AUTHORS)
    report = score_sides(read, AUTHORS, bootstrap=0)
    assert report.ran_score == pytest.approx(released_score(ours, theirs), abs=1e-12)
    frames = [pd.read_csv(path) for path in paths]
    assert score_labels(*frames, AUTHORS, bootstrap=0).ran_score == pytest.approx(report.ran_score, abs=1e-12)


def no_scorer() -> None:  # type: ignore[misc]
    """Tables of labels need no program."""
    raise AssertionError("a program was asked for")


def test_authors_are_named_by_their_choices_in_the_signature() -> None:
    """Every choice stands there, none hides behind a name."""
    assert signature_line(AUTHORS) == (
        "ranscore|findings:21|uncertain:absent|empty:0|no_finding:as-given|unanswered:absent|program:none|v0.1"
    )
    assert signature_line(AUTHORS, findings=1).startswith("ranscore|findings:1|")


def frame(value: object, reports: int = 4) -> pd.DataFrame:
    """A table of one value throughout."""
    return pd.DataFrame({"report_id": range(reports)} | {f: [value] * reports for f in FINDINGS})


def test_authors_still_tell_how_much_was_answered() -> None:
    """Blank generated cells count as absent in the score and as missing in the coverage, with best and worst case."""
    generated = frame(1).astype(object)
    generated.loc[0, list(FINDINGS)] = None
    report = score_labels(frame(1), generated, AUTHORS, bootstrap=0)
    assert report.coverage == 0.75
    assert report.ran_score == pytest.approx(6 / 7)
    assert (report.worst_case, report.best_case) == (pytest.approx(6 / 7), 1.0)
    assert report.findings[0].unanswered == 0


@pytest.mark.parametrize("value", [0.5, float("inf"), "maybe"])
def test_what_the_released_scorer_would_not_take_is_refused(value: object) -> None:
    """A part of a finding is no label under any policy."""
    with pytest.raises(InputError, match="expected 1"):
        score_labels(frame(value), frame(1), AUTHORS, bootstrap=0)


@pytest.mark.parametrize(("column", "cell"), [("reference", -1), ("reference", 2), ("generated", -1), ("generated", 2)])
def test_without_that_policy_such_values_are_no_score(column: str, cell: int) -> None:
    """2 is a fault, and so is -1 in a generated table; -1 in the reference leaves the cell out."""
    tables = {"reference": frame(1), "generated": frame(1)}
    tables[column].loc[0, "edema"] = cell
    if (column, cell) == ("reference", -1):
        scores = score_labels(**tables, bootstrap=0).findings
        assert next(s for s in scores if s.finding == "edema").n == 3
    else:
        with pytest.raises(InputError, match=f"found {cell}"):
            score_labels(**tables, bootstrap=0)


def test_unanswered_as_absent_derives_no_finding_anew() -> None:
    """A report whose findings are blank or absent has no finding then."""
    policies = Policies(unanswered="absent")
    generated = frame(0).astype(object)
    generated.loc[0, "edema"] = "unanswered"
    report = score_labels(frame(0), generated, policies, bootstrap=0)
    assert next(s for s in report.findings if s.finding == "no_finding").tp == 4
    with pytest.raises(IncompleteError):
        score_labels(frame(0), generated, bootstrap=0)


def table(findings: tuple[str, ...], *rows: tuple[int, ...]) -> LabelTable:
    """A label table with numbered reports."""
    return LabelTable(report_ids=tuple(f"r{i}" for i in range(len(rows))), findings=findings, values=rows)


def test_policies_make_cells_absent() -> None:
    """-1 and unanswered, each by its own policy."""
    given = table(("edema", "fracture"), (-1, -2), (1, 0))
    assert apply_policies(given, AUTHORS).values == ((0, 0), (1, 0))
    assert apply_policies(given, Policies(no_finding="as-given")).values == given.values
    assert apply_policies(given, Policies(uncertain="absent", no_finding="as-given")).values == ((0, -2), (1, 0))


def test_no_finding_is_derived_where_all_others_are_there_and_left_out_where_not() -> None:
    """Its own column is never taken under a deriving policy."""
    asked = asked_ids()
    derived = apply_policies(table(asked, (0,) * 20, (1,) + (0,) * 19), Policies())
    assert derived.findings == FINDINGS
    assert list(derived.column("no_finding").values()) == [1, 0]
    assert apply_policies(table(("edema", "no_finding"), (0, 1)), Policies()).findings == ("edema",)


def test_devices_count_or_not() -> None:
    """A report with a device alone."""
    asked = asked_ids()
    given = table(asked, tuple(int(f == "support_devices") for f in asked))
    assert list(apply_policies(given, Policies()).column("no_finding").values()) == [0]
    assert list(apply_policies(given, Policies(no_finding="derived-devices")).column("no_finding").values()) == [1]


def test_columns_are_picked_in_the_asked_order() -> None:
    """Values follow their findings."""
    picked = pick_findings(table(("edema", "fracture", "pneumonia"), (1, 0, -1)), ["pneumonia", "edema"])
    assert (picked.findings, picked.values) == (("pneumonia", "edema"), ((-1, 1),))
