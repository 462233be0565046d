"""Asks a model's client many questions at once: the labels of some programs on some reports, with their log-odds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ranscore.errors import InputError
from ranscore.extraction.adapter import UnreadableAnswerError, read_answer
from ranscore.extraction.grouped import REMEMBERED, GroupPrompt, grouped_model
from ranscore.extraction.module import freeze_prompt
from ranscore.guard import check_destination
from ranscore.models import Model
from ranscore.models._base import Client, Message, Reply
from ranscore.records import ABSENT, PRESENT, UNANSWERED, AnswerForm, Program, Report

AT_ONCE = 128
_Question = tuple[tuple[str, int], Sequence[Message], str, tuple[str, ...]]  # finding and report, head, user, words
VALUES = {"present": PRESENT, "absent": ABSENT, "unanswered": UNANSWERED}


@dataclass(frozen=True, slots=True)
class Asked:
    """One cell: 1, 0 or -2 with its reason as the model said it, and its log-odds where they were told."""

    value: int
    reason: str = ""
    log_odds: float | None = None

    def decided(self, threshold: float | None) -> int:
        """The label: by the threshold where there is one and log-odds, else as the model said."""
        if threshold is None or self.log_odds is None:
            return self.value
        return PRESENT if self.log_odds >= threshold else ABSENT


def read_reply(reply: Reply, form: AnswerForm) -> Asked:
    """A reply as a cell; what is no answer word is unanswered, although its log-odds may be known."""
    if reply.text is None:
        return Asked(UNANSWERED, reply.reason, reply.log_odds)
    try:
        value = PRESENT if read_answer(reply.text, form) == "present" else ABSENT
    except UnreadableAnswerError as fault:
        return Asked(UNANSWERED, str(fault), reply.log_odds)
    return Asked(value, "", reply.log_odds)


def ask_reports(
    programs: Iterable[Program],
    reports: Sequence[Report],
    model: Model,
    progress: Callable[[int], None] | None = None,
    *,
    grouped: bool = False,
) -> dict[str, tuple[Asked, ...]]:
    """Each finding's cells in the reports' order, one finding after the other so that a server can reuse its prefix.

    With `grouped` one call a report asks for all findings. Raises InputError for a model of this process, and where
    not one question is answered; GuardError, before any call, when the reports may not be sent there.
    """
    check_destination(model, reports)
    if model.open_client is None:
        raise InputError(f"--model {model.name}: it runs in this process and gives no log-odds; expected an endpoint.")
    asked = tuple(programs)
    questions = _questions(asked, reports)
    if grouped:
        model, group = grouped_model(model, asked)
        questions = _grouped_questions(group, reports)
    forms = {p.finding: AnswerForm() if grouped else p.form for p in asked}
    cells: dict[str, list[Asked]] = {p.finding: [Asked(UNANSWERED)] * len(reports) for p in asked}

    def keep(unit: tuple[str, int], reply: Reply) -> None:
        cells[unit[0]][unit[1]] = read_reply(reply, forms[unit[0]])
        if progress:
            progress(1)

    asyncio.run(_ask_all(model, questions, keep))
    _refuse_silence(model, cells)
    return {f: tuple(c) for f, c in cells.items()}


def _questions(programs: Iterable[Program], reports: Sequence[Report]) -> Iterator[_Question]:
    for program in programs:
        prompt, words = freeze_prompt(program), (program.form.present, program.form.absent)
        for i, report in enumerate(reports):
            yield (program.finding, i), prompt.head, prompt.messages(report.text)[-1][1], words


def _grouped_questions(group: GroupPrompt, reports: Sequence[Report]) -> Iterator[_Question]:
    """One finding after the other, for as many reports as the client remembers the answers of."""
    heads = {f: group.head_of(f) for f in group.findings}
    for first in range(0, len(reports), REMEMBERED // 2):
        places = range(first, min(first + REMEMBERED // 2, len(reports)))
        users = {i: group.messages(reports[i].text)[-1][1] for i in places}
        for finding, head in heads.items():
            for i, user in users.items():
                yield (finding, i), head, user, ("present", "absent")


async def _ask_all(
    model: Model,
    questions: Iterator[_Question],
    keep: Callable[[tuple[str, int], Reply], None],
) -> None:
    assert model.open_client is not None
    async with model.open_client() as client:

        async def work(client: Client) -> None:
            for unit, head, user, words in questions:  # one iterator for all workers
                keep(unit, await client.ask(head, user, words))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work(client))


def _refuse_silence(model: Model, cells: Mapping[str, Sequence[Asked]]) -> None:
    every = [cell for column in cells.values() for cell in column]
    if every and all(cell.value == UNANSWERED and cell.log_odds is None for cell in every):
        raise InputError(
            f"--model {model.name}: none of {len(every)} questions was answered ({every[0].reason}); expected an "
            "endpoint that answers: check the name, --api-base, the key in the environment, and that the server runs."
        )
