"""Label sets from tables, texts, frozen programs and tracked runs; other data is refused before any labelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ranscore.cohort import Dataset
from ranscore.comparing import Sources, compare_systems, open_systems
from ranscore.errors import DigestError, InputError
from ranscore.freezing import FrozenFinding, FrozenProgram, freeze_finding, save_frozen
from ranscore.labelling._tables import write_labels
from ranscore.labelling.batch import extract
from ranscore.policies import Policies
from ranscore.records import LabelTable, Report
from ranscore.splitting import split_reports
from ranscore.tracking import Tracker

AS_GIVEN = Policies(no_finding="as-given")


@pytest.fixture(scope="module")
def program(frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen seed as a file."""
    path = tmp_path_factory.mktemp("program") / "seed.json"
    save_frozen(frozen_seed, path)
    return path


@pytest.fixture(scope="module")
def labels(demo: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table that holds the reference's own certain labels, 0 where it is uncertain."""
    path = tmp_path_factory.mktemp("labels") / "perfect.csv"
    rows = tuple(tuple(max(0, v) for v in row) for row in demo.reference.values)
    write_labels(demo.reference.model_copy(update={"values": rows}), path)
    return path


@pytest.fixture(scope="module")
def tracker(mlruns: Path) -> Tracker:
    """The tracking store of the tests."""
    return Tracker.open(mlruns)


def kept_run(
    tracker: Tracker,
    dataset: Dataset,
    frozen: FrozenFinding,
    crossed: Mapping[str, int] | None,
    **tags: str,
) -> str:
    """A finished optimization of pneumothorax, as `ranscore optimize` leaves it."""
    own = {"dataset": dataset.name, "dataset_digest": dataset.digest, "reference_digest": dataset.reference_digest}
    named = own | {"model": "lexical", "program_digest": frozen.program.digest()} | tags
    run_id = tracker.start_optimize("pneumothorax", name="Pneumothorax", tags=named)
    tables = {"cv_labels.csv": [{"report_id": i, "label": v} for i, v in crossed.items()]} if crossed else {}
    metrics = {"cv_f1": 0.5} if crossed else {}
    tracker.finish(run_id, metrics=metrics, texts={"program.json": frozen.model_dump_json()}, tables=tables)
    return run_id


@pytest.fixture(scope="module")
def runs(tracker: Tracker, demo: Dataset, frozen_seed: FrozenProgram) -> tuple[str, str]:
    """Two runs on the demonstration cohort: one cross-validated, with every label absent, one not."""
    finding = frozen_seed.findings["pneumothorax"]
    absent = dict.fromkeys(demo.reference.report_ids, 0)
    return kept_run(tracker, demo, finding, absent), kept_run(tracker, demo, finding, None)


def test_tables_are_compared_with_a_dataset(labels: Path, demo: Dataset) -> None:
    """Read as they are; nothing is labelled."""
    opened = open_systems([str(labels), str(labels)], Sources(dataset="demo-en"))
    assert [s.kind for s in opened.systems] == ["labels", "labels"]
    assert opened.reference == demo.reference
    assert opened.labelled_by is None
    found = compare_systems(opened.reference, opened.systems, AS_GIVEN, resamples=0, randomisations=10)
    assert found.pairs[0].macro_f1.a == 1.0
    assert found.reference_digest == demo.reference_digest


def test_two_systems_of_one_name_are_told_apart(labels: Path, tmp_path: Path) -> None:
    """By their paths, or else by number."""
    copy = tmp_path / labels.name
    copy.write_bytes(labels.read_bytes())
    names = [
        [s.name for s in open_systems(specs, Sources(dataset="demo-en")).systems]
        for specs in ([str(labels), str(copy)], [str(labels), str(labels)])
    ]
    assert names == [[str(labels), str(copy)], [f"{labels} (1)", f"{labels} (2)"]]


def test_a_frozen_program_labels_the_dataset(
    program: Path, labels: Path, small_card: Path, small: Dataset, frozen_seed: FrozenProgram, tmp_path: Path
) -> None:
    """With its own model, the same labels that extract gives; a table of other reports is refused before that."""
    perfect = tmp_path / "small.csv"
    rows = tuple(tuple(max(0, v) for v in row) for row in small.reference.values)
    write_labels(small.reference.model_copy(update={"values": rows}), perfect)
    opened = open_systems([str(program), str(perfect)], Sources(dataset=str(small_card)))
    first = opened.systems[0]
    assert (first.kind, first.program_digest, first.model) == ("program", frozen_seed.sha256, "lexical")
    assert first.table == extract(frozen_seed, small.reports).table
    assert first.remarks == ()
    told: list[int] = []
    with pytest.raises(InputError, match="60 reports of dataset small"):
        open_systems([str(program), str(labels)], Sources(dataset=str(small_card), progress=lambda n: told.append))
    assert told == []


def test_a_program_tuned_on_the_compared_reports_says_so(
    frozen_seed: FrozenProgram, small_card: Path, small: Dataset, tmp_path: Path
) -> None:
    """The remark counts its programs."""
    data = {
        "dataset": "small", "reports": 60, "dataset_digest": small.digest,
        "reference_digest": small.reference_digest,
    }  # fmt: skip
    tuned = freeze_finding(frozen_seed.findings["edema"].program, source="optimized", data=data)
    frozen = frozen_seed.model_copy(update={"findings": {**frozen_seed.findings, "edema": tuned}})
    path = tmp_path / "tuned.json"
    save_frozen(frozen.model_copy(update={"sha256": frozen.content_digest()}), path)
    opened = open_systems([str(path), str(path)], Sources(dataset=str(small_card)))
    assert opened.systems[0].remarks == ("1 of its programs were tuned on these very reports, so it is shown too good",)


def test_texts_are_labelled_by_the_program(program: Path, frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """Generated reports of two systems against reference reports; the signature's program is known."""
    texts = {"reference": "Small left pneumothorax.", "one": "Left pneumothorax.", "two": "The lungs are clear."}
    for name, text in texts.items():
        line = json.dumps({"report_id": "r1", "report": text})
        (tmp_path / f"{name}.jsonl").write_text(line + "\n", encoding="utf-8")
    specs = [str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")]
    opened = open_systems(specs, Sources(reference=tmp_path / "reference.jsonl", program=program))
    assert [s.kind for s in opened.systems] == ["reports", "reports"]
    assert opened.labelled_by == frozen_seed.sha256
    assert opened.reference == extract(frozen_seed, [Report(report_id="r1", text=texts["reference"])]).table
    values = [s.table.column("pneumothorax")["r1"] for s in opened.systems]
    assert values == [1, 0]


def test_a_run_gives_its_cross_validated_labels(tracker: Tracker, runs: tuple[str, str], demo: Dataset) -> None:
    """Found by its id alone: the run knows its dataset."""
    opened = open_systems([runs[0], runs[0]], Sources(mlruns=tracker.folder))
    assert opened.dataset is not None
    assert opened.dataset.digest == demo.digest
    assert opened.systems[0].table.findings == ("pneumothorax",)
    assert set(opened.systems[0].table.column("pneumothorax").values()) == {0}
    assert opened.systems[0].remarks == ("labels of the cross-validation",)


def test_a_run_without_cross_validation_gives_its_programs_labels_and_a_warning(
    tracker: Tracker, runs: tuple[str, str], demo: Dataset, frozen_seed: FrozenProgram
) -> None:
    """Against the other run of the same finding there is one finding to compare."""
    opened = open_systems(list(runs), Sources(mlruns=tracker.folder))
    labelled = extract(frozen_seed, demo.reports).table.column("pneumothorax")
    assert opened.systems[1].table.column("pneumothorax") == labelled
    assert "not cross-validated" in opened.systems[1].remarks[0]
    found = compare_systems(opened.reference, opened.systems, AS_GIVEN, resamples=0, randomisations=100)
    assert found.findings == ("pneumothorax",)


@pytest.mark.parametrize(
    ("tag", "word"), [("dataset_digest", "reports sha256:other"), ("reference_digest", "reference sha256:other")]
)
def test_a_run_on_other_data_is_refused_in_one_sentence(
    tracker: Tracker, demo: Dataset, frozen_seed: FrozenProgram, runs: tuple[str, str], tag: str, word: str
) -> None:
    """Either digest that differs."""
    absent = dict.fromkeys(demo.reference.report_ids, 0)
    other = kept_run(tracker, demo, frozen_seed.findings["pneumothorax"], absent, **{tag: "sha256:other"})
    with pytest.raises(InputError, match=word) as caught:
        open_systems([runs[0], other], Sources(mlruns=tracker.folder))
    assert "same reports and reference only" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_runs_on_different_datasets_are_refused(
    tracker: Tracker, demo_zh: Dataset, frozen_seed: FrozenProgram, runs: tuple[str, str]
) -> None:
    """One on the English cohort, one on the Chinese."""
    absent = dict.fromkeys(demo_zh.reference.report_ids, 0)
    other = kept_run(tracker, demo_zh, frozen_seed.findings["pneumothorax"], absent)
    with pytest.raises(InputError, match="different datasets \\(demo-en, demo-zh\\)"):
        open_systems([runs[0], other], Sources(mlruns=tracker.folder))


def test_a_split_leaves_the_held_out_part_closed(demo: Dataset, program: Path, tmp_path: Path) -> None:
    """Only the development reports are labelled and compared."""
    split = split_reports(demo)
    path = tmp_path / "split.json"
    path.write_text(split.model_dump_json(), encoding="utf-8")
    opened = open_systems([str(program), str(program)], Sources(dataset="demo-en", split=path))
    assert set(opened.reference.report_ids) == set(split.development.report_ids)
    assert set(opened.systems[0].table.report_ids) == set(split.development.report_ids)


def test_what_is_no_file_and_no_run_is_refused(tracker: Tracker, labels: Path) -> None:
    """A misspelt path; a run id that the store does not hold; both say what was expected."""
    with pytest.raises(InputError, match="no such file, and it is no run id"):
        open_systems(["missing.csv", str(labels)], Sources(dataset="demo-en"))
    with pytest.raises(InputError, match="no finished optimization has the run id"):
        open_systems(["0" * 32, str(labels)], Sources(dataset="demo-en", mlruns=tracker.folder))


def test_a_changed_frozen_program_is_refused(program: Path, labels: Path, tmp_path: Path) -> None:
    """Its digest no longer fits; a JSON file that is none at all is refused too."""
    changed = tmp_path / "changed.json"
    changed.write_text(program.read_text(encoding="utf-8").replace("absent", "absence", 1), encoding="utf-8")
    with pytest.raises(DigestError):
        open_systems([str(changed), str(labels)], Sources(dataset="demo-en"))
    changed.write_text("{", encoding="utf-8")
    with pytest.raises(DigestError):
        open_systems([str(changed), str(labels)], Sources(dataset="demo-en"))


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (Sources(), "expected --reference FILE or --dataset NAME"),
        (Sources(reference=Path("a.csv"), dataset="demo-en"), "both given"),
    ],
)
def test_it_must_be_clear_against_what_to_compare(labels: Path, sources: Sources, message: str) -> None:
    """Neither or both is no reference."""
    with pytest.raises(InputError, match=message):
        open_systems([str(labels), str(labels)], sources)


def test_programs_and_runs_need_a_dataset(labels: Path, program: Path) -> None:
    """A file of labels has no reports to label."""
    with pytest.raises(InputError, match="expected --dataset NAME instead of --reference"):
        open_systems([str(program), str(labels)], Sources(reference=labels))


def test_one_label_set_is_no_comparison(labels: Path) -> None:
    """Said before anything is opened."""
    with pytest.raises(InputError, match="found 1 system"):
        open_systems([str(labels)], Sources(dataset="demo-en"))


def test_a_reference_file_of_other_reports_is_refused(labels: Path, demo_zh: Dataset, tmp_path: Path) -> None:
    """The Chinese reference against labels of the English cohort."""
    path = tmp_path / "zh.csv"
    table: LabelTable = demo_zh.reference
    write_labels(table, path)
    with pytest.raises(InputError, match="expected labels of the same reports"):
        open_systems([str(labels), str(labels)], Sources(reference=path))
