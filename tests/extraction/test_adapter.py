"""One word is asked for, and only that word is accepted."""

from __future__ import annotations

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.extraction.adapter import OneWordAdapter, UnreadableAnswerError, read_answer
from ranscore.extraction.signatures import make_demos, make_signature
from ranscore.prompt import render_instructions, unwrap_report
from ranscore.records import AnswerForm, Exemplar, Program

FORM = AnswerForm()
YES_NO = AnswerForm(present="Yes", absent="No")
PROGRAM = Program(
    finding="lung_lesion",
    name="Lung Lesion",
    instruction="Read the report.",
    definition="Is there one?",
    form=AnswerForm(question="{name}: {present} or {absent}?", exemplar_chars=40),
    exemplars=(
        Exemplar(passage="A coin lesion. " * 9, answer="present"),
        Exemplar(passage="A nipple shadow.", answer="absent"),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("present", "present"),
        ("absent", "absent"),
        ("Present.", "present"),
        (" ABSENT \n", "absent"),
        ("absent。", "absent"),
        ("absent ...", "absent"),
        ("<think>It may be absent.</think>present", "present"),
        (" \n<THINK>\nabsent\n</THINK>\n\n absent.", "absent"),
        ("<think></think>present", "present"),
    ],
)
def test_one_of_the_two_words_is_an_answer(text: str, expected: str) -> None:
    """Case, surrounding space, a full stop and one closed block of thought aside."""
    assert read_answer(text, FORM) == expected


@pytest.mark.parametrize("text", ["", None, " \n", "<think>present</think>", ".", "。"])
def test_an_empty_answer_is_unreadable(text: str | None) -> None:
    """No word is no answer, also after a block of thought."""
    with pytest.raises(UnreadableAnswerError, match=r"empty|\(1 characters\)"):
        read_answer(text, FORM)


@pytest.mark.parametrize(
    "text",
    ["<think>present", "<think>\npresent\n", " <Think>absent. present", "<think>a</think><think>b</think>present"],
)
def test_an_open_thought_is_unreadable(text: str) -> None:
    """An answer that was cut off while thinking, or thinks twice, is not searched for a word."""
    with pytest.raises(UnreadableAnswerError, match="still thinking"):
        read_answer(text, FORM)


@pytest.mark.parametrize(
    "text",
    [
        "presence",
        "present absent",
        "not present",
        "The finding is present.",
        "present, likely",
        "'present'",
        "**present**",
        "Answer: present",
        "uncertain",
        "yes",
        "0 or 1",
        "</think>present",
        "present<think>no</think>",
        "pre sent",
        "prеsent",
    ],
)
def test_anything_else_is_unreadable_and_is_not_quoted(text: str) -> None:
    """The reason tells the length and the words that were expected, never the answer itself."""
    with pytest.raises(UnreadableAnswerError) as raised:
        read_answer(text, FORM)
    assert "'present', 'absent'" in str(raised.value)
    told = str(raised.value).replace("'present'", "").replace("'absent'", "")
    assert text.strip() not in told


@settings(deadline=None, max_examples=120)
@given(st.text(max_size=40) | st.text(alphabet="presentabPRESENTAB .<>/think\n", max_size=30))
def test_no_text_is_read_as_a_word_that_it_is_not(text: str) -> None:
    """Whatever a model writes is one of its two words or unreadable, with either pair of words."""
    for form in (FORM, YES_NO):
        try:
            answer = read_answer(text, form)
        except UnreadableAnswerError:
            continue
        assert text.strip().rstrip(".。").strip().casefold().endswith(form.word(answer).casefold())


def test_the_forms_words_are_the_ones_that_count() -> None:
    """With Yes and No, `present` is no answer."""
    assert (read_answer("yes", YES_NO), read_answer("No.", YES_NO)) == ("present", "absent")
    with pytest.raises(UnreadableAnswerError, match="'Yes', 'No'"):
        read_answer("present", YES_NO)


def messages(report: str) -> list[dict[str, str]]:
    """What the adapter formats for a report."""
    adapter = OneWordAdapter(PROGRAM.name, PROGRAM.form)
    return adapter.format(make_signature(PROGRAM), make_demos(PROGRAM), {"report": report})


def test_the_messages_are_the_program_its_exemplars_and_the_report() -> None:
    """System, a user and an assistant turn an exemplar, then the report with the question after it."""
    assert messages("Clear lungs.") == [
        {"role": "system", "content": render_instructions(PROGRAM)},
        {
            "role": "user",
            "content": "<report>\nA coin lesion. A coin lesion.\n</report>\nLung Lesion: present or absent?",
        },
        {"role": "assistant", "content": "present"},
        {"role": "user", "content": "<report>\nA nipple shadow.\n</report>\nLung Lesion: present or absent?"},
        {"role": "assistant", "content": "absent"},
        {"role": "user", "content": "<report>\nClear lungs.\n</report>\nLung Lesion: present or absent?"},
    ]


@settings(deadline=None, max_examples=100)
@given(st.text(), st.text())
def test_all_but_the_last_message_are_the_same_for_every_report(one: str, other: str) -> None:
    """A server can reuse the prefix, and the last message begins the same way too."""
    first, second = messages(one), messages(other)
    assert first[:-1] == second[:-1]
    assert first[-1]["content"].startswith("<report>\n")
    assert first[-1]["content"].endswith("\n</report>\nLung Lesion: present or absent?")


def test_the_signature_is_typed_and_named() -> None:
    """One input, one output of two values, the program as instructions."""
    signature = make_signature(PROGRAM)
    assert signature.__name__ == "LungLesion"
    assert list(signature.input_fields) == ["report"]
    assert list(signature.output_fields) == ["answer"]
    assert signature.output_fields["answer"].annotation.__args__ == ("present", "absent")
    assert signature.instructions == render_instructions(PROGRAM)


def test_exemplars_are_shown_in_their_order_and_shortened() -> None:
    """No passage is longer than the form allows, and each keeps its answer."""
    demos = make_demos(PROGRAM)
    assert [d["answer"] for d in demos] == ["present", "absent"]
    assert all(len(d["report"]) <= 40 for d in demos)
    assert unwrap_report(messages("x")[1]["content"]) == demos[0]["report"]


def test_parsing_gives_the_typed_answer_or_an_error_that_withholds_the_text() -> None:
    """dspy's error says why, and holds no word of the answer."""
    adapter = OneWordAdapter(PROGRAM.name, PROGRAM.form)
    signature = make_signature(PROGRAM)
    assert adapter.parse(signature, "Absent.") == {"answer": "absent"}
    with pytest.raises(AdapterParseError) as raised:
        adapter.parse(signature, "Mrs Jones has a nodule")
    assert "Jones" not in str(raised.value)
    assert isinstance(raised.value.__cause__, UnreadableAnswerError)
    assert isinstance(adapter, dspy.Adapter)
