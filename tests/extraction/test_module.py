"""Labels by `dspy.Predict` and by the frozen prompt: the same bytes, the same labels, one call a report."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace

import dspy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.extraction.module import FindingModule, FrozenPrompt, freeze_prompt, label_reports, label_table
from ranscore.freezing import load_frozen, release_path
from ranscore.models import Model, open_model
from ranscore.models._base import Message, count_tokens, engine_model
from ranscore.prompt import neutralize
from ranscore.records import AnswerForm, Exemplar, Program, Report, SynonymRule

PROGRAM = Program(
    finding="pleural_effusion",
    name="Pleural {Effusion}",
    instruction="Read {the} report <report> 请阅读.",
    definition="Is there one?",
    present_when=("fluid {x}",),
    rules=(SynonymRule(means="states", phrases=("effusion", "积液")), SynonymRule(means="denies", phrases=("dry",))),
    exemplars=(
        Exemplar(passage="Fluid layers along the left lateral chest wall.", answer="present"),
        Exemplar(passage="The </report> angle is <report> sharp on both sides today.", answer="absent"),
    ),
)
PIECES = (
    *("<report>", "</report>", "<|im_start|>system", "[INST]", "</s>", "{report}", "{{report}}", "{", "}", "{0}", "%s"),
    *("\n", "\r", "\r\n", "\n\n", "\u2028", "\x00", "\x01", "\x0b", "\t", " ", "\u3000", "\u0001REPORT\u0001", "\\n"),
    *("[[ ## report ## ]]", "[[ ## completed ## ]]", "```", '"""', "'", '"', "\\", "<think>", "</think>", "present"),
    *(
        "右侧胸腔积液",
        "未见",
        "，",
        "。",
        "No ",
        "effusion",
        ". ",
        "Fluid layers along the left lateral chest wall",
        "é",
        "🫁",
    ),
)
hostile = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=60)


class Recorder:
    """A model's answering function that keeps what it was sent."""

    def __init__(self, answer: str = "present") -> None:
        self.sent: list[tuple[Message, ...]] = []
        self.says = answer
        self.lock = threading.Lock()

    def __call__(self, messages: Sequence[Message]) -> str:
        with self.lock:
            self.sent.append(tuple(messages))
        return self.says


def through_dspy(model: Model) -> Model:
    """The same model, used as an endpoint is: by `dspy.Predict` and its `dspy.LM`."""
    return replace(model, answer=None)


@settings(deadline=None, max_examples=120)
@given(hostile)
def test_both_ways_send_the_same_bytes(text: str) -> None:
    """Whatever stands in a report, `dspy.Predict` sends what the frozen prompt holds: the report, made harmless."""
    directly, by_predict = Recorder(), Recorder()
    report = [Report(report_id="r", text=text)]
    label_reports(PROGRAM, report, engine_model("direct", directly, {}))
    label_reports(PROGRAM, report, through_dspy(engine_model("predict", by_predict, {})))
    assert directly.sent == by_predict.sent
    assert directly.sent == [freeze_prompt(PROGRAM).messages(text)]
    (*head, (role, last)) = directly.sent[0]
    assert tuple(head) == freeze_prompt(PROGRAM).head
    assert (role, last) == ("user", f"<report>\n{neutralize(text)}\n</report>\n{PROGRAM.form.ask(PROGRAM.name)}")


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(hostile, min_size=1, max_size=8))
def test_both_ways_give_the_same_labels(texts: list[str]) -> None:
    """The lexical reader answers alike through dspy's engine, many at a time, and directly."""
    reports = [Report(report_id=str(i), text=t) for i, t in enumerate(texts)]
    model = open_model("lexical")
    directly = label_reports(PROGRAM, reports, model)
    by_predict = label_reports(PROGRAM, reports, through_dspy(model))
    assert directly.labels == by_predict.labels
    assert directly.calls == by_predict.calls == len(texts)
    assert {label.value for label in directly.labels} <= {"present", "absent"}


def test_labels_of_both_kinds_come_out_both_ways() -> None:
    """The comparison above is not one of empty columns."""
    texts = ["Effusion.", "No effusion.", "积液。", "Fluid layers along the right lateral chest wall.", "Clear."]
    reports = [Report(report_id=str(i), text=t) for i, t in enumerate(texts)]
    for model in (open_model("lexical"), through_dspy(open_model("lexical"))):
        assert list(label_reports(PROGRAM, reports, model).column().values()) == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("finding", catalog.asked_ids())
def test_every_findings_seed_is_sent_alike(finding: str) -> None:
    """The shipped programs' own words pass dspy unchanged."""
    program, text = catalog.seed_program(finding), "FINDINGS: No {x} <report>\n未见异常。"
    recorder = Recorder("absent")
    label_reports(program, [Report(report_id="r", text=text)], through_dspy(engine_model("m", recorder, {})))
    assert recorder.sent == [freeze_prompt(program).messages(text)]


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("maybe", "the answer (5 characters) was not one of the words 'present', 'absent'"),
        ("", "the answer was empty"),
        ("<think>present", "the model was still thinking when its answer ended"),
        ("{}", "the answer (2 characters) was not one of the words 'present', 'absent'"),
    ],
)
@pytest.mark.parametrize("way", ["direct", "predict"])
def test_an_unreadable_answer_is_unanswered_after_exactly_one_call(way: str, says: str, reason: str) -> None:
    """Nothing is asked twice, nothing becomes absent, and both ways give the same reason."""
    recorder = Recorder(says)
    model = engine_model("m", recorder, {})
    reports = [Report(report_id=i, text=f"Report {i}.") for i in "abc"]
    labelled = label_reports(PROGRAM, reports, model if way == "direct" else through_dspy(model))
    assert [(x.report_id, x.value, x.reason) for x in labelled.labels] == [(i, "unanswered", reason) for i in "abc"]
    assert len(recorder.sent) == labelled.calls == 3
    assert labelled.column() == {"a": -2, "b": -2, "c": -2}


def test_a_model_that_raises_leaves_that_report_unanswered() -> None:
    """One failing call through dspy is a value with a reason; the others keep their labels."""

    def answer(messages: Sequence[Message]) -> str:
        if "Report b" in messages[-1][1]:
            raise RuntimeError("no more memory")
        return "present"

    reports = [Report(report_id=i, text=f"Report {i}.") for i in "abc"]
    labelled = label_reports(PROGRAM, reports, through_dspy(engine_model("m", answer, {})))
    assert [x.value for x in labelled.labels] == ["present", "unanswered", "present"]
    assert "no more memory" in labelled.labels[1].reason


def test_progress_is_told_for_every_report_also_for_those_that_fail() -> None:
    """A bar ends at its end, whichever way."""
    answers = ["present", "?", "absent", ""]
    reports = [Report(report_id=str(i), text=f"{i}") for i in range(4)]
    for way in (lambda m: m, through_dspy):
        told: list[int] = []
        model = way(open_model("scripted", answers=itertools.cycle(answers)))
        label_reports(PROGRAM, reports, model, told.append)
        assert sum(told) == 4


def test_labels_keep_the_reports_order_however_many_run_at_once() -> None:
    """A slow first report does not change places with the rest."""
    reports = [Report(report_id=str(i), text=f"No {i}.") for i in range(40)]
    by_text = {r.text: "present" if int(r.report_id) % 3 else "absent" for r in reports}
    model = replace(open_model("scripted", answers=by_text), settings={"concurrency": 8})
    for used in (model, through_dspy(model)):
        labels = label_reports(PROGRAM, reports, used).labels
        assert [x.report_id for x in labels] == [r.report_id for r in reports]
        assert [x.value for x in labels] == [by_text[r.text] for r in reports]


def test_tokens_are_counted_alike() -> None:
    """Prompt and report are counted for every call, one token for four characters or one Chinese one."""
    reports = [Report(report_id="a", text="No effusion."), Report(report_id="b", text="未见积液")]
    labelled = label_reports(PROGRAM, reports, open_model("lexical"))
    prompt = freeze_prompt(PROGRAM)
    shortest = sum(count_tokens(text) for _, text in prompt.head)
    assert labelled.tokens > 2 * shortest
    assert [count_tokens(t) for t in ("", "abcd", "abcde", "积液", "积液ab")] == [0, 1, 2, 2, 3]


def test_nothing_to_label_asks_nothing() -> None:
    """No report is no call, both ways."""
    recorder = Recorder()
    for way in (lambda m: m, through_dspy):
        labelled = label_reports(PROGRAM, [], way(engine_model("m", recorder, {})))
        assert (labelled.labels, labelled.calls, labelled.tokens) == ((), 0, 0)
    assert recorder.sent == []


# The frozen prompt.


def test_a_prompts_digest_changes_with_everything_that_is_sent() -> None:
    """Instruction, exemplars, their order, question and words: each changes it, the provenance of a rule does not."""
    turned = tuple(reversed(PROGRAM.exemplars))
    changed = [
        PROGRAM,
        PROGRAM.model_copy(update={"instruction": "Read."}),
        PROGRAM.model_copy(update={"exemplars": PROGRAM.exemplars[:1]}),
        PROGRAM.model_copy(update={"exemplars": turned}),
        PROGRAM.model_copy(update={"form": AnswerForm(question="{name}?")}),
        PROGRAM.model_copy(update={"form": AnswerForm(present="yes", absent="no")}),
        PROGRAM.model_copy(update={"form": AnswerForm(exemplar_chars=40)}),
        PROGRAM.model_copy(update={"text": "Read all."}),
    ]
    digests = [freeze_prompt(p).digest() for p in changed]
    assert len(set(digests)) == len(changed)
    assert all(d.startswith("sha256:") and len(d) == 71 for d in digests)
    again = Program.model_validate_json(PROGRAM.model_dump_json())
    assert freeze_prompt(again).digest() == digests[0]


def test_a_prompt_reads_as_a_person_would_write_it() -> None:
    """Turns under their roles, with a place for the report."""
    text = freeze_prompt(PROGRAM).text()
    assert text.startswith("[system]\nRead {the} report")
    assert text.count("[user]\n") == 3
    assert text.count("[assistant]\n") == 2
    assert text.endswith(
        "[user]\n<report>\n{{report}}\n</report>\nIs Pleural {Effusion} present in this report? "
        "Answer with one word: present or absent."
    )


def test_a_frozen_prompt_needs_no_program() -> None:
    """Head, before and after are all there is to it."""
    prompt = FrozenPrompt((("system", "S"),), "<", ">")
    assert prompt.messages("a{b}") == (("system", "S"), ("user", "<a{b}>"))


def test_the_module_answers_and_keeps_no_report() -> None:
    """`module(report=…)` gives the typed answer; dspy's history stays empty."""
    lm = open_model("lexical").make_lm()
    module = FindingModule(PROGRAM)
    with dspy.context(lm=lm):
        assert module(report="Large effusion.").answer == "present"
        assert module(report="No effusion.").answer == "absent"
    assert lm.history == []
    assert module.history == []


# All findings together.


def test_a_table_holds_all_findings_and_derives_no_finding() -> None:
    """Columns stand in the catalog's order, rows in the reports'."""
    reports = [
        Report(report_id="z", text="FINDINGS: Small left pneumothorax. Pleural effusion."),
        Report(report_id="a", text="FINDINGS: The lungs are clear. No pleural effusion or pneumothorax."),
    ]
    programs = [catalog.seed_program(f) for f in reversed(catalog.asked_ids())]
    table, failed = label_table(programs, reports, open_model("lexical"))
    assert table.findings == catalog.finding_ids()
    assert table.report_ids == ("z", "a")
    assert failed == ()
    assert table.column("pneumothorax") == table.column("pleural_effusion") == {"z": 1, "a": 0}
    assert table.column("no_finding") == {"z": 0, "a": 1}
    assert sum(table.values[0]) == 2


def test_without_all_findings_none_is_derived() -> None:
    """No Finding needs the other twenty."""
    programs = [catalog.seed_program("edema"), catalog.seed_program("atelectasis")]
    table, _ = label_table(programs, [Report(report_id="a", text="Clear.")], open_model("lexical"))
    assert table.findings == ("atelectasis", "edema")


def test_failures_are_listed_and_stay_unanswered_in_the_table() -> None:
    """What no model answered is -2, for No Finding too where it decides, and never 0."""
    reports = [Report(report_id="a", text="Clear.")]
    programs = [catalog.seed_program(f) for f in catalog.asked_ids()]
    answers = ["absent"] * 19 + ["well"]
    table, failed = label_table(programs, reports, open_model("scripted", answers=answers))
    assert [(x.report_id, x.finding, x.value) for x in failed] == [("a", catalog.asked_ids()[-1], "unanswered")]
    assert table.column(catalog.asked_ids()[-1]) == {"a": -2}
    assert table.column("no_finding") == {"a": -2}


def test_a_table_from_one_pass_is_the_table_from_one_finding_at_a_time(demo_zh: Dataset) -> None:
    """The same table, and the same progress."""
    programs = load_frozen(release_path()).programs()
    model = open_model("lexical")
    told: list[int] = []
    together = label_table(programs, demo_zh.reports, model, told.append)
    assert sum(told) == len(programs) * len(demo_zh.reports)
    assert together == label_table(programs, demo_zh.reports, replace(model, answer_all=None))
    assert sum(map(sum, together[0].values)) > len(demo_zh.reports)


def test_an_unreadable_answer_among_all_is_listed_and_not_counted() -> None:
    """Answers of all findings at once are read as strictly as single ones, and listed by finding."""
    programs = [catalog.seed_program("edema"), catalog.seed_program("atelectasis")]
    reports = [Report(report_id=i, text=i) for i in "ab"]
    said = {"a": ["present", "well"], "b": ["perhaps", "Absent."]}
    model = replace(open_model("scripted"), answer_all=lambda heads, text: said[text])
    table, failed = label_table(programs, reports, model)
    assert table.column("edema") == {"a": 1, "b": -2}
    assert table.column("atelectasis") == {"a": -2, "b": 0}
    assert [(x.finding, x.report_id) for x in failed] == [("edema", "b"), ("atelectasis", "a")]
    assert all("was not one of the words" in x.reason and "perhaps" not in x.reason for x in failed)
