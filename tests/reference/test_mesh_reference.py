"""Open-I's codes to a reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranscore.catalog import finding_ids
from ranscore.errors import InputError
from ranscore.readers import read_labels, read_table, rows_of, texts_by_id
from ranscore.reference import MeshRule, mesh_reference, mesh_rules

MAPPING = Path(__file__).parents[2] / "datasets" / "openi" / "mesh_to_label.csv"
OPENI = Path(__file__).parents[3] / "shared" / "openi"
needs_openi = pytest.mark.skipif(not OPENI.is_dir(), reason=f"the Open-I reports are not at {OPENI}")


def rules() -> tuple[MeshRule, ...]:
    """The shipped mapping."""
    return mesh_rules(rows_of(read_table(MAPPING)), str(MAPPING))


def labels(codes: str) -> dict[str, int]:
    """What the codes of one report say, without the findings that they leave absent."""
    table = mesh_reference({"r": codes}, rules())
    return {f: v for f, v in zip(table.findings, table.values[0], strict=True) if v}


@needs_openi
def test_the_mapping_gives_the_reference_of_all_reports() -> None:
    """All 21 findings of all 1,905 reports equal the reference that was made with the collection."""
    codes = texts_by_id(read_table(OPENI / "reports.csv", "openi-csv"), "reports.csv", "mesh")
    found, expected = mesh_reference(codes, rules()), read_labels(OPENI / "reference.csv")
    assert len(expected.report_ids) == 1905
    assert found.findings == expected.findings == finding_ids()
    for finding in finding_ids():
        assert found.column(finding) == expected.column(finding)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("normal", {"no_finding": 1}),
        ("Spondylosis/thoracic vertebrae", {"no_finding": -1}),
        ("Pulmonary Artery/enlarged", {"pulmonary_vascular_abnormal": 1}),
        ("Cardiomegaly/borderline", {"cardiomegaly": -1, "enlarged_cardiomediastinum": -1}),
        ("Cardiomegaly/mild ; Pneumothorax", {"cardiomegaly": 1, "enlarged_cardiomediastinum": -1, "pneumothorax": 1}),
        ("Thickening/pleura/apex", {"pleural_other": 1}),
        ("Fractures, Bone/ribs", {"fracture": 1}),
        ("normal;Pneumothorax", {"pneumothorax": 1}),
    ],
)
def test_codes_become_labels(codes: str, expected: dict[str, int]) -> None:
    """A core code is present, a broad one uncertain, and a code of no finding leaves No Finding uncertain."""
    assert labels(codes) == expected


@pytest.mark.parametrize("codes", ["", " ; ", "No Indexing"])
def test_a_report_that_nobody_coded_is_uncertain(codes: str) -> None:
    """No code is no statement: nothing is present and nothing is absent."""
    assert set(mesh_reference({"r": codes}, rules()).values[0]) == {-1}


def test_a_qualifier_that_excludes_a_code_finds_nothing() -> None:
    """A granuloma of a rib is no lung lesion and no calcification of the lung."""
    assert labels("Granuloma/ribs") == {"no_finding": -1}


def test_all_faults_of_a_mapping_come_at_once(tmp_path: Path) -> None:
    """An unknown label, an unknown strength and a blank heading are named with their rows."""
    path = tmp_path / "m.csv"
    header = "label,strength,heading,qual_all,qual_any,qual_none\n"
    path.write_text(f"{header}Edemma,core,Pulmonary Edema,,,\nEdema,cores,x,,,\nEdema,core, ,,,\n", encoding="utf-8")
    with pytest.raises(InputError) as fault:
        mesh_rules(rows_of(read_table(path)), "m.csv")
    lines = str(fault.value).splitlines()
    assert [line[:12] for line in lines] == ["m.csv: row 2", "m.csv: row 3", "m.csv: row 4"]
    assert "did you mean 'Edema'" in lines[0]


def test_a_mapping_without_its_columns_is_refused(tmp_path: Path) -> None:
    """The missing columns are named."""
    path = tmp_path / "m.csv"
    path.write_text("label,heading\nEdema,Pulmonary Edema\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column strength, qual_all, qual_any, qual_none"):
        mesh_rules(rows_of(read_table(path)), "m.csv")
