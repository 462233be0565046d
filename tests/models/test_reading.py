"""A report as the lexical reader sees it: sentences, sections, and the reach of cues."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.catalog import languages
from ranscore.models._reading import Reading, _speaks, content_tokens, cue_set, read
from ranscore.phrases import Match, normalize

REPORT = """INDICATION: Rule out pneumonia.
TECHNIQUE: Portable film with a catheter.
FINDINGS: The heart is large. No effusion,
edema or nodule.
IMPRESSION:
1. Large heart.
2. No effusion.
RECOMMENDATION: CT for a nodule."""


def status(text: str, phrase: str) -> list[str]:
    """The status of each match of a phrase."""
    reading = read(text)
    return [reading.status(match) for match in reading.find((phrase,))]


def sentences(reading: Reading) -> list[str]:
    """The sentences that are read."""
    return [line for a, b in reading.sentences if (line := reading.text[a:b].strip(" ,.*#"))]


# Sections.


def test_only_read_sections_are_read() -> None:
    """Indication, technique and recommendation are blanked; the wrapped line of the findings is one sentence."""
    assert sentences(read(REPORT)) == [
        "the heart is large",
        "no effusion, edema or nodule",
        "1",
        "large heart",
        "2",
        "no effusion",
    ]


def test_places_in_a_reading_are_places_in_the_report() -> None:
    """Blanking changes no offset."""
    reading = read(REPORT)
    assert len(reading.text) == len(REPORT)
    (match, *_) = reading.find(("nodule",))
    assert REPORT[match.start : match.end] == "nodule"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Small effusion.", ["small effusion"]),
        ("FINDINGS: Small effusion.", ["small effusion"]),
        ("Findings\nSmall effusion", ["small effusion"]),
        ("**IMPRESSION**: Small effusion.", ["small effusion"]),
        ("# IMPRESSION\nSmall effusion.", ["small effusion"]),
        ("INDICATION: Pneumonia. FINDINGS: Clear.", ["clear"]),
        ("INDICATION\nPneumonia\nFINDINGS\nClear", ["clear"]),
        ("INDICATION:\nPneumonia.\n\nClear.", ["clear"]),
        ("INDICATION: Pneumonia. Clear.", ["clear"]),
        ("INDICATION: Fever and\ncough, pneumonia.\nClear.", ["clear"]),
        ("TECHNIQUE:\n\nClear.", ["clear"]),
        ("HISTORY: Pneumonia", []),
        ("FINDINGS: Clear.\nCOMPARISON: Effusion before.", ["clear"]),
        ("LUNGS: Clear. HEART: Large.", ["clear", "large"]),
        ("影像所见：心影增大。\n诊断意见：心影大。", ["心影增大", "心影大"]),
        ("病史：气胸。影像所见：心影增大。", ["心影增大"]),
        ("病史：气胸\n心影增大。", ["心影增大"]),
        ("临床诊断：肺炎\n检查所见：正常\n建议：复查气胸", ["正常"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_headings_are_known_in_every_style(text: str, expected: list[str]) -> None:
    """With a colon, on a line of their own, marked down, in English and Chinese; an unread one ends with its text."""
    assert sentences(read(text)) == expected


def test_a_heading_inside_a_sentence_is_a_word() -> None:
    """`Comparison` and `indication` in running text hide nothing."""
    text = "In comparison with the prior film there is no indication of an effusion, a nodule is new."
    assert read(text).text == normalize(text)


@pytest.mark.parametrize("code", languages())
def test_every_heading_of_a_language_is_recognised(code: str) -> None:
    """The body of an unread section disappears, that of a read one stays."""
    sections = languages()[code].sections
    unread = set(sections.unread)
    for heading in (*sections.read, *sections.unread):
        body = read(f"{heading}: zzz")
        assert ("zzz" not in body.text) == (heading in unread), heading


# Cues.


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("kind", ["negation", "hedge", "context"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_plain_cues_reach_what_stands_on_their_side(code: str, kind: str, side: str) -> None:
    """Each cue that is one plain wording, and no other cue, takes back the word before or after it."""
    cues = languages()[code].cues.model_dump()
    others = {text for name, texts in cues.items() if name != f"{kind}_{side}" for text in texts}
    plain = [cue for cue in cues[f"{kind}_{side}"] if not set(cue) & set("(/*?.&？") and cue not in others]
    word, space = ("积液", "") if code == "zh" else ("zzz", " ")
    lines = [f"{cue}{space}{word}" if side == "before" else f"{word}{space}{cue}" for cue in plain]
    reading = read("\n\n".join(lines))
    found = {reading.text.count("\n", 0, m.start) // 2: reading.status(m) for m in reading.find((word,))}
    assert [(line, found[i]) for i, line in enumerate(lines) if found[i] != kind] == []
    assert lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No zzz.", "negation"),
        ("No change in zzz.", "asserted"),
        ("Zzz cannot be excluded.", "hedge"),
        ("Zzz is not excluded.", "hedge"),
        ("Zzz is excluded.", "negation"),
        ("Zzz very unlikely.", "negation"),
        ("Very unlikely zzz.", "negation"),
        ("Zzz is likely.", "asserted"),
        ("Zzz is less likely.", "hedge"),
        ("Not only zzz.", "asserted"),
        ("不能除外zzz。", "hedge"),
        ("zzz不能除外。", "hedge"),
        ("zzz不太可能。", "negation"),
        ("不太可能为zzz。", "negation"),
        ("zzz可能性大。", "asserted"),
        ("zzz无明显变化。", "asserted"),
        ("zzz未完全吸收。", "asserted"),
        ("zzz已吸收。", "negation"),
    ],
)
def test_of_overlapping_cues_the_longest_counts_and_a_not_silences_its_own_kind_only(text: str, expected: str) -> None:
    """`cannot be excluded` is a hedge although it holds `not`, `very unlikely` a negation although it holds a hedge."""
    assert status(text, "zzz") == [expected]


@pytest.mark.parametrize(
    ("listed", "counts"),
    [
        (["negation before"], "negation before"),
        (["not negation", "negation before"], "not negation"),
        (["not negation", "hedge after"], "hedge after"),
        (["not hedge", "hedge before", "negation after"], "negation after"),
        (["not negation", "hedge before", "hedge after"], "hedge both"),
        (["negation before", "hedge after"], "negation before"),
    ],
)
def test_a_wording_that_is_listed_twice_counts_once(listed: list[str], counts: str) -> None:
    """A `not` silences its own kind; the same kind on both sides looks both ways; else the first counts."""
    assert _speaks(listed) == counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Resolved zzz.", "negation"),
        ("Zzz resolved.", "negation"),
        ("Zzz: no", "negation"),
        ("Zzz: none.", "negation"),
        ("Zzz: no\nYyy: small", "negation"),
        ("zzz：无", "negation"),
        ("zzz未见。", "negation"),
        ("zzz未见，心影增大。", "negation"),
        ("未见zzz。", "negation"),
        ("zzz病史。", "context"),
        ("zzz可能，请复查。", "hedge"),
        ("zzz待排。", "hedge"),
        ("Base opacity ?zzz", "hedge"),
        ("Zzz?", "hedge"),
        ("?zzz", "hedge"),
        ("zzz？", "hedge"),
    ],
)
def test_a_cue_with_nothing_on_its_side_looks_to_the_other(text: str, expected: str) -> None:
    """Forms (`zzz: no`), telegraphic style (`Resolved zzz`) and Chinese word order are understood."""
    assert status(text, "zzz") == [expected]


@pytest.mark.parametrize("text", ["右肺zzz建议复查。", "右肺zzz，建议复查。", "右肺zzz请复查。", "Zzz, recommend."])
def test_a_recommendation_with_nothing_ahead_takes_nothing_back(text: str) -> None:
    """Only cues that are listed for both sides look back for want of words ahead."""
    assert status(text, "zzz") == ["asserted"]


@pytest.mark.parametrize(
    "text",
    [
        "Yyy: no\nZzz: small",
        "No yyy. Resolved. Zzz is new.",
        "Yyy? Zzz is seen.",
        "yyy：无；zzz",
        "yyy未见，zzz",
        "yyy病史，zzz",
    ],
)
def test_a_cue_of_one_statement_leaves_the_next_alone(text: str) -> None:
    """What is said of yyy is not said of zzz."""
    assert status(text, "zzz") == ["asserted"]
    assert "asserted" not in status(text, "yyy")


def test_a_cue_inside_a_gap_takes_the_match_back_and_one_inside_the_phrase_does_not() -> None:
    """`heart is not enlarged` is negated, `no markings beyond` is what the phrase itself says."""
    assert status("The heart is not enlarged.", "heart ... enlarged") == ["negation"]
    assert status("The heart is now enlarged.", "heart ... enlarged") == ["asserted"]
    assert status("A line with no markings beyond it.", "no markings") == ["asserted"]
    assert status("No line.", "line") == ["negation"]


@pytest.mark.parametrize(
    "text", ["Zzz was seen. It has resolved.", "Zzz.\nThis has now cleared.", "曾见zzz。现已吸收。"]
)
def test_a_pronoun_reaches_the_sentence_before(text: str) -> None:
    """`It has resolved` speaks of what was just named."""
    assert status(text, "zzz")[0] != "asserted"


def test_a_sentence_of_its_own_does_not_reach_back() -> None:
    """Without a pronoun, the sentence before stays as it is."""
    assert status("Zzz is seen. The edema has resolved.", "zzz") == ["asserted"]


PIECES = (
    "no",
    "zzz",
    ",",
    ".",
    "and",
    "but",
    "may be",
    "?",
    "\n",
    "has resolved",
    "history of",
    "the",
    "未见",
    "，",
    "可能",
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_every_reach_stays_in_the_text_and_starts_at_its_cue(text: str) -> None:
    """A cue reaches from or to itself, or over one sentence before it, and a reading is the same every time."""
    reading = Reading(normalize(text))
    for reach in reading.reaches:
        assert 0 <= reach.start <= reach.end <= len(text)
        assert reach.start == reach.cue[1] or reach.end == reach.cue[1] or (reach.start, reach.end) in reading.sentences
        assert "\n" not in reading.text[reach.start : reach.end]
    assert Reading(normalize(text)).reaches == reading.reaches


# Tokens.


def test_content_tokens_are_stems_and_pairs() -> None:
    """English words lose endings and filler words, Chinese goes in pairs of characters; places are the text's."""
    text = "the effusions of 3.5 cm. 胸腔液"
    tokens = content_tokens(text, 0, len(text))
    assert [t for _, _, t in tokens] == ["effusi", "3.5", "cm", "胸腔", "腔液"]
    assert [text[a:b] for a, b, _ in tokens] == ["effusions", "3.5", "cm", "胸腔", "腔液"]
    assert content_tokens(text, 4, 13) == [(4, 13, "effusi")]


def test_tokens_are_marked_where_a_negation_or_hedge_reaches_them() -> None:
    """`no meniscus` is not like `meniscus`; history leaves tokens as they are."""
    ((_, tokens),) = read("No meniscus at the base.").tokens
    assert {"negation:menisc", "negation:base"} <= tokens
    ((_, tokens),) = read("A possible meniscus.").tokens
    assert "hedge:menisc" in tokens
    ((_, tokens),) = read("History of meniscus.").tokens
    assert "menisc" in tokens


def test_a_report_is_read_once() -> None:
    """The same text gives the same reading, and its matches are found once."""
    first = read("Zzz is seen here once.")
    assert read("Zzz is seen here once.") is first
    assert first.find(("zzz",)) is first.find(("zzz",))


def test_every_language_gives_its_cues() -> None:
    """The compiled cues hold each language's wordings of each kind, and nothing else."""
    cues = cue_set()
    for side, compiled in (("before", cues.before), ("after", cues.after)):
        listed = [
            (kind, text)
            for kind in ("negation", "hedge", "context")
            for language in languages().values()
            for text in getattr(language.cues, f"{kind}_{side}")
        ]
        assert [(kind, phrase.text) for kind, phrase in compiled] == listed


@pytest.mark.parametrize(
    ("text", "predicate", "before"),
    [
        ("The heart and mediastinum are normal.", "normal", "the heart and mediastinum are "),
        ("There is cardiomegaly and the lungs are clear.", "clear", " the lungs are "),
        ("Effusion is seen, trachea midline.", "midline", " trachea "),
        ("左肺见斑片影,心影正常。", "正常", "心影"),
    ],
)
def test_a_predicate_speaks_of_its_own_statement(text: str, predicate: str, before: str) -> None:
    """What is called normal goes back to the comma or `and` before which something else is stated."""
    reading = read(text)
    at = reading.text.index(predicate)
    low, high = reading.statement(Match(at, at + len(predicate)))
    assert reading.text[low:at] == before
    assert high >= at + len(predicate)
