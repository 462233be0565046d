"""What a card says of a user's own files: format, encoding, sections, and a reference of some reports or none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from ranscore.cards import Card
from ranscore.catalog import data_files
from ranscore.cohort import open_dataset, open_reports
from ranscore.errors import InputError

REPORT = " INDICATION: Rule out pneumonia.\n \n FINDINGS:  {}\n"
BASE = {
    "name": "ours", "title": "Ours", "access": "restricted", "remote": "refused", "licence": "internal",
    "source": "Ask.", "language": "en",
}  # fmt: skip
OBSERVATIONS = "Cardiomegaly,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,No Finding"


def card(folder: Path, **more: object) -> Path:
    """A card in this folder."""
    path = folder / "card.yaml"
    path.write_text(json.dumps(BASE | more), encoding="utf-8")
    return path


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    """Three studies as MIMIC-CXR lays them out, two of them with labels."""
    for study, text in (("51", "Effusion."), ("52", "Clear."), ("53", "Clear.")):
        path = tmp_path / "files" / "p10" / "p10000001" / f"s500000{study}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(REPORT.format(text), encoding="utf-8")
    rows = ["10000001,50000051,,,,,,0.0,1.0,", "10000001,50000052,,,,,,,,1.0", "10000001,50000099,,,,,,,,1.0"]
    labels = "\n".join([f"subject_id,study_id,{OBSERVATIONS}", *rows, ""])
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv").write_text(labels, encoding="utf-8")
    return tmp_path


def test_mimic_loads_with_its_card_and_tells_what_is_left_out(mimic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment variable: reports cut to their sections, labels of the labeler, a study without any counted."""
    monkeypatch.setenv("RANSCORE_MIMIC_CXR", str(mimic))
    dataset = open_dataset("mimic-cxr")
    assert [r.report_id for r in dataset.reports] == ["50000051", "50000052"]
    assert dataset.reports[0].text == "FINDINGS:  Effusion."
    assert {r.group for r in dataset.reports} == {"10000001"}
    assert dataset.reference.column("pleural_effusion") == {"50000051": 1, "50000052": 0}
    assert dataset.access == "restricted"
    assert dataset.remarks[-1] == (
        "dataset mimic-cxr: 1 of 3 reports have no reference and are left out, and 1 references have no report"
    )
    assert any("left out: No Finding" in remark for remark in dataset.remarks)
    _, reports, _ = open_reports("mimic-cxr")
    assert len(reports) == 3


def test_a_reference_of_all_reports_is_still_demanded_by_default(mimic: Path) -> None:
    """Without `covers: some` the missing one is a fault."""
    path = card(
        mimic, reports={"path": "files"}, reference={"kind": "labels", "paths": ["mimic-cxr-2.0.0-chexpert.csv"]}
    )
    with pytest.raises(InputError, match="1 report ids have no reference"):
        open_dataset(path)


def test_a_card_without_a_reference_gives_reports_and_no_score(tmp_path: Path) -> None:
    """Its reports can be labelled; a command that needs a reference says that there is none."""
    (tmp_path / "a.csv").write_bytes("id,report\n1,影像所见：双肺清晰。\n".encode("gb18030"))
    path = card(tmp_path, reports={"path": "a.csv", "encoding": "gb18030"})
    found, reports, _ = open_reports(path)
    assert found.reference_kind == "none"
    assert [r.text for r in reports] == ["影像所见：双肺清晰。"]
    with pytest.raises(InputError, match="its card has no reference; label its reports with `ranscore extract`"):
        open_dataset(path)


def test_sections_of_a_card_are_checked(tmp_path: Path) -> None:
    """A name that no section has is refused when the reports are read."""
    (tmp_path / "a.csv").write_text("id,report\n1,Clear.\n", encoding="utf-8")
    with pytest.raises(InputError, match="sections: found 'conclusions'; expected all, or names"):
        open_reports(card(tmp_path, reports={"path": "a.csv"}, sections="conclusions"))


@pytest.mark.parametrize("name", sorted(data_files("datasets", "*/card.yaml")))
def test_a_restricted_card_names_its_terms_and_refuses_to_send_text(name: str) -> None:
    """Whoever brings such data is told what forbids to pass it on; only Open-I's are public."""
    from ranscore.cohort import read_card

    found, _ = read_card(name)
    if found.access == "open" or name == "openi":
        return
    assert found.remote == "refused"
    assert "https://" in found.terms
    assert found.environment
    assert found.environment not in os.environ


def test_a_card_refuses_what_it_does_not_know() -> None:
    """A misspelt field is a fault, not silence."""
    with pytest.raises(ValidationError, match="sektions"):
        Card.model_validate(BASE | {"reports": {"path": "a.csv"}, "sektions": "impression"})
