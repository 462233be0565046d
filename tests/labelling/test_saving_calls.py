"""`extract` with fewer calls: a cascade's gate before the model, and one call a report for all findings."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranscore import catalog
from ranscore.cli import main
from ranscore.freezing import DataUsed, freeze, freeze_finding, load_frozen, save_frozen
from ranscore.labelling.batch import extract
from ranscore.labelling.gate import GateFile, GateFinding, save_gate
from ranscore.models import open_model
from ranscore.records import Report

FINDINGS = ("pneumothorax", "edema", "fracture")
TEXTS = {
    "a": "Left pneumothorax.",
    "b": "No pneumothorax. Mild oedema.",
    "c": "Clear lungs.",
    "d": "Clear lungs.",
    "e": "",
}


def fault_server() -> ModuleType:
    """The server of tests/models, as a module."""
    path = Path(__file__).parents[1] / "models" / "fault_server.py"
    spec = importlib.util.spec_from_file_location("ranscore_tests_saving_server", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that says present to everything and keeps to JSON schemas."""
    module = fault_server()
    with module.FaultServer(module.Plan(offers=frozenset({"json_schema"})), lambda unit: "present") as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with reports, a program of three findings, and a gate of two of them."""
    with (tmp_path / "reports.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("report_id", "report"), *TEXTS.items()])
    findings = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in FINDINGS}
    save_frozen(freeze(findings, open_model("lexical"), {}, golden=False), tmp_path / "program.json")
    draft = GateFile(
        max_miss=0.01, max_loss=0.005, loss=0.001, missed=1, positives=900, bound=0.0053, reports=9, saved=0.5,
        worth=100, programs="", data=DataUsed(dataset="x", reports=9, dataset_digest="", reference_digest=""),
        findings={
            "pneumothorax": GateFinding(counts="undenied", phrases=("pneumothorax",)),
            "edema": GateFinding(counts="named", phrases=("oedema",)),
            "fracture": GateFinding(counts="everything"),
        },
    )  # fmt: skip
    save_gate(draft.model_copy(update={"sha256": draft.content_digest()}), tmp_path / "gate.json")
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `extract` on the desk."""
    monkeypatch.chdir(desk)

    def run(*options: object) -> tuple[int, str, str]:
        asked = ["extract", "reports.csv", "-o", "labels.csv", "--program", "program.json", *map(str, options)]
        monkeypatch.setattr(sys, "argv", ["ranscore", *asked])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def table(path: Path) -> dict[str, dict[str, str]]:
    """A table's rows by report id."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["report_id"]: row for row in csv.DictReader(file)}


def questions(server: Any) -> list[str]:
    """What the server was asked about reports."""
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    return [text for text in asked if "<report>" in text]


def test_only_what_the_gate_lets_pass_is_sent_and_each_label_says_which_way_it_came(
    run: Run, desk: Path, server: Any
) -> None:
    """What could not state the finding is absent by the gate; of identical texts one is asked."""
    options = ("--model", "hosted_vllm/m", "--api-base", server.base, "--cascade", "gate.json", "--ways", "ways.csv")
    code, _, err = run(*options)
    assert code == 0, err
    assert "1 of 900 positives missed there, at most 0.53% (95 %)" in err
    labels, ways = table(desk / "labels.csv"), table(desk / "ways.csv")
    assert [labels[i]["Pneumothorax"] for i in "abcde"] == ["1", "0", "0", "0", "0"]
    assert [ways[i]["Pneumothorax"] for i in "abc"] == ["model", "gate", "gate"]
    assert [labels[i]["Edema"] for i in "abc"] == ["0", "1", "0"]
    assert [ways[i]["Edema"] for i in "abc"] == ["gate", "model", "gate"]
    assert {labels[i]["Fracture"] for i in "abcd"} == {"1"}
    assert ways["d"]["Fracture"] == "duplicate"
    asked = questions(server)
    assert len([q for q in asked if "Is Pneumothorax present" in q]) == 1
    assert len([q for q in asked if "Is Edema present" in q]) == 1
    assert len([q for q in asked if "Is Fracture present" in q]) == 4
    before = len(server.bodies)
    assert run(*options)[0] == 0
    assert len(questions(server)) == len(asked)
    assert len(server.bodies) - before <= 1


def test_one_call_a_report_answers_all_findings(run: Run, desk: Path, server: Any) -> None:
    """Four different texts make four calls with the schema of three findings; a second run makes none."""
    options = ("--model", "hosted_vllm/m", "--api-base", server.base, "--grouping", "report")
    code, _, err = run(*options)
    assert code == 0, err
    labels = table(desk / "labels.csv")
    assert all(labels[i][catalog.finding_name(f)] == "1" for i in "abcde" for f in FINDINGS)
    asked = questions(server)
    assert len(asked) == len(set(asked)) == 4
    body = next(b for b in server.bodies if "<report>" in b["messages"][-1]["content"])
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert set(body["response_format"]["json_schema"]["schema"]["required"]) == set(FINDINGS)
    assert body["max_tokens"] >= 3 * 20
    assert run(*options)[0] == 0
    assert len(questions(server)) == 4
    code, _, err = run(*options[:4])  # a call for each finding is other work
    assert code == 0, err
    assert len(questions(server)) == 4 + 4 * 3


def test_the_forecast_counts_one_call_a_report(run: Run, server: Any) -> None:
    """And nothing is asked."""
    served = ("--model", "hosted_vllm/m", "--api-base", server.base, "--dry-run")
    _, single, _ = run(*served)
    code, grouped, err = run(*served, "--grouping", "report")
    assert code == 0, err
    calls = [next(line for line in out.splitlines() if line.startswith("calls")) for out in (single, grouped)]
    assert [line.split()[1] for line in calls] == ["12", "4"]
    assert "saved by the gate" in run(*served, "--cascade", "gate.json")[1]
    assert not server.bodies


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--max-miss", "0.01"), "--max-miss 0.01: no gate is named; expected --cascade GATE.json"),
        (("--cascade", "gate.json"), "--cascade gate.json: lexical runs in this process and needs no calls"),
        (("--grouping", "report"), "--grouping report: lexical runs in this process and needs no calls"),
        (("--grouping", "repot"), "no grouping is called 'repot'; did you mean 'report'?"),
        (("--model", "hosted_vllm/m", "--api-base", "http://127.0.0.1:9/v1", "--cascade", "gate.json", "--max-miss",
          "0.001"), "limit of its missed positives is 0.0053, --max-miss asks for 0.001"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_sentence(run: Run, desk: Path, options: tuple[str, ...], text: str) -> None:
    """Exit code 2, and no table is written."""
    code, _, err = run(*options)
    assert code == 2
    assert text in err
    assert not (desk / "labels.csv").exists()


def test_an_unreadable_answer_for_all_is_unanswered_for_each(run: Run, desk: Path) -> None:
    """Each cell is listed with the reason, and nothing becomes absent."""
    module = fault_server()
    with module.FaultServer(module.Plan(), lambda unit: json.dumps({"edema": "absent", "fracture": "x"})) as running:
        code, _, err = run("--model", "hosted_vllm/m", "--api-base", running.base, "--grouping", "report")
    assert code == 3
    assert "the answer left the finding out" in err
    labels = table(desk / "labels.csv")
    assert {labels[i]["Edema"] for i in "abcde"} == {"0"}
    assert {labels[i]["Pneumothorax"] for i in "abcde"} == {"unanswered"}
    missing = (desk / "labels.csv.missing.csv").read_text(encoding="utf-8")
    assert missing.count("pneumothorax") + missing.count("Pneumothorax") >= 5


def test_a_list_of_reports_is_labelled_with_one_call_each_too(desk: Path, server: Any) -> None:
    """As `evaluate --grouping report` does it, to show what the grouping costs."""
    reports = [Report(report_id=str(i), text=f"Report {i}.") for i in range(30)]
    model = open_model("hosted_vllm/m", api_base=server.base, max_tokens=100)
    found = extract(load_frozen(desk / "program.json"), reports, model, grouping="report")
    assert found.table.report_ids == tuple(r.report_id for r in reports)
    assert {v for row in found.table.values for v in row} == {1}
    assert len(questions(server)) == 30


def test_the_embedded_reader_shows_what_the_grouping_costs(desk: Path) -> None:
    """Asked for all findings at once it reads the sections of one prompt."""
    reports = [Report(report_id=i, text=text) for i, text in TEXTS.items()]
    found = extract(load_frozen(desk / "program.json"), reports, open_model("lexical"), grouping="report")
    assert found.unanswered == ()
    assert [found.table.column("pneumothorax")[i] for i in "abcde"] == [1, 0, 0, 0, 0]
    assert [found.table.column("edema")[i] for i in "abcde"] == [0, 1, 0, 0, 0]
