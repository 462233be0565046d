"""Which reports count."""

from __future__ import annotations

import pytest

from ranscore.records import Report
from ranscore.sampling import Recipe, screen

BODY = "FINDINGS: The lungs are clear.\nIMPRESSION: No acute disease."


def kept_of(*texts: str, details: dict[str, dict[str, str]] | None = None, **recipe: object) -> list[str]:
    """The ids r0, r1 … that stay."""
    reports = [Report(report_id=f"r{i}", text=text) for i, text in enumerate(texts)]
    done = screen(reports, details or {}, Recipe.model_validate(recipe))
    assert len(done.kept) + sum(e.reports for e in done.excluded) == len(reports)
    return [k.report.report_id for k in done.kept]


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        f"EXAMINATION: CHEST (PA AND LAT)\n{BODY}",
        f"EXAMINATION: Chest radiograph\nCOMPARISON: CT abdomen.\n{BODY}",
        f"CHEST AND RIBS, 3 VIEWS:\n{BODY}",
        f"TECHNIQUE: Portable AP view, the head rotated.\n{BODY}",
        f"INDICATION: Fall, knee and pelvis painful.\n{BODY}",
        "FINDINGS: Old rib fracture. Surgical clips in the abdomen. Humeral head intact.\nIMPRESSION: None acute.",
        "影像所见：双肺纹理清晰，心影不大。\n诊断意见：心肺未见异常。",
        "检查部位：胸部正位\n影像所见：双肺纹理清晰，心影不大。\n诊断意见：心肺未见异常。",
    ],
)
def test_a_chest_report_stays(text: str) -> None:
    """Whatever other body parts its findings or comparison name."""
    assert kept_of(text) == ["r0"]


@pytest.mark.parametrize(
    "text",
    [
        f"EXAMINATION: ABDOMEN (SUPINE ONLY)\n{BODY}",
        f"LEFT KNEE, TWO VIEWS\n{BODY}",
        f"PELVIS, AP VIEW: {BODY}",
        f"TECHNIQUE: Two views of the right knee.\n{BODY}",
        f"EXAMINATION: CT CHEST WITHOUT CONTRAST\n{BODY}",
    ],
)
def test_a_report_whose_heading_names_another_study_is_out(text: str) -> None:
    """And stays where the policy is off."""
    assert kept_of(text) == []
    assert kept_of(text, chest="off") == ["r0"]


@pytest.mark.parametrize(
    ("details", "stays"),
    [
        ({"modality": "DX"}, True),
        ({"modality": "CT"}, False),
        ({"study_description": "CHEST (PORTABLE AP)"}, True),
        ({"study_description": "ABDOMEN (SUPINE ONLY)"}, False),
        ({"study_description": "CT CHEST"}, False),
        ({"viewposition": "PA;LATERAL"}, True),
        ({"body_part_examined": ""}, True),
    ],
)
def test_columns_of_the_study_decide_first(details: dict[str, str], stays: bool) -> None:
    """Under `auto`; under `text` they are not looked at."""
    assert kept_of(BODY, details={"r0": details}) == (["r0"] if stays else [])
    assert kept_of(BODY, details={"r0": details}, chest="text") == ["r0"]


def test_findings_and_impression_must_both_be_there() -> None:
    """Each reason is counted by itself."""
    texts = (BODY, "FINDINGS: Clear.", "IMPRESSION: Clear.", "Clear lungs.", "", "FINDINGS:\nIMPRESSION: Clear.")
    reports = [Report(report_id=str(i), text=text) for i, text in enumerate(texts)]
    done = screen(reports, {}, Recipe())
    assert {e.key: e.reports for e in done.excluded} == {"empty": 1, "neither": 1, "findings": 2, "impression": 1}
    assert kept_of(BODY, minimum_words=4) == []
    assert kept_of(BODY, minimum_words=3) == ["r0"]


def test_of_equal_texts_one_stays_whatever_the_order() -> None:
    """Case, spaces and the indication aside; and it knows how many it stands for."""
    same = [BODY, BODY.upper(), f"INDICATION: Cough.\n{BODY}", BODY.replace("clear", "hazy")]
    reports = [Report(report_id=str(i), text=text) for i, text in enumerate(same)]
    done, turned = (screen(r, {}, Recipe()) for r in (reports, reports[::-1]))
    assert sorted(k.copies for k in done.kept) == [1, 3]
    assert [k.report.report_id for k in done.kept] == [k.report.report_id for k in turned.kept]
