"""What stands in a text after de-identification."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.deidentification import Key, deidentify, find_spans, shift_dates
from ranscore.deidentification._folding import fold
from tests.deidentification.generate import examples

KEY, OTHER = Key(b"k" * 32), Key(b"o" * 32)
SURE = ("name", "telephone", "identity", "record")
DAYS = st.dates(date(1910, 1, 1), date(2049, 12, 31))
FORMS = (
    ("{:%Y-%m-%d}", "%Y-%m-%d"), ("{:%m/%d/%Y}", "%m/%d/%Y"), ("{:%d-%b-%Y}", "%d-%b-%Y"), ("{:%Y%m%d}", "%Y%m%d"),
    ("{:%B %d, %Y}", "%B %d, %Y"), ("{:%Y年%m月%d日}", "%Y年%m月%d日"), ("{:%Y/%m/%d}", "%Y/%m/%d"),
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_second_pass_finds_moved_dates_alone(language: str) -> None:
    """In a text that was de-identified nothing but its moved dates is found again."""
    for number, example in enumerate(examples(language, "development", 60)):
        once = deidentify(example.text, KEY, str(number)).text
        again = find_spans(once)
        assert {s.category for s in again} <= {"date"}, [once[s.start : s.end] for s in again]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_answer_is_left_in_the_text(language: str) -> None:
    """No name, number, card or telephone of the known answers can be read in the output, but for one in a hundred."""
    left = total = 0
    for number, example in enumerate(examples(language, "development", 60)):
        text = deidentify(example.text, KEY, str(number)).text
        for answer in example.answers:
            written = example.text[answer.start : answer.end]
            if answer.category in SURE and len(written) >= 3:
                total += 1
                edge = "" if language == "zh" else r"\b"
                left += bool(re.search(rf"{edge}{re.escape(written)}{edge}", text))
    assert total > 100
    assert left / total <= 0.01


def test_one_key_gives_one_mark_and_another_key_another() -> None:
    """A name has the same mark in every report under one key, whatever its spaces and capitals."""
    texts = ("Dr. Jane Alvarez called.", "Signed by: JANE  ALVAREZ, MD")
    marks = [{re.search(r"\[NAME-\w+\]", deidentify(t, key, "p").text)[0] for t in texts} for key in (KEY, OTHER)]  # type: ignore[index]
    assert [len(m) for m in marks] == [1, 1]
    assert marks[0] != marks[1]


def test_a_text_is_the_same_each_time() -> None:
    """The same text, key and patient give the same output; another patient's dates move otherwise."""
    text = "Compared with 03/14/2023. Dr. Smith."
    assert deidentify(text, KEY, "a") == deidentify(text, KEY, "a")
    assert deidentify(text, KEY, "a").text != deidentify(text, KEY, "b").text


def test_what_stands_between_is_kept() -> None:
    """All that is no span stays as it was, wide digits, tabs and line ends included."""
    text = "姓名：张伟\t年龄：９５岁\r\n心影增大，约３.２cm。\r\nSigned by: Ann Lee, MD\r\n"
    done = deidentify(text, KEY, "p")
    at, kept = 0, ""
    for span in done.spans:
        kept += text[at : span.start]
        at = span.end
    rest = done.text
    for surrogate in done.surrogates:
        rest = rest.replace(surrogate, "", 1)
    assert rest == kept + text[at:]
    assert "90+岁" in done.text
    assert fold(text).text != text


def test_doubtful_places_can_stay() -> None:
    """With `keep_doubtful` a doubtful place is not replaced but listed."""
    text = "Called to Maria at noon. Transferred from MGH."
    kept = deidentify(text, KEY, "p", keep_doubtful=True)
    assert "MGH" in kept.text
    assert "MGH" in [text[s.start : s.end] for s in kept.left]
    assert "MGH" not in deidentify(text, KEY, "p").text


@given(first=DAYS, second=DAYS, form=st.sampled_from(FORMS), patient=st.text(max_size=5))
def test_dates_of_a_patient_keep_their_intervals(
    first: date, second: date, form: tuple[str, str], patient: str
) -> None:
    """Two full dates of one patient are as many days apart after moving as before, and in the same order."""
    from datetime import datetime

    days = KEY.days(patient)
    assert 1 <= days <= 364
    moved = [shift_dates(form[0].format(day), days) for day in (first, second)]
    read = [datetime.strptime(m or "", form[1]).date() for m in moved]
    assert read[1] - read[0] == second - first
    assert first - read[0] == timedelta(days=days)


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("3/14", "3/4"), ("March 14", "March 4"), ("14 Mar 2023", "4 Mar 2023"), ("Mar 11th", "Mar 1st"),
        ("MAR 12TH, 2023", "MAR 2ND, 2023"), ("二〇二三年三月十四日", "二〇二三年三月四日"), ("5月16日", "5月6日"),
        ("2023年5月", "2023年5月"), ("１９４２年３月１４日", "1942年3月4日"), ("3/14/23", "3/4/23"), ("99/99/99", None),
        ("soon", None), ("31.12.1999", "21.12.1999"), ("06/2023", "06/2023"), ("2023-05", "2023-05"),
    ],
)  # fmt: skip
def test_a_date_is_written_as_it_was(written: str, moved: str | None) -> None:
    """A date ten days earlier has the form of the date before; what is no date has none."""
    assert shift_dates(written, 10) == moved
