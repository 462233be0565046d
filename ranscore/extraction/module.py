"""Labels of reports by one program and one model: by `dspy.Predict` for an endpoint, directly for an embedded model.

Both ways send the same bytes: `FrozenPrompt` is what the adapter formats, with the report cut out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from ranscore.errors import InputError
from ranscore.extraction.adapter import OneWordAdapter, UnreadableAnswerError, read_answer
from ranscore.extraction.derived import gather
from ranscore.extraction.signatures import make_demos, make_signature
from ranscore.guard import check_destination
from ranscore.models._base import Message, Model, count_tokens
from ranscore.prompt import neutralize
from ranscore.records import ABSENT, PRESENT, UNANSWERED, AnswerForm, Label, LabelTable, Program, Report

if TYPE_CHECKING:
    Progress = Callable[[int], None]

_SENTINEL = "\u0001REPORT\u0001"
_VALUES = {"present": PRESENT, "absent": ABSENT, "unanswered": UNANSWERED}
CONCURRENCY = 8


class FindingModule(dspy.Module):  # type: ignore[misc]
    """The DSPy module of one finding: `module(report=text).answer` is `present` or `absent`."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.adapter = OneWordAdapter(program.name, program.form)
        self.label = dspy.Predict(make_signature(program))
        self.label.demos = make_demos(program)

    def forward(self, report: str) -> dspy.Prediction:
        """One prediction for one report; raises AdapterParseError for an unreadable answer."""
        with dspy.context(adapter=self.adapter, disable_history=True):
            return self.label(report=report)


@dataclass(frozen=True)
class FrozenPrompt:
    """A program's prompt, formatted once: `head`, then a user message of `before` + report + `after`."""

    head: tuple[Message, ...]
    before: str
    after: str

    def messages(self, report: str) -> tuple[Message, ...]:
        """The messages for one report, byte for byte what the adapter formats."""
        return (*self.head, ("user", f"{self.before}{neutralize(report)}{self.after}"))

    def digest(self) -> str:
        """SHA-256 of the prompt, as `sha256:<hex>`."""
        text = json.dumps([self.head, self.before, self.after], ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def text(self) -> str:
        """The prompt as a person reads it, with `{{report}}` where the report goes."""
        turns = [*self.head, ("user", f"{self.before}{{{{report}}}}{self.after}")]
        return "\n\n".join(f"[{role}]\n{content}" for role, content in turns)


@lru_cache(maxsize=4096)
def freeze_prompt(program: Program) -> FrozenPrompt:
    """The prompt of a program, made by the same adapter that `dspy.Predict` uses."""
    adapter = OneWordAdapter(program.name, program.form)
    messages = adapter.format(make_signature(program), make_demos(program), {"report": _SENTINEL})
    before, after = messages[-1]["content"].split(_SENTINEL)
    return FrozenPrompt(tuple((m["role"], m["content"]) for m in messages[:-1]), before, after)


@dataclass(frozen=True)
class Labelled:
    """The labels of one program on some reports, with what they cost."""

    labels: tuple[Label, ...]
    calls: int
    tokens: int

    def column(self) -> dict[str, int]:
        """Values by report id: 1, 0 or -2."""
        return {label.report_id: _VALUES[label.value] for label in self.labels}


def label_reports(
    program: Program, reports: Sequence[Report], model: Model, progress: Progress | None = None
) -> Labelled:
    """A label for every report, in their order; a failure is `unanswered` with its reason.

    Raises InputError when the very first call shows that the endpoint cannot be used (unreachable, wrong key, unknown
    model), GuardError before any call when the reports may not be sent there.
    """
    check_destination(model, reports)
    if model.answer is not None:
        return _label_embedded(program, reports, model.answer, progress)
    return _label_endpoint(program, reports, model, progress)


def _label_embedded(
    program: Program, reports: Sequence[Report], answer: Callable[[Sequence[Message]], str], progress: Progress | None
) -> Labelled:
    prompt = freeze_prompt(program)
    head_tokens = sum(count_tokens(text) for _, text in prompt.head) + count_tokens(prompt.before + prompt.after)
    labels = []
    for report in reports:
        value, reason = _read_value(answer(prompt.messages(report.text)), program.form)
        labels.append(_label(report, program, value, reason))
        if progress:
            progress(1)
    tokens = sum(head_tokens + _report_tokens(r.text) for r in reports)
    return Labelled(tuple(labels), len(labels), tokens)


@lru_cache(maxsize=8192)
def _report_tokens(text: str) -> int:
    return count_tokens(text)


def _label(report: Report, program: Program, value: str, reason: str) -> Label:
    return Label.model_construct(report_id=report.report_id, finding=program.finding, value=value, reason=reason)


def _label_endpoint(program: Program, reports: Sequence[Report], model: Model, progress: Progress | None) -> Labelled:
    module, lm = FindingModule(program), model.make_lm()
    private = any(r.terms.access != "open" for r in reports)
    if private:
        lm = lm.copy(cache=False)  # dspy's cache lies on disk
    usage: list[int] = []

    def ask(report: Report) -> Label:
        value, reason = "unanswered", ""
        try:
            with dspy.context(lm=lm, track_usage=True):
                prediction = module(report=report.text)
            value = prediction.answer
            usage.append(_tokens(prediction.get_lm_usage() or {}))
        except AdapterParseError as fault:
            reason = (
                str(fault.__cause__) if isinstance(fault.__cause__, UnreadableAnswerError) else "the answer was empty"
            )
        except Exception as fault:  # any failure of a call is a value, never a stop
            reason = _in_short(fault, report)
        if progress:
            progress(1)
        return _label(report, program, value, reason)

    if not reports:
        return Labelled((), 0, 0)
    first = ask(reports[0])
    _refuse_unusable(first, model)
    with ThreadPoolExecutor(max_workers=int(model.settings.get("concurrency", CONCURRENCY))) as pool:
        rest = list(pool.map(lambda r: copy_context().run(ask, r), reports[1:]))
    return Labelled((first, *rest), len(reports), sum(usage))


_UNUSABLE = re.compile(
    r"LM(?:Auth|Billing|UnsupportedModel|UnsupportedFeature|Configuration|NotConfigured|Transport)Error|\w+ 40[1-5]:"
)
_UNREACHABLE = re.compile(
    r"connection refused|failed to connect|name or service|unreachable|no route|provider not provided", re.IGNORECASE
)
_SLOW = "read timed out"


def _refuse_unusable(label: Label, model: Model) -> None:
    if label.value != "unanswered" or _SLOW in label.reason:
        return
    if _UNUSABLE.match(label.reason) or _UNREACHABLE.search(label.reason):
        raise InputError(
            f"--model {model.name}: the first call failed ({label.reason}); expected an endpoint that answers: "
            "check the name, --api-base, the key in the environment, and that the server runs."
        )


def _tokens(usage: Mapping[str, Any]) -> int:
    return sum(int(u.get("total_tokens") or 0) for u in usage.values())


_NOISE = re.compile(r"^\[[^\]]*\] ?|\b(?:litellm\.)?\w+(?:Error|Exception)(?::| -) ?| (?:To fix:|Traceback \().*$")
_SECRET = re.compile(r"\b(?:sk|pk|gsk|hf|key)[-_][\w*.-]{3,}|Bearer \S+")


def _in_short(fault: Exception, report: Report) -> str:
    """An error's kind, status and first sentence, without the layers that it went through, without key or report."""
    line = _SECRET.sub("[key]", _NOISE.sub("", " ".join(str(fault).split())))
    said = line.split(". ")[0].rstrip(".")[:160] or "no reason given"
    if _quotes(said, report):
        said = "the server's words are withheld, as they quote the report"
    status = getattr(fault, "status", None)
    return f"{type(fault).__name__}{f' {status}' if status else ''}: {said}"


def _quotes(said: str, report: Report) -> bool:
    """True where words in a row stand in the report too: three of an open one, a single longer one of any other."""
    words, text = re.findall(r"\w+", said.casefold()), " ".join(re.findall(r"\w+", report.text.casefold()))
    if report.terms.access == "restricted" and any(len(w) > 4 and w in text for w in words):
        return True
    return any(" ".join(words[i : i + 3]) in text for i in range(len(words) - 2))


def label_table(
    programs: Iterable[Program], reports: Sequence[Report], model: Model, progress: Progress | None = None
) -> tuple[LabelTable, tuple[Label, ...]]:
    """The labels of all findings (derived ones included) and the list of those that stayed unanswered."""
    columns: dict[str, dict[str, int]] = {}
    failed: list[Label] = []
    asked = tuple(programs)
    if model.embedded and model.answer_all is not None:
        columns, failed = _label_together(asked, reports, model.answer_all, progress)
    else:
        for program in asked:
            labelled = label_reports(program, reports, model, progress)
            columns[program.finding] = labelled.column()
            failed += [label for label in labelled.labels if label.value == "unanswered"]
    return gather(reports, columns), tuple(failed)


def _label_together(
    programs: tuple[Program, ...],
    reports: Sequence[Report],
    answer_all: Callable[[Sequence[Sequence[Message]], str], list[str]],
    progress: Progress | None,
) -> tuple[dict[str, dict[str, int]], list[Label]]:
    """Each finding's values by report id, and the unanswered labels by finding, from one pass over each report."""
    heads = tuple(freeze_prompt(program).head for program in programs)
    read = [lru_cache(maxsize=64)(partial(_read_value, form=program.form)) for program in programs]
    values: list[dict[str, int]] = [{} for _ in programs]
    failed: list[list[Label]] = [[] for _ in programs]
    for report in reports:
        for place, said in enumerate(answer_all(heads, report.text)):
            value, reason = read[place](said)
            values[place][report.report_id] = _VALUES[value]
            if value == "unanswered":
                failed[place].append(_label(report, programs[place], value, reason))
        if progress:
            progress(len(programs))
    return {p.finding: v for p, v in zip(programs, values, strict=True)}, [x for each in failed for x in each]


def _read_value(said: str, form: AnswerForm) -> tuple[str, str]:
    try:
        return read_answer(said, form), ""
    except UnreadableAnswerError as fault:
        return "unanswered", str(fault)
