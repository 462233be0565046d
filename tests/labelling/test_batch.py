"""Labels of many reports: in their order, the same however many work on them, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import DigestError, InputError
from ranscore.extraction.module import label_reports
from ranscore.freezing import FrozenProgram
from ranscore.labelling._tables import check_output, write_labels
from ranscore.labelling.batch import Extracted, extract
from ranscore.models import open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.readers import read_labels
from ranscore.records import ABSENT, PRESENT, UNANSWERED, LabelTable, Report


@pytest.fixture(scope="module")
def silent(small: Dataset, frozen_seed: FrozenProgram) -> Extracted:
    """Labels by a model that fails on the third report for pneumothorax and on the fifth for everything."""
    reader, texts = LexicalReader(), [r.text for r in small.reports]

    def answer(messages: Sequence[Message]) -> str:
        asked = messages[-1][1]
        if texts[4] in asked or (texts[2] in asked and "Is Pneumothorax present" in asked):
            return "I cannot tell."
        return reader.answer(messages)

    return extract(frozen_seed, small.reports[:8], scripted.open_model(answers=answer))


def test_every_report_is_labelled_in_its_order(small: Dataset, frozen_seed: FrozenProgram) -> None:
    """One row a report as they came, one column a finding as the catalog lists them, each cell as labelled alone."""
    mixed = small.reports[20:30][::-1]
    found = extract(frozen_seed, mixed)
    assert found.table.report_ids == tuple(r.report_id for r in mixed)
    assert found.table.findings == catalog.finding_ids()
    assert (found.unanswered, found.coverage) == ((), 1.0)
    for finding in ("pneumothorax", "pleural_effusion"):
        alone = label_reports(catalog.seed_program(finding), mixed, open_model("lexical")).column()
        assert found.table.column(finding) == alone


def test_no_finding_follows_from_the_others(small: Dataset, frozen_seed: FrozenProgram) -> None:
    """A report is without finding exactly when every other finding is absent."""
    table = extract(frozen_seed, small.reports).table
    at = table.findings.index("no_finding")
    others = [[v for i, v in enumerate(row) if i != at] for row in table.values]
    assert [row[at] for row in table.values] == [int(all(v == ABSENT for v in row)) for row in others]
    assert {row[at] for row in table.values} == {PRESENT, ABSENT}


def test_a_failed_answer_is_unanswered_and_never_absent(silent: Extracted, small: Dataset) -> None:
    """Each failed cell is marked with its reason; what is derived from it is unanswered too where it decides."""
    ids = [r.report_id for r in small.reports[:8]]
    third, fifth = ids[2], ids[4]
    assert silent.table.column("pneumothorax")[third] == UNANSWERED
    assert {v for f in catalog.finding_ids() for v in [silent.table.column(f)[fifth]]} == {UNANSWERED}
    assert len(silent.unanswered) == 21
    assert {label.reason for label in silent.unanswered} == {
        "the answer (14 characters) was not one of the words 'present', 'absent'"
    }
    assert silent.coverage == pytest.approx(1 - 21 / (8 * 20))
    assert [i for i in ids if silent.table.column("edema")[i] == UNANSWERED] == [fifth]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_labels_survive_the_way_through_their_table(silent: Extracted, tmp_path: Path, suffix: str) -> None:
    """Every format is read back as it was written: ids, order, findings, 0, 1 and unanswered."""
    path = tmp_path / f"labels{suffix}"
    write_labels(silent.table, path)
    assert read_labels(path) == silent.table
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_ids_are_kept_as_they_are_written(frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """Leading zeros, commas, quotes and Chinese in an id come back unchanged in every format."""
    ids = ("007", 'a,"b"', "报告1", "1e3", "NA")
    found = extract(frozen_seed, [Report(report_id=i, text="Clear lungs.") for i in ids])
    for suffix in (".csv", ".parquet", ".jsonl"):
        write_labels(found.table, tmp_path / f"x{suffix}")
        assert read_labels(tmp_path / f"x{suffix}").report_ids == ids


def test_progress_counts_every_cell(small: Dataset, frozen_seed: FrozenProgram) -> None:
    """What is told of finished cells adds up to reports times asked findings."""
    done: list[int] = []
    extract(frozen_seed, small.reports[:3], progress=done.append)
    assert sum(done) == 3 * 20


def test_a_blank_report_has_every_finding_absent(frozen_seed: FrozenProgram) -> None:
    """Nothing said is nothing found."""
    table = extract(frozen_seed, [Report(report_id="a", text="")]).table
    assert table.column("no_finding") == {"a": PRESENT}
    assert sum(table.values[0]) == PRESENT


def test_what_cannot_be_labelled_is_refused(frozen_seed: FrozenProgram, small: Dataset) -> None:
    """No reports, and a program that gives another prompt than the frozen one, are refused before anything is asked."""
    with pytest.raises(InputError, match="there are no reports to label; expected at least one"):
        extract(frozen_seed, [])
    changed = frozen_seed.findings["edema"].model_copy(update={"prompt_sha256": "sha256:0"})
    other = frozen_seed.model_copy(update={"findings": {**frozen_seed.findings, "edema": changed}})
    asked: list[object] = []

    def answer(messages: Sequence[Message]) -> str:
        asked.append(messages)
        return "absent"

    with pytest.raises(DigestError, match="writes another prompt for edema"):
        extract(other, small.reports[:2], scripted.open_model(answers=answer))
    assert asked == []


def test_an_output_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    """Another suffix, a folder in the file's place and a file in the folder's are refused; nothing is left behind."""
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("x")
    for path, text in (
        (tmp_path / "labels.xlsx", "found the suffix '.xlsx', expected one of .csv, .parquet, .jsonl"),
        (tmp_path / "folder.csv", "is a folder, expected the path of a file"),
        (tmp_path / "file" / "labels.csv", "cannot be written"),
    ):
        with pytest.raises(InputError, match=text) as fault:
            check_output(path)
        assert str(fault.value).startswith(str(tmp_path))
    check_output(tmp_path / "new" / "deeper" / "labels.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.csv"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    """A folder that may not be written to is named."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match=rf"^{tmp_path}: cannot be written \(Permission denied\)"):
            check_output(tmp_path / "labels.csv")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_table_is_written_whole_or_not_at_all(silent: Extracted, tmp_path: Path, suffix: str) -> None:
    """Where the disk is full, the old table stays and no part of the new one."""
    resource = pytest.importorskip("resource")
    path = tmp_path / f"labels{suffix}"
    old = LabelTable(report_ids=("a",), findings=("edema",), values=((1,),))
    write_labels(old, path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    try:
        with pytest.raises(InputError, match=rf"^{path}: cannot be written"):
            write_labels(silent.table, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
