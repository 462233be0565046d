"""What a worker does with a text; imports no DSPy unless an answer is unreadable, so that it starts quickly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ranscore.labelling._units import FAILED, Job
from ranscore.models import Model, open_model
from ranscore.prompt import neutralize
from ranscore.records import AnswerForm


@dataclass(frozen=True)
class Labels:
    """Some texts' labels by digest, a byte a question, and why some are missing: place, digest, reason."""

    packed: list[tuple[bytes, bytes]]
    failed: list[tuple[int, bytes, str]]


class Reader:
    """An embedded model with a job's questions."""

    def __init__(self, job: Job, model: Model | None = None) -> None:
        """Without a `model` the job's is opened by its name."""
        self.job = job
        self.model = model or open_model(job.model, **job.settings)
        self.heads = [q.head for q in job.questions]
        self.known = [{q.words[0]: 1, q.words[1]: 0} for q in job.questions]

    def label(self, texts: Mapping[bytes, str]) -> Labels:
        """Every question's answer for every text."""
        made = Labels([], [])
        for digest, text in texts.items():
            packed = bytearray()
            for place, said in enumerate(self._answers(neutralize(text))):
                value = self.known[place].get(said, FAILED)
                if value == FAILED:
                    value, reason = read_label(said, self.job.questions[place].words)
                    if value == FAILED:
                        made.failed.append((place, digest, reason))
                packed.append(value)
            made.packed.append((digest, bytes(packed)))
        return made

    def _answers(self, text: str) -> list[str]:
        if self.model.answer_all is not None:
            return self.model.answer_all(self.heads, text)
        answer = self.model.answer
        if answer is None:
            raise TypeError(f"the model {self.model.name!r} does not answer in this process")
        return [answer((*q.head, ("user", q.user(text)))) for q in self.job.questions]


def read_label(said: str | None, words: tuple[str, str]) -> tuple[int, str]:
    """1 or 0 from an answer's text, or 2 and the reason, which does not quote it."""
    from ranscore.extraction.adapter import UnreadableAnswerError, read_answer

    try:
        return int(read_answer(said, AnswerForm(present=words[0], absent=words[1])) == "present"), ""
    except UnreadableAnswerError as fault:
        return FAILED, str(fault)
