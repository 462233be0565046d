"""No Finding, derived from the other findings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.catalog import asked_ids, finding_ids
from ranscore.errors import InputError
from ranscore.records import LabelTable
from ranscore.reference import derive_no_finding

ASKED = asked_ids()


def table(**values: int) -> LabelTable:
    """One report: the given values, all other findings absent."""
    return LabelTable(report_ids=("r",), findings=ASKED, values=(tuple(values.get(f, 0) for f in ASKED),))


def derived(labels: LabelTable, *, devices: bool = True) -> int:
    """No Finding of the one report."""
    return derive_no_finding(labels, devices=devices).column("no_finding")["r"]


def test_no_finding_is_present_when_all_others_are_absent() -> None:
    """Twenty absent findings make No Finding present."""
    assert derived(table()) == 1


@pytest.mark.parametrize("finding", ASKED)
def test_any_finding_decides(finding: str) -> None:
    """Present makes it absent, uncertain makes it uncertain, unanswered makes it unanswered."""
    assert [derived(table(**{finding: v})) for v in (1, 0, -1, -2)] == [0, 1, -1, -2]


def test_present_comes_before_unanswered_before_uncertain() -> None:
    """What is known to be there decides, whatever is unknown beside it."""
    assert derived(table(edema=1, fracture=-2, pneumonia=-1)) == 0
    assert derived(table(fracture=-2, pneumonia=-1)) == -2


def test_devices_can_be_disregarded() -> None:
    """With devices off, a report with only a device has no finding, and its device column stays as it was."""
    labels = table(support_devices=1)
    assert (derived(labels), derived(labels, devices=False)) == (0, 1)
    assert derived(table(support_devices=-2), devices=False) == 1
    assert derived(table(support_devices=1, edema=1), devices=False) == 0
    assert derive_no_finding(labels, devices=False).column("support_devices") == {"r": 1}


def test_a_no_finding_that_was_there_is_replaced() -> None:
    """The derived value stands in the catalog's order, the other values stay with their findings."""
    labels = LabelTable(
        report_ids=("r",), findings=("no_finding", *reversed(ASKED)), values=((1, *(0 for _ in ASKED[1:]), 1),)
    )
    found = derive_no_finding(labels)
    assert found.findings == finding_ids()
    assert found.column("no_finding") == {"r": 0}
    assert found.column(ASKED[0]) == {"r": 1}


def test_missing_findings_are_named() -> None:
    """Nothing is derived from a table that lacks one of the others."""
    labels = LabelTable(report_ids=("r",), findings=ASKED[1:-1], values=((0,) * (len(ASKED) - 2),))
    with pytest.raises(InputError, match="found no labels for Atelectasis, Pulmonary Vascular Abnormal"):
        derive_no_finding(labels)


@given(rows=st.lists(st.lists(st.sampled_from([1, 0, -1, -2]), min_size=len(ASKED), max_size=len(ASKED)), max_size=8))
def test_the_rule_agrees_with_a_second_wording(rows: list[list[int]]) -> None:
    """For any labels: present iff all are 0, absent iff one is 1, else the lowest value."""
    labels = LabelTable(report_ids=tuple(map(str, range(len(rows)))), findings=ASKED, values=tuple(map(tuple, rows)))
    expected = [0 if max(r) == 1 else min(r) if min(r) < 0 else 1 for r in rows]
    assert list(derive_no_finding(labels).column("no_finding").values()) == expected
