"""Tables of text, in any format."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError, UnknownNameError
from ranscore.readers import read_table, rows_of
from ranscore.registry import load, names

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30)


@pytest.mark.parametrize("name", names("readers"))
def test_every_reader_says_its_suffixes_and_reads_a_path(name: str) -> None:
    """A public module of the package is a reader: it has SUFFIXES and `read`."""
    reader = load("readers", name)
    assert isinstance(reader.SUFFIXES, tuple)
    assert callable(reader.read)


def test_importing_the_readers_is_cheap() -> None:
    """Neither the package nor any of its readers imports pandas or pyarrow before it reads."""
    code = (
        "import sys, ranscore.readers\n"
        "from ranscore.registry import load, names\n"
        "[load('readers', n) for n in names('readers')]\n"
        "print([m for m in ('pandas', 'pyarrow', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_read_as_text(tmp_path: Path, bom: bytes, end: str) -> None:
    """Values stay as written, with or without a byte order mark, whatever the line ends; blank is the empty string."""
    path = tmp_path / "a.csv"
    path.write_bytes(bom + end.join(["report_id,x", "007,1.0", 'NA,"a,""b"" 肺"', "", "9,"]).encode())
    table = read_table(path)
    assert table.to_dict("list") == {"report_id": ["007", "NA", "9"], "x": ["1.0", 'a,"b" 肺', ""]}
    assert [place for place, _ in rows_of(table)] == ["row 2", "row 3", "row 5"]


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(st.tuples(TEXT.filter(bool), TEXT), min_size=1, max_size=5))
def test_what_was_written_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    """Commas, quotes, line breaks and any script survive."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *rows])
    assert list(read_table(path).itertuples(index=False, name=None)) == rows


def test_jsonl_and_parquet_give_the_same_text_as_csv(tmp_path: Path) -> None:
    """Numbers become their text, nothing becomes blank, lists become JSON; a missing key is blank."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"id": 1, "x": 1.0, "notes": [{"a": "肺"}]}, {"id": 2, "x": None, "notes": []}, {"id": None, "x": 0.5}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8-sig")
    expected = {"id": ["1", "2", ""], "x": ["1.0", "", "0.5"], "notes": ['[{"a": "肺"}]', "[]", ""]}
    assert read_table(tmp_path / "a.jsonl").to_dict("list") == expected
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").to_dict("list") == expected


def test_a_reader_can_be_named(tmp_path: Path) -> None:
    """A file with any suffix is read by the reader that is named."""
    path = tmp_path / "a.txt"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert read_table(path, "csv-table").to_dict("list") == {"a": ["1"], "b": ["2"]}


BROKEN = {
    "empty": ("a.csv", b"", "the file is empty"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", "the file is empty"),
    "no rows": ("a.csv", b"a,b\n", "found no rows, expected at least one"),
    "short row": ("a.csv", b"a,b\n1,2\n3\n", "row 3: fields: found 1, expected 2"),
    "long rows": ("a.csv", b"a,b\n1,2,3\n1,2,3,4\n", "row 2: fields: found 3, expected 2"),
    "open quote": ("a.csv", b'a,b\n1,"2\n3,4\n', "row 2: unexpected end of data"),
    "stray quote": ("a.csv", b'a,b\n1,"2"x\n', "row 2: ',' expected after '\"'"),
    "semicolons": ("a.csv", b"a;b\n1;2\n", "separated by semicolons, expected commas"),
    "tabs": ("a.csv", b"a\tb\n1\t2\n", "separated by tabs, expected commas"),
    "column twice": ("a.csv", b"a,a\n1,2\n", "the column 'a' stands 2 times"),
    "latin-1": ("a.csv", "a,b\n1,caf\xe9\n".encode("latin-1"), "the byte 0xe9, which is not UTF-8"),
    "gb18030": ("a.csv", "a,b\n1,肺纹理\n".encode("gb18030"), "which is not UTF-8; expected text in UTF-8"),
    "utf-16": ("a.csv", "a,b\n1,2\n".encode("utf-16"), "which is not UTF-8"),
    "utf-16 without a mark": ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "NUL bytes"),
    "json array": ("a.jsonl", b'[{"a": 1}]\n', "line 1: found a list; expected one JSON object"),
    "cut json": ("a.jsonl", b'{"a": 1}\n{"a":\n', "line 2: Expecting value at column"),
    "half a character": ("a.jsonl", b'{"a": "\\ud800"}\n', "line 1: 'a' holds half a character"),
    "half a character in a name": ("a.jsonl", b'{"a\\ud83d": "b"}\n', r"holds half a character"),
    "no objects": ("a.jsonl", b"\n\n", "the file is empty"),
    "jsonl in latin-1": ("a.jsonl", '{"a": "\xe9"}'.encode("latin-1"), "0xe9, which is not UTF-8"),
    "no parquet": ("a.parquet", b"a,b\n1,2\n", "expected a Parquet table"),
    "suffix": ("a.xls", b"PK", "found the suffix '.xls', expected .csv, .json, .jsonl"),
    "no suffix": ("reports", b"a,b\n1,2\n", "found no suffix, expected .csv"),
    "no open-i table": ("a.xml", b"<html/>", "a.xml: found <html> where <eCitation> should stand"),
    "cut xml": ("a.xml", b"<eCitation>", "a.xml: no element found"),
    "xml without id": ("a.xml", b"<eCitation/>", "neither an IUXRId nor a uId"),
}


@pytest.mark.parametrize(("name", "content", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_in_words(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """Whatever is wrong, the error names the file and says what was found: exit 2, no library's own error."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as fault:
        read_table(path)
    assert says in str(fault.value)
    assert str(tmp_path) in str(fault.value)
    assert fault.value.exit_code == 2


def test_all_broken_rows_are_named_at_once(tmp_path: Path) -> None:
    """One error holds every broken row of a file."""
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1\n1,2\n1,2,3\n1,"', encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_table(path)
    assert [line.split(": ")[1] for line in str(fault.value).splitlines()] == ["row 2", "row 4", "row 5"]


def test_a_missing_file_and_an_unknown_reader_are_named(tmp_path: Path) -> None:
    """A path that is not there and a reader that nobody registered are the user's to correct."""
    with pytest.raises(InputError, match="no such file or folder"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(UnknownNameError, match="did you mean 'csv-table'"):
        read_table(tmp_path / "a.csv", "csv-tabel")


def test_a_folder_without_reports_is_refused(tmp_path: Path) -> None:
    """A folder is read as Open-I's XML; one without any XML has nothing to read."""
    (tmp_path / "readme.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"found no \.xml file in this folder"):
        read_table(tmp_path)
