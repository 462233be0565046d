"""Tables of reports read row by row give what reading them whole gives, with the same messages."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from ranscore.errors import InputError
from ranscore.readers import read_reports, stream_reports

FRAME = pd.DataFrame(
    {
        "Report ID": [" a ", "b", "007", "d"],
        "findings": ["Clear, no effusion.", "", "左侧气胸。", 'A "quoted"\nline.'],
        "impression": ["Normal.", "", "", "None."],
    }
)


@pytest.fixture(params=[".csv", ".jsonl", ".parquet", ".xlsx"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same reports in a format."""
    path = tmp_path / f"r{request.param}"
    write = {
        ".csv": lambda: FRAME.to_csv(path, index=False),
        ".jsonl": lambda: FRAME.to_json(path, orient="records", lines=True, force_ascii=False),
        ".parquet": lambda: FRAME.to_parquet(path, index=False),
        ".xlsx": lambda: FRAME.to_excel(path, index=False),
    }
    write[request.param]()
    return path


def test_rows_are_those_of_the_whole_table(table: Path) -> None:
    """Ids and texts are equal, again and again, in batches of any size."""
    whole = [(r.report_id, r.text) for r in read_reports(table)]
    stream = stream_reports(table)
    assert [(i, text) for _, i, text in stream.reports()] == whole
    assert [(i, text) for _, i, text in stream.reports()] == whole
    batches = list(stream.batches(3))
    assert [len(batch) for batch in batches] == [3, 1]
    assert [(r.report_id, r.text) for batch in batches for r in batch] == whole
    assert stream.whole == (table.suffix == ".xlsx")


WRONG = {
    "empty.csv": "",
    "header.csv": "report_id,report\n",
    "column.csv": "report_id,text\na,b\n",
    "twice.csv": "report_id,report,report\na,b,c\n",
    "semicolons.csv": "report_id;report\na;b\n",
    "empty.jsonl": "\n\n",
    "column.jsonl": '{"report_id": "a", "text": "b"}\n',
    "no.parquet": "PAR1 no",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_table_is_told_as_for_the_whole(tmp_path: Path, name: str) -> None:
    """Missing rows and columns, other separators, other formats: one sentence before any row is read."""
    (tmp_path / name).write_text(WRONG[name], encoding="utf-8")
    with pytest.raises(InputError) as fault:
        stream_reports(tmp_path / name)
    with pytest.raises(InputError) as expected:
        read_reports(tmp_path / name)
    assert str(fault.value).split(";")[0].replace("more than once", "2 times") == str(expected.value).split(";")[0]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "report_id,report\na,b\nc\nd,e\nf,g,h\n", ["row 3: fields: found 1", "row 5: fields: found 3"]),
        ("b.csv", 'report_id,report\na,"b\n', ["row 2: unexpected end of data"]),
        ("c.jsonl", '{"report_id": "a", "report": "b"}\n[1]\n{"x\n', ["line 2: found a list", "line 3: Invalid"]),
    ],
)
def test_broken_rows_are_all_told_at_the_end(tmp_path: Path, name: str, text: str, told: list[str]) -> None:
    """Each with its place, once all rows were gone through."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as fault:
        list(stream_reports(tmp_path / name).reports())
    lines = str(fault.value).splitlines()
    assert [a.startswith(f"{tmp_path / name}: {b}") for a, b in zip(lines, told, strict=True)] == [True] * len(told)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_memory_does_not_grow_with_the_table(tmp_path: Path, suffix: str) -> None:
    """Twenty times the rows take no more than twice the memory."""
    highest = []
    for count in (500, 10_000):
        path = tmp_path / f"{count}{suffix}"
        frame = pd.DataFrame({"report_id": map(str, range(count)), "report": ["Clear lungs. " * 40] * count})
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_json(path, orient="records", lines=True)
        tracemalloc.start()
        assert sum(len(batch) for batch in stream_reports(path).batches(100)) == count
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert highest[1] < 2 * highest[0]
