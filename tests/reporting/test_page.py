"""The report on real optimizations: every printed number is a score's own, and the page stands alone."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ranscore.cohort import dataset_panel
from ranscore.errors import InputError
from ranscore.figures import Evidence, System, Table, to_csv
from ranscore.labelling._tables import write_labels
from ranscore.policies import pick_findings
from ranscore.readers import read_labels
from ranscore.reference import build_reference
from ranscore.reporting import Report, check_output, folder_of, gather, make_report, write_report
from ranscore.reporting._words import not_shown

FINDINGS = ("pneumothorax", "support_devices")


def table_of(report: Report, name: str) -> Table:
    """One table of a report."""
    return next(table for table in report.tables if table.name == name)


class Page(HTMLParser):
    """Checks that elements close in their order, and collects what the tests ask for."""

    VOID = frozenset({"meta", "br", "use", "path", "rect", "image", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.starts: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[str] = []
        self.named: list[str] = []
        self.headings: list[int] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.values: dict[str, list[str]] = {}
        self.texts: dict[str, list[str]] = {}
        self.table = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.starts.append((tag, own))
        self.ids += [str(own["id"])] if "id" in own else []
        self.links += [str(own["href"])] if "href" in own else []
        self.named += str(own.get("aria-labelledby") or "").split()
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.table = str(own["id"])
            self.rows[self.table] = []
        if tag == "tr":
            self.rows[self.table].append([])
        if tag in ("td", "th"):
            self.rows[self.table][-1].append("")
        if tag == "data":
            self.values.setdefault(self.table, []).append(str(own["value"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "data"):
            self.rows[self.table][-1][-1] += data
        for tag in ("title", "desc", "p", "h1", "dd"):
            if self.open and self.open[-1] == tag:
                self.texts.setdefault(tag, []).append(data)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    """The page, parsed."""
    return Page(report.html)


def test_the_page_is_whole_and_refers_to_nothing_outside(report: Report, page: Page) -> None:
    """Elements close, ids differ, links and names lead to ids of the page, and no address stands anywhere."""
    assert report.html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert set(page.named) <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)
    for outside in ("http", "//", "src=", "@import", "<script", "<link", "<iframe", "javascript:"):
        assert outside not in re.sub(r"/\*.*?\*/", "", report.html, flags=re.DOTALL).replace("</", "")
    assert not [own for _, own in page.starts for name in own if name.startswith("on")]


def test_the_page_has_landmarks_and_headings_in_order(page: Page) -> None:
    """One h1, no level is jumped over, and header, nav, main and footer stand once each."""
    assert page.headings.count(1) == 1
    assert page.headings[0] == 1
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    tags = [tag for tag, _ in page.starts]
    assert [tags.count(tag) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    for tag, own in page.starts:
        assert tag != "th" or own.get("scope") in ("col", "row", "rowgroup")
        assert tag != "section" or own.get("aria-labelledby")


def test_every_figure_has_a_description_and_a_table(report: Report, page: Page) -> None:
    """A role, a title and a description in each picture, and a link to its table on the page."""
    pictures = [own for tag, own in page.starts if tag == "svg"]
    assert len(pictures) == len(report.figures) == 8
    assert all(own.get("role") == "img" for own in pictures)
    for drawn in report.figures:
        assert drawn.picture.alt in page.texts["desc"]
        assert f"table-{drawn.picture.table.name}" in page.rows
        assert f"#table-{drawn.picture.table.name}" in page.links


def test_every_number_of_the_page_is_the_tables_own(report: Report, page: Page) -> None:
    """Each printed cell is the table's text, and the value behind it is the unrounded one."""
    assert set(page.rows) == {f"table-{table.name}" for table in report.tables}
    for table in report.tables:
        rows = page.rows[f"table-{table.name}"]
        assert rows[0] == list(table.columns)
        for ours, theirs in zip(rows[1:], table.rows, strict=True):
            texts = [cell.text for cell in theirs]
            assert ours == texts[len(texts) - len(ours) :]
        values = [c.values.get("") for row in table.rows for c in row[table.headers :]]
        assert page.values.get(f"table-{table.name}", []) == [repr(v) for v in values if isinstance(v, int | float)]


def test_markup_in_titles_and_names_stays_text(evidence: Evidence, page: Page, report: Report) -> None:
    """A cohort's title, a source, a system's and a finding's name cannot become elements."""
    assert "<script" not in report.html
    assert evidence.cohort.title in "".join(page.texts["h1"])
    assert "Written <b>for</b> ranscore." in page.texts["p"]
    odd = "<script>alert(1)</script>"
    support = tuple(replace(s, name=odd) for s in evidence.cohort.support)
    system = evidence.systems[0]
    sides = tuple(replace(s, scores=tuple(x.model_copy(update={"name": odd}) for x in s.scores)) for s in system.sides)
    other = System(odd, odd, False, sides[-1:])
    found = replace(
        evidence, cohort=replace(evidence.cohort, support=support), systems=(replace(system, sides=sides), other)
    )
    text = make_report(found).html
    assert "<script" not in text
    Page(text)


def test_the_report_is_the_same_each_time(evidence: Evidence, report: Report) -> None:
    """No date, no order of sets, no random id."""
    again = make_report(evidence)
    assert (again.html, again.tables) == (report.html, report.tables)
    assert [(d.svg, d.png) for d in again.figures] == [(d.svg, d.png) for d in report.figures]


def test_files_hold_every_figure_and_table(report: Report, tmp_path: Path) -> None:
    """The page, SVG and PNG of each figure, CSV and LaTeX of each table, all read back."""
    path = tmp_path / "deep" / "report.html"
    check_output(path)
    written = write_report(report, path)
    names = {p.relative_to(path.parent).as_posix() for p in path.parent.rglob("*") if p.is_file()}
    expected = {f"report_files/{d.picture.name}.{end}" for d in report.figures for end in ("svg", "png")}
    expected |= {f"report_files/{t.name}.{end}" for t in report.tables for end in ("csv", "tex")}
    assert names == expected | {"report.html"} == {p.relative_to(path.parent).as_posix() for p in written}
    assert path.read_text(encoding="utf-8") == report.html
    read = (folder_of(path) / "tests-cross-validated.csv").read_text(encoding="utf-8")
    assert read == to_csv(table_of(report, "tests-cross-validated"))


def test_the_accuracy_table_is_kept_unrounded(evidence: Evidence, report: Report) -> None:
    """The CSV of Tables 2 and 3 gives each accuracy, its interval, and k of n, back to the last digit."""
    rows = list(csv.DictReader(io.StringIO(to_csv(table_of(report, "accuracy")))))
    for side in evidence.systems[0].sides:
        for row, (finding, name) in zip(rows, evidence.findings, strict=True):
            score = side.of(finding)
            assert score
            assert row["Finding"] == name
            assert float(row[side.title]) == score.accuracy
            assert (float(row[f"{side.title} low"]), float(row[f"{side.title} high"])) == score.accuracy_interval
            assert (int(row[f"{side.title} k"]), int(row[f"{side.title} n"])) == (score.tp + score.tn, score.n)


def test_the_summary_counts_what_it_says(evidence: Evidence, report: Report) -> None:
    """Mean of F1, findings with a positive, findings above 0.95 with figure and with interval, mean kappa."""
    for row, side in zip(table_of(report, "summary").rows, evidence.systems[0].sides, strict=True):
        mean = sum(s.f1 or 0.0 for s in side.scores) / 2
        assert row[2].values[""] == pytest.approx(mean)
        assert row[4].text == f"{sum((s.accuracy or 0) >= 0.95 for s in side.scores)} of 2"
        assert row[6].values[""] == pytest.approx(sum(s.kappa or 0.0 for s in side.scores) / 2)


def test_what_is_not_shown_is_said_with_its_numbers(evidence: Evidence, page: Page) -> None:
    """The paragraphs name the optimism, the uncertain cells, few positives, the readers, and reports of one patient."""
    texts = dict(not_shown(evidence))
    tuned, crossed = evidence.systems[0].sides[1:]
    gap = sum((a.f1 or 0) - (b.f1 or 0) for a, b in zip(tuned.scores, crossed.scores, strict=True)) / 2
    assert f"{abs(gap):.3f} on average" in texts["Tuned and scored on the same reports"]
    uncertain = sum(s.uncertain for s in evidence.cohort.support)
    assert texts["Uncertain cells are left out"].startswith(f"{uncertain} of {80 * 21} cells")
    assert "a majority of 6 readers" in texts["One reference"]
    assert "the 80 reports of 40 patients" in texts["Many findings, one sample"]
    assert set(texts.values()) <= set(page.texts["dd"])
    positives = {s.finding: s.present for s in evidence.cohort.support}
    assert ("Every finding has at least 10" in texts["Few positives"]) == (min(positives[f] for f in FINDINGS) >= 10)


def test_few_positives_are_named(evidence: Evidence) -> None:
    """A finding with three positives is named, with where recall's exact interval would begin."""
    support = tuple(replace(s, present=3) if s.finding == "pneumothorax" else s for s in evidence.cohort.support)
    text = dict(not_shown(replace(evidence, cohort=replace(evidence.cohort, support=support))))["Few positives"]
    assert "Fewer than 10 positives: Pneumothorax (3);" in text
    assert "begin at 0.292" in text


def test_without_readers_there_is_no_ceiling(store: Any, seed_labels: Path, tmp_path: Path) -> None:
    """A reference that is a table of labels gives a report without agreement, and says why."""
    fields = json.loads(store.card.read_text(encoding="utf-8"))
    write_labels(store.dataset.reference, tmp_path / "reference.csv")
    fields["reference"] = {"kind": "labels", "paths": [str(tmp_path / "reference.csv")]}
    fields["reports"] = {"path": str(store.card.parent / "reports.jsonl")}
    (tmp_path / "card.yaml").write_text(json.dumps(fields), encoding="utf-8")
    found = gather(store.wanted(dataset=str(tmp_path / "card.yaml"), labels=[str(seed_labels)]))
    made = make_report(found)
    assert {d.picture.name for d in made.figures} == {"accuracy_forest", "confusion", "support"}
    assert "so there is no human ceiling" in made.html
    assert "Readers and the human ceiling" not in made.html


def test_readers_stand_in_the_report_as_measured(store: Any, evidence: Evidence, report: Report) -> None:
    """The agreement table holds the measured figures, and the cohort names the panel's majority."""
    found = evidence.agreement
    assert found
    for row, own in zip(table_of(report, "agreement").rows, found.agreement, strict=True):
        assert [c.values[""] for c in row[2:]] == [
            own.raw.value,
            own.mean_kappa.value,
            own.fleiss.value,
            own.alpha.value,
        ]
    assert "a majority of 6 readers, at least 4 alike" in report.html
    panel = dataset_panel(store.card)
    assert found.raters == panel.names
    assert build_reference(panel.tables, 4).table.values == store.dataset.reference.values


@pytest.mark.parametrize(("name", "message"), [("report.pdf", "expected .html or .htm"), ("made.html", "is a folder")])
def test_a_place_that_is_no_page_is_refused_before_any_work(name: str, message: str, tmp_path: Path) -> None:
    """Another suffix, a folder, and a file where the folder of figures goes."""
    (tmp_path / "made.html").mkdir()
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name)
    (tmp_path / "x_files").touch()
    with pytest.raises(InputError, match="the figures and tables go into a folder of that name"):
        check_output(tmp_path / "x.html")


def test_several_systems_stand_side_by_side(store: Any, seed_labels: Path, tmp_path: Path) -> None:
    """Runs and two tables of one name: a column each, numbered figures, one signature a line."""
    few = tmp_path / "few.csv"
    write_labels(pick_findings(read_labels(seed_labels), list(store.found)), few)
    wanted = store.wanted(newest=True, labels=[f"x={few}", f"x={few}"])
    made = make_report(gather(wanted))
    assert table_of(made, "accuracy").columns == ("Finding", "lexical, cross-validated", "x", "x (2)")
    assert table_of(made, "accuracy-1").columns == ("Finding", "Seed", "Tuned-on", "Cross-validated")
    assert {"confusion-1", "confusion-3", "kappa_rounds-1"} <= {d.picture.name for d in made.figures}
    Page(made.html)
