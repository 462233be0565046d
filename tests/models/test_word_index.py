"""The index of phrases by the words that they need: it leaves out no phrase that matches."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.cohort import open_dataset
from ranscore.freezing import load_frozen, release_path
from ranscore.models._evidence import Instructions
from ranscore.models._exemplar_index import ExemplarIndex
from ranscore.models._reading import Reading, content_stems, content_tokens, cue_set
from ranscore.models._word_index import WordIndex
from ranscore.phrases import compile_phrase, normalize

PHRASES = (
    "effusion", "effus*", "any", "opacity", "t12", "11", "c反应", "胸腔积液", "右 ... 积液", "? effusion", "5 %",
    "(a b/c d/opacity e) f", "(a/b)? effusion & left", "x ray", "l'hiver", "ödem*", "ergüsse", "heart ... enlarged",
    "un/né", "e.g", "气胸/pneumothorax", "(肺/lung) nodule",
)  # fmt: skip
INDEX = WordIndex(PHRASES)
WORDS = [
    "effusion", "effusions", "effusion's", "effusing", "any", "anys", "opacity", "opacities", "opacitys", "t12",
    "t 12", "11",
    "c 反应", "c反 应", "c反应", "胸 腔积液", "胸腔积液", "右侧少量积液", "右 积 液", "?", "?effusion", "5", "%",
    "a", "b", "c", "d", "e", "f", "left", "x-ray", "x ray", "l'hiver", "ödeme", "ergüsse", "heart", "is", "enlarged",
    "né", "un", "e.g", "气胸",
    "气 胸", "pneumothorax", "肺", "lung", "nodule", "nodules",
]  # fmt: skip


def matching(phrases: tuple[str, ...], text: str) -> list[int]:
    """The phrases whose regular expression matches, tried one by one."""
    return [n for n, p in enumerate(phrases) if compile_phrase(p).pattern.search(text)]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", "", ", ", "\n", "."])), max_size=8))
def test_no_phrase_that_matches_is_left_out(words: list[tuple[str, str]]) -> None:
    """All that matches is a candidate, and is found by the phrase itself, spaces in Chinese included."""
    text = normalize("".join(word + after for word, after in words))
    matched = matching(PHRASES, text)
    candidates = INDEX.candidates(text)
    assert set(matched) <= set(candidates)
    assert candidates == sorted(candidates)
    assert matched == [n for n, p in enumerate(PHRASES) if compile_phrase(p).find(text)]


def test_no_phrase_of_the_release_is_left_out_where_it_matches() -> None:
    """Rules and cues of all languages on reports of both, some with spaces put between their characters."""
    programs = load_frozen(release_path()).programs()
    phrases = tuple(sorted({p for program in programs for rule in program.rules for p in rule.phrases}))
    draw = random.Random(0)
    wanted = tuple(draw.sample(phrases, 200)) + tuple(draw.sample([text for _, text in cue_set().every], 200))
    index = WordIndex(wanted)
    texts = [r.text for name in ("demo-en", "demo-zh") for r in draw.sample(open_dataset(name).reports, 20)]
    texts += ["".join(c + " " * (draw.random() < 0.4) for c in text) for text in texts]
    matched = 0
    for text in map(normalize, texts):
        found = matching(wanted, text)
        assert set(found) <= set(index.candidates(text))
        matched += len(found)
    assert matched > 50


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("effusive heart", "effusion"), ("effusion", "(a/b)? effusion & left"), ("heart", "heart ... enlarged"),
        ("opacity f", "(a b/c d/opacity e) f"), ("左侧液", "右 ... 积液"), ("112", "11"),
    ],
)  # fmt: skip
def test_a_phrase_that_lacks_a_word_does_not_come_up(text: str, phrase: str) -> None:
    """All needs must be met, whole words by whole words."""
    assert PHRASES.index(phrase) not in INDEX.candidates(text)


def test_a_text_without_any_of_the_words_gives_nothing() -> None:
    """Nor does an empty one."""
    assert INDEX.candidates("") == INDEX.candidates("the lungs are clear") == INDEX.candidates("肝脏") == []


def test_many_different_words_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of words is forgotten at a bound, and answers stay the same."""
    monkeypatch.setattr("ranscore.models._word_index.MOST_WORDS", 3)
    index = WordIndex(PHRASES)
    for n in range(20):
        assert index.candidates(f"word{n} effusions") == INDEX.candidates("effusions")
    assert len(index._of_word) <= 3


@given(st.text(alphabet="ab.'éA气胸 \n1?,", max_size=40))
def test_the_stems_are_those_of_the_content_tokens(text: str) -> None:
    """The same words, without their places."""
    normal = normalize(text)
    assert content_stems(normal) - {""} == {stem for *_, stem in content_tokens(normal, 0, len(normal))}


def test_exemplars_come_up_from_three_quarters_of_their_tokens_on() -> None:
    """By finding; negated or not is not looked at yet."""

    def told(*passages: str) -> Instructions:
        tokens = tuple((p, frozenset(p.split())) for p in passages)
        return Instructions((), (), (), tokens, (), ("present", "absent"))

    index = ExemplarIndex([told("lower lobe opacit negation:new"), told(), told("lower left heart large")])
    assert index.like(Reading("lower lobe opacity")) == {0}
    assert index.like(Reading("lower lobe")) == set()
    assert index.like(Reading("large heart, left, lower lobe, new opacity")) == {0, 2}
    assert index.like(Reading("")) == set()
