"""Open-I's table and its own XML."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ranscore.errors import InputError
from ranscore.readers import read_reports, read_table, texts_by_id

OPENI = Path(__file__).parents[3] / "shared" / "openi"
needs_openi = pytest.mark.skipif(not OPENI.is_dir(), reason=f"the Open-I reports are not at {OPENI}")

XML = """<eCitation><uId id="CXR7"/>{uid}<MedlineCitation><Article><Abstract>
<AbstractText Label="INDICATION">Cough &amp; fever.</AbstractText>
<AbstractText Label="FINDINGS">  Clear lungs. </AbstractText><AbstractText Label="IMPRESSION"/>
</Abstract></Article></MedlineCitation><MeSH><major>Lung/hyperdistention</major><automatic>lung</automatic><major>normal</major>
</MeSH></eCitation>"""


@pytest.mark.parametrize(("uid", "found"), [('<IUXRId id="9"/>', "9"), ("", "7")])
def test_an_xml_report_is_read_at_any_depth(tmp_path: Path, uid: str, found: str) -> None:
    """Sections and human codes become columns; automatic codes are passed over."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "x.xml").write_text(XML.format(uid=uid), encoding="utf-8")
    table = read_table(tmp_path)
    assert table.to_dict("records") == [
        {"uid": found, "indication": "Cough & fever.", "comparison": "", "findings": "Clear lungs.", "impression": ""}
        | {"mesh": "Lung/hyperdistention;normal"}
    ]
    assert list(table.index) == ["a/b/x.xml"]
    assert read_reports(tmp_path)[0].text == "FINDINGS: Clear lungs."


def test_all_broken_xml_files_are_named_at_once(tmp_path: Path) -> None:
    """One error names each file that is no Open-I report; a good one beside them does not help."""
    (tmp_path / "good.xml").write_text(XML.format(uid=""), encoding="utf-8")
    (tmp_path / "cut.xml").write_text("<eCitation>", encoding="utf-8")
    (tmp_path / "page.xml").write_text("<html/>", encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_table(tmp_path)
    assert [line.split(": ")[1] for line in str(fault.value).splitlines()] == ["cut.xml", "page.xml"]


def test_an_endless_name_in_a_file_does_not_make_an_endless_sentence(tmp_path: Path) -> None:
    """What the parser quotes of the file is cut."""
    (tmp_path / "a.xml").write_text(f"<?xml version='1.0' encoding='utf{'x' * 70_000}'?><a/>", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.xml: .*; expected an Open-I report") as fault:
        read_table(tmp_path)
    assert len(str(fault.value)) < 500


def test_the_same_report_twice_is_refused(tmp_path: Path) -> None:
    """Two files with one id are named."""
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(XML.format(uid=""), encoding="utf-8")
    with pytest.raises(InputError, match=r"'7' in file a\.xml and file b\.xml"):
        read_reports(tmp_path)


def test_a_table_without_codes_is_refused(tmp_path: Path) -> None:
    """The Open-I reader says which of its columns are missing."""
    path = tmp_path / "a.csv"
    path.write_text("uid,findings\n1,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="found the columns uid, findings, expected also impression, mesh"):
        read_table(path, "openi-csv")


def test_column_names_may_be_in_any_case(tmp_path: Path) -> None:
    """The table of another distribution writes MeSH."""
    path = tmp_path / "a.csv"
    path.write_text("uid,MeSH,Problems,findings,impression\n1,normal,normal,x,y\n", encoding="utf-8")
    assert texts_by_id(read_table(path, "openi-csv"), "a.csv", "mesh") == {"1": "normal"}


@needs_openi
def test_xml_and_table_say_the_same(tmp_path: Path) -> None:
    """The reports that both hold have the same text and the same codes."""
    shutil.copytree(OPENI / "xml_sample", tmp_path / "NLMCXR" / "ecgen-radiology")
    xml, table = read_table(tmp_path), read_table(OPENI / "reports.csv", "openi-csv")
    texts = {r.report_id: r.text for r in read_reports(OPENI / "reports.csv")}
    found = {r.report_id: r.text for r in read_reports(tmp_path)}
    both = found.keys() & texts.keys()
    assert (len(found), len(texts), len(both)) == (30, 1905, 27)
    assert {i: found[i] for i in both} == {i: texts[i] for i in both}
    codes, same = texts_by_id(xml, "xml", "mesh"), texts_by_id(table, "csv", "mesh")
    assert {i: codes[i] for i in both} == {i: same[i] for i in both}
