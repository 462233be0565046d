"""Datasets as their cards describe them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from ranscore.catalog import data_files, finding_ids
from ranscore.cohort import open_dataset, read_card
from ranscore.errors import InputError, UnknownNameError

OPENI = Path(__file__).parents[2] / "shared" / "openi"
needs_openi = pytest.mark.skipif(not OPENI.is_dir(), reason=f"the Open-I reports are not at {OPENI}")

CARD = {
    "name": "own",
    "title": "A dataset of one's own",
    "access": "restricted",
    "remote": "refused",
    "licence": "none",
    "source": "Ask the department.",
    "reports": {"path": "reports.csv"},
    "reference": {"kind": "labels", "paths": ["labels.csv"]},
}
REPORTS = "report_id,report\na,Pulmonary edema.\nb,Clear.\nc,Rib fracture.\n"
LABELS = "report_id,Edema,Fracture\nc,0,1\na,1,0\nb,0,0\n"


def own(folder: Path, text: str = REPORTS, labels: str = LABELS, **card: object) -> Path:
    """A user's own card with its files."""
    (folder / "reports.csv").write_text(text, encoding="utf-8")
    (folder / "labels.csv").write_text(labels, encoding="utf-8")
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(CARD | card), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", data_files("datasets", "*/card.yaml"))
def test_every_card_is_valid_and_named_as_its_folder(name: str) -> None:
    """A card that lies in the data folder can be read, and says who may use the reports and where they come from."""
    card, folder = read_card(name)
    assert card.name == name == folder.name
    assert card.licence
    assert card.source


@pytest.mark.parametrize(("name", "count", "notes"), [("demo-en", 300, 105), ("demo-zh", 150, 15)])
def test_a_demonstration_cohort_opens_offline(name: str, count: int, notes: int) -> None:
    """Reports, reference and notes come with the package and belong together by id."""
    dataset = open_dataset(name)
    assert (len(dataset.reports), len(dataset.notes)) == (count, notes)
    assert dataset.reference.report_ids == tuple(r.report_id for r in dataset.reports)
    assert dataset.reference.findings == finding_ids()
    assert {r.language for r in dataset.reports} == {name.removeprefix("demo-")}
    assert (dataset.access, dataset.remote) == ("open", "permitted")


def test_opening_twice_gives_the_same_digests() -> None:
    """The digests depend on the content alone, and two cohorts differ in both."""
    first, again, other = open_dataset("demo-zh"), open_dataset("demo-zh"), open_dataset("demo-en")
    assert (first.digest, first.reference_digest) == (again.digest, again.reference_digest)
    assert first.digest != other.digest
    assert first.reference_digest != other.reference_digest


def test_labels_belong_to_their_reports_by_id(tmp_path: Path) -> None:
    """The rows of reports and labels may stand in any order; digests do not change, only the order of reports does."""
    dataset = open_dataset(own(tmp_path))
    assert dataset.reference.report_ids == ("a", "b", "c")
    assert dataset.reference.column("edema") == {"a": 1, "b": 0, "c": 0}
    lines = REPORTS.splitlines(keepends=True)
    turned = open_dataset(own(tmp_path, "".join([lines[0], *reversed(lines[1:])])))
    assert turned.reference.report_ids == ("c", "b", "a")
    assert turned.reference.column("edema") == {"a": 1, "b": 0, "c": 0}
    assert (turned.digest, turned.reference_digest) == (dataset.digest, dataset.reference_digest)


def test_a_changed_word_or_label_changes_a_digest(tmp_path: Path) -> None:
    """A word of a report changes the digest of reports alone, a label that of the reference alone."""
    before = open_dataset(own(tmp_path))
    word = open_dataset(own(tmp_path, REPORTS.replace("Clear.", "Clear")))
    label = open_dataset(own(tmp_path, labels=LABELS.replace("b,0,0", "b,0,-1")))
    assert word.digest != before.digest
    assert word.reference_digest == before.reference_digest
    assert label.digest == before.digest
    assert label.reference_digest != before.reference_digest


def test_a_card_is_opened_by_its_folder_too(tmp_path: Path) -> None:
    """A folder with a card.yaml, as a path or as text, is the dataset."""
    own(tmp_path)
    assert open_dataset(tmp_path).name == open_dataset(f"{tmp_path}/").name == "own"


def test_reports_in_several_parts_and_notes_in_a_table(tmp_path: Path) -> None:
    """Parts are read one after the other; the notes come from their own table."""
    head, *rows = REPORTS.splitlines(keepends=True)
    (tmp_path / "part1.csv").write_text(head + rows[0], encoding="utf-8")
    (tmp_path / "part2.csv").write_text(head + "".join(rows[1:]), encoding="utf-8")
    (tmp_path / "notes.csv").write_text(
        "report_id,finding,reads_as,evidence,why\nc,Fracture,1,Rib fracture,It says so.\n", encoding="utf-8"
    )
    dataset = open_dataset(own(tmp_path, reports={"paths": ["part*.csv"]}, notes={"path": "notes.csv"}))
    assert [r.report_id for r in dataset.reports] == ["a", "b", "c"]
    assert [(n.report_id, n.finding) for n in dataset.notes] == [("c", "fracture")]


def test_no_finding_is_derived_where_a_table_of_labels_has_none(tmp_path: Path) -> None:
    """A reference with all other findings gets No Finding; one with a few findings gets nothing it did not say."""
    assert open_dataset(own(tmp_path)).reference.findings == ("edema", "fracture")
    others = [f for f in finding_ids() if f != "no_finding"]
    rows = {"a": "edema", "b": "", "c": "fracture"}
    lines = [",".join(["report_id", *others])]
    lines += [",".join([i, *("1" if f == found else "0" for f in others)]) for i, found in rows.items()]
    dataset = open_dataset(own(tmp_path, labels="\n".join(lines)))
    assert dataset.reference.column("no_finding") == {"a": 0, "b": 1, "c": 0}


@needs_openi
def test_openi_opens_from_the_table_and_from_its_xml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the one that is given, or the one that the variable names; a table is preferred to XML files."""
    table = open_dataset("openi", OPENI)
    assert (len(table.reports), table.reference.findings, table.notes) == (1905, finding_ids(), ())
    assert table.access == "open"
    shutil.copytree(OPENI / "xml_sample", tmp_path / "deep" / "ecgen-radiology")
    monkeypatch.setenv("RANSCORE_OPENI", str(tmp_path))
    xml = open_dataset("openi")
    assert len(xml.reports) == 30
    texts = {r.report_id: r.text for r in table.reports}
    assert len([r for r in xml.reports if texts.get(r.report_id) == r.text]) == 27
    assert open_dataset("openi", OPENI).digest == table.digest


@pytest.fixture
def no_openi(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable names the folder of Open-I."""
    monkeypatch.delenv("RANSCORE_OPENI", raising=False)


@pytest.mark.usefixtures("no_openi")
def test_a_collection_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    """One sentence names the variable, the option, the files, and where to get them."""
    with pytest.raises(InputError) as fault:
        open_dataset("openi")
    for part in ("RANSCORE_OPENI", "--data", "reports.csv", ".xml", "https://openi.nlm.nih.gov"):
        assert part in str(fault.value)
    with pytest.raises(InputError, match=r"has no reports; expected reports\.csv or"):
        open_dataset("openi", tmp_path)
    with pytest.raises(InputError, match="is no folder; expected one that holds"):
        open_dataset("openi", tmp_path / "none")


def test_an_unknown_name_offers_the_near_ones() -> None:
    """A name that no card has is answered with those that come near."""
    with pytest.raises(UnknownNameError, match="did you mean 'demo-en'"):
        open_dataset("demo_en")


def test_ids_that_do_not_meet_are_named_with_counts(tmp_path: Path) -> None:
    """Reports without reference, references and notes without report, and repeated parts stand in one error."""
    (tmp_path / "more.csv").write_text("report_id,report\na,Again.\n", encoding="utf-8")
    (tmp_path / "notes.csv").write_text("report_id,finding,reads_as,evidence,why\nz,Edema,1,e,w\n", encoding="utf-8")
    labels = "report_id,Edema\n" + "".join(f"x{i},0\n" for i in range(9)) + "a,1\n"
    with pytest.raises(InputError) as fault:
        open_dataset(
            own(tmp_path, labels=labels, reports={"paths": ["reports.csv", "more.csv"]}, notes={"path": "notes.csv"})
        )
    assert [line.removeprefix("dataset own: ").split(";")[0] for line in str(fault.value).splitlines()] == [
        "1 report ids stand in several parts of the reports ('a')",
        "2 report ids have no reference ('b', 'c')",
        "9 report ids have a reference but no report ('x0', 'x1', 'x2', 'x3', 'x4', …)",
        "1 report ids have an error note but no report ('z')",
    ]


BROKEN_CARDS = {
    "access": ({"access": "secret"}, "access: Input should be 'open' or 'restricted'"),
    "unknown field": ({"licens": "x"}, "licens: Extra inputs are not permitted"),
    "no path": ({"reports": {"reader": "csv-table"}}, "a source of reports has either path or paths"),
    "no source": ({"reports": []}, "reports: Tuple should have at least 1 item"),
    "kind": ({"reference": {"kind": "gold"}}, "Input should be 'raters', 'labels' or 'mesh'"),
    "mesh without mapping": ({"reference": {"kind": "mesh"}}, "a reference of kind mesh has a mapping"),
    "two tables": ({"reference": {"kind": "labels", "paths": ["a", "b"]}}, "exactly one path"),
    "minimum": ({"reference": {"kind": "labels", "paths": ["a"], "minimum": 2}}, "only a reference of kind raters"),
    "no such labels": ({"reference": {"kind": "labels", "paths": ["l.csv"]}}, "found no l.csv in"),
    "no such reports": ({"reports": {"path": "r.csv"}}, "has no reports; expected r.csv in it. Ask the department."),
}


@pytest.mark.parametrize(("change", "says"), BROKEN_CARDS.values(), ids=BROKEN_CARDS)
def test_a_broken_card_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    """The error names the field or the file."""
    path = own(tmp_path)
    path.write_text(yaml.safe_dump(CARD | change), encoding="utf-8")
    with pytest.raises(InputError) as fault:
        open_dataset(path)
    assert says in str(fault.value)


def test_a_card_in_the_users_own_home_is_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more folder in RANSCORE_HOME is one more name; a name that is not the folder's is refused."""
    for folder in ("own", "other"):
        (tmp_path / "datasets" / folder).mkdir(parents=True)
        own(tmp_path / "datasets" / folder)
    monkeypatch.setenv("RANSCORE_HOME", str(tmp_path))
    assert len(open_dataset("own").reports) == 3
    with pytest.raises(InputError, match="name is 'own', expected 'other'"):
        open_dataset("other")
