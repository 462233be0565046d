"""What the rules find in generated reports with known answers, and what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.cohort import Dataset
from ranscore.deidentification import find_spans
from ranscore.deidentification._folding import fold
from tests.deidentification.generate import PARTS, dressed, examples
from tests.deidentification.measuring import measure, table

SURE = ("name", "date", "time", "telephone", "identity", "record", "age")
LEAST = 0.98
LEAST_NAMES = 0.95  # an English name on its own, among words that are names too, is missed here and there


def found(text: str) -> list[tuple[int, int, str]]:
    return [(s.start, s.end, str(s.category)) for s in find_spans(text)]


def words(text: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], str(s.category)) for s in find_spans(text)]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("part", PARTS)
def test_recall_and_precision_on_generated_reports(language: str, part: str) -> None:
    """Known names, numbers, cards, telephones and dates are found, and hardly anything else is."""
    measured = measure(examples(language, part, 100), found)
    text = table(measured)
    for category, counts in measured.rows():
        if category in SURE and counts.answers:
            assert counts.touched / counts.answers >= (LEAST_NAMES if category == "name" else LEAST), text
            assert counts.covered / counts.answers >= 0.94, text
        if counts.found >= 10:
            assert counts.right / counts.found >= 0.95, text


@pytest.mark.parametrize(
    "text",
    [
        "Old fracture of T10, ribs 3/4 and L1-2. Swan-Ganz catheter and Port-A-Cath, St. Jude valve, Kerley B lines.",
        "A 3.2 x 1.4 cm mass (series 3 image 12), 24-hour film in 6-8 weeks, 1-2 cm cap; SpO2 92%, pH 7.35, INR 2.5.",
        "88-year-old man, murmur 3/6, power 4/5, grade 2/4. 5 may be added. NYHA II-III, TNM T2N1M0, PEEP 10.",
        "LUNGS ARE CLEAR. NO PNEUMOTHORAX WAS DISCUSSED. CAUSED BY PRIOR SURGERY. THE PATIENT IS ROTATED.",
        "左肺上叶高密度影，金属内固定在位，成人，张力性气胸，毛玻璃影，陈旧性骨折，常规随访，范围约12×9mm。",
        "第3/4肋骨，L1-2，T10，24小时后复查，3-4周后复诊，广州管圆线虫病，柏林标准，主管医师，建议上级医院就诊，我院随诊。",
        "患者左侧胸痛，患者常规复查，患者高热，余肺未见异常，于右肺门见钙化，89岁，血压140/90mmHg，心功能Ⅱ-Ⅲ级。",
        "Discussed with Dr. XXXX at XXXX p.m. XXXX/XXXX. ___ year old, compared to ___. [**Name**] [NAME-ABCDE2].",
        "报告医师：【姓名-ABCDE2】 【日期】 90+岁，90+-year-old, Age: 90+, 年龄：90+岁",
    ],
)
def test_look_alikes_stay(text: str) -> None:
    """Nothing is found in clinical phrases that look like names, dates or numbers, nor in what was masked before."""
    assert words(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Signed by: Jane Q. Public, MD on 03/14/2023 at 2:35 PM", ["Jane Q. Public", "03/14/2023", "2:35 PM"]),
        ("DISCUSSED WITH DR. O'HARA BY TELEPHONE AT 1435 HOURS.", ["O'HARA", "1435 HOURS"]),
        ("Patient: DOE^JOHN  MRN: 0012345", ["DOE^JOHN", "0012345"]),
        ("a 93-year-old woman, 89 years ago", ["93"]),
        ("compared with March 3rd and 3/14", ["March 3rd", "3/14"]),
        ("reviewed the images again in the evening with Maria de\nla Cruz, RN", ["Maria de\nla Cruz"]),
        ("报告医师：欧阳建国 审核医师：李 明 2023年5月6日 14时30分", ["欧阳建国", "李 明", "2023年5月6日", "14时30分"]),
        ("身份证号：４２０１０６１９９００１０１１２３Ｘ", ["４２０１０６１９９００１０１１２３Ｘ"]),
        ("电话：138 0013 8000", ["138 0013 8000"]),
        ("由武汉市中心医院转入", ["武汉市中心医院"]),
        ("家住湖北省武汉市洪山区珞喻路1037号", ["湖北省武汉市洪山区珞喻路1037号"]),
        ("患者张伟，男，95岁，微信：abc_12345", ["张伟", "95", "abc_12345"]),
    ],
)  # fmt: skip
def test_what_identifies_is_found_with_its_borders(text: str, expected: list[str]) -> None:
    """Each place is found from its first to its last character."""
    got = [word for word, _ in words(text)]
    assert got == expected


def test_a_name_once_told_is_found_again() -> None:
    """A name that stands with its title somewhere is found without it elsewhere, an ordinary word is not."""
    text = "Dr. Alvarez was paged. Alvarez agreed. Dr. White agreed. White matter."
    assert [w for w, _ in words(text)] == ["Alvarez", "Alvarez", "White"]


def test_known_words_are_found_for_certain() -> None:
    """A word known of the patient is found wherever it stands alone, and not inside another."""
    text = "Zed was seen; zedoary was not. 王二小来诊。"
    spans = find_spans(text, known=("Zed", "王二小"))
    assert [(text[s.start : s.end], s.rule) for s in spans] == [("Zed", "known"), ("王二小", "known")]


@pytest.mark.parametrize("name", ["demo", "demo_zh"])
def test_the_demonstration_cohorts_lose_days_and_times_only(name: str, request: pytest.FixtureRequest) -> None:
    """No clinical phrase of the demonstration reports is taken for a name, a number or a place."""
    cohort: Dataset = request.getfixturevalue(name)
    kinds = {s.category for r in cohort.reports[:150] for s in find_spans(r.text)}
    assert kinds <= {"date", "time"}


def test_dressed_reports_lose_what_dressed_them(demo: Dataset) -> None:
    """Around a report the header and the signature are found, inside it nothing."""
    plain = [r.text for r in demo.reports[:10]]
    for text, inside in zip(dressed(plain, "en", "development"), plain, strict=True):
        start = text.index(inside)
        places = [(s.start, s.end) for s in find_spans(text)]
        assert places
        within = [p for p in places if start <= p[0] < start + len(inside)]
        assert len(within) == len(find_spans(inside))


@given(st.text(alphabet="AbcD. ,:\n\t\r 0123456789/-年月日张伟医生：XX_[]【】", max_size=60))
def test_spans_lie_in_the_text_apart_from_each_other(text: str) -> None:
    """Any text has spans from left to right, none empty, none overlapping."""
    end = 0
    for span in find_spans(text):
        assert end <= span.start < span.end <= len(text)
        end = span.end


@given(st.text(alphabet="aB \n\r\t\u3000０Ａ：.", max_size=200))
def test_a_folded_text_leads_back(text: str) -> None:
    """Every character of a folded text has its place, in order, in the text before."""
    folded = fold(text)
    assert len(folded.places) == len(folded.text)
    assert list(folded.places) == sorted(set(folded.places))
    assert fold(folded.text).text == folded.text
