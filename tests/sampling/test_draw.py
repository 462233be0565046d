"""The draw of parts, and the search for near-duplicates."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.sampling import Candidate, Drawn, NearIndex, Recipe, draw, read_recipe, shingles_of

WORDS = (
    "heart", "lungs", "clear", "normal", "size", "effusion", "no", "small", "left", "right", "opacity", "stable",
    "line", "tube", "rib", "old", "mild", "new",
)  # fmt: skip


def sentence(seed: int, length: int = 30) -> str:
    """A text of its own."""
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def jaccard(a: str, b: str, size: int = 3) -> float:
    """The similarity, worked out without the index."""
    x, y = a.split(), b.split()
    runs = [{tuple(t[i : i + size]) for i in range(max(1, len(t) - size + 1))} for t in (x, y)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def pool(n: int, patients: int = 0, near: int = 1) -> list[Candidate]:
    """Reports of which each `near` in a row are one text with a last word changed, and every one has a patient."""
    texts = (f"{sentence(i // near)} variant{i % near}" for i in range(n))
    return [Candidate(f"r{i}", f"p{i % patients}" if patients else "", text) for i, text in enumerate(texts)]


def across(drawn: Drawn, candidates: list[Candidate], threshold: float = 0.8) -> int:
    """How many pairs in different parts are near."""
    text = {c.report_id: c.text for c in candidates}
    pairs = ((a, b) for a, b in combinations(drawn.placed, 2) if a.part != b.part)
    return sum(jaccard(text[a.report_id], text[b.report_id]) >= threshold for a, b in pairs)


RECIPE = Recipe(parts={"taxonomy": 40, "development": 15, "test": 30})


@given(st.integers(0, 1000), st.sampled_from([0, 60, 140]), st.sampled_from([1, 2, 4]))
@settings(max_examples=15)
def test_parts_share_nothing(seed: int, patients: int, near: int) -> None:
    """No report stands twice, no patient and no near-duplicate in two parts, and every part is full."""
    candidates = pool(300, patients, near)
    drawn = draw(candidates, RECIPE.model_copy(update={"seed": seed}))
    ids = [p.report_id for p in drawn.placed]
    assert len(ids) == len(set(ids)) == 85
    assert {part: len(drawn.part(part)) for part in RECIPE.parts} == RECIPE.parts
    owner = {c.report_id: c.patient for c in candidates}
    seen = {part: {owner[i] for i in drawn.part(part)} - {""} for part in RECIPE.parts}
    assert not any(seen[a] & seen[b] for a, b in combinations(seen, 2))
    assert across(drawn, candidates) == 0
    assert len(ids) + drawn.other_patient + drawn.near_duplicate + drawn.not_needed == 300


def test_without_the_search_near_duplicates_stand_in_two_parts() -> None:
    """The same reports, the search switched off: so the zero above is the search's doing."""
    candidates = pool(300, near=4)
    assert across(draw(candidates, RECIPE.model_copy(update={"near_duplicates": 0.0})), candidates) > 0


@given(st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_order_of_rows_does_not_matter(random_: random.Random) -> None:
    """Shuffled rows give the same parts and weights; another seed gives other ones."""
    candidates = pool(200, 120)
    shuffled = list(candidates)
    random_.shuffle(shuffled)
    assert draw(shuffled, RECIPE) == draw(candidates, RECIPE)
    assert draw(candidates, RECIPE.model_copy(update={"seed": 1})).placed != draw(candidates, RECIPE).placed


def test_enrichment_reaches_its_number_and_weights_undo_it() -> None:
    """Ten of fifteen development reports are positive, and by the weights the share is that of the pool."""
    rare = frozenset({"fracture"})
    candidates = [
        Candidate(c.report_id, "", c.text, rare if i % 20 == 0 else frozenset()) for i, c in enumerate(pool(400))
    ]
    drawn = draw(candidates, RECIPE.model_copy(update={"enrich": {"fracture": 10}}))
    part = [p for p in drawn.placed if p.part == "development"]
    assert sum("fracture" in p.stratum for p in part) == 10
    weighted = sum(p.weight for p in part if "fracture" in p.stratum) / sum(p.weight for p in part)
    assert weighted == pytest.approx(20 / 400)
    assert sum(p.weight for p in part) == pytest.approx(400)
    assert not any("not reached" in remark for remark in drawn.remarks)


def test_enrichment_that_cannot_be_reached_says_why() -> None:
    """Three positives among the eligible reports are all taken, and the remark names both numbers."""
    candidates = [
        Candidate(c.report_id, "", c.text, frozenset({"fracture"} if i < 3 else ())) for i, c in enumerate(pool(200))
    ]
    drawn = draw(candidates, RECIPE.model_copy(update={"enrich": {"fracture": 8}}))
    assert sum("fracture" in p.stratum for p in drawn.placed if p.part == "development") == 3
    assert "3 of 8 positives of Fracture in development, since 3 of 200 eligible" in drawn.remarks[0]


def test_too_few_reports_is_one_sentence_with_the_numbers() -> None:
    """Also where there would be enough, but one patient has them all."""
    with pytest.raises(InputError, match=r"85 are wanted .* and 84 are eligible") as found:
        draw(pool(84), RECIPE)
    assert "\n" not in str(found.value)
    with pytest.raises(InputError, match=r"100 are eligible; of these 60 have their patient .* lacks") as found:
        draw(pool(100, patients=1), RECIPE)
    assert "\n" not in str(found.value)


def test_a_passed_over_report_joins_its_own_part_where_places_are_left() -> None:
    """Ten patients with ten reports each fill two parts of forty, though half of the lots miss."""
    drawn = draw(pool(100, patients=10), Recipe(parts={"a": 40, "b": 40}))
    assert len(drawn.placed) == 80


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 1.0]), st.integers(1, 4))
@settings(max_examples=30)
def test_the_index_finds_just_what_comparing_all_finds(seed: int, threshold: float, size: int) -> None:
    """Against texts with some words changed, added or cut, short ones too."""
    lots = random.Random(seed)
    base = [lots.choices(WORDS, k=lots.randint(1, 14)) for _ in range(6)]
    texts = [
        " ".join(lots.choice(WORDS) if lots.random() < 0.06 else w for w in words) for words in base for _ in range(6)
    ]
    index = NearIndex(threshold)
    for number, text in enumerate(texts):
        index.add(shingles_of(text, size), str(number))
    for probe in texts[::5]:
        near = {str(n) for n, text in enumerate(texts) if jaccard(probe, text, size) >= threshold - 1e-12}
        assert index.parts_near(shingles_of(probe, size)) == near


def test_a_chinese_character_is_a_word() -> None:
    """Two Chinese texts that differ in one of twenty characters are near; English case and signs do not count."""
    assert len(shingles_of("双肺纹理清晰", 3)) == 4
    assert shingles_of("No EFFUSION, or edema.", 3) == shingles_of("no effusion or edema", 3)


def test_the_recipe_is_the_papers_unless_changed() -> None:
    """3,000, 300 and 3,000; a part of size 0 is left out; what is wrong is told at once."""
    assert read_recipe().parts == {"taxonomy": 3000, "development": 300, "test": 3000}
    changed = read_recipe(None, {"parts": {"taxonomy": 0, "test": 5}, "enrich": {"Fracture": 3}})
    assert changed.parts == {"development": 300, "test": 5}
    assert changed.enrich == {"fracture": 3}
    with pytest.raises(InputError, match=r"no finding is called 'Fractur'; did you mean 'Fracture'"):
        read_recipe(None, {"enrich": {"Fractur": 3}})
    with pytest.raises(InputError, match="enriched_part"):
        read_recipe(None, {"parts": {"development": 0}, "enrich": {"Fracture": 3}})
