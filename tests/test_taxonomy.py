"""Finding terms of reports: what is cut out, how it is counted, what a label set covers, and what never gets out."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import GuardError, InputError
from ranscore.extraction.term_reader import check_terms
from ranscore.models import Model, scripted
from ranscore.models._base import Message
from ranscore.records import Report, Terms
from ranscore.taxonomy import Taxonomy, Term, draw, explore

OPEN = Terms(source="made", access="open")
PRIVATE = Terms(source="ward", access="restricted")


def reports(*texts: str, terms: Terms = OPEN, groups: tuple[str, ...] = ()) -> tuple[Report, ...]:
    """Reports of these texts."""
    named = groups or ("",) * len(texts)
    return tuple(
        Report(report_id=f"r{i}", text=t, terms=terms, group=g)
        for i, (t, g) in enumerate(zip(texts, named, strict=True))
    )


def terms_of(found: Taxonomy) -> dict[str, Term]:
    """The terms by their names."""
    return {t.term: t for t in found.terms}


def test_a_term_is_told_without_side_size_degree_and_time() -> None:
    """Modifiers go, the rest is one term in singular; its mentions are counted by report."""
    found = explore(
        reports("New small left pleural effusion.", "Bilateral pleural effusions are stable.", "Clear lungs.")
    )
    effusion = terms_of(found)["pleural effusion"]
    assert (effusion.reports, effusion.mentions, effusion.asserted) == (2, 2, 1.0)
    assert effusion.region == "pleura"
    assert not {"left", "small", "small pleural effusion", "new"} & set(terms_of(found))


def test_denied_hedged_past_and_normal_mentions_are_no_asserted_ones() -> None:
    """The shares are those that the reader of reports sees; what is called normal counts as negated."""
    found = explore(
        reports(
            "There is a hiatal hernia.",
            "No hiatal hernia.",
            "Possible hiatal hernia.",
            "History of hiatal hernia.",
            "There is an aortic graft.",
            "The aortic graft is unremarkable.",
        )
    )
    hernia, graft = terms_of(found)["hiatal hernia"], terms_of(found)["aortic graft"]
    assert (hernia.asserted, hernia.negated, hernia.hedged, hernia.history) == (0.25, 0.25, 0.25, 0.25)
    assert (graft.asserted, graft.negated) == (0.5, 0.5)
    assert graft.unstated <= 1


def test_words_behind_of_and_predicates_of_a_place_belong_to_the_term() -> None:
    """`Blunting of the left angle` and `the heart is enlarged` are terms; a verb between findings ends one."""
    found = explore(
        reports(
            *[
                "Blunting of the left costophrenic angle. The heart is enlarged.",
                "Blunting of the right costophrenic angle; heart is enlarged.",
            ]
        )
    )
    assert {"blunting of costophrenic angle", "heart enlarged"} <= set(terms_of(found))


def test_places_alone_are_no_terms() -> None:
    """A sentence about lungs and ribs that names no sign gives no term."""
    found = explore(reports(*["The lungs and the ribs. Left upper lobe."] * 3))
    assert found.terms == ()
    assert (found.asserted, found.covered) == (0, None)


def test_unread_sections_give_no_terms() -> None:
    """What stands in the indication alone is no finding term."""
    found = explore(reports(*["INDICATION: sarcoidosis.\nFINDINGS: There is a hiatal hernia."] * 2))
    assert set(terms_of(found)) == {"hiatal hernia"}


def test_chinese_terms_are_runs_of_characters_with_free_neighbours() -> None:
    """Of 胸腔积液 its inner pieces are no terms of their own; side and amount are left out."""
    found = explore(
        reports("左侧少量胸腔积液。", "右侧胸腔积液，膈疝可见。", "未见胸腔积液。", "见膈疝。", "双侧大量胸腔积液。")
    )
    effusion = terms_of(found)["胸腔积液"]
    assert (effusion.mentions, effusion.asserted, effusion.negated) == (4, 0.75, 0.25)
    assert "膈疝" in terms_of(found)
    assert not {"腔积液", "胸腔积", "腔积", "积液"} & set(terms_of(found))


def test_terms_of_one_head_or_the_same_words_are_one_group() -> None:
    """Granulomas stand together, and so do `blunting of the angle` and `angle blunting`."""
    text = "There is a calcified granuloma. Blunting of the costophrenic angle."
    other = "There is a hilar granuloma. Costophrenic angle blunting is seen."
    found = terms_of(explore(reports(text, text, other, other)))
    assert found["calcified granuloma"].group == found["hilar granuloma"].group
    assert found["blunting of costophrenic angle"].group == found["costophrenic angle blunting"].group
    assert found["calcified granuloma"].group != found["blunting of costophrenic angle"].group


def test_a_mention_is_stated_excluded_or_unknown() -> None:
    """Pneumothorax is stated by its finding; scoliosis by none; a term of no finding is listed first by reports."""
    found = explore(reports(*["There is a pneumothorax. Scoliosis is seen."] * 3, "There is a pneumothorax."))
    named = terms_of(found)
    assert named["pneumothorax"].findings == {"pneumothorax": 4}
    assert named["pneumothorax"].unstated == 0
    assert (named["scoliosis"].findings, named["scoliosis"].unstated_reports) == ({}, 3)
    assert [t.term for t in found.unmapped()] == ["scoliosis"]
    assert (found.asserted, found.stated) == (7, 4)
    assert found.covered == pytest.approx(4 / 7)
    covered = {f.finding: f for f in found.findings}
    assert (covered["pneumothorax"].mentions, covered["pneumothorax"].terms) == (4, ("pneumothorax",))
    assert covered["fracture"].mentions == 0
    assert set(covered) == set(catalog.asked_ids())


def test_a_term_of_one_patient_is_never_listed_for_restricted_reports() -> None:
    """Three reports of one patient do not make a wording common, and --least 1 is refused; open reports may have it."""
    texts = ["There is a swallowed harpsichord."] * 3
    private = reports(*texts, terms=PRIVATE, groups=("p1", "p1", "p1"))
    assert explore(private).terms == ()
    assert explore(private).rare == 3
    with pytest.raises(InputError, match="--least 1: a term that stands in one report could tell whose it is"):
        explore(private, least=1)
    with pytest.raises(InputError, match="--least 1"):
        explore(reports(*texts, terms=Terms()), least=1)
    assert "swallowed harpsichord" in terms_of(explore(reports(*texts[:1]), least=1))


def test_names_and_dates_of_restricted_reports_are_no_terms() -> None:
    """A doctor who signs every report is cut out before terms are counted."""
    found = explore(reports(*["There is a hernia. Discussed with Dr. Kowalczyk on 03/04/2019."] * 4, terms=PRIVATE))
    assert "hernia" in " ".join(terms_of(found))
    assert "kowalczyk" not in found.model_dump_json().lower()


def test_no_sentence_of_a_report_gets_out(demo: Dataset) -> None:
    """All text of a result is its terms, of at most four words."""
    found = explore(demo.reports, size=60)
    assert found.sampled == 60
    for term in found.terms:
        assert len(term.term.replace(" of ", " ").split()) <= 4
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [r["term"] for r in rows] == [t.term for t in found.terms]
    assert list(rows[0]) == list(Term.model_fields)


def test_the_result_is_the_same_whatever_the_order_of_reports(demo: Dataset) -> None:
    """A sample depends on its seed alone."""
    shuffled = list(demo.reports)
    random.Random(7).shuffle(shuffled)
    assert explore(demo.reports, size=40, seed=3) == explore(shuffled, size=40, seed=3)
    assert draw(demo.reports, 40, 3) != draw(demo.reports, 40, 4)


def test_the_demonstration_cohorts_name_what_the_label_set_lacks(demo: Dataset, demo_zh: Dataset) -> None:
    """Common findings come up under their labels; known gaps of the set stand among the unstated terms."""
    for cohort, common, gaps in (
        (demo, {"pneumothorax", "pleural thickening", "rib fracture"}, {"subcutaneous emphysema"}),
        (demo_zh, {"胸腔积液", "气胸", "肺水肿"}, {"主动脉迂曲", "骨质疏松"}),
    ):
        found = explore(cohort.reports)
        assert common <= set(terms_of(found))
        assert gaps <= {t.term for t in found.unmapped()}
        assert not common & {t.term for t in found.unmapped()[:20]}
        assert found.covered is not None
        assert 0.4 < found.covered < 0.9
        assert found.stated + found.look_alike <= found.asserted


def test_no_reports_are_an_error() -> None:
    """Nothing can be said of nothing."""
    with pytest.raises(InputError, match="there are no reports to read"):
        explore(())


# A model that names the terms.


def naming(answer: Callable[[str], object]) -> Model:
    """A model whose terms depend on the last message."""

    def reply(messages: list[Message]) -> str:
        return json.dumps({"terms": answer(messages[-1][1])})

    return scripted.open_model(answers=reply)


def test_terms_of_a_model_count_where_they_stand_in_the_report() -> None:
    """An invented term is dropped; a named one is counted with its status and without its side."""
    model = naming(lambda text: ["left Pleural Effusion", "hiatal hernia", "aortic dissection"])
    texts = reports("Left pleural effusion and clear apices.", "No left pleural effusion. Sternal wires.")
    found = explore(texts, model=model)
    assert {t.term: (t.asserted, t.negated) for t in found.terms} == {"pleural effusion": (0.5, 0.5)}
    checked = check_terms(["left  pleural effusion", "dissection", "", "x" * 99], texts[0])
    assert (checked.terms, checked.dropped) == (("left pleural effusion",), 3)


def test_reports_that_a_model_does_not_answer_are_counted() -> None:
    """An unreadable answer is no empty list; a model that answers none is an error, which quotes no report."""
    texts = reports("There is a pleural effusion.", "A pleural effusion.", "Zebra.")
    half = scripted.open_model(
        answers=lambda messages: "Zebra" if "Zebra" in messages[-1][1] else json.dumps({"terms": ["pleural effusion"]})
    )
    found = explore(texts, model=half)
    assert (found.unread, [t.term for t in found.terms]) == (1, ["pleural effusion"])
    with pytest.raises(InputError, match="none of 3 reports was answered") as caught:
        explore(texts, model=scripted.open_model(answers=lambda messages: "Zebra"))
    assert "Zebra" not in str(caught.value)


def test_restricted_reports_go_to_no_model_elsewhere() -> None:
    """The guard refuses before anything is asked."""
    asked: list[str] = []
    model = replace(naming(lambda text: asked.append(text) or []), addresses=("https://api.example.com/v1",))
    with pytest.raises(GuardError, match="nothing was sent"):
        explore(reports("There is a pleural effusion.", terms=PRIVATE), model=model)
    assert asked == []
