"""Thresholds on log-odds: fitted where kappa is best, estimated on other reports, stored, and applied."""

from __future__ import annotations

import csv
import dataclasses
import math
import random
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore import catalog
from ranscore.cli import main
from ranscore.cli.extract import choose_model
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.extraction.asking import Asked, ask_reports
from ranscore.freezing import FrozenProgram, freeze, freeze_finding, load_frozen, save_frozen
from ranscore.labelling._tuning import folds_of
from ranscore.labelling.batch import extract
from ranscore.labelling.calibration import calibrate, fit_finding, fit_threshold, with_thresholds
from ranscore.labelling.corpus import open_corpus
from ranscore.models import Model, open_model
from ranscore.prompt import neutralize, unwrap_report
from ranscore.readers import read_labels, stream_reports
from ranscore.records import ABSENT, PRESENT, UNANSWERED
from ranscore.scoring import score_finding

FINDINGS = ("pneumothorax", "edema", "fracture")


def fault_server() -> ModuleType:
    """The server of tests/models, as a module."""
    from tests.models import fault_server

    return fault_server


@pytest.fixture(scope="module")
def program() -> FrozenProgram:
    """Three findings' seeds."""
    findings = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in FINDINGS}
    return freeze(findings, open_model("lexical"), {}, golden=False)


class Shy:
    """A model that ranks reports well and says absent to all of them: log-odds -2 where the reference says present,
    -4 elsewhere, with noise of up to 0.9 either way.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.truth = {
            (neutralize(r.text), catalog.finding_name(f)): dataset.reference.column(f)[r.report_id]
            for f in FINDINGS
            for r in dataset.reports
        }
        self.asked = 0

    def odds(self, user: str) -> float:
        """The log-odds of a question."""
        name = next(n for n in map(catalog.finding_name, FINDINGS) if f"Is {n} present" in user)
        noise = blake2b(user.encode(), digest_size=4).digest()
        value = self.truth.get((unwrap_report(user), name), ABSENT)
        return (-2.0 if value == PRESENT else -4.0) + 1.8 * (int.from_bytes(noise, "big") / 2**32 - 0.5)

    def logprobs(self, user: str) -> dict[str, Any]:
        """What a server tells of it."""
        present = 1 / (1 + math.exp(-self.odds(user)))
        top = [("absent", math.log(1 - present)), ("present", math.log(present))]
        told = [{"token": t, "logprob": p, "bytes": list(t.encode())} for t, p in top]
        return {"content": [{**told[0], "top_logprobs": told}]}


@pytest.fixture(scope="module")
def shy(small: Dataset) -> Iterator[tuple[str, Shy]]:
    """The address of a server of that model."""
    module, model = fault_server(), Shy(small)

    class Server(module.FaultServer):  # type: ignore[name-defined,misc]
        def _completion(self, body: dict[str, Any], text: str) -> dict[str, Any]:
            made: dict[str, Any] = module.completion("absent")
            user = body["messages"][-1]["content"]
            if body.get("logprobs") and "Is " in user:
                model.asked += 1
                made["choices"][0]["logprobs"] = model.logprobs(user)
            return made

    with Server(module.Plan(logprobs=True), keep=False) as server:
        yield server.base, model


def opened(base: str, *, logprobs: bool = True) -> Model:
    """The model behind an address."""
    return open_model("hosted_vllm/shy", api_base=base, logprobs=logprobs, cache=False)


@given(st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=2, max_size=40))
def test_the_threshold_is_where_kappa_is_best(cells: list[tuple[int, bool]]) -> None:
    """No other cut of the log-odds gives a better kappa; what the model says by itself is only given up for a gain."""
    asked = [Asked(PRESENT if odds > 0 else ABSENT, "", float(odds)) for odds, _ in cells]
    truth = [int(t) for _, t in cells]
    threshold = fit_threshold(asked, truth)
    as_said = score_finding(truth, [c.value for c in asked]).kappa
    if as_said is None or len(set(truth)) == 1:
        assert threshold is None
        return
    cuts = [t / 2 for t in range(-13, 14) if min(cells)[0] < t / 2 <= max(cells)[0]]
    every = [score_finding(truth, [c.decided(cut) for c in asked]).kappa for cut in cuts]
    best = max([k for k in every if k is not None] + [as_said])
    found = score_finding(truth, [c.decided(threshold) for c in asked]).kappa
    assert found == pytest.approx(best)
    assert (threshold is None) == (best <= as_said + 1e-9)


def test_uncertain_and_unanswered_cells_do_not_count() -> None:
    """An uncertain reference is left out, a cell without log-odds keeps its answer whatever the threshold."""
    asked = [Asked(ABSENT, "", -1.0), Asked(ABSENT, "", -3.0), Asked(ABSENT, "", 9.0), Asked(UNANSWERED, "time-out")]
    threshold = fit_threshold(asked, [PRESENT, ABSENT, -1, PRESENT])
    assert threshold == -2.0
    assert [c.decided(threshold) for c in asked] == [PRESENT, ABSENT, PRESENT, UNANSWERED]
    assert [c.decided(None) for c in asked] == [ABSENT, ABSENT, ABSENT, UNANSWERED]
    assert fit_threshold(asked, [ABSENT, ABSENT, ABSENT, ABSENT]) is None
    assert fit_threshold([], []) is None


def test_infinite_log_odds_give_a_finite_threshold() -> None:
    """A word of which the server tells nothing is infinitely unlikely; a file holds finite numbers alone."""
    asked = [Asked(ABSENT, "", -math.inf), Asked(ABSENT, "", math.inf), Asked(ABSENT, "", math.inf)]
    threshold = fit_threshold(asked, [ABSENT, PRESENT, PRESENT])
    assert threshold is not None
    assert math.isfinite(threshold) or threshold == -math.inf


def test_what_only_fits_noise_shows_on_other_reports_and_is_not_kept(small: Dataset) -> None:
    """Log-odds that say nothing get a threshold with a kappa where it was fitted; the estimate is near 0."""
    reports = [small.reports[0].model_copy(update={"report_id": str(i)}) for i in range(200)]
    folds = folds_of(reports)
    tuned, crossed, kept = [], [], 0
    for seed in range(12):
        rng = random.Random(seed)
        truth = [int(rng.random() < 0.15) for _ in reports]
        asked = [Asked(ABSENT, "", rng.gauss(0, 1)) for _ in reports]
        threshold = fit_threshold(asked, truth)
        tuned.append(score_finding(truth, [c.decided(threshold) for c in asked]).kappa or 0)
        fitted = fit_finding("edema", "Edema", asked, truth, folds, "kappa")
        crossed.append(fitted.cross_validated.kappa or 0)
        assert (fitted.threshold is None) == (crossed[-1] <= 0)
        kept += fitted.threshold is not None
    assert sum(tuned) / 12 > 0.05
    assert sum(crossed) / 12 < sum(tuned) / 12
    assert kept < 12


def test_a_model_too_shy_is_set_right_and_the_estimate_is_of_other_reports(
    shy: tuple[str, Shy], small: Dataset, program: FrozenProgram
) -> None:
    """As answered nothing is found; with cross-validated thresholds nearly all is; the file says so and is sound."""
    model = opened(shy[0])
    fitted = {f.finding: f for f in calibrate(program, small, model)}
    found = fitted["pneumothorax"]
    assert found.as_answered.kappa == 0
    assert found.threshold is not None
    assert -3.2 < found.threshold < -2.8
    assert found.tuned_on.kappa == 1
    assert 0.9 < (found.cross_validated.kappa or 0) <= 1
    assert found.with_odds == len(small.reports)
    made = with_thresholds(program, small, model, fitted.values(), "kappa", golden=False)
    assert made.sha256 == made.content_digest() != program.sha256
    record = made.findings["pneumothorax"].calibration
    assert record is not None
    assert record.cross_validated == found.cross_validated.kappa
    assert record.positives == 20
    assert record.data.dataset_digest == small.digest
    assert made.model.settings["logprobs"] is True


def test_extraction_decides_by_the_stored_thresholds(
    shy: tuple[str, Shy], small: Dataset, program: FrozenProgram, tmp_path: Path
) -> None:
    """The same model with the calibrated file finds what it missed; with the file as it was it finds nothing."""
    model = opened(shy[0])
    made = with_thresholds(program, small, model, calibrate(program, small, model), "kappa", golden=False)
    save_frozen(made, tmp_path / "calibrated.json")
    loaded = load_frozen(tmp_path / "calibrated.json")
    assert loaded == made
    assert loaded.calibrated
    table = extract(loaded, small.reports, model).table
    truth = small.reference.column("pneumothorax")
    assert [table.column("pneumothorax")[i] for i in truth] == [int(v == PRESENT) for v in truth.values()]
    assert not program.calibrated
    assert PRESENT not in extract(program, small.reports[:8], opened(shy[0], logprobs=False)).table.column("edema")


def test_thresholds_are_of_one_model(
    shy: tuple[str, Shy], small: Dataset, program: FrozenProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another model answers by itself, the same weights in another place do not; without log-odds it is a mistake."""
    model = opened(shy[0])
    made = with_thresholds(program, small, model, calibrate(program, small, model), "kappa", golden=False)
    assert "pneumothorax" in made.thresholds(model)
    other = open_model("hosted_vllm/other", api_base=shy[0], logprobs=True)
    assert made.thresholds(other) == made.thresholds(open_model("lexical")) == {}
    assert set(extract(made, small.reports[:6], other).table.column("pneumothorax").values()) == {ABSENT}
    with pytest.raises(InputError, match="has thresholds for its log-odds, and it tells none now"):
        extract(made, small.reports[:6], opened(shy[0], logprobs=False))
    assert choose_model(made, "hosted_vllm/other", shy[0]).settings["logprobs"] is True
    assert "thresholds are left out: they were fitted on hosted_vllm/shy" in capsys.readouterr().err
    assert choose_model(made, None, shy[0]).name == "hosted_vllm/shy"
    assert "left out" not in capsys.readouterr().err
    weights = {"weights": "sha256:ab"}
    placed = made.model_copy(update={"model": made.model.model_copy(update={"name": "gguf:/a/w", "settings": weights})})
    moved = dataclasses.replace(model, name="gguf:/b/w", settings=weights)
    assert placed.thresholds(moved) == made.thresholds(model)


def test_the_table_of_extract_is_decided_by_the_thresholds(
    shy: tuple[str, Shy], small: Dataset, program: FrozenProgram, tmp_path: Path
) -> None:
    """Through ledger and table as in memory."""
    model = opened(shy[0])
    made = with_thresholds(program, small, model, calibrate(program, small, model), "kappa", golden=False)
    rows = [("report_id", "report"), *((r.report_id, r.text) for r in small.reports)]
    with (tmp_path / "reports.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    with open_corpus(made, stream_reports(tmp_path / "reports.csv"), model, tmp_path / "ledger") as corpus:
        corpus.label()
        assert corpus.write(tmp_path / "labels.csv") == 0
        assert corpus.count_without_odds() == 0
    written = read_labels(tmp_path / "labels.csv").column("pneumothorax")
    assert written == extract(made, small.reports, model).table.column("pneumothorax")
    assert sum(written.values()) == 20
    mute = dataclasses.replace(opened(shy[0], logprobs=False), settings=model.settings | {"temperature": 1})
    with open_corpus(made, stream_reports(tmp_path / "reports.csv"), mute, tmp_path / "ledger") as corpus:
        corpus.label()
        assert corpus.count_without_odds() == 60 * len(made.thresholds(mute))


def test_every_question_is_asked_once(shy: tuple[str, Shy], small: Dataset, program: FrozenProgram) -> None:
    """The questions of all findings in one go, their cells in the reports' order."""
    before = shy[1].asked
    told: list[int] = []
    cells = ask_reports(program.programs(), small.reports[:10], opened(shy[0]), told.append)
    assert shy[1].asked - before == len(told) == 30
    assert list(cells) == [p.finding for p in program.programs()]
    for finding, column in cells.items():
        want = [small.reference.column(finding)[r.report_id] for r in small.reports[:10]]
        assert [(c.log_odds or 0) > -3 for c in column] == [v == PRESENT for v in want]


def test_without_log_odds_one_sentence_says_so(shy: tuple[str, Shy], small: Dataset, program: FrozenProgram) -> None:
    """A model of this process, an endpoint that tells none, and one that is not there."""
    with pytest.raises(InputError, match="lexical: it runs in this process and gives no log-odds"):
        calibrate(program, small, open_model("lexical"))
    with pytest.raises(InputError, match="it tells no log-probabilities of its answers, so no threshold can be fitted"):
        calibrate(program, small, opened(shy[0], logprobs=False))
    dead = open_model("hosted_vllm/x", api_base="http://127.0.0.1:9/v1", logprobs=True, patience=0.01, retries=0)
    with pytest.raises(InputError, match="none of 180 questions was answered"):
        calibrate(program, small, dead)


def test_the_command_prints_the_thresholds_and_writes_the_program(
    shy: tuple[str, Shy],
    program: FrozenProgram,
    small_card: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A row a finding with kappa as answered, tuned-on and cross-validated; the file is used by extract."""
    source, output = tmp_path / "seed.json", tmp_path / "calibrated.json"
    save_frozen(program, source)
    asked = ["calibrate", "--program", source, "--model", "hosted_vllm/shy", "--api-base", shy[0]]
    arguments = [*asked, "--dataset", small_card, "-o", output, "--no-golden"]
    monkeypatch.setattr(sys, "argv", ["ranscore", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out
    assert not ended.value.code
    assert "mean kappa: as answered 0.000, cross-validated with thresholds" in printed
    row = next(line.split() for line in printed.splitlines() if line.startswith("Pneumothorax"))
    assert row[2:4] == ["20", "0.000"]
    made = load_frozen(output)
    assert made.findings["pneumothorax"].threshold == pytest.approx(float(row[1]), abs=0.01)
    assert made.sha256 in printed
