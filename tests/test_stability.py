"""The noise floor: answers that flip between runs, counted against known flips, and what they do to a Ran Score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from ranscore import catalog
from ranscore.cli import build
from ranscore.cli.stability import print_stability
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram, freeze, freeze_finding, save_frozen
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.prompt import FINDING, unwrap_report
from ranscore.records import LabelTable, Report
from ranscore.stability import StabilityReport, measure_stability, open_levels, open_reports, quantile

if TYPE_CHECKING:
    from tests.conftest import Endpoint

FEW = ("pneumothorax", "edema", "fracture")
REPORTS = tuple(Report(report_id=f"r{i}", text=f"Study number {i} of the chest.") for i in range(10))
Script = Callable[[str, int, int], str]


def freeze_seeds(findings: Sequence[str]) -> FrozenProgram:
    """The seed of some findings, frozen."""
    seeds = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in findings}
    return freeze(seeds, open_model("lexical"), {}, golden=False)


@pytest.fixture(scope="module")
def few() -> FrozenProgram:
    """The seed of three findings."""
    return freeze_seeds(FEW)


@pytest.fixture(scope="module")
def all_findings() -> FrozenProgram:
    """The seed of every finding that is asked for."""
    return freeze_seeds(catalog.asked_ids())


def model_by(script: Script) -> Model:
    """A model whose answer is a function of the finding's name, the report's number, and how often it was asked it."""
    asked: Counter[tuple[str, int]] = Counter()

    def answer(messages: Sequence[Message]) -> str:
        system = messages[0][1]
        name = next(line.removeprefix(FINDING) for line in system.splitlines() if line.startswith(FINDING))
        number = int(unwrap_report(messages[-1][1]).split()[2])
        run = asked[name, number]
        asked[name, number] += 1
        return script(name, number, run)

    return scripted.open_model(answers=answer)


def flip_two(name: str, number: int, run: int) -> str:
    """Pneumothorax of reports 3 and 7 flips in the second run; Edema of report 5 is unreadable in the first."""
    if name == "Pneumothorax" and number in (3, 7):
        return "present" if run == 1 else "absent"
    if name == "Edema" and number == 5 and run == 0:
        return "perhaps"
    return "present" if number < 2 else "absent"


def measure(
    frozen: FrozenProgram, script: Script, repeats: int, reference: LabelTable | None = None
) -> StabilityReport:
    """The stability of a scripted model."""
    return measure_stability(frozen, REPORTS, [model_by(script)], repeats, reference, bootstrap=200)


def test_known_flips_are_counted_and_nothing_else(few: FrozenProgram) -> None:
    """Two cells of Pneumothorax flip, one of Edema lacks an answer, Fracture is the same in all runs."""
    found = measure(few, flip_two, 3)
    counts = {f.finding: (f.flips, f.cells, f.unanswered) for f in found.findings}
    assert counts == {"pneumothorax": (2, 10, 0), "edema": (0, 9, 1), "fracture": (0, 10, 0)}
    assert (found.overall.flips, found.overall.cells, found.overall.unanswered) == (2, 29, 1)
    assert found.deterministic is False
    assert found.runs == (None, None, None)


def test_a_flip_rate_has_the_exact_interval_of_a_second_implementation(few: FrozenProgram) -> None:
    """The interval is scipy's exact one of the flips among the cells that every run answered."""
    found = measure(few, flip_two, 3)
    for rate in (*found.findings, found.overall):
        exact = binomtest(rate.flips, rate.cells).proportion_ci(method="exact")
        assert rate.interval == pytest.approx((exact.low, exact.high))
        assert rate.rate == rate.flips / rate.cells


def test_a_cell_that_flips_and_lacks_an_answer_is_only_unanswered(few: FrozenProgram) -> None:
    """What is missing is counted apart, whatever the other runs said."""
    words = ("present", "absent", "?")
    found = measure(few, lambda name, number, run: words[run] if number == 0 else "absent", 3)
    assert [(f.flips, f.cells, f.unanswered) for f in found.findings] == [(0, 9, 1)] * 3
    assert found.deterministic is False


def test_a_model_that_never_answers_has_no_flip_rate(few: FrozenProgram) -> None:
    """Without a cell that every run answered the rate is undefined, not 0."""
    found = measure(few, lambda name, number, run: "", 2)
    assert (found.overall.cells, found.overall.unanswered) == (0, 30)
    assert found.overall.rate is None
    assert found.overall.interval is None


def test_the_embedded_reader_never_flips(few: FrozenProgram, demo: Dataset) -> None:
    """The lexical model is deterministic: 0 flips, and the upper bound that n allows."""
    found = measure_stability(few, demo.reports[:25], [open_model("lexical")], 3)
    assert found.deterministic is True
    assert (found.overall.flips, found.overall.cells, found.overall.unanswered) == (0, 75, 0)
    assert found.overall.interval == pytest.approx((0, 1 - 0.025 ** (1 / 75)))
    assert found.noise is None
    assert {a.ran_score for a in found.agreements} == {1.0}


def test_runs_agree_as_a_second_implementation_says(few: FrozenProgram) -> None:
    """Ran Score between two runs is the mean F1 of the findings that either run has, over the cells both answered."""
    found = measure(few, flip_two, 3)

    def column(name: str, run: int) -> list[str]:
        return [flip_two(name, number, run) for number in range(10)]

    def agreement(a: int, b: int) -> float:
        scores = []
        for name in ("Pneumothorax", "Edema", "Fracture"):
            cells = [c for c in zip(column(name, a), column(name, b), strict=True) if "perhaps" not in c]
            scores.append(f1_score([x for x, _ in cells], [y for _, y in cells], pos_label="present"))
        return float(np.mean(scores))

    expected = {(a + 1, b + 1): agreement(a, b) for a, b in combinations(range(3), 2)}
    assert {(a.first, a.second): a.ran_score for a in found.agreements} == pytest.approx(expected)


def truth_of(frozen: FrozenProgram) -> LabelTable:
    """A reference in which every finding is present in reports 0 to 3, its rows in another order than the reports."""
    ids = tuple(r.report_id for r in reversed(REPORTS))
    findings = tuple(reversed(catalog.finding_ids()))
    rows = {f"r{i}": tuple(int(i < 4) for _ in findings) for i in range(10)}
    return LabelTable(report_ids=ids, findings=findings, values=tuple(rows[i] for i in ids))


def test_the_smallest_difference_is_that_between_runs_or_the_bootstraps(all_findings: FrozenProgram) -> None:
    """Every run's score is scikit-learn's, the 95th percentile numpy's, and the larger of the two noises counts."""

    def script(name: str, number: int, run: int) -> str:
        flips = name == "Pneumothorax" and number in (2, 3) and run > 0
        return "present" if number < 2 or flips else "absent"

    found = measure(all_findings, script, 3, truth_of(all_findings))
    noise = found.noise
    assert noise is not None
    truth = [int(i < 4) for i in range(10)]

    def score(run: int) -> float:
        columns = [
            [int(script(catalog.finding_name(f), i, run) == "present") for i in range(10)] for f in catalog.asked_ids()
        ]
        nothing = [int(not any(column[i] for column in columns)) for i in range(10)]
        return float(np.mean([f1_score(truth, column, zero_division=0) for column in [*columns, nothing]]))

    expected = [score(run) for run in range(3)]
    differences = [abs(a - b) for a, b in combinations(expected, 2)]
    assert noise.scores == pytest.approx(expected)
    assert noise.repeat_difference == pytest.approx(np.quantile(differences, 0.95))
    assert noise.largest_difference == pytest.approx(max(differences))
    assert noise.paired_half_width > 0
    assert noise.smallest_difference == max(noise.repeat_difference, noise.paired_half_width)
    assert noise.sampling_half_width > noise.paired_half_width


def test_a_deterministic_model_adds_no_noise(all_findings: FrozenProgram) -> None:
    """Equal runs differ by 0, so that only other reports can move the score."""
    found = measure(
        all_findings, lambda name, number, run: "present" if number < 3 else "absent", 2, truth_of(all_findings)
    )
    assert found.noise is not None
    assert found.noise.smallest_difference == found.noise.paired_half_width == found.noise.largest_difference == 0
    assert found.noise.sampling_half_width > 0


def test_one_run_alone_is_refused(few: FrozenProgram) -> None:
    """A single run cannot differ from itself."""
    with pytest.raises(InputError, match="expected at least 2"):
        measure(few, flip_two, 1)


def test_a_reference_of_other_reports_is_refused(few: FrozenProgram) -> None:
    """A report that the reference lacks is named."""
    table = truth_of(few)
    short = LabelTable(report_ids=table.report_ids[1:], findings=table.findings, values=table.values[1:])
    with pytest.raises(InputError, match="lacks r9"):
        measure(few, flip_two, 2, short)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    """The quantile of sorted numbers is numpy's default one."""
    assert quantile(sorted(values), share) == pytest.approx(float(np.quantile(values, share)))


def test_an_endpoint_is_asked_anew_in_every_run(few: FrozenProgram, endpoint: Endpoint) -> None:
    """The cache is off: each run asks every cell again at its concurrency, and what the server changes is seen."""
    asked: Counter[str] = Counter()

    def answer(text: str) -> str:
        asked[text] += 1
        return "present" if "number 1 " in text and "Pneumothorax" in text and asked[text] == 1 else "absent"

    endpoint.answer = answer
    chosen = open_model("hosted_vllm/test", api_base=f"http://{endpoint.address}")
    levels = open_levels(chosen, [1, 4, 1])
    assert [m.settings["concurrency"] for m in levels] == [1, 4]
    assert [m.settings["cache"] for m in levels] == [False, False]
    assert "cache" not in chosen.settings
    found = measure_stability(few, REPORTS[:3], levels, 2)
    assert set(asked.values()) == {4}
    assert len(asked) == 9
    assert found.runs == (1, 4, 1, 4)
    assert {f.finding: f.flips for f in found.findings} == {"pneumothorax": 1, "edema": 0, "fracture": 0}
    assert [(f.concurrency, f.runs, f.flips, f.cells) for f in found.levels] == [(1, 2, 1, 9), (4, 2, 0, 9)]


def test_a_concurrency_is_for_endpoints_only() -> None:
    """The embedded model takes none, and 0 requests at a time are refused."""
    assert len(open_levels(open_model("lexical"), [])) == 1
    with pytest.raises(InputError, match="leave it out"):
        open_levels(open_model("lexical"), [8])
    with pytest.raises(InputError, match="found 0"):
        open_levels(open_model("hosted_vllm/test", api_base="http://127.0.0.1:9/v1"), [0, 1])


def test_reports_come_from_a_file_or_a_dataset(tmp_path: Path, small_card: Path) -> None:
    """Exactly one of the two; a dataset brings its reference."""
    file = tmp_path / "reports.csv"
    file.write_text("report_id,report\na,Left pneumothorax.\nb,Clear lungs.\n", encoding="utf-8")
    reports, reference = open_reports(file, None, limit=1)
    assert ([r.report_id for r in reports], reference) == (["a"], None)
    reports, reference = open_reports(None, str(small_card), limit=5)
    assert len(reports) == 5
    assert reference is not None
    for given_both in ((file, str(small_card)), (None, None)):
        with pytest.raises(InputError, match="REPORTS and --dataset"):
            open_reports(*given_both)


def run_command(*arguments: str) -> str:
    """What the command prints; fails unless it ends with exit code 0."""
    result = CliRunner().invoke(build(), ["stability", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_command_says_plainly_that_a_model_is_deterministic(
    few: FrozenProgram, small_card: Path, tmp_path: Path
) -> None:
    """0 flips of n with its upper bound, in words and as JSON."""
    program = tmp_path / "few.json"
    save_frozen(few, program)
    options = ["--dataset", str(small_card), "--program", str(program), "--repeats", "2", "--limit", "20"]
    shown = run_command(*options)
    assert "Deterministic: 0 of 60 cells flipped; the flip rate is at most 0.05963" in shown
    assert "mean F1 of 3 findings against the reference" in shown
    assert "The model adds no noise" in shown
    told = json.loads(run_command(*options, "--json"))
    assert told["deterministic"] is True
    assert told["overall"]["cells"] == 60
    assert told["noise"]["smallest_difference"] == 0


def test_flips_are_said_in_words(all_findings: FrozenProgram, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that flips is called so, each pair of runs is listed, and the difference that means nothing is named."""
    found = measure(all_findings, flip_two, 2, truth_of(all_findings))
    print_stability(found)
    shown = capsys.readouterr().out
    assert "Not deterministic: flips 2/199 0.0101 [0.0012, 0.0358]" in shown
    assert "1 more cells stayed unanswered" in shown
    assert "1 and 2" in shown
    assert found.noise is not None
    assert f"a difference of Ran Score below {found.noise.smallest_difference:.4f} means nothing" in shown
    assert "Deterministic:" not in shown


def test_the_command_refuses_what_is_no_list_of_numbers(few: FrozenProgram, small_card: Path, tmp_path: Path) -> None:
    """`--concurrency 1;8` is one sentence, not a traceback."""
    program = tmp_path / "few.json"
    save_frozen(few, program)
    with pytest.raises(InputError, match="expected whole numbers"):
        run_command("--dataset", str(small_card), "--program", str(program), "--concurrency", "1;8")
