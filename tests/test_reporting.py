"""The report on real optimizations of a small cohort: every number is a score's own, and the page stands alone."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ranscore.cohort import Dataset, Panel, dataset_panel, open_dataset
from ranscore.errors import InputError
from ranscore.figures import Evidence, System, Table, to_csv
from ranscore.freezing import FrozenProgram, freeze, save_frozen
from ranscore.labelling._tables import write_labels
from ranscore.labelling.batch import extract
from ranscore.metrics._mcnemar import mcnemar_p
from ranscore.models import open_model
from ranscore.records import UNANSWERED, LabelTable
from ranscore.reference import build_reference
from ranscore.reporting import Report, Wanted, check_output, folder_of, gather, make_report, write_report
from ranscore.reporting._runs import Round, check_round, choose_runs, read_run
from ranscore.reporting._sides import Settings, gather_columns, make_side
from ranscore.reporting._words import not_shown
from ranscore.scoring import Policies, frame_of, score_labels
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import Optimized
from ranscore.search._tracked import Session, freeze_program, optimize_label
from ranscore.splitting import split_reports
from ranscore.tracking import Tracker

TITLE = 'Sixty <script>alert("x")</script> reports & $one$ more'
FINDINGS = ("pneumothorax", "support_devices")
RESAMPLES = 60


@dataclass(frozen=True)
class Store:
    """A tracking folder with two optimized findings, what they gave, and the card of their reports."""

    folder: Path
    card: Path
    dataset: Dataset
    found: dict[str, Optimized]
    runs: dict[str, str]
    session: Session

    def wanted(self, **more: Any) -> Wanted:
        """A report on these reports."""
        return Wanted(**{"dataset": str(self.card), "mlruns": self.folder, "resamples": RESAMPLES, **more})


def cut_panel(panel: Panel, ids: list[str]) -> Iterator[tuple[str, LabelTable]]:
    """The readers' labels of some reports."""
    for name, table in zip(panel.names, panel.tables, strict=True):
        rows = dict(zip(table.report_ids, table.values, strict=True))
        yield name, LabelTable(report_ids=tuple(ids), findings=table.findings, values=tuple(rows[i] for i in ids))


@pytest.fixture(scope="module")
def card(demo: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of eighty demonstration reports with six readers, ages, sexes and a patient for every two reports."""
    folder = tmp_path_factory.mktemp("cohort")
    value = demo.reference.column("pneumothorax")
    ids = [r.report_id for r in demo.reports]
    chosen = sorted({*[i for i in ids if value[i] == 1][:15], *[i for i in ids if value[i] != 1][:65]})
    texts = {r.report_id: r.text for r in demo.reports}
    lines = [
        {"report_id": i, "report": texts[i], "age": 40 + n, "sex": "F" if n % 4 else "M", "patient_id": f"p{n // 2}"}
        for n, i in enumerate(chosen)
    ]
    (folder / "reports.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    for name, table in cut_panel(dataset_panel("demo-en"), chosen):
        write_labels(table, folder / f"{name} & co.csv")
    fields = {
        "name": "eighty", "title": TITLE, "access": "open", "remote": "permitted", "licence": "as demo-en",
        "source": "Written <b>for</b> ranscore.", "reports": {"path": "reports.jsonl"}, "language": "en",
        "reference": {"kind": "raters", "paths": ["*.csv"], "minimum": 4},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(fields), encoding="utf-8")
    return folder / "card.yaml"


@pytest.fixture(scope="module")
def store(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two findings really optimized and tracked."""
    dataset, folder = open_dataset(card), tmp_path_factory.mktemp("store") / "mlruns"
    recipe = read_recipe("exemplar-tpe").changed(rounds=2, trials=4, folds=3, fold_trials=2)
    session = Session(dataset, open_model("lexical"), recipe, dataset.notes, folder)
    results = {finding: optimize_label(session, finding) for finding in FINDINGS}
    return Store(
        folder, card, dataset, {f: r[0] for f, r in results.items()}, {f: r[1] for f, r in results.items()}, session
    )


@pytest.fixture(scope="module")
def evidence(store: Store) -> Evidence:
    """What the newest runs of the store show."""
    return gather(store.wanted(newest=True))


@pytest.fixture(scope="module")
def report(evidence: Evidence) -> Report:
    """The report on it."""
    return make_report(evidence)


@pytest.fixture(scope="module")
def seed_labels(card: Path, frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the seed's labels of these reports, with all findings."""
    path = tmp_path_factory.mktemp("labels") / "seed.csv"
    write_labels(extract(frozen_seed, open_dataset(card).reports).table, path)
    return path


def table_of(report: Report, name: str) -> Table:
    """One table of a report."""
    return next(table for table in report.tables if table.name == name)


def test_the_sides_are_the_scores_that_the_search_gave(store: Store, evidence: Evidence) -> None:
    """Seed, tuned-on and cross-validated counts and figures equal those of the optimization itself."""
    system = evidence.systems[0]
    assert [side.kind for side in system.sides] == ["seed", "tuned-on", "cross-validated"]
    left_out = {"f1_interval", "kappa_interval", "unanswered"}
    for finding, found in store.found.items():
        assert found.crossed
        expected = (found.seed.score, found.best.score, found.crossed.score)
        for side, score in zip(system.sides, expected, strict=True):
            own = side.of(finding)
            assert own
            assert own.model_dump(exclude=left_out) == score.model_dump(exclude=left_out)


def test_intervals_are_those_of_the_score(store: Store, seed_labels: Path) -> None:
    """F1 and kappa of a table with all findings carry the very intervals of the Ran Score's own report."""
    found = gather(store.wanted(labels=[f"theirs={seed_labels}"])).systems[0].main
    assert found.ran_score
    assert found.ran_score.signature.startswith("ranscore|findings:21|uncertain:exclude|empty:0|")
    for ours, theirs in zip(found.scores, found.ran_score.findings, strict=True):
        assert ours.model_dump() == theirs.model_dump()


def test_kappa_by_round_is_what_was_tracked(store: Store, evidence: Evidence) -> None:
    """Each curve holds every round's kappa, the kept round, and the cross-validated kappa."""
    for curve in evidence.systems[0].curves:
        found = store.found[curve.finding]
        assert found.crossed
        assert list(curve.kappas) == [r.scored.score.kappa for r in found.rounds]
        assert found.rounds[curve.kept].scored.candidate.program == found.program
        assert (curve.crossed, curve.has_crossed) == (found.crossed.score.kappa, True)


def test_the_test_is_mcnemars_on_the_labels_themselves(store: Store, evidence: Evidence) -> None:
    """Discordant reports counted from the labels of the search give the p-value of the table, and Holm's after it."""
    comparison = evidence.systems[0].comparisons[-1]
    assert (comparison.before.kind, comparison.after.kind) == ("seed", "cross-validated")
    assert comparison.headline == "macro-F1 over 2 findings"
    for finding, found in store.found.items():
        assert found.crossed
        truth = store.dataset.reference.column(finding)
        seed = {x.report_id: {"present": 1, "absent": 0}[x.value] for x in found.seed.labels}
        certain = [i for i, v in truth.items() if v != -1]
        only_seed = sum(seed[i] == truth[i] != found.crossed.labels[i] for i in certain)
        only_after = sum(seed[i] != truth[i] == found.crossed.labels[i] for i in certain)
        one = comparison.of(finding)
        assert one
        assert (one.only_before, one.only_after, one.n) == (only_seed, only_after, len(certain))
        assert one.p == mcnemar_p(only_seed, only_after)
    smallest = min(comparison.changes, key=lambda c: c.p)
    assert smallest.p_adjusted == pytest.approx(min(1.0, 2 * smallest.p))


def test_the_cohort_is_counted(store: Store, evidence: Evidence) -> None:
    """Reports, patients, ages, sexes, lengths and the cells of the reference."""
    cohort = evidence.cohort
    assert (cohort.reports, cohort.patients, cohort.sexes) == (80, 40, {"female": 60, "male": 20})
    assert cohort.ages == tuple(float(a) for a in range(40, 120))
    assert cohort.lengths[0] == len(
        re.sub(r"^(FINDINGS|IMPRESSION): ", "", store.dataset.reports[0].text, flags=re.M).split()
    )
    values = [v for row in store.dataset.reference.values for v in row]
    totals = [sum(getattr(s, part) for s in cohort.support) for part in ("present", "absent", "uncertain")]
    assert totals == [values.count(1), values.count(0), values.count(-1)]


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
    assert TITLE in "".join(page.texts["h1"])
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


def test_without_readers_there_is_no_ceiling(store: Store, seed_labels: Path, tmp_path: Path) -> None:
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


def test_a_frozen_program_stands_beside_its_seed(store: Store, tmp_path: Path) -> None:
    """Tuned on these reports it is called so and shows its recorded cross-validation; its labels are made here."""
    findings = {f: freeze_program(store.session, o, store.runs[f]) for f, o in store.found.items()}
    frozen = freeze(findings, open_model("lexical"), {}, golden=False)
    path = tmp_path / "mine.json"
    save_frozen(frozen, path)
    system = gather(store.wanted(programs=[path])).systems[0]
    assert system.name == "mine"
    assert [side.kind for side in system.sides] == ["seed", "tuned-on", "cross-validated"]
    labels = extract(frozen, store.dataset.reports).table
    for finding, found in store.found.items():
        assert found.crossed
        assert system.main.of(finding) == found.crossed.score
        own, truth = system.sides[1].of(finding), store.dataset.reference.column(finding)
        right = sum(labels.column(finding)[i] == v for i, v in truth.items())
        assert own
        assert own.tp + own.tn == right
    assert system.digests == {"Frozen program mine.json": frozen.sha256}
    assert system.agreement is None


def test_a_program_tuned_elsewhere_is_called_applied(store: Store, frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """Its labels of these reports are the figure to rely on, with the Ran Score and the program in the signature."""
    save_frozen(frozen_seed, tmp_path / "seed.json")
    system = gather(store.wanted(programs=[tmp_path / "seed.json"])).systems[0]
    assert [side.kind for side in system.sides] == ["seed", "applied"]
    assert not system.seen
    assert system.main.ran_score
    assert f"program:{frozen_seed.sha256[:15]}" in system.main.ran_score.signature
    assert {c.verdict for c in system.comparisons[0].changes} == {"cannot tell"}
    frames = frame_of(store.dataset.reference), frame_of(extract(frozen_seed, store.dataset.reports).table)
    assert (
        system.main.ran_score.ran_score == score_labels(*frames, Policies(no_finding="as-given"), bootstrap=0).ran_score
    )


def test_several_systems_stand_side_by_side(store: Store, seed_labels: Path) -> None:
    """Runs and two tables of one name: a column each, numbered figures, one signature a line."""
    wanted = store.wanted(newest=True, labels=[f"x={seed_labels}", f"x={seed_labels}"])
    made = make_report(gather(wanted))
    assert table_of(made, "accuracy").columns == ("Finding", "lexical, cross-validated", "x", "x (2)")
    assert table_of(made, "accuracy-1").columns == ("Finding", "Seed", "Tuned-on", "Cross-validated")
    assert {"confusion-1", "confusion-3", "kappa_rounds-1"} <= {d.picture.name for d in made.figures}
    Page(made.html)


def test_missing_answers_are_counted_and_never_absent(store: Store, seed_labels: Path, tmp_path: Path) -> None:
    """Blank cells of a table are left out of n, and coverage and the page say so."""
    rows = list(csv.DictReader(seed_labels.open(encoding="utf-8")))
    for row in rows[:7]:
        row["Edema"] = ""
    with (tmp_path / "gaps.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made = make_report(evidence := gather(store.wanted(labels=[str(tmp_path / "gaps.csv")])))
    score = evidence.systems[0].main.of("edema")
    truth = store.dataset.reference.column("edema")
    gone = {row["report_id"] for row in rows[:7]}
    assert score
    assert score.n == sum(v != -1 for i, v in truth.items() if i not in gone)
    assert score.unanswered == 7
    assert table_of(made, "summary").rows[0][-1].text != "100.00 %"
    assert "Cells without an answer are left out of the figures, never taken as absent: Labels " in made.html


def test_the_development_part_of_a_split_alone(store: Store, seed_labels: Path, tmp_path: Path) -> None:
    """With --split only those reports count, for the readers too; the others' labels must not be there."""
    split = split_reports(store.dataset, 0.3)
    (tmp_path / "split.json").write_bytes(split.encode())
    ids = set(split.development.report_ids)
    rows = seed_labels.read_text(encoding="utf-8").splitlines()
    kept = [rows[0], *(row for row in rows[1:] if row.split(",")[0] in ids)]
    (tmp_path / "part.csv").write_text("\n".join(kept), encoding="utf-8")
    found = gather(store.wanted(labels=[str(tmp_path / "part.csv")], split=tmp_path / "split.json"))
    assert found.cohort.reports == len(ids)
    assert found.agreement
    assert found.agreement.reports == len(ids)
    with pytest.raises(InputError, match=f"0 of the {len(ids)} reports .* and {80 - len(ids)} are not in it"):
        gather(store.wanted(labels=[str(seed_labels)], split=tmp_path / "split.json"))


def test_runs_are_named_by_their_first_digits(store: Store) -> None:
    """Six digits of a run id will do; a round's id, an unknown one and fewer digits are refused in one sentence."""
    run = store.runs["pneumothorax"]
    found = gather(store.wanted(runs=[run[:8], run], resamples=0))
    assert [o.run_id for o in found.systems[0].origins] == [run]
    assert found.systems[0].main.scores[0].kappa_interval is None
    tracker = Tracker.open(store.folder)
    child = tracker._search("tags.`ranscore.kind` = 'round'", {})[0].info.run_id
    for text in (child, "f" * 32, run[:5], "no-run.json"):
        with pytest.raises(
            InputError, match=r"no finished optimization has a run id that begins with .* frozen program"
        ):
            gather(store.wanted(runs=[text]))


def test_the_newest_run_of_a_finding_is_taken(store: Store, tmp_path: Path) -> None:
    """After a second optimization --all takes the second; naming both is refused."""
    recipe = read_recipe("exemplar-tpe").changed(rounds=1, trials=1, folds=0)
    session = replace(store.session, recipe=recipe, mlruns=tmp_path)
    first, second = (optimize_label(session, "pneumothorax")[1] for _ in range(2))
    found = gather(store.wanted(newest=True, mlruns=tmp_path, resamples=0))
    assert [o.run_id for o in found.systems[0].origins] == [second]
    assert [side.kind for side in found.systems[0].sides] == ["seed", "tuned-on"]
    assert "No cross-validation was done" in dict(not_shown(found))["Tuned and scored on the same reports"]
    with pytest.raises(InputError, match=r"^Pneumothorax: several of the runs have the same finding, model and recipe"):
        gather(store.wanted(runs=[first, second], mlruns=tmp_path))


def test_a_run_of_other_reports_is_refused(store: Store) -> None:
    """Its labels are of other reports, so no figure of it can stand here."""
    with pytest.raises(InputError, match=r"\(Pneumothorax\) was made on another dataset and reference than demo-en's"):
        gather(store.wanted(runs=[store.runs["pneumothorax"]], dataset="demo-en"))
    with pytest.raises(InputError, match="no finished optimization of these reports"):
        gather(store.wanted(newest=True, dataset="demo-en"))


def test_a_dataset_that_only_has_a_card_must_be_named(store: Store) -> None:
    """The run says its name, which is no registered one."""
    with pytest.raises(InputError, match=r"no dataset is called 'eighty'.*give the path of its card with --dataset"):
        gather(store.wanted(newest=True, dataset=None))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "nothing to report on"),
        ({"labels": ["labels.csv"], "dataset": None}, "on which reports the figures are, and nothing else tells"),
    ],
)
def test_a_report_on_nothing_is_refused(store: Store, more: dict[str, Any], message: str) -> None:
    """One sentence that says what is expected."""
    with pytest.raises(InputError, match=message):
        gather(store.wanted(**more))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "1 of the 80 reports of eighty are missing and 0 are not in it"),
        (lambda rows: [rows[0], re.sub(r",[01],", ",-1,", rows[1], count=1), *rows[2:]], "holds 1 uncertain cells"),
    ],
)
def test_labels_of_other_reports_or_with_doubts_are_refused(
    store: Store, seed_labels: Path, tmp_path: Path, change: Any, message: str
) -> None:
    """A table must answer for each report, with yes, no, or nothing."""
    rows = seed_labels.read_text(encoding="utf-8").splitlines()
    (tmp_path / "odd.csv").write_text("\n".join(change(rows)), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        gather(store.wanted(labels=[str(tmp_path / "odd.csv")]))


def test_a_frozen_program_of_an_endpoint_is_refused(store: Store, frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """A report asks no endpoint; the sentence says how its labels come in."""
    remote = frozen_seed.model_copy(update={"model": frozen_seed.model.model_copy(update={"name": "openai/none"})})
    save_frozen(remote.model_copy(update={"sha256": remote.content_digest()}), tmp_path / "remote.json")
    with pytest.raises(InputError, match=r"a report asks no endpoint.*--generated remote=labels\.csv"):
        gather(store.wanted(programs=[tmp_path / "remote.json"]))


def test_rounds_that_do_not_fit_their_figures_are_refused(store: Store) -> None:
    """A table of errors that was cut, or another reference, is noticed by the tracked accuracy."""
    tracker = Tracker.open(store.folder)
    run = read_run(tracker, choose_runs(tracker, [store.runs["pneumothorax"]], {})[0])
    reference = store.dataset.reference.column("pneumothorax")
    check_round(run, 0, reference)
    assert run.rounds[0].errors
    less = replace(run.rounds[0], errors=dict(list(run.rounds[0].errors.items())[1:]))
    with pytest.raises(InputError, match=r"round 0 has .* labels right by its table of errors"):
        check_round(replace(run, rounds=(less, *run.rounds[1:])), 0, reference)


def test_labels_that_a_round_did_not_keep_make_no_finding_unanswered_only_where_it_matters(demo: Dataset) -> None:
    """The label of an uncertain cell is unknown: No Finding is unanswered there, unless something else is present."""
    asked = [f for f in demo.reference.findings if f != "no_finding"]
    ids = ("a", "b", "c")
    truth = {f: (0, 0, 0) for f in asked} | {"edema": (-1, -1, 0), "fracture": (1, 1, 0)}
    order = demo.reference.findings
    none = (0, 0, 1)
    values = zip(*(truth.get(f, none) for f in order), strict=True)
    reference = LabelTable(report_ids=ids, findings=order, values=tuple(values))
    rounds = {f: Round(None, None, 0, {"b": 0} if f == "fracture" else {}) for f in asked}
    table = gather_columns(reference, {f: r.labels(reference.column(f)) for f, r in rounds.items()})
    assert table.column("no_finding") == {"a": 0, "b": UNANSWERED, "c": 1}
    assert table.column("edema") == {"a": 0, "b": 0, "c": 0}
    side = make_side("seed", reference, table, Settings(0), complete=False)
    score, edema = side.of("no_finding"), side.of("edema")
    assert score
    assert edema
    assert (score.n, score.unanswered, score.tp, score.tn) == (2, 1, 1, 1)
    assert (edema.n, edema.uncertain, edema.unanswered) == (1, 2, 0)


def test_readers_stand_in_the_report_as_measured(store: Store, evidence: Evidence, report: Report) -> None:
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
