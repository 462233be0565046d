"""Every format on a small file true to its form, and on the same file broken in many ways."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from format_samples import BREAK, KEEP, NEVER_READ, SAMPLES, Sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.readers import Glance, read_pairs, read_side, read_table, remarks_of
from ranscore.records import LabelTable
from ranscore.registry import load, names

ANY_LINE = ("hyps.tok", "res.csv")  # whatever stands in a line is a report
BINARY = (".zip", ".gz", ".parquet", ".xlsx")
TEXTS = {name: sample for name, sample in SAMPLES.items() if Path(sample.name).suffix not in BINARY}


def check(sample: Sample, path: Path) -> None:
    """What is read of a path is what the sample holds."""
    content = read_side(path, "generated").content
    if isinstance(content, LabelTable):
        assert {i: {f: content.column(f)[i] for f in wanted} for i, wanted in sample.labels.items()} == sample.labels
        assert set(content.report_ids) == set(sample.labels)
        assert "no_finding" not in content.findings
        return
    assert {r.report_id: r.text for r in content} == sample.texts
    if sample.reference:
        both = read_pairs(path).systems[0]
        assert {r.report_id: r.text for r in both.reference} == sample.reference
        assert {r.report_id: r.text for r in both.generated} == sample.texts


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_format_is_told_from_the_path_and_read(sample: Sample, tmp_path: Path) -> None:
    """No reader is named: the right one claims the path, and the rows are the file's."""
    path = sample.write(tmp_path)
    claims = [n for n in names("readers") if getattr(load("readers", n), "recognises", lambda _: False)(Glance(path))]
    assert claims in ([], [sample.reader])
    check(sample, path)


def test_every_reader_has_a_sample() -> None:
    """A format without a file to try it on is not known to be read."""
    shown = {sample.reader for sample in SAMPLES.values()}
    assert set(names("readers")) - shown == {"mimic-images", "openi-csv", "reference-json"}


@pytest.mark.parametrize("how", KEEP)
@pytest.mark.parametrize("sample", TEXTS.values(), ids=TEXTS)
def test_marks_and_line_ends_change_no_row(sample: Sample, how: str, tmp_path: Path) -> None:
    """A byte order mark and Windows line ends are no part of a report."""
    path = sample.write(tmp_path)
    for name in sample.files if sample.tree else [sample.name]:
        place = tmp_path / "data" / name
        if place.suffix not in BINARY:
            place.write_bytes(KEEP[how](place.read_bytes()))
    check(sample, path)


def outcome(path: Path, reader: str | None = None) -> str:
    """What reading a path as a user does gives: `rows`, or the message of the InputError."""
    try:
        if reader:
            return "rows" if len(read_table(path, reader)) else "nothing"
        content = read_side(path, "generated").content
        return "rows" if len(content.report_ids if isinstance(content, LabelTable) else content) else "nothing"
    except InputError as fault:
        return str(fault)


@pytest.mark.parametrize("how", BREAK)
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_broken_file_gives_rows_or_sentences(sample: Sample, how: str, tmp_path: Path) -> None:
    """Never a traceback, never nothing: rows, or lines that name the path; and no file is written."""
    path = sample.write(tmp_path)
    broken = tmp_path / "data" / sample.name
    broken.write_bytes(BREAK[how](broken.read_bytes()))
    before = {p: p.stat().st_size for p in tmp_path.rglob("*")}
    for reader in (None, sample.reader):
        found = outcome(path, reader)
        if how in NEVER_READ and not sample.tree and not (sample.name in ANY_LINE and how.startswith("deeply")):
            assert found != "rows"
        assert found == "rows" or all(str(tmp_path) in line or "…" in line for line in found.splitlines())
        assert found not in ("", "nothing")
        assert len(found) < 20_000
    assert {p: p.stat().st_size for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_folder_in_place_of_a_file_and_the_reverse_are_refused(sample: Sample, tmp_path: Path) -> None:
    """A reader that is named for the wrong kind of path says so."""
    sample.write(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.bin").write_bytes(b"\x00\x01")
    for path in (tmp_path / "empty", tmp_path / "file.bin"):
        assert path.name in outcome(path, sample.reader)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(name=st.sampled_from(sorted(SAMPLES)), seed=st.integers(0, 2**32), times=st.integers(1, 6))
def test_noise_in_a_file_never_ends_in_a_traceback(tmp_path: Path, name: str, seed: int, times: int) -> None:
    """Bytes changed, cut out, doubled or put in at random places: rows or sentences (`fuzz_readers.py` runs longer)."""
    sample, chance = SAMPLES[name], random.Random(seed)
    path = sample.write(tmp_path / f"{name}-{seed}")
    broken = path / sample.name if sample.tree else path
    data = bytearray(broken.read_bytes())
    for _ in range(times):
        at, size = chance.randrange(len(data) + 1), chance.randrange(1, 9)
        data[at : at + chance.choice((0, size))] = chance.choice(
            (b"", bytes(chance.randrange(256) for _ in range(size)), bytes(data[at : at + size]) * 2, b'"', b"{", b"\n")
        )
    broken.write_bytes(bytes(data))
    for reader in (None, sample.reader):
        assert outcome(path, reader)


def test_images_of_a_study_become_one_row(tmp_path: Path) -> None:
    """MIMIC's tables of images give a row a study; different values stand side by side."""
    path = tmp_path / "mimic-cxr-2.0.0-split.csv"
    path.write_text("dicom_id,study_id,subject_id,split\na,5,10,train\nb,5,10,train\nc,6,11,test\n", encoding="utf-8")
    table = read_table(path)
    assert table.to_dict("list") == {
        "report_id": ["5", "6"], "patient_id": ["10", "11"], "dicom_id": ["a;b", "c"], "split": ["train", "test"]
    }  # fmt: skip
    assert remarks_of(table) == (f"{path}: 3 rows of images are 2 studies",)


def test_what_is_left_out_of_a_family_table_is_told(tmp_path: Path) -> None:
    """No Finding is another finding there, and blank cells were read as absent: both are counted."""
    path = SAMPLES["chexpert-csv"].write(tmp_path)
    told = remarks_of(read_table(path))
    assert told == (
        f"{path}: 13 of 14 observations are findings here, left out: No Finding (derived of other findings there)",
        f"{path}: 20 blank cells (not mentioned) were read as absent",
        f"{path}: 2 rows of images are 1 studies",
    )


def test_rows_of_one_study_must_agree(tmp_path: Path) -> None:
    """Two images of a study with other labels or another report are a fault with its row."""
    path = SAMPLES["chexpert-csv"].write(tmp_path)
    path.write_text(path.read_text().replace(",1.0,", ",0.0,", 1), encoding="utf-8")
    assert "row 3: other labels of 'patient00001/study1' than in row 2" in outcome(path)
    path = SAMPLES["padchest-csv"].write(tmp_path)
    path.write_text(path.read_text().replace("Small", "Large", 1), encoding="utf-8")
    assert "row 3: another report of study '1' than before" in outcome(path)
