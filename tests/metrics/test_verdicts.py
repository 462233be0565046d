"""Holm's adjustment against statsmodels, the verdict's words, and the warning of few positives."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ranscore.errors import InputError
from ranscore.metrics._verdicts import decide, holm, warn_of_few_positives

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def little_to_collect() -> Iterator[None]:
    """statsmodels collects all garbage in every call, which takes long beside what other tests have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_to_collect")
@given(P_VALUES)
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    """The same adjusted values in the same order."""
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


@given(P_VALUES)
def test_holm_never_makes_a_p_smaller_and_keeps_the_order(p_values: list[float]) -> None:
    """An adjusted p is at least the p and at most 1; a smaller p never gets a larger adjusted one."""
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    by_p = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_of_nothing_is_nothing() -> None:
    """An empty family."""
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    """A p-value lies between 0 and 1."""
    with pytest.raises(InputError, match="expected numbers from 0 to 1"):
        holm([0.5, wrong])


@pytest.mark.parametrize(
    ("difference", "p", "verdict"),
    [
        (0.1, 0.049, "better"),
        (-0.1, 0.049, "worse"),
        (0.1, 0.05, "cannot tell"),
        (5 / 300, 0.0625, "cannot tell"),
        (0.0, 0.001, "cannot tell"),
        (None, 0.001, "cannot tell"),
        (0.1, None, "cannot tell"),
        (0.1, float("nan"), "cannot tell"),
    ],
)
def test_the_verdict_follows_from_sign_and_p(difference: float | None, p: float | None, verdict: str) -> None:
    """Below 0.05 the sign decides; at 0.05, and where anything is undefined, nothing is claimed."""
    assert decide(difference, p) == verdict


def test_few_positives_are_named_with_what_they_can_show() -> None:
    """The paper's F1 of 1.000 on three positives: recall 3/3 is compatible with 0.29."""
    assert warn_of_few_positives("Edema", 3, 3) == "Edema: 3 positives, recall 3/3 [0.292, 1.000]"
    assert warn_of_few_positives("Edema", 0, 1) == "Edema: 1 positive, recall 0/1 [0.000, 0.975]"
    assert warn_of_few_positives("Edema", 0, 0) == "Edema: no positive"
    assert warn_of_few_positives("Edema", 9, 10) is None
