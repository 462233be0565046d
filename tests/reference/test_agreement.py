"""Agreement of readers and the human ceiling, against other implementations of the same figures."""

from __future__ import annotations

import math
import warnings
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score
from statsmodels.stats.inter_rater import fleiss_kappa

from ranscore.agreement import AgreementReport, Figure, Uncertain, measure_agreement
from ranscore.cohort import dataset_panel, open_dataset
from ranscore.errors import InputError
from ranscore.metrics._agreement import cohen, fleiss, panel_features, resample
from ranscore.records import LabelTable

FINDINGS = ("edema", "fracture")
POLICIES: list[Uncertain] = ["category", "exclude"]
LABELS = st.sampled_from([1, 0, -1, -2])


@st.composite
def panels(draw: st.DrawFn, most_raters: int = 5) -> list[LabelTable]:
    """Two readers or more with the same reports and findings, gaps and uncertain answers included."""
    raters, reports = draw(st.integers(2, most_raters)), draw(st.integers(1, 10))
    ids = tuple(f"r{i}" for i in range(reports))
    row = st.tuples(LABELS, LABELS)
    return [LabelTable(report_ids=ids, findings=FINDINGS, values=tuple(draw(row) for _ in ids)) for _ in range(raters)]


def one(*columns: list[int]) -> list[LabelTable]:
    """A panel on one finding, a list of labels a reader."""
    ids = tuple(f"r{i}" for i in range(len(columns[0])))
    return [LabelTable(report_ids=ids, findings=("edema",), values=tuple((v,) for v in c)) for c in columns]


def measure(tables: list[LabelTable], program: LabelTable | None = None, **options: object) -> AgreementReport:
    """The figures without a bootstrap, unless one is asked for."""
    names = [f"reader {k}" for k in range(len(tables))]
    return measure_agreement(tables, names, program, **({"bootstrap": 0} | options))  # type: ignore[arg-type]


def cells(tables: list[LabelTable], finding: str, policy: str) -> list[list[int | None]]:
    """Each reader's answers to one finding, None where there is none; on the pooled row, to all findings."""
    codes = {1: 1, 0: 0, -1: 2 if policy == "category" else None, -2: None}
    chosen = [finding] if finding else FINDINGS
    return [[codes[v] for f in chosen for v in t.column(f).values()] for t in tables]


def same(figure: Figure, expected: float | None) -> bool:
    """Equal numbers, or undefined on both sides."""
    if expected is None or math.isnan(expected):
        return figure.value is None
    return figure.value == pytest.approx(expected, abs=1e-9)


def kappa_of(ours: list[int], theirs: list[int]) -> float | None:
    """scikit-learn's kappa; None where it is 0 / 0."""
    if not ours or (len(set(ours)) == 1 and set(ours) == set(theirs)):
        return None
    return float(cohen_kappa_score(ours, theirs))


@given(panels(), st.sampled_from(POLICIES))
def test_pairwise_kappa_is_that_of_scikit_learn(tables: list[LabelTable], policy: Uncertain) -> None:
    """Per finding and over all cells, on the cells that both readers answered."""
    for row in measure(tables, uncertain=policy).agreement[:-1]:
        given = cells(tables, row.finding, policy)
        kappas = []
        for pair, (a, b) in zip(row.pairs, combinations(range(len(tables)), 2), strict=True):
            both = [(x, y) for x, y in zip(given[a], given[b], strict=True) if x is not None and y is not None]
            expected = kappa_of([x for x, _ in both], [y for _, y in both])
            assert pair.n == len(both)
            assert same(pair.kappa, expected)
            assert same(pair.raw, sum(x == y for x, y in both) / len(both) if both else None)
            kappas += [] if expected is None else [expected]
        assert same(row.mean_kappa, sum(kappas) / len(kappas) if kappas else None)


@given(panels(), st.sampled_from(POLICIES))
def test_fleiss_kappa_is_that_of_statsmodels(tables: list[LabelTable], policy: Uncertain) -> None:
    """On the cells that every reader answered; undefined where only one category is left."""
    for row in measure(tables, uncertain=policy).agreement[:-1]:
        units = [u for u in zip(*cells(tables, row.finding, policy), strict=True) if None not in u]
        assert row.complete == len(units)
        counts = np.array([[u.count(c) for c in range(3)] for u in units])
        expected = None
        if units and (counts.sum(axis=0) > 0).sum() > 1:
            expected = float(fleiss_kappa(counts, method="fleiss"))
        assert same(row.fleiss, expected)


@given(panels(), st.sampled_from(POLICIES))
def test_alpha_is_that_of_the_krippendorff_package(tables: list[LabelTable], policy: Uncertain) -> None:
    """With gaps; undefined where only one category stands in cells that two readers answered."""
    for row in measure(tables, uncertain=policy).agreement[:-1]:
        given = np.array(cells(tables, row.finding, policy), dtype=float)
        pairable = given[:, (~np.isnan(given)).sum(axis=0) > 1]
        assert row.n == pairable.shape[1]
        expected = None
        if len(set(pairable[~np.isnan(pairable)])) > 1:
            expected = float(krippendorff.alpha(given, level_of_measurement="nominal", value_domain=[0, 1, 2]))
        assert same(row.alpha, expected)


@given(panels(), st.sampled_from(POLICIES))
def test_raw_agreement_counts_pairs_of_answers(tables: list[LabelTable], policy: Uncertain) -> None:
    """The share of all pairs of answers to the same cell that are equal."""
    for row in measure(tables, uncertain=policy).agreement[:-1]:
        pairs = [
            (x, y)
            for unit in zip(*cells(tables, row.finding, policy), strict=True)
            for x, y in combinations([v for v in unit if v is not None], 2)
        ]
        assert same(row.raw, sum(x == y for x, y in pairs) / len(pairs) if pairs else None)


def majority(votes: list[int]) -> int | None:
    """What more than half of the other readers say, where that is present or absent."""
    return next((v for v in (1, 0) if votes.count(v) > len(votes) / 2), None)


@given(panels(), st.sampled_from(POLICIES), st.data())
def test_the_ceiling_is_each_reader_against_the_others(
    tables: list[LabelTable], policy: Uncertain, data: st.DataObject
) -> None:
    """A second wording with scikit-learn gives every reader's and the program's kappa, F1 and accuracy."""
    ids = tables[0].report_ids
    rows = tuple(tuple(data.draw(st.sampled_from([1, 0])) for _ in FINDINGS) for _ in ids)
    program = LabelTable(report_ids=ids, findings=FINDINGS, values=rows)
    for row in measure(tables, program, uncertain=policy).ceiling[:-1]:
        chosen = [row.finding] if row.finding else list(FINDINGS)
        given, replaced = cells(tables, row.finding, policy), [v for f in chosen for v in program.column(f).values()]
        labels = [[v for f in chosen for v in t.column(f).values()] for t in tables]
        differences = []
        for k, name in enumerate(row.kappa.raters):
            truth = [majority([c[i] for j, c in enumerate(labels) if j != k]) for i in range(len(replaced))]
            kept = [i for i, t in enumerate(truth) if t is not None and given[k][i] is not None]
            expected, own = [truth[i] for i in kept], [given[k][i] for i in kept]
            theirs = [replaced[i] for i in kept]
            kappa, instead = kappa_of(own, expected), kappa_of(theirs, expected)  # type: ignore[arg-type]
            assert same(row.kappa.raters[name], kappa)
            assert same(row.accuracy.raters[name], np.mean(np.equal(own, expected)) if kept else None)
            defined = 1 in expected or 1 in own
            f1 = float(f1_score(expected, own, labels=[1], average="macro", zero_division=0)) if defined else None
            assert same(row.f1.raters[name], f1)
            differences += [instead - kappa] if kappa is not None and instead is not None else []
        assert row.kappa.difference is not None
        assert same(row.kappa.difference, float(np.mean(differences)) if differences else None)


@given(panels(), st.data())
def test_the_order_of_readers_and_rows_changes_nothing(tables: list[LabelTable], data: st.DataObject) -> None:
    """Shuffled readers, reports and columns give the same panel figures."""
    order = data.draw(st.permutations(range(len(tables[0].report_ids))))
    turned = [
        LabelTable(
            report_ids=tuple(t.report_ids[i] for i in order),
            findings=FINDINGS[::-1],
            values=tuple(t.values[i][::-1] for i in order),
        )
        for t in data.draw(st.permutations(tables))
    ]
    for row, again in zip(measure(tables).agreement, measure(turned).agreement, strict=True):
        assert row.name == again.name
        for figure in ("raw", "fleiss", "alpha", "mean_kappa"):
            assert same(getattr(again, figure), getattr(row, figure).value)


@given(panels(), st.integers(0, 2**16))
def test_weights_are_repeated_reports(tables: list[LabelTable], seed: int) -> None:
    """A resample's figures are those of a panel in which each report stands as often as it was drawn."""
    drawn = np.random.default_rng(seed).integers(0, len(tables[0].values), size=len(tables[0].values))
    codes = np.array([[max(v, -1) for v, _ in t.values] for t in tables], dtype=np.int8)
    features = panel_features(codes, 2)
    weights = np.bincount(drawn, minlength=codes.shape[1]).astype(float)
    repeated = panel_features(codes[:, drawn], 2).sum(axis=0)
    assert weights @ features == pytest.approx(repeated)
    assert fleiss(weights @ features, len(tables)) == pytest.approx(fleiss(repeated, len(tables)), nan_ok=True)


def test_the_interval_is_that_of_a_plain_loop() -> None:
    """Percentiles over resamples that are computed one by one, with scikit-learn's kappa."""
    ours = [1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0] * 3
    theirs = [1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0] * 3
    found = measure(one(ours, theirs), bootstrap=500, seed=4).agreement[0].pairs[0].kappa
    rng, kappas = np.random.default_rng(4), []
    for _ in range(500):
        drawn = rng.integers(0, len(ours), size=len(ours), dtype=np.uint16)
        kappas.append(cohen_kappa_score([ours[i] for i in drawn], [theirs[i] for i in drawn]))
    assert found.interval == pytest.approx(tuple(np.quantile(kappas, [0.025, 0.975])), abs=0.03)


def test_one_category_leaves_kappas_undefined() -> None:
    """Readers who all say absent agree wholly, which no chance-corrected figure can judge."""
    row = measure(one([0, 0, 0], [0, 0, 0], [0, 0, 0]), bootstrap=20).agreement[0]
    assert row.raw.value == 1
    assert [f.value for f in (row.mean_kappa, row.fleiss, row.alpha)] == [None, None, None]
    assert [f.interval for f in (row.mean_kappa, row.fleiss, row.alpha)] == [None, None, None]


def test_one_report_is_enough_for_raw_agreement() -> None:
    """With a single report every figure is given or undefined, and no warning is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = measure(one([1], [0]), bootstrap=20).agreement[0]
    assert (row.n, row.raw.value, row.fleiss.value) == (1, 0, -1)
    assert row.alpha.value == 0
    assert row.pairs[0].kappa.value == 0


def test_blanks_leave_a_cell_out() -> None:
    """A blank is no answer: for Fleiss' kappa the cell goes, for the others the pair."""
    row = measure(one([1, 0, 1, -2], [1, 0, 0, -2], [1, 0, -2, 1])).agreement[0]
    assert (row.n, row.complete) == (3, 2)
    assert row.fleiss.value == 1
    assert row.raw.value == pytest.approx(6 / 7)
    assert [p.n for p in row.pairs] == [3, 2, 2]


def test_readers_who_answered_nothing_together_are_undefined() -> None:
    """No cell that two readers answered: nothing is a number."""
    row = measure(one([1, -2], [-2, 0]), bootstrap=10).agreement[0]
    assert (row.n, row.complete) == (0, 0)
    assert [f.value for f in (row.raw, row.mean_kappa, row.fleiss, row.alpha)] == [None] * 4


def test_uncertain_is_a_category_or_left_out_by_name() -> None:
    """The same answers agree in half the cells with a third category, and wholly without."""
    tables = one([1, -1, 0, -1], [1, 0, 0, 0])
    assert measure(tables).agreement[0].raw.value == 0.5
    assert measure(tables, uncertain="exclude").agreement[0].raw.value == 1


def test_a_program_is_placed_among_the_readers() -> None:
    """Right where the readers differ is above them, always absent is below, as one of them is within."""
    truth = [1] * 12 + [0] * 28
    readers = [[1 - v if i % 8 == k else v for i, v in enumerate(truth)] for k in range(4)]
    tables = one(*readers)

    def row(values: list[int]) -> tuple[str | None, str | None]:
        ceiling = measure(tables, one(values)[0], bootstrap=400).ceiling[0].kappa
        return ceiling.place, ceiling.verdict

    assert row(truth) == ("above", "better")
    assert row([0] * 40) == ("below", "worse")
    assert row(readers[0]) == ("within", "cannot tell")


def test_few_positives_allow_no_verdict() -> None:
    """With nine positives even a program that is always right gets no verdict."""
    truth = [1] * 9 + [0] * 31
    tables = one(*[[1 - v if i % 8 == k else v for i, v in enumerate(truth)] for k in range(4)])
    ceiling = measure(tables, one(truth)[0], bootstrap=400).ceiling[0]
    assert ceiling.positives == 9
    assert (ceiling.kappa.place, ceiling.kappa.verdict) == ("above", "cannot tell")


def test_unanswered_cells_of_a_program_are_left_out_on_both_sides() -> None:
    """Reader and program are compared on the same cells."""
    tables = one([1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0])
    full = measure(tables, one([1, 0, 1, 0])[0]).ceiling[0]
    part = measure(tables, one([1, 0, -2, 0])[0]).ceiling[0]
    assert full.accuracy.raters["reader 2"].value == 0.75
    assert part.accuracy.raters["reader 2"].value == 1


def test_a_panel_that_cannot_be_measured_is_refused() -> None:
    """One reader, or a program that labelled other reports."""
    with pytest.raises(InputError, match="found 1 reader, expected at least two"):
        measure(one([1, 0]))
    with pytest.raises(InputError, match=r"1 reports of the readers were not labelled by the program \(r1\)"):
        measure(one([1, 0], [1, 1]), one([1])[0])


def test_perfect_and_opposite_tables() -> None:
    """The ends of the scale, and undefined on an empty table."""
    tables = np.array([[[3.0, 0], [0, 2]], [[0, 2], [2, 0]], [[0, 0], [0, 0]]])
    assert cohen(tables).tolist()[:2] == [1, -1]
    assert math.isnan(cohen(tables)[2])


def test_no_report_is_refused() -> None:
    """There is nothing to draw from."""
    with pytest.raises(InputError, match="0 reports"):
        resample(lambda _: np.zeros((0, 4)), 1, 0, lambda sums: sums, resamples=10, seed=0)


@pytest.mark.parametrize("name", ["demo-en", "demo-zh"])
def test_the_demonstration_readers_agree_well_and_not_wholly(name: str) -> None:
    """Six simulated readers: figures per finding, all pairs, and the reference itself above all of them."""
    panel = dataset_panel(name)
    report = measure_agreement(panel.tables, panel.names, open_dataset(name).reference, bootstrap=50)
    assert len(report.agreement) == len(report.ceiling) == 23
    assert {len(row.pairs) for row in report.agreement} == {15}
    pooled = report.agreement[-2]
    assert pooled.fleiss.value is not None
    assert 0.8 < pooled.fleiss.value < 1
    assert report.ceiling[-2].kappa.place == "above"
    assert AgreementReport.model_validate_json(report.model_dump_json()) == report
