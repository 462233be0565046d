"""Encodings of text files: declared, told safely, or refused with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranscore.errors import InputError
from ranscore.readers import read_reports, read_table, remarks_of

CHINESE = "双肺纹理清晰，未见实质性病变。心影大小、形态正常，两膈光滑，左右肋膈角锐利。"
FRENCH = "Épanchement pleural gauche, cœur élargi."


def table(folder: Path, text: str, encoding: str) -> Path:
    """A CSV of one report."""
    path = folder / "a.csv"
    path.write_bytes(f'report_id,report\n1,"{text}"\n'.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "written", "declared"),
    [
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "GBK"),
        (CHINESE, "gb2312", "gb2312"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "UTF8"),
        (FRENCH, "cp1252", "latin-1"),
        (FRENCH, "cp1252", "ISO-8859-1"),
        (FRENCH, "cp1252", "cp1252"),
        ("肺部無異常", "big5", "big5"),
    ],
)
def test_a_declared_encoding_is_read(tmp_path: Path, text: str, written: str, declared: str) -> None:
    """Under any of its usual names; no letter is lost."""
    path = table(tmp_path, text, written)
    assert read_reports(path, encoding=declared)[0].text == text


def test_chinese_in_gb18030_is_told_and_said(tmp_path: Path) -> None:
    """Enough characters that can be nothing else; the reader says that it decided so."""
    path = table(tmp_path, CHINESE, "gb18030")
    found = read_table(path)
    assert found["report"].tolist() == [CHINESE]
    assert remarks_of(found) == (f"{path} is not UTF-8; it was read as GB18030",)


NOT_TOLD = {
    "a few characters": ("肺纹理", "gb18030", "gb18030 or latin-1"),
    "latin-1": (FRENCH, "cp1252", "declare its encoding"),
    "capitals of latin-1": ("ÀÉÈÇÂÊÎÔÛÄËÏÖÜŸ" * 9, "cp1252", "declare its encoding"),
    "japanese": ("肺野に異常陰影を認めません。心拡大なし。" * 9, "euc_jp", "declare its encoding"),
    "korean": ("양측 폐에 이상 소견 없음. 심비대 없음." * 9, "euc_kr", "declare its encoding"),
    "big5": ("肺部清晰未見異常，心影正常，左右膈光滑，胸腔無積液。" * 3, "big5", "declare its encoding"),
    "utf-16": (CHINESE, "utf-16", "utf-16"),
}


@pytest.mark.parametrize(("text", "encoding", "says"), NOT_TOLD.values(), ids=NOT_TOLD)
def test_what_cannot_be_told_is_refused_with_its_place(tmp_path: Path, text: str, encoding: str, says: str) -> None:
    """Line and column of the first byte that is no UTF-8, and what to do; no mojibake is ever read."""
    with pytest.raises(InputError) as fault:
        read_table(table(tmp_path, text, encoding))
    assert says in str(fault.value)
    assert "which is not UTF-8; expected text in UTF-8" in str(fault.value)
    place = "line 1, column 1" if encoding == "utf-16" else "line 2, column 4"
    assert f"a.csv: {place}: found the byte 0x" in str(fault.value)


WRONG = {
    "utf-8 as latin-1": (FRENCH, "utf-8", "latin-1", "is declared as latin-1, but is UTF-8; leave the encoding out"),
    "utf-8 as gb18030": (CHINESE, "utf-8", "gb18030", "is declared as gb18030, but is UTF-8"),
    "latin-1 as utf-8": (FRENCH, "cp1252", "utf-8", "line 2, column 4: found the byte 0xc9, which is not UTF-8"),
    "latin-1 as gb18030": ("Café, cœur.", "cp1252", "gb18030", "which is not gb18030"),
    "no encoding": (CHINESE, "utf-8", "klingon", "no encoding is called 'klingon'; expected e.g. utf-8"),
    "no text": (CHINESE, "utf-8", "base64", "is no encoding of text"),
}


@pytest.mark.parametrize(("text", "written", "declared", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_is_refused(tmp_path: Path, text: str, written: str, declared: str, says: str) -> None:
    """A file that is not what it is said to be gives a sentence, not other letters."""
    with pytest.raises(InputError) as fault:
        read_table(table(tmp_path, text, written), encoding=declared)
    assert says in str(fault.value)


def test_the_place_is_right_far_into_a_file(tmp_path: Path) -> None:
    """Beyond the first block that is decoded, and in a line with letters of several bytes."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,report\n" + "肺,x\n".encode() * 300_000 + "心影".encode() + b"\xff\n")
    with pytest.raises(InputError, match=r"a\.csv: line 300002, column 3: found the byte 0xff"):
        read_table(path)


def test_each_file_of_a_folder_names_its_own_fault(tmp_path: Path) -> None:
    """All files that cannot be decoded come at once."""
    for name, content in (("1", b"Clear."), ("2", b"caf\xe9"), ("3", b"\n\xff")):
        (tmp_path / f"{name}.txt").write_bytes(content)
    with pytest.raises(InputError) as fault:
        read_table(tmp_path)
    lines = str(fault.value).splitlines()
    assert len(lines) == 2
    assert "2.txt: line 1, column 4: found the byte 0xe9" in lines[0]
    assert "3.txt: line 2, column 1: found the byte 0xff" in lines[1]
    assert [r.text for r in read_reports(tmp_path, encoding="latin-1")] == ["Clear.", "café", "ÿ"]


def test_a_quote_that_is_left_open_is_named_by_the_row_that_opens_it(tmp_path: Path) -> None:
    """Not by the end of the file; the line is given where it is another number."""
    path = tmp_path / "a.csv"
    path.write_text('id,report\n1,"two\nlines"\n2,"open\n3,x\n4,y\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv: row 3, line 4: unexpected end of data"):
        read_table(path)
