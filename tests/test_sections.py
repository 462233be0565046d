"""Sections of reports: headings in many spellings, and what a policy reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.catalog import languages
from ranscore.errors import InputError
from ranscore.models._reading import read
from ranscore.phrases import normalize
from ranscore.records import Report
from ranscore.sections import (
    ALL,
    DEFAULT,
    choose_sections,
    find_headings,
    find_sections,
    kinds_known,
    read_policy,
    take_sections,
)

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)
 
 INDICATION:  Fever, rule out pneumonia.
 
 TECHNIQUE:  Chest PA and lateral
 
 COMPARISON:  Left effusion on ___.
 
 FINDINGS: 
 
 There is no focal consolidation. Bilateral
 nodular opacities are nipple shadows.
 
 IMPRESSION: 
 
 No acute process.
"""  # noqa: W291, W293
KINDS = [(kind, word) for x in languages().values() for kind, words in x.sections.kinds.items() for word in words]


def kinds(text: str) -> list[tuple[list[str], str]]:
    """The kinds of the sections that hold text, and that text."""
    found = ((sorted(s.kinds), text[s.body : s.end].strip()) for s in find_sections(text))
    return [(names, body) for names, body in found if body]


def sentences(text: str) -> list[str]:
    """What the embedded model reads."""
    reading = read(text)
    return [reading.text[a:b].strip() for a, b in reading.sentences]


def test_the_sections_of_a_report_as_mimic_writes_them() -> None:
    """Each heading opens its section, whatever stands between."""
    assert kinds(MIMIC) == [
        (["examination"], "CHEST (PA AND LAT)"),
        (["indication"], "Fever, rule out pneumonia."),
        (["technique"], "Chest PA and lateral"),
        (["comparison"], "Left effusion on ___."),
        (["findings"], "There is no focal consolidation. Bilateral\n nodular opacities are nipple shadows."),
        (["impression"], "No acute process."),
    ]


def test_a_policy_reads_its_sections_and_no_other() -> None:
    """The default cuts out what is neither; what models pass over loses its heading where it is to be read."""
    default, there = take_sections(MIMIC, read_policy(DEFAULT))
    assert "pneumonia" not in default
    assert "effusion" not in default
    assert "FINDINGS:" in default
    assert "IMPRESSION:" in default
    assert {"findings", "impression", "indication"} <= there
    assert take_sections(MIMIC, read_policy("impression"))[0].split() == ["IMPRESSION:", "No", "acute", "process."]
    history = take_sections(MIMIC, read_policy("impression+indication"))[0]
    assert "Fever, rule out pneumonia." in history
    assert "INDICATION" not in history
    everything = take_sections(MIMIC, read_policy(ALL))[0]
    assert "Left effusion" in everything
    assert any("left effusion" in s for s in sentences(everything))
    assert not any("left effusion" in s for s in sentences(MIMIC))


@pytest.mark.parametrize("policy", [DEFAULT, ALL, "findings"])
@pytest.mark.parametrize("text", ["The heart is large. No effusion.", "双肺清晰。", "", "FINDINGS: Clear."])
def test_a_text_from_which_nothing_is_cut_stays_as_it_is(text: str, policy: str) -> None:
    """Byte for byte, so that digests and labels of plain reports do not change."""
    assert take_sections(text, read_policy(policy))[0] == text


@pytest.mark.parametrize(("kind", "word"), KINDS)
def test_each_spelling_opens_its_section(kind: str, word: str) -> None:
    """The word with a colon at the beginning of a line, in capitals as reports write it."""
    text = (
        f"IMPRESSION: a.\n{word}: body.\nFINDINGS: c."
        if word[0].isascii()
        else f"印象：甲。\n{word}：乙。\n影像所见：丙。"
    )
    found = [s for s in find_sections(text) if text[s.body : s.end].strip() in ("body.", "乙。")]
    assert len(found) == 1
    assert kind in found[0].kinds


def test_a_kind_is_read_or_unread_as_its_spellings_are() -> None:
    """No list of a section mixes headings whose text is read with others."""
    for language in languages().values():
        unread = {normalize(h).strip() for h in language.sections.unread}
        read_ = {normalize(h).strip() for h in language.sections.read}
        for kind, words in language.sections.kinds.items():
            here = {normalize(w).strip() for w in words}
            assert not (here & unread and here & read_), kind


CHINESE = {
    "one line": "临床诊断：肺炎？ 影像所见：双肺清晰。 诊断意见：未见异常。",
    "brackets": "【临床诊断】肺炎？\n【影像所见】双肺清晰。\n【诊断意见】未见异常。",
    "numbers": "一、临床诊断：肺炎？\n二、影像所见：双肺清晰。\n三、诊断意见：未见异常。",
    "lines": "临床诊断\n肺炎？\n影像所见\n双肺清晰。\n诊断意见\n未见异常。",
}


@pytest.mark.parametrize("text", CHINESE.values(), ids=CHINESE)
def test_chinese_headings_in_their_usual_forms(text: str) -> None:
    """What the clinic asks is not read; findings and opinion are, with or without brackets and numbers."""
    assert "肺炎" not in take_sections(text, read_policy(DEFAULT))[0]
    assert not any("肺炎" in s for s in sentences(text))
    assert any("双肺清晰" in s for s in sentences(text))
    impression = take_sections(text, read_policy("impression"))[0]
    assert "未见异常" in impression
    assert "双肺" not in impression


CAPITALS = {
    "the film's name ends the history": (
        " HISTORY:  Rule out pneumonia.\n \n CHEST, SINGLE AP VIEW OF ___:  Small left effusion.\n",
        "small left effusion",
        "pneumonia",
    ),
    "an odd heading of a comparison": (
        "FINDINGS: Clear.\nCOMPARISON TO OUTSIDE FILM: Large effusion.\nIMPRESSION: Normal.",
        "clear",
        "effusion",
    ),
    "no spaces": (
        "Findings:The lungs are stable.Impression:No acute process.Comparison:effusion",
        "stable",
        "effusion",
    ),
}


@pytest.mark.parametrize(("text", "seen", "unseen"), CAPITALS.values(), ids=CAPITALS)
def test_headings_that_no_list_holds_are_told_by_the_name_in_them(text: str, seen: str, unseen: str) -> None:
    """Words in capitals before a colon that hold a section's name."""
    found = " ".join(sentences(text))
    assert seen in found
    assert unseen not in found
    assert unseen not in take_sections(text, read_policy(DEFAULT))[0].lower()


def test_a_finding_in_capitals_before_a_colon_is_no_heading() -> None:
    """`PLEURAL EFFUSION: small` states it."""
    text = "PLEURAL EFFUSION: Small.\nPNEUMOTHORAX: None."
    assert find_headings(text) == ()
    assert "pleural effusion: small" in sentences(text)


def test_reports_that_lack_the_sections_are_counted_and_kept() -> None:
    """None is dropped: with findings their plain text is read, with the impression alone nothing is; both are told."""
    texts = ["Clear.", "IMPRESSION: Normal.", "", "FINDINGS: Clear."]
    reports = [Report(report_id=str(n), text=t) for n, t in enumerate(texts)]
    chosen, told = choose_sections(reports, read_policy(DEFAULT))
    assert [r.text for r in chosen] == texts
    assert told == (
        "1 of 4 reports have no section called findings or impression: their text without a heading of another "
        "section is read",
    )
    chosen, told = choose_sections(reports, read_policy("impression"))
    assert [r.text for r in chosen] == ["", "IMPRESSION: Normal.", "", ""]
    assert told[0].startswith("2 of 4 reports have no section called impression: nothing is read in them")
    assert choose_sections(reports[:1], read_policy(DEFAULT)) == (tuple(reports[:1]), ())


@pytest.mark.parametrize("text", ["", "finding", "findings,impression", "all+findings"])
def test_an_unknown_policy_is_refused_with_what_there_is(text: str) -> None:
    """The names that can be combined stand in the message."""
    with pytest.raises(InputError, match=r"sections: found .* of addendum, comparison"):
        read_policy(text)
    assert {"findings", "impression", "indication", "history", "comparison", "technique"} <= set(kinds_known())


@given(
    st.lists(
        st.sampled_from(["FINDINGS:", "indication:", "x y.", "\n", "诊断意见：", "【病史】", "COMPARISON", " ", "A:"])
    )
)
def test_sections_cover_a_text_without_a_gap(parts: list[str]) -> None:
    """From beginning to end, in order; a policy only ever leaves text out."""
    text = " ".join(parts)
    found = find_sections(text)
    assert [s.start for s in found] == [0, *(s.end for s in found[:-1])]
    assert found[-1].end == len(text)
    kept = take_sections(text, read_policy(DEFAULT))[0]
    assert set(kept) <= set(text) | {"\n"}
    assert len(kept) <= len(text) + len(found)
