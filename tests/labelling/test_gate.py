"""The cascade's gate: what opens it, what it holds back, and that its bound is counted on reports it never saw."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ranscore import catalog
from ranscore.cli import main
from ranscore.cohort import Dataset
from ranscore.errors import DigestError, InputError
from ranscore.extraction.module import label_table
from ranscore.freezing import DataUsed, FrozenProgram
from ranscore.labelling._effects import measure_effect
from ranscore.labelling._triggers import Finder, Wordings, group_of
from ranscore.labelling._tuning import (
    EVERYTHING,
    LADDER,
    MAX_LOSS,
    Choice,
    Evidence,
    Limits,
    _finding,
    choose,
    folds_of,
    gather_evidence,
    kappa_loss,
    tune_gate,
    upper_limit,
    wordings_of,
)
from ranscore.labelling.gate import Gate, GateFile, GateFinding, load_gate, save_gate
from ranscore.models import open_model
from ranscore.records import PRESENT, Report, SynonymRule
from ranscore.splitting import narrow

DATA = DataUsed(dataset="x", reports=1, dataset_digest="", reference_digest="")
WIDE = 0.05


def made(**findings: GateFinding) -> Gate:
    """A gate of some findings."""
    draft = GateFile(
        max_miss=0.01, max_loss=0.005, loss=0.0, missed=0, positives=700, bound=0.0043, reports=1, saved=0.5, worth=100,
        data=DATA, programs="", findings=findings,
    )  # fmt: skip
    return Gate(draft.model_copy(update={"sha256": draft.content_digest()}))


@pytest.fixture(scope="module")
def part(demo: Dataset) -> Dataset:
    """A hundred and twenty demonstration reports."""
    return narrow(demo, [r.report_id for r in demo.reports][:120])


@pytest.fixture(scope="module")
def evidence(part: Dataset, frozen_seed: FrozenProgram) -> Evidence:
    """What they hold."""
    return gather_evidence(frozen_seed, part)


@pytest.mark.parametrize(
    ("counts", "sent"),
    [("everything", "abcdefgh"), ("named", "abcdef"), ("undenied", "abde"), ("stated", "ae")],
)
def test_a_gate_opens_as_strictly_as_it_says(counts: str, sent: str) -> None:
    """Named, not denied, asserted: each is a part of the one before; other words never open it."""
    texts = {
        "a": "There is a large effusion.",
        "b": "Possible effusion.",
        "c": "No effusion.",
        "d": "Fluid is seen once more in the left pleural space.",
        "e": "No pneumothorax. Effusions on both sides.",
        "f": "There is no fluid in the pleural space.",
        "g": "The lungs are clear.",
        "h": "",
    }
    loose = ("pleural fluid",) if counts != "stated" else ()
    gate = made(pleural_effusion=GateFinding(counts=counts, phrases=("effusion", "pleural fluid"), loose=loose))
    assert "".join(k for k, text in texts.items() if not gate.decides(text)) == sent
    if counts != "everything":
        assert gate.decides(texts["g"]) == {"pleural_effusion"}


def test_single_words_and_passages_open_it_too() -> None:
    """A word in any form of its ending, undenied; a sentence that holds most of a passage's words."""
    gate = made(
        edema=GateFinding(counts="undenied", words=("conges",)),
        pneumonia=GateFinding(counts="stated", passages=(("air", "bronch", "lobe", "right"),)),
    )
    assert gate.decides("Pulmonary congestion. Nothing else.") == {"pneumonia"}
    assert gate.decides("No congestion.") == {"edema", "pneumonia"}
    assert gate.decides("Air bronchograms throughout the right side.") == {"edema"}


def test_chinese_words_meet_as_well() -> None:
    """Characters need no spaces, and may have them."""
    gate = made(pleural_effusion=GateFinding(counts="undenied", phrases=("胸腔 ... 积液",), loose=("胸腔 ... 积液",)))
    assert not gate.decides("积液见于左侧胸腔。")
    assert not gate.decides("积 液 见于 左侧 胸 腔。")
    assert gate.decides("未见胸腔积液。") == {"pleural_effusion"}
    assert gate.decides("双肺清晰。") == {"pleural_effusion"}


def test_small_words_need_not_meet() -> None:
    """Articles and the like are left out of a loose phrase, unless it has nothing else."""
    assert group_of("air in the (pleural/chest) space") == (("air",), ("pleural", "chest"), ("space",))
    assert group_of("of the") == (("of",), ("the",))
    assert group_of("(mild)? edema") == (("edema",),)


def test_what_is_counted_of_a_report_is_what_a_gate_made_without_it_does(
    part: Dataset, frozen_seed: FrozenProgram, evidence: Evidence
) -> None:
    """The counting that tunes a gate treats each report as new, words that no other report holds included."""
    choices = (
        Choice("stated"),
        Choice("undenied"),
        Choice("undenied", 0.0, 0.0),
        Choice("undenied", 0.02, 0.01),
        Choice("named", 1.0, 0.1),
        EVERYTHING,
    )
    opened = dict.fromkeys(choices, 0)
    for place in (0, 31, 77):
        report = part.reports[place]
        others = gather_evidence(frozen_seed, narrow(part, [r.report_id for r in part.reports if r != report]))
        for choice in choices:
            gate = made(**{f: _finding(others, f, choice, 0) for f in evidence.positives})
            held = {f for f, sent in evidence.sent.items() if not sent[choice] >> place & 1}
            assert gate.decides(report.text) == held
            opened[choice] += len(evidence.sent) - len(held)
    assert list(opened.values()) == sorted(opened.values())
    assert len(set(opened.values())) > 3


def test_a_word_that_no_development_report_holds_opens_a_gate_that_is_widened_by_words(evidence: Evidence) -> None:
    """It is the rarest of all; a gate that is not widened takes no notice of it."""
    known, (_, words) = evidence.wordings["pleural_effusion"].words, evidence.stood["pleural_effusion"]
    new = sorted(w for w in known if not words[w])
    assert new
    assert set(new) == set(_finding(evidence, "pleural_effusion", Choice("undenied", words=0.0), 0).words)
    assert not _finding(evidence, "pleural_effusion", Choice("undenied"), 0).words


def test_no_gate_is_stricter_than_the_reader_of_the_same_wordings(part: Dataset, frozen_seed: FrozenProgram) -> None:
    """What the embedded reader answers present by the seed's phrases is let through by the strictest gate."""
    wordings = {p.finding: wordings_of(p) for p in frozen_seed.programs()}
    gate = made(**{f: GateFinding(counts="stated", phrases=w.phrases) for f, w in wordings.items()})
    table, _ = label_table(frozen_seed.programs(), part.reports, open_model("lexical"))
    present = 0
    for report, row in zip(part.reports, table.values, strict=True):
        said = {f for f, v in zip(table.findings, row, strict=True) if v == PRESENT}
        present += len(said)
        assert not said & gate.decides(report.text)
    assert present > 100


def test_the_bound_is_that_of_reports_which_the_gate_was_not_tuned_on(
    part: Dataset, frozen_seed: FrozenProgram, evidence: Evidence
) -> None:
    """Misses, positives and limit in the file are those of the held-out judgements, and the limit holds."""
    tuned = tune_gate(frozen_seed, part, evidence, Limits(WIDE))
    missed = positives = 0
    for finding, sent in tuned.sent.items():
        column = part.reference.column(finding)
        own = [i for i, v in column.items() if v == PRESENT]
        positives += len(own)
        missed += sum(i not in sent for i in own)
        assert tuned.file.findings[finding].positives == len(own)
    assert (tuned.file.missed, tuned.file.positives) == (missed, positives)
    assert tuned.file.bound == upper_limit(missed, positives) <= WIDE
    perfect = measure_effect(part, part.reference, tuned.sent)
    assert perfect.cascade is not None
    assert tuned.file.loss == pytest.approx(1 - perfect.cascade)
    assert tuned.file.loss <= MAX_LOSS
    assert 0 < tuned.file.saved < 1
    folds = folds_of(part.reports)
    assert sum(f.bit_count() for f in folds) == len(part.reports)
    assert not any(a & b for a in folds for b in folds if a != b)


def test_too_few_positives_for_the_bound_send_everything(
    part: Dataset, frozen_seed: FrozenProgram, evidence: Evidence
) -> None:
    """No misses among n positives bound the rate by 1 - 0.05^(1/n) alone; below that nothing is held back."""
    total = sum(p.bit_count() for p in evidence.positives.values())
    assert upper_limit(0, total) == pytest.approx(1 - 0.05 ** (1 / total))
    tuned = tune_gate(frozen_seed, part, evidence, Limits(upper_limit(0, total) / 2))
    assert tuned.file.worth is None
    assert tuned.file.saved == 0
    assert tuned.file.bound == 0
    assert {g.counts for g in tuned.file.findings.values()} == {"everything"}
    assert not any(Gate(tuned.file).decides(r.text) for r in part.reports)


def test_a_finding_with_hardly_any_positive_is_sent_whole(evidence: Evidence) -> None:
    """A miss rate cannot be judged on four positives."""
    everyone = (1 << evidence.reports) - 1
    for finding, choice in choose(evidence, everyone, worth=1.0, least=10).items():
        if evidence.positives[finding].bit_count() < 10:
            assert choice == EVERYTHING
        else:
            assert choice in LADDER[1:]


def test_patients_stay_together_in_a_fold() -> None:
    """Reports of one patient are judged by one gate, tuned without any of them."""
    reports = [Report(report_id=str(i), text="", group=f"p{i % 7}") for i in range(40)]
    for fold in folds_of(reports):
        inside = {r.group for i, r in enumerate(reports) if fold >> i & 1}
        outside = {r.group for i, r in enumerate(reports) if not fold >> i & 1}
        assert inside
        assert not inside & outside


def test_the_effect_of_a_gate_is_counted_against_the_reference_and_against_sending_everything(small: Dataset) -> None:
    """A model that is always right loses what is held back; a gate that sends everything changes nothing."""
    findings = ("pneumothorax", "edema")
    ids = [r.report_id for r in small.reports]
    positive = [i for i, v in small.reference.column("pneumothorax").items() if v == PRESENT]
    whole = {f: frozenset(ids) for f in findings}
    found = measure_effect(small, small.reference, whole)
    assert (found.calls.k, found.missed.k, found.lost.k) == (0, 0, 0)
    assert found.everything == found.cascade == found.between == 1
    cut = whole | {"pneumothorax": frozenset(ids) - set(positive[:3])}
    found = measure_effect(small, small.reference, cut)
    assert (found.calls.k, found.missed.k, found.lost.k) == (3, 3, 3)
    assert found.findings[0].missed.n == len(positive)
    assert found.findings[0].unlike == 3
    assert found.findings[0].cascade.kappa is not None
    assert found.findings[0].cascade.kappa < 1
    assert found.findings[1].cascade.kappa == 1
    with pytest.raises(InputError, match="60 reports have no label; expected all reports"):
        measure_effect(small, small.reference.model_copy(update={"report_ids": (), "values": ()}), whole)


def test_a_gate_survives_the_way_through_its_file(tmp_path: Path) -> None:
    """Read back it is the same and says in one line what it is."""
    gate = made(edema=GateFinding(counts="named", phrases=("edema",), missed=0, positives=700, sent=1))
    save_gate(gate.file, tmp_path / "gate.json")
    again = load_gate(tmp_path / "gate.json", max_miss=0.005)
    assert again.file == gate.file
    assert again.sha256 in (tmp_path / "gate.json").read_text(encoding="utf-8")
    assert "0 of 700 positives missed there, at most 0.43% (95 %); 50.0% of the calls saved" in again.line()
    with pytest.raises(InputError, match=r"missed positives is 0\.0043, --max-miss asks for 0\.004"):
        load_gate(tmp_path / "gate.json", max_miss=0.004)


@pytest.mark.parametrize(
    ("tamper", "text"),
    [
        (lambda t: t.replace('"missed": 0', '"missed": 1'), "so it was edited; make it again"),
        (lambda t: t[: len(t) // 2], "so it is cut or edited"),
        (lambda t: t.replace("ranscore-gate-2", "ranscore-gate-1"), "found the format 'ranscore-gate-1', expected"),
        (lambda t: "[]", "the file: Input should be"),
    ],
)
def test_a_changed_or_cut_gate_is_refused(tmp_path: Path, tamper: Callable[[str], str], text: str) -> None:
    """One sentence that begins with the path."""
    path = tmp_path / "gate.json"
    save_gate(made(edema=GateFinding(counts="named", phrases=("edema",))).file, path)
    path.write_text(tamper(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(InputError, match=f"^{path}: .*{text}"):
        load_gate(path)


def test_a_rate_outside_nought_to_one_and_a_missing_file_are_refused(
    tmp_path: Path, part: Dataset, frozen_seed: FrozenProgram, evidence: Evidence
) -> None:
    """Each in one sentence."""
    with pytest.raises(InputError, match=r"--max-miss 1\.5: expected a rate above 0 and below 1"):
        Limits(1.5)
    with pytest.raises(InputError, match=r"--max-loss 0: expected a kappa above 0 and up to 1"):
        Limits(max_loss=0)
    with pytest.raises(InputError, match="expected a gate made by `ranscore gate`"):
        load_gate(tmp_path / "none.json")
    assert not issubclass(InputError, DigestError)


def test_short_words_are_found_at_their_beginning_and_long_ones_inside_others_too() -> None:
    """`air` stands in `air bronchogram` and not in `repair`; `nodul` stands in `fibronodular`."""
    finder = Finder({"x": Wordings(("air",), frozenset(), frozenset({"air", "nodul"}))})
    assert finder.find("Air bronchograms.")["x"].words == {"air"}
    assert not finder.find("Repair of the valve.")["x"].words
    assert finder.find("No air.")["x"].words_undenied == frozenset()
    assert finder.find("Fibronodular changes.")["x"].words == {"nodul"}
    assert finder.find("No fibronodular changes.")["x"].words_undenied == frozenset()
    assert finder.find("Air.")["x"].status > finder.find("Repair.")["x"].status == 0


def test_near_misses_lend_a_gate_their_words_but_do_not_open_it_as_phrases() -> None:
    """`bulla` does not count as a cyst and stands so near to one that it opens the gate where it is rare."""
    rules = (
        SynonymRule(means="states", phrases=("cyst",)),
        SynonymRule(means="does_not_count", phrases=("air filled bulla",)),
    )
    own = wordings_of(catalog.seed_program("cavity_and_cyst").model_copy(update={"rules": rules}))
    assert "cyst" in own.phrases
    assert "air filled bulla" not in own.phrases
    assert "air filled bulla" in own.loose
    assert {"cyst", "bulla"} <= own.words


def test_a_loss_of_kappa_ends_the_search_as_misses_do(
    part: Dataset, frozen_seed: FrozenProgram, evidence: Evidence
) -> None:
    """A rare finding's missed positives weigh as much as a common one's."""
    wide = tune_gate(frozen_seed, part, evidence, Limits(0.9, 1.0)).file
    narrow = tune_gate(frozen_seed, part, evidence, Limits(0.9, 0.001)).file
    assert wide.loss > 0.001 >= narrow.loss
    assert wide.saved > narrow.saved
    nothing = {f: 0 for f in evidence.positives}
    assert kappa_loss(evidence, nothing) == 1
    assert kappa_loss(evidence, dict(evidence.positives)) == 0


def test_the_command_writes_a_gate_and_prints_what_it_costs(
    small_card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calls saved, positives missed with an interval, the limit, kappa of both ways; the file can be read."""
    path = tmp_path / "gate.json"
    asked = ["gate", "--dataset", str(small_card), "--max-miss", "0.1", "-o", str(path)]
    monkeypatch.setattr(sys, "argv", ["ranscore", *asked])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out
    assert not ended.value.code
    for text in ("calls saved ", "positives missed, pooled over the findings", "asked for 0.1", "kappa of the cascade"):
        assert text in printed
    assert load_gate(path).sha256 in printed
    assert json.loads(path.read_text(encoding="utf-8"))["max_miss"] == 0.1
