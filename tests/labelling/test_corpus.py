"""Labelling a table of any size: what is missing is asked, once; the finished table is the same however it was made."""

from __future__ import annotations

import csv
import resource
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from ranscore.cohort import Dataset
from ranscore.errors import InputError, UnknownNameError
from ranscore.freezing import FrozenProgram
from ranscore.labelling import _desk, corpus
from ranscore.labelling import ledger as ledgers
from ranscore.labelling._brakes import Brakes
from ranscore.labelling._desk import Progress
from ranscore.labelling._shapes import decide
from ranscore.labelling._tables import write_labels
from ranscore.labelling.batch import extract
from ranscore.models import open_model
from ranscore.models._limits import Tuning
from ranscore.readers import read_labels, read_reports
from ranscore.records import UNANSWERED
from tests.labelling.conftest import CLEAR, STATES, Counting, label, opened, recorded, varied, write_reports


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and chunks of seven reports, so that a small table has many."""
    monkeypatch.setattr(_desk, "UNITS_BLOCK", 7)
    monkeypatch.setattr(_desk, "PACKED_BLOCK", 7)
    monkeypatch.setattr(_desk.Desk.blocks, "__defaults__", (7,))
    monkeypatch.setattr(corpus, "AT_ONCE", 7)


def impatient() -> Tuning:
    """A client that gives up early, so that a server that never answers is soon done with."""
    return Tuning(timeout=0.5, retries=1, backoff=0.01, backoff_most=0.02, breaker_wait=0.01, start=64)


def asked(server: Any) -> list[int]:
    """How often each unit got an answer; a client's own trial questions are left out."""
    return [n for unit, n in server.answers.items() if "<report>" in unit]


def read(path: Path) -> list[dict[str, str]]:
    """A CSV's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_the_table_is_that_of_labelling_in_memory(
    small: Dataset, frozen_seed: FrozenProgram, tmp_path: Path, suffix: str, small_blocks: None
) -> None:
    """Byte for byte, derived findings included."""
    source = write_reports(tmp_path / "in.csv", [r.text for r in small.reports[:20]])
    write_labels(extract(frozen_seed, read_reports(source)).table, tmp_path / f"whole{suffix}")
    done = label(source, frozen_seed, open_model("lexical"), tmp_path / "l", tmp_path / f"out{suffix}")
    assert done[1] == 0
    assert (tmp_path / f"out{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_nothing_is_asked_twice(single: FrozenProgram, tmp_path: Path, small_blocks: None) -> None:
    """Identical texts are asked once, also far apart; a second run asks nothing and writes the same bytes."""
    texts = varied(10)
    source = write_reports(tmp_path / "in.csv", [*texts, *texts[:5], texts[0]])
    counting = Counting()
    label(source, single, counting.model(), tmp_path / "l", tmp_path / "a.csv")
    assert len(counting.asked) == 10
    outcome, missing = label(source, single, counting.model(), tmp_path / "l", tmp_path / "b.csv")
    assert (len(counting.asked), missing, outcome.progress.saved) == (10, 0, 16)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert [row["Pneumothorax"] for row in read(tmp_path / "a.csv")] == list("1001001001" + "10010" + "1")


def test_changed_text_program_or_model_is_new_work(
    single: FrozenProgram, narrow: FrozenProgram, tmp_path: Path
) -> None:
    """Only what changed is asked; what was there before is still there afterwards."""
    texts = varied(5)
    source, counting, ledger = write_reports(tmp_path / "in.csv", texts), Counting(), tmp_path / "l"

    def asked_by(frozen: FrozenProgram, model: Counting = counting) -> int:
        before = len(model.asked)
        label(source, frozen, model.model(), ledger, tmp_path / "out.csv")
        return len(model.asked) - before

    assert asked_by(single) == 5
    write_reports(source, [*texts[:4], f"{texts[4]} Addendum."])
    assert asked_by(single) == 1
    finding = single.findings["pneumothorax"]
    program = finding.program.model_copy(update={"definition": "Air in the pleural space."})
    from ranscore.freezing import freeze_finding

    edited = single.model_copy(update={"findings": {"pneumothorax": freeze_finding(program, source="seed")}})
    assert asked_by(edited) == 5
    assert asked_by(narrow) == 10
    assert asked_by(single) == 0
    write_reports(source, texts)
    assert asked_by(single) == 0


def test_failures_are_listed_kept_apart_and_asked_again(single: FrozenProgram, tmp_path: Path) -> None:
    """A failed cell is unanswered with its reason; the next run asks it alone, and the list goes when nothing lacks."""
    source, ledger = write_reports(tmp_path / "in.csv", [CLEAR, STATES, CLEAR]), tmp_path / "l"
    failing = Counting(lambda text: "perhaps" if "apical" in text else "absent")
    listed = tmp_path / "missing.csv"
    with opened(source, single, failing.model(), ledger) as table:
        table.label(workers=1)
        assert table.write(tmp_path / "out.csv", tmp_path / "ways.csv") == 1
        reasons = table.write_missing(listed)
    assert reasons == ["the answer (7 characters) was not one of the words 'present', 'absent'"]
    assert read(listed) == [{"report_id": "r1", "finding": "pneumothorax", "reason": reasons[0]}]
    assert [row["Pneumothorax"] for row in read(tmp_path / "out.csv")] == ["0", "unanswered", "0"]
    assert [row["Pneumothorax"] for row in read(tmp_path / "ways.csv")] == ["model", "unanswered", "duplicate"]
    healed = Counting()
    with opened(source, single, healed.model(), ledger) as table:
        table.label(workers=1)
        assert table.write(tmp_path / "out.csv") == 0
        assert table.write_missing(listed) == []
    assert len(healed.asked) == 1
    assert not listed.exists()
    assert read_labels(tmp_path / "out.csv").column("pneumothorax") == {"r0": 0, "r1": 1, "r2": 0}


def test_a_ledger_holds_no_text(narrow: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """Neither a report's words nor an answer that quotes them stand in its files, for both kinds of model."""
    source, ledger = write_reports(tmp_path / "in.csv", [f"{STATES} Zyxomorph {n}." for n in range(12)]), tmp_path / "l"
    quoting = Counting(lambda text: f"The report says {text}")
    label(source, narrow, quoting.model(), ledger, tmp_path / "a.csv")
    label(source, narrow, Counting().model(), ledger, tmp_path / "a.csv")
    with faults.FaultServer(faults.Plan(wrong=0.3, broken=0.3, thinking=0.3)) as server:
        model = open_model("hosted_vllm/x", api_base=server.base, tuning=impatient())
        label(source, narrow, model, ledger, tmp_path / "b.csv")
        files = [p.read_bytes() for p in ledger.iterdir()]
    assert recorded(ledger) >= 12
    for word in (b"Zyxomorph", b"apical", b"r11"):
        assert [word in content for content in files] == [False] * len(files)


def test_ids_are_checked_before_anything_is_asked(single: FrozenProgram, tmp_path: Path) -> None:
    """All faults at once, with their rows; no call was made and no ledger."""
    source = tmp_path / "in.csv"
    source.write_text("report_id,report\na,x\n,y\nb,z\na,w\n ,v\nb,u\n", encoding="utf-8")
    counting = Counting()
    with pytest.raises(InputError) as fault:
        label(source, single, counting.model(), tmp_path / "l", tmp_path / "out.csv")
    assert str(fault.value).splitlines() == [
        f"{source}: row 3: the report id is blank; expected one for every report",
        f"{source}: row 6: the report id is blank; expected one for every report",
        f"{source}: found report ids more than once: 'a' in row 2 and row 5; 'b' in row 4 and row 7; "
        "expected one row a report",
    ]
    assert (counting.asked, [p.name for p in tmp_path.iterdir()]) == ([], ["in.csv"])


def test_a_table_that_changes_meanwhile_is_told(single: FrozenProgram, tmp_path: Path, small_blocks: None) -> None:
    """A file that is written to while it is being labelled ends the run; what was answered is kept."""
    long = [text + " Unchanged." * 500 for text in varied(20)]
    source = write_reports(tmp_path / "in.csv", long)

    def spoil(text: str) -> str:
        write_reports(source, long[::-1])
        return "absent"

    with pytest.raises(InputError, match=r"in\.csv: the file was changed while it was being labelled"):
        label(source, single, Counting(spoil).model(), tmp_path / "l", tmp_path / "out.csv")
    assert recorded(tmp_path / "l") == 7
    assert not (tmp_path / "out.csv").exists()


def test_limits_stop_a_run_and_the_next_goes_on(single: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """--max-calls to the call, for both kinds of model; the rest is listed as not asked, and then asked."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(30)), tmp_path / "l"
    counting = Counting()
    outcome, missing = label(source, single, counting.model(), ledger, tmp_path / "a.csv", Brakes(max_calls=12))
    assert (outcome.stopped, len(counting.asked), missing) == ("stopped by --max-calls 12", 12, 18)
    assert label(source, single, counting.model(), ledger, tmp_path / "a.csv")[1] == 0
    assert len(counting.asked) == 30
    with faults.FaultServer() as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, single, model, ledger) as table:
            outcome = table.label(brakes=Brakes(max_calls=12))
            left = list(table.missing())
        assert (outcome.stopped, sum(asked(server))) == ("stopped by --max-calls 12", 12)
        assert {reason for _, _, reason in left} == {"not asked"}
        assert len(left) == 18
        label(source, single, model, ledger, tmp_path / "b.csv")
        assert asked(server) == [1] * 30


def test_failures_stop_a_run(single: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """More failures than --max-failures end it; without that limit all are asked once and listed."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(400)), tmp_path / "l"
    with faults.FaultServer(faults.Plan(wrong=1.0)) as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        stopped, _ = label(source, single, model, ledger, tmp_path / "a.csv", Brakes(max_failures=3))
        assert stopped.stopped == "stopped by --max-failures 3"
        assert 4 <= stopped.progress.failed < 400
        before = sum(asked(server))
        outcome, missing = label(source, single, model, ledger, tmp_path / "a.csv")
        assert (outcome.stopped, outcome.progress.failed, missing) == ("", 400, 400)
        assert sum(asked(server)) == before + 400


def test_money_stops_a_run(
    single: FrozenProgram, tmp_path: Path, faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--max-cost counts the server's own tokens at the listed price, the cached ones at theirs, and is not passed."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    source = write_reports(tmp_path / "in.csv", varied(60))
    each = (6 * 0.15 + 64 * 0.075 + 0.60) / 1e6
    with faults.FaultServer() as server:
        model = open_model("openai/gpt-4o-mini", api_base=server.base)
        limit = Brakes(max_cost=20 * each)
        outcome, missing = label(source, single, model, tmp_path / "l", tmp_path / "a.csv", limit)
        calls = sum(asked(server))
    assert outcome.stopped == f"stopped by --max-cost {20 * each:g}"
    assert outcome.progress.cost == pytest.approx(calls * each)
    assert 15 <= calls <= 20
    assert missing == 60 - calls


def test_progress_tells_of_what_is_durable(single: FrozenProgram, tmp_path: Path, small_blocks: None) -> None:
    """Counted labels are in the ledger; saved ones are duplicates and earlier answers; at the end nothing is left."""
    texts = varied(20)
    source, ledger = write_reports(tmp_path / "in.csv", [*texts, *texts]), tmp_path / "l"
    seen: list[tuple[Progress, int]] = []
    with opened(source, single, Counting().model(), ledger) as table:
        table.label(workers=1, watch=lambda progress: seen.append((progress, recorded(ledger))))
    assert [p.answered for p, _ in seen] == [n for _, n in seen]
    last = seen[-1][0]
    assert (last.cells, last.saved, last.wanted, last.answered, last.failed) == (40, 20, 20, 20, 0)
    assert last.seconds_left == 0


def test_a_threshold_decides_where_there_are_log_odds() -> None:
    """From the threshold on it is present; without log-odds or threshold the answer stands."""
    assert [decide(0, odds, -1.5) for odds in (-1.6, -1.5, 0.3, None)] == [0, 1, 1, 0]
    assert [decide(1, odds, None) for odds in (-4.0, None)] == [1, 1]


class Gate:
    """A gate that answers absent where a word is missing."""

    def __init__(self, word: str) -> None:
        self.word = word

    def decides(self, text: str) -> frozenset[str]:
        """Pneumothorax, where the word is not in the text."""
        return frozenset() if self.word in text else frozenset({"pneumothorax"})

    def digest(self) -> str:
        """The word."""
        return self.word


def test_a_gate_answers_before_a_call_is_made(narrow: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """What it decides is not sent, is absent, and says so; without it the same reports are asked of the model."""
    texts = varied(12)
    source, ledger = write_reports(tmp_path / "in.csv", [*texts, texts[1]]), tmp_path / "l"
    with faults.FaultServer(answer=lambda unit: "present") as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, narrow, model, ledger, gate=Gate("pneumothorax")) as table:
            outcome = table.label()
            table.write(tmp_path / "a.csv", tmp_path / "ways.csv")
        assert (asked(server), outcome.progress.saved) == ([1] * 16, 10)
        ways = [row["Pneumothorax"] for row in read(tmp_path / "ways.csv")]
        assert ways == ["model", "gate", "gate"] * 4 + ["duplicate"]
        assert [row["Pneumothorax"] for row in read(tmp_path / "a.csv")] == ["1", "0", "0"] * 4 + ["0"]
        assert {row["Pleural Effusion"] for row in read(tmp_path / "a.csv")} == {"1"}
        label(source, narrow, model, ledger, tmp_path / "b.csv")
        assert asked(server) == [1] * 24
        assert {row["Pneumothorax"] for row in read(tmp_path / "b.csv")} == {"1"}


def test_five_hundred_units_with_every_fault_end_answered_or_listed(
    single: FrozenProgram, tmp_path: Path, faults: ModuleType
) -> None:
    """5 % of each kind of fault: what has an answer is recorded once, and rightly; the rest is listed with its reason.

    A second run asks nothing that was answered.
    """
    texts = varied(500)
    source, ledger, output = write_reports(tmp_path / "in.csv", texts), tmp_path / "l", tmp_path / "out.csv"
    plan = faults.Plan(**dict.fromkeys(faults.KINDS, 0.05), seed=3)
    with faults.FaultServer(plan) as server:
        model = open_model("hosted_vllm/x", api_base=server.base, tuning=impatient())
        with opened(source, single, model, ledger) as table:
            table.label()
            table.write(output)
            missing = {report_id: reason for report_id, _, reason in table.missing()}
            units = {f"r{n}": unit for n, unit in enumerate(_units(table, texts))}
        before = server.attempts.copy()
        label(source, single, model, ledger, tmp_path / "again.csv")
        again = server.attempts - before
    labels = read_labels(output).column("pneumothorax")
    assert set(missing) == {i for i, value in labels.items() if value == UNANSWERED}
    assert {i for i, unit in units.items() if not plan.answered(unit)} <= set(missing)
    assert all(missing.values())
    assert 50 < len(missing) < 250
    wrong = [i for i, v in labels.items() if v != UNANSWERED and v != int(faults.word_of(units[i]) == "present")]
    assert wrong == []
    assert {unit for unit in again if "<report>" in unit} == {units[i] for i in missing}


def _units(table: corpus.Corpus, texts: list[str]) -> list[str]:
    """What the server is asked about each text."""
    return [table.job.questions[0].user(text) for text in texts]


def test_an_endpoint_that_cannot_be_used_is_asked_once(
    single: FrozenProgram, tmp_path: Path, faults: ModuleType
) -> None:
    """Nobody there: one sentence, nothing recorded, no ledger left behind."""
    source = write_reports(tmp_path / "in.csv", varied(30))
    model = open_model("hosted_vllm/x", api_base="http://127.0.0.1:9/v1", tuning=impatient())
    with pytest.raises(InputError, match=r"--model hosted_vllm/x: the first call failed \(.*\); expected an endpoint"):
        label(source, single, model, tmp_path / "l", tmp_path / "out.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_many_failures_in_a_row_do_not_end_a_run(single: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """What failed before stands first in a later run: it is asked again, and the rest after it."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(400)), tmp_path / "l"

    class Half(faults.Plan):  # type: ignore[name-defined,misc]
        def fault(self, unit: str) -> tuple[str, bool]:
            return ("wrong" if any(f"Study {n}." in unit for n in range(250)) else "", False)

    with faults.FaultServer(Half()) as server:
        model = open_model("hosted_vllm/x", api_base=server.base, tuning=impatient())
        label(source, single, model, ledger, tmp_path / "a.csv", Brakes(max_calls=240))
        outcome, missing = label(source, single, model, ledger, tmp_path / "a.csv")
    assert (outcome.stopped, missing) == ("", 250)


def test_an_endpoint_that_goes_away_ends_a_run(single: FrozenProgram, tmp_path: Path, faults: ModuleType) -> None:
    """A key that is refused from some moment on: the run stops long before the end, and tells why."""
    source = write_reports(tmp_path / "in.csv", varied(1500))

    class Shut(faults.FaultServer):  # type: ignore[name-defined,misc]
        async def _reply(self, request: Any, raw: bytes) -> Any:
            if sum(asked(self)) >= 50:
                return web.json_response({"error": {"message": "no"}}, status=401)
            return await super()._reply(request, raw)

    with Shut() as server:
        model = open_model("hosted_vllm/x", api_base=server.base, tuning=impatient())
        outcome, missing = label(source, single, model, tmp_path / "l", tmp_path / "a.csv")
    assert outcome.stopped == "stopped after 100 calls in a row to an endpoint that cannot be used"
    assert outcome.progress.answered == 1500 - missing >= 50
    assert outcome.progress.failed < 1000


def test_a_full_disk_loses_nothing(
    single: FrozenProgram,
    tmp_path: Path,
    full_disk: Callable[[int], Path],
    small_blocks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ledger's disk is full: one sentence, what was recorded stays, and with more room the run goes on."""
    source = write_reports(tmp_path / "in.csv", varied(1500))
    disk = full_disk(400_000)
    monkeypatch.setattr(ledgers, "LEASE", 0.2)  # this process lives on, and could not give back its claims
    counting = Counting()
    with pytest.raises(InputError, match=r"the ledger cannot be written \(.*\)\. What was recorded before is kept: fr"):
        label(source, single, counting.model(), disk / "l", disk / "out.csv")
    kept = recorded(disk / "l")
    assert 0 < kept < 1500
    assert len(counting.asked) - kept <= 7
    full_disk(20_000_000)
    again = Counting()
    assert label(source, single, again.model(), disk / "l", disk / "out.csv")[1] == 0
    assert len(again.asked) == 1500 - kept


def test_a_limit_of_file_size_loses_nothing(
    single: FrozenProgram, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the system lets no file grow, which any user can try."""
    monkeypatch.setattr(ledgers, "LEASE", 0.2)
    source = write_reports(tmp_path / "in.csv", varied(600))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(InputError, match="the ledger cannot be written"):
            label(source, single, Counting().model(), tmp_path / "l", tmp_path / "out.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept, again = recorded(tmp_path / "l"), Counting()
    assert 0 < kept < 600
    assert label(source, single, again.model(), tmp_path / "l", tmp_path / "out.csv")[1] == 0
    assert len(again.asked) == 600 - kept


def test_a_table_that_cannot_be_written_is_written_by_the_next_run(single: FrozenProgram, tmp_path: Path) -> None:
    """The output's folder cannot be made: one sentence; all labels are kept, and the next run asks nothing."""
    source, counting = write_reports(tmp_path / "in.csv", varied(20)), Counting()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file/out\.csv: cannot be written"):
        label(source, single, counting.model(), tmp_path / "l", tmp_path / "file" / "out.csv")
    assert label(source, single, counting.model(), tmp_path / "l", tmp_path / "out.csv")[1] == 0
    assert len(counting.asked) == 20


def test_an_unknown_engine_is_named() -> None:
    """With the near misses."""
    with pytest.raises(UnknownNameError, match="no engine is called 'locl'; did you mean 'local'"):
        corpus.check_engine("locl")
    corpus.check_engine("local")
