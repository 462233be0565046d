"""Every registered figure: drawn from real labels, the same bytes each time, described and tabulated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from ranscore import registry
from ranscore.agreement import measure_agreement
from ranscore.cohort import Dataset, dataset_panel
from ranscore.extraction.module import label_table
from ranscore.figures import Cohort, Curve, Evidence, Picture, Side, Support, System, Table, render, to_csv, to_latex
from ranscore.figures._evidence import f1_of
from ranscore.figures._tables import (
    Cell,
    change,
    decimals,
    estimate,
    number,
    p_value,
    share,
    signed,
    whole,
    words,
)
from ranscore.freezing import FrozenProgram
from ranscore.models import open_model
from ranscore.records import LabelTable
from ranscore.reporting._sides import Settings, compare_sides, make_side
from ranscore.scoring import FindingScore, score_finding

NAMES = registry.names("figures")
SETTINGS = Settings(resamples=50)
LATEX = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
    r"\textgreater{}": ">", "$-$": "\u2212", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_", r"\{": "{",
    r"\}": "}",
}  # fmt: skip


def read_latex(text: str) -> list[list[str]]:
    """The cells of a LaTeX table as they are printed, its heading first."""
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    cells = [re.split(r" & ", row.removesuffix(r" \\").removeprefix("{}")) for row in rows]
    pattern = "|".join(map(re.escape, LATEX))
    return [[re.sub(pattern, lambda found: LATEX[found[0]], cell) for cell in row] for row in cells]


def pictures(evidence: Evidence) -> dict[str, Picture]:
    """All figures of some evidence by name."""
    found = [p for name in NAMES for p in registry.load("figures", name).pictures(evidence)]
    return {picture.name: picture for picture in found}


def made(score: FindingScore, tp: int, fp: int, fn: int, tn: int) -> FindingScore:
    """A finding's score with these counts."""
    truth = [1] * (tp + fn) + [0] * (fp + tn)
    given = [1] * tp + [0] * fn + [1] * fp + [0] * tn
    return score_finding(truth, given, finding=score.finding, name=score.name)


@pytest.fixture(scope="module")
def labels(demo: Dataset, frozen_seed: FrozenProgram) -> LabelTable:
    """The seed's labels of the demonstration cohort."""
    return label_table(frozen_seed.programs(), demo.reports, open_model("lexical"))[0]


@pytest.fixture(scope="module")
def evidence(demo: Dataset, labels: LabelTable) -> Evidence:
    """A seed, and the readers' first one as the system after it, with rounds that are made up."""
    panel = dataset_panel("demo-en")
    rows = dict(zip(panel.tables[0].report_ids, panel.tables[0].values, strict=True))
    first = [tuple(max(0, v) for v in rows[i]) for i in demo.reference.report_ids]
    after = LabelTable(report_ids=labels.report_ids, findings=panel.tables[0].findings, values=tuple(first))
    sides = [
        (make_side("seed", demo.reference, labels, SETTINGS), labels),
        (make_side("cross-validated", demo.reference, after, SETTINGS), after),
    ]
    support = [
        Support(f, f.title(), *(list(demo.reference.column(f).values()).count(v) for v in (1, 0, -1)))
        for f in demo.reference.findings
    ]
    curves = [
        Curve("edema", "Edema", (0.4, None, 0.9), 2, 0.8, True, 20),
        Curve("mass", "Mass", (None,), 0, None, False, 0),
    ]
    agreement = measure_agreement(panel.tables, panel.names, after, bootstrap=50)
    system = System(
        "one", "lexical", True, tuple(side for side, _ in sides),
        (compare_sides(demo.reference, sides[0], sides[1], SETTINGS),), tuple(curves), agreement,
    )  # fmt: skip
    cohort = Cohort(
        "demo", "Demo", "made up", "en", 300, None, None, None, (1, 2), "words", tuple(support), "", "", "raters"
    )
    return Evidence(cohort, (system,), agreement, 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_says_what_it_shows(name: str, evidence: Evidence) -> None:
    """Each file gives at least one picture with a title, a description, and a table with rows of one length."""
    module: ModuleType = registry.load("figures", name)
    found = list(module.pictures(evidence))
    assert found
    for picture in found:
        assert picture.name.startswith(name.replace("-", "_"))
        assert picture.title
        assert len(picture.alt) > 80
        assert re.search(r"\d", picture.alt)
        assert picture.table.rows
        assert {len(row) for row in picture.table.rows} == {len(picture.table.columns)}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_the_same_bytes_each_time_and_loads_nothing(name: str, evidence: Evidence) -> None:
    """SVG and PNG do not change from one drawing to the next; the SVG in the page has ids of its own and no address."""
    for picture in registry.load("figures", name).pictures(evidence):
        once, again = render(picture), render(picture)
        assert once.svg == again.svg
        assert once.png == again.png
        assert once.png.startswith(b"\x89PNG")
        root = ElementTree.fromstring(once.svg)
        assert root.tag.endswith("svg")
        assert "http" not in once.inline
        ids = re.findall(r'\bid="([^"]+)"', once.inline)
        assert len(ids) == len(set(ids))
        assert all(i.startswith(f"{picture.name}-") for i in ids)
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', once.inline)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }
        assert f'aria-labelledby="{picture.name}-title {picture.name}-desc"' in once.inline
        assert f'<desc id="{picture.name}-desc">' in once.inline


def test_drawing_leaves_matplotlib_as_it_was(evidence: Evidence) -> None:
    """A notebook's own settings stay."""
    import matplotlib as mpl

    mpl.rcParams["font.size"] = 31.0
    render(next(iter(pictures(evidence).values())))
    assert mpl.rcParams["font.size"] == 31.0
    mpl.rcdefaults()


def test_the_inlined_picture_escapes_its_title_and_text(evidence: Evidence) -> None:
    """A title that is markup stays text, in the page and in the drawing."""
    picture = replace(pictures(evidence)["support"], title="<script>alert(1)</script>", alt='a "b" <i>')
    inline = render(picture).inline
    assert "<script>" not in inline
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</title>" in inline
    assert "a &quot;b&quot; &lt;i&gt;</desc>" in inline


def test_dollars_in_names_are_no_formula(evidence: Evidence) -> None:
    """A name with an open formula draws as it stands instead of failing."""
    side = evidence.systems[0].main
    odd = tuple(
        score.model_copy(update={"name": r"$\frac{a_b %" if i == 0 else score.name})
        for i, score in enumerate(side.scores)
    )
    system = replace(evidence.systems[0], sides=(replace(side, scores=odd),), comparisons=(), curves=(), agreement=None)
    found = pictures(replace(evidence, systems=(system,)))
    assert {"confusion", "support", "accuracy_forest"} == set(found)
    for picture in found.values():
        assert render(picture).svg


def test_the_tables_hold_the_scores_themselves(evidence: Evidence) -> None:
    """Counts and figures behind the cells are those of the score objects, unrounded."""
    found = pictures(evidence)
    side = evidence.systems[0].main
    for row, score in zip(found["confusion"].table.rows, side.scores, strict=True):
        counts = [score.tp, score.fp, score.fn, score.tn, score.n, score.uncertain, score.unanswered]
        assert [cell.values[""] for cell in row[1:]] == counts
    for row, (finding, _) in zip(found["accuracy_forest"].table.rows, evidence.findings, strict=True):
        for cell, one in zip(row[1:], evidence.systems[0].sides, strict=True):
            score = one.of(finding)
            assert score is not None
            assert (cell.values[""], (cell.values[" low"], cell.values[" high"])) == (
                score.accuracy,
                score.accuracy_interval,
            )
            assert cell.text.startswith(f"{score.tp + score.tn}/{score.n} ")
    for row, score in zip(found["support"].table.rows, side.scores, strict=True):
        assert [cell.values[""] for cell in row[1:3]] == [score.positives, score.tp + score.fp]


def test_the_table_of_changes_holds_every_estimate(evidence: Evidence) -> None:
    """Four rows a finding with seed, after and difference, and one for all findings with the verdict."""
    comparison = evidence.systems[0].comparisons[0]
    rows = pictures(evidence)["before_after"].table.rows
    assert len(rows) == 4 * len(comparison.changes) + 1
    for at, one in enumerate(comparison.changes):
        for row, figure in zip(rows[4 * at :], ("precision", "recall", "f1", "accuracy"), strict=False):
            found = comparison.estimate(one.finding, figure)
            assert [row[2].values[""], row[3].values[""], row[4].values[""]] == [found.a, found.b, found.difference]
            assert (row[4].values[" low"], row[4].values[" high"]) == (found.interval or (None, None))
        assert rows[4 * at + 3][-1].text == one.verdict
    assert rows[-1][2].values[""] == comparison.macro_f1.a
    assert rows[-1][-1].text == comparison.verdict


def test_the_heat_map_is_the_readers_agreement(evidence: Evidence) -> None:
    """The pairs' kappas stand in both halves, and the last column is the program's."""
    report = evidence.agreement
    assert report
    rows = pictures(evidence)["rater_agreement"].table.rows
    raters = list(report.raters)
    for pair in report.agreement[-2].pairs:
        a, b = raters.index(pair.rater), raters.index(pair.other)
        assert rows[a][1 + b].values[""] == rows[b][1 + a].values[""] == pair.kappa.value
    for row, ceiling in zip(rows[len(raters) :], report.ceiling, strict=True):
        assert ceiling.kappa.program
        assert row[-1].values[""] == ceiling.kappa.program.value
        assert [c.values[""] for c in row[1:-1]] == [ceiling.kappa.raters[r].value for r in raters]


def test_an_undefined_kappa_and_a_fold_that_was_not_run_are_words(evidence: Evidence) -> None:
    """A round without kappa says undefined; no cross-validation says so, and neither is a number."""
    rows = pictures(evidence)["kappa_rounds"].table.rows
    assert [c.text for c in rows[0]] == ["Edema", "0.400", "undefined", "0.900", "2", "0.800"]
    assert [c.text for c in rows[1]] == ["Mass", "undefined", "", "", "0", "not done"]


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("counts", [(0, 0, 0, 9), (0, 3, 0, 6), (0, 0, 4, 5), (3, 0, 0, 0), (0, 0, 0, 0)])
def test_findings_of_one_class_or_without_a_report_are_drawn(
    counts: tuple[int, int, int, int], evidence: Evidence
) -> None:
    """No figure fails where numbers are undefined, and the words stand in the tables."""
    side = evidence.systems[0].main
    scores = (made(side.scores[0], *counts),)
    system = replace(evidence.systems[0], sides=(Side("applied", scores),), comparisons=(), curves=(), agreement=None)
    found = pictures(replace(evidence, systems=(system,)))
    for picture in found.values():
        assert render(picture).png
    accuracy = found["accuracy_forest"].table.rows[0][1]
    assert accuracy.text == ("0/0 undefined" if sum(counts) == 0 else accuracy.text)
    assert f1_of(scores[0]) is None or sum(counts[:3])
    ratio = found["support"].table.rows[0][3]
    assert (ratio.text == "undefined") == (counts[0] + counts[2] == 0)


def test_few_positives_are_marked(evidence: Evidence) -> None:
    """A finding below the minimum is called so in the table and the description."""
    side = evidence.systems[0].main
    few = made(side.scores[0], 9, 0, 0, 90)
    enough = made(side.scores[1], 10, 0, 0, 90)
    system = replace(evidence.systems[0], sides=(Side("applied", (few, enough)),))
    picture = pictures(replace(evidence, systems=(system,)))["support"]
    assert [row[-1].text for row in picture.table.rows] == ["fewer than 10", "enough"]
    assert f"Fewer than 10 positives: {few.name}." in picture.alt


def test_several_systems_have_a_picture_each(evidence: Evidence) -> None:
    """Figures of one system are numbered; the forest plot holds all, by name."""
    other = System("two", "", False, (Side("labels", evidence.systems[0].sides[0].scores),))
    found = pictures(replace(evidence, systems=(*evidence.systems, other)))
    assert {"confusion-1", "confusion-2", "support-1", "support-2", "kappa_rounds-1", "accuracy_forest"} <= set(found)
    assert "kappa_rounds-2" not in found
    assert found["accuracy_forest"].table.columns == ("Finding", "one, cross-validated", "two")
    assert found["confusion-2"].title == "Confusion of every finding: two (labels)"
    assert render(found["accuracy_forest"]).svg


@pytest.mark.parametrize(
    ("cell", "text", "values"),
    [
        (share(298, 300, (0.976, 0.9992)), "298/300 0.993 [0.976, 0.999]", [298 / 300, 298, 300, 0.976, 0.9992]),
        (share(0, 0, None), "0/0 undefined", [None, 0, 0, None, None]),
        (number(None), "undefined", [None]),
        (number(-0.0), "0.000", [-0.0]),
        (number(-0.25), "\u22120.250", [-0.25]),
        (estimate(1.0, (1.0, 1.0)), "1.000 [no width]", [1.0, 1.0, 1.0]),
        (estimate(None, None), "undefined", [None, None, None]),
        (change(0.0125, (-0.0001, 0.03)), "+0.013 [\u22120.000, +0.030]", [0.0125, -0.0001, 0.03]),
        (p_value(0.0004), "<0.001", [0.0004]),
        (p_value(0.0625), "0.062", [0.0625]),
        (whole(None), "undefined", [None]),
    ],
)
def test_cells_print_three_decimals_and_keep_the_rest(cell: Cell, text: str, values: list[float | None]) -> None:
    """Rounding is for the print alone."""
    assert cell.text == text
    assert list(cell.values.values()) == values


@pytest.mark.parametrize(
    ("form", "value", "text"), [(signed, 0.0, "0.000"), (signed, 1e-9, "+0.000"), (decimals, -1e-9, "\u22120.000")]
)
def test_a_sign_survives_rounding(form: Callable[[float], str], value: float, text: str) -> None:
    """An interval that does not reach 0 does not print as one that does."""
    assert form(value) == text


def test_csv_and_latex_give_the_table_back() -> None:
    """The CSV holds every digit, LaTeX every printed text, whatever signs stand in it."""
    odd = "a_b & 50 % {x} \\ ~^ #1 $2 <i> \u2212 \u80ba"
    rows = ((words("[x] *"), change(-1 / 3, (-0.5, 1e-17))), (words(odd), change(None, None)))
    table = Table("t", odd, (odd, "Difference"), rows, ("note & more",))
    read = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert list(read[0]) == [odd, "Difference", "Difference low", "Difference high"]
    assert [row[odd] for row in read] == ["[x] *", odd]
    assert [float(v) for v in list(read[0].values())[1:]] == [-1 / 3, -0.5, 1e-17]
    assert list(read[1].values())[1:] == ["", "", ""]
    latex = to_latex(table)
    assert read_latex(latex) == [[odd, "Difference"], *([cell.text for cell in row] for row in rows)]
    assert [line for line in latex.splitlines() if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"\begin{tabular}{lr}" in latex


def test_every_figures_table_goes_through_csv_and_latex(evidence: Evidence) -> None:
    """All numbers come back equal, all texts as printed."""
    for picture in pictures(evidence).values():
        table = picture.table
        values = [cell.values.get(end) for row in table.rows for cell in row for end in cell.values]
        read = [text for row in list(csv.reader(io.StringIO(to_csv(table))))[1:] for text in row]
        expected = ["" if v is None else v if isinstance(v, str) else repr(v) for v in values]
        assert [t for t in read if t] == [t for t in expected if t]
        assert read_latex(to_latex(table))[1:] == [[cell.text for cell in row] for row in table.rows]


class _Texts(HTMLParser):
    """Collects all text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_the_description_is_read_back_from_the_page(evidence: Evidence) -> None:
    """What is heard is what the picture says of itself."""
    picture = pictures(evidence)["human_ceiling"]
    parser = _Texts()
    parser.feed(render(picture).inline)
    assert picture.alt in parser.found


def test_only_the_figures_import_matplotlib() -> None:
    """The fence holds in the sources, and listing figures imports none of them."""
    package = Path(registry.__file__).parent
    found = [
        p for p in package.rglob("*.py") if re.search(r"^\s*(?:import|from) matplotlib", p.read_text("utf-8"), re.M)
    ]
    assert {p.parent.name for p in found} == {"figures"}
    for path in found:
        for line in path.read_text("utf-8").splitlines():
            assert not re.match(r"(?:import|from) matplotlib", line)
