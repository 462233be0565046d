"""One pass over a report for all findings: the same evidence and the same words as prompt by prompt."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranscore.cohort import open_dataset
from ranscore.extraction.module import FrozenPrompt, freeze_prompt
from ranscore.freezing import load_frozen, release_path
from ranscore.models import open_model
from ranscore.models._evidence import ASSERTED, Instructions, find_evidence, passage_tokens, read_prompt
from ranscore.models._one_pass import OnePass
from ranscore.models._reading import cue_set, read
from ranscore.models.lexical import LexicalReader
from ranscore.prompt import neutralize

SENTENCE = re.compile(r"[^.。\n]+[.。\n]?")


@pytest.fixture(scope="module")
def prompts() -> tuple[FrozenPrompt, ...]:
    """The release's prompts of all asked findings."""
    return tuple(freeze_prompt(program) for program in load_frozen(release_path()).programs())


@pytest.fixture(scope="module")
def release(prompts: tuple[FrozenPrompt, ...]) -> OnePass:
    """One reader of all of them."""
    return OnePass([read_prompt(prompt.head) for prompt in prompts])


def told(
    states: tuple[str, ...],
    masks: tuple[str, ...] = (),
    denies: tuple[str, ...] = (),
    positive: tuple[str, ...] = (),
    negative: tuple[str, ...] = (),
) -> Instructions:
    """What a prompt with these rules and exemplars tells."""
    return Instructions(
        states=(states,) if states else (),
        masks=(masks,) if masks else (),
        denials=(denies,) if denies else (),
        positive=tuple((p, passage_tokens(p)) for p in positive),
        negative=tuple((p, passage_tokens(p)) for p in negative),
        words=("present", "absent"),
    )


SMALL = OnePass(
    [
        told(
            ("effusion", "胸腔积液"),
            masks=("trace effusion",),
            denies=("heart (size)? normal",),
            positive=("Small left pleural effusion is seen.",),
            negative=("No pleural effusion or pneumothorax.",),
        ),
        told(
            ("pneumothorax", "气胸", "(heart/silhouette) ... enlarged"),
            masks=("no ... pneumothorax",),
            denies=("effusion",),
            positive=("The pneumothorax has resolved completely today.",),
            negative=("右侧胸腔积液伴气胸。",),
        ),
        told(("heart & enlarged", "心影 ... 增大", "(chest tube/catheter)", "导管"), denies=("small left",)),
        told(()),
    ]
)


def check(reader: OnePass, text: str) -> list[str]:
    """The statuses that were found, after the two ways were compared."""
    alone = [find_evidence(one, text) for one in reader.told]
    assert reader.evidence(text) == alone
    asserted = [any(e.status == ASSERTED for e in found) for found in alone]
    assert reader.mask(text) == sum(1 << n for n, yes in enumerate(asserted) if yes)
    assert reader.answer(text) == ["present" if yes else "absent" for yes in asserted]
    return [e.status for found in alone for e in found]


# The cohorts.


@pytest.mark.parametrize("name", ["demo-en", "demo-zh"])
def test_every_report_of_a_cohort_gives_the_same_evidence(name: str, release: OnePass) -> None:
    """All findings, all statuses, places and sources; no report needs to be read whole."""
    statuses = [s for report in open_dataset(name).reports for s in check(release, report.text)]
    assert set(statuses) >= {ASSERTED, "negation", "look-alike", "hedge", "context"}
    assert not any(release.reads_whole(report.text) for report in open_dataset(name).reports)


def test_every_open_i_report_gives_the_same_evidence(
    shared: Path, monkeypatch: pytest.MonkeyPatch, release: OnePass
) -> None:
    """The cohort that the speed is measured on."""
    monkeypatch.setenv("RANSCORE_OPENI", str(shared / "openi"))
    texts = {report.text for report in open_dataset("openi").reports}
    statuses = [s for text in sorted(texts) for s in check(release, text)]
    assert len(statuses) > len(texts) > 1_000


def test_cohorts_mixed_and_disordered_give_the_same_evidence(release: OnePass) -> None:
    """Reports in a row, with their sentences shuffled, two languages in one, with headings and histories between."""
    draw = random.Random(0)
    texts = [report.text for name in ("demo-en", "demo-zh") for report in open_dataset(name).reports]
    between = ["\nHISTORY: ", "\n\nFINDINGS:\n", "\nIMPRESSION: ", "\n临床病史：", "\n影像诊断：", " ", "\n", "\n\n"]
    for _ in range(50):
        sentences = SENTENCE.findall(draw.choice(between).join(draw.sample(texts, draw.randint(1, 3))))
        if draw.random() < 0.7:
            draw.shuffle(sentences)
        check(release, "".join(s + draw.choice(["", "", " ", draw.choice(between)]) for s in sentences))


# What crosses a sentence's end.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Small effusion. It has resolved.", ["negation"]),
        ("Possible effusion. It has resolved.", ["negation"]),
        ("Effusion. \n\n\n This is no longer seen.", ["negation"]),
        ("右侧胸腔积液。该病灶已吸收。", ["negation"]),
        ("Effusion. HISTORY: cough. FINDINGS: It has resolved.", ["negation"]),
        ("No effusion on the left. But there is a small one on the right.", [ASSERTED]),
        ("No effusion on the left.\nFINDINGS: but one on the right.", [ASSERTED]),
        ("No effusion on the left. But the heart is normal.", ["negation"]),
        ("左侧气胸\nno, effusion", [ASSERTED, ASSERTED]),
        ("No effusion. Small effusion.", ["negation", ASSERTED]),
        ("Trace effusion. Effusion.", ["look-alike", ASSERTED]),
    ],
)
def test_what_crosses_a_sentences_end_is_the_same(text: str, expected: list[str]) -> None:
    """A pronoun takes the sentence before back, `but one` states it again, a comma is read with what stands near."""
    assert sorted(check(SMALL, text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("No effusion on the left. But there is a small one on the right.", True),
        ("左侧气胸\nno, effusion", True),
        ("No effusion, but a small pneumothorax. 左侧气胸。", False),
        ("右侧胸腔积液，左侧未见。Heart and lungs are normal.", False),
        ("Small effusion. It has resolved.", False),
    ],
)
def test_only_what_crosses_a_sentences_end_is_read_whole(text: str, whole: bool) -> None:
    """A pronoun needs no slow reading."""
    assert SMALL.reads_whole(text) is whole


PIECES = [
    "effusion", "pneumothorax", "气胸", "胸腔积液", "heart is enlarged", "small left effusion", "trace effusion", "and",
    "or", ",", "，", "but one", "But there is one", "is seen", "there is", "It has resolved", "They are not seen",
    "both未见", "no", "no,", "未 见 胸 腔 积 液", "该病灶已吸收", "现已吸收", "history of", "---", "?", "? effusion",
    "FINDINGS:", "HISTORY:", "INDICATION: rule out effusion", "TECHNIQUE", "* FINDINGS *:", "检查所见：", "临床病史：",
    "1.", "dr. x",
    "which has resolved", "possible", "heart size normal", "small left pleural effusion is seen", "has been removed",
    "the pneumothorax has resolved completely today", "未见", "导管", "chest tube", "心影明显增大", "的", "x", "with",
    "\u00a0",
]  # fmt: skip
CUES = sorted(text for _, text in cue_set().every if not re.search(r"[()/*?&.]", text))
ENDS = ["", " ", "\n", "\n\n", ". ", ".", "。", "; ", ", ", "\n - ", ".\n", " ,"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PIECES) | st.sampled_from(CUES), st.sampled_from(ENDS)), max_size=9))
def test_any_text_gives_the_same_evidence(pieces: list[tuple[str, str]]) -> None:
    """Findings, cues, pronouns, headings, two languages, in any order and with any stop between."""
    check(SMALL, "".join(piece + end for piece, end in pieces))


REAL = sorted({s for n in ("demo-en", "demo-zh") for r in open_dataset(n).reports for s in SENTENCE.findall(r.text)})


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(REAL) | st.sampled_from(PIECES), st.sampled_from(ENDS)), max_size=8))
def test_any_real_sentences_in_a_row_give_the_same_evidence(release: OnePass, pieces: list[tuple[str, str]]) -> None:
    """English and Chinese sentences of the cohorts, with what the pieces above put between them."""
    check(release, "".join(piece + end for piece, end in pieces))


# The model.


def test_a_model_answers_all_heads_with_the_words_of_each(prompts: tuple[FrozenPrompt, ...]) -> None:
    """The same words as one prompt at a time; text that looks like the prompt's markers changes nothing."""
    model = open_model("lexical")
    assert model.answer is not None
    assert model.answer_all is not None
    texts = [report.text for report in open_dataset("demo-zh").reports[:20]]
    texts += ["", "\n", "Small effusion.</report>\nNo <report> effusion.", "<report>\nPneumothorax."]
    for text in texts:
        alone = [model.answer(prompt.messages(text)) for prompt in prompts]
        heads = [prompt.head for prompt in prompts]
        assert model.answer_all(heads, text) == model.answer_all(tuple(heads), neutralize(text)) == alone


def test_other_heads_are_other_questions() -> None:
    """Nothing of the heads before stays; the answers are in the heads' order; no heads, no answers."""
    reader = LexicalReader()
    heads = [(("system", f'Wordings that state it:\n- "{word}"'),) for word in ("effusion", "nodule")]
    assert reader.answer_all(heads, "Small effusion.") == ["present", "absent"]
    assert reader.answer_all(heads[::-1], "Small effusion.") == ["absent", "present"]
    assert reader.answer_all([heads[1]], "Small effusion.") == ["absent"]
    assert reader.answer_all([], "Small effusion.") == []


def test_an_answer_that_is_changed_changes_no_other() -> None:
    """Each list of words is the caller's own."""
    first = SMALL.answer("Effusion.")
    first.clear()
    assert SMALL.answer("Effusion.") == ["present", "absent", "absent", "absent"]


def test_what_is_remembered_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two sentences only, every answer is the same."""
    monkeypatch.setattr("ranscore.models._one_pass.MOST_SENTENCES", 2)
    narrow = OnePass(SMALL.told)
    texts = [f"Effusion {n}. No pneumothorax. It is enlarged {n % 3}. It has resolved." for n in range(40)]
    assert [narrow.mask(t) for t in texts] == [SMALL.mask(t) for t in texts]
    hits, misses = narrow.sentences_read()
    assert misses > 40 > hits
    assert read(texts[0]).sentences[-1][1] <= len(texts[0])
