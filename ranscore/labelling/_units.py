"""What is asked of a corpus: questions, each a finding's prompt cut open for the report, and units of work.

A unit is one question about one text: (report digest, finding, prompt digest, model with the settings that matter).
Nothing here imports DSPy, so that a worker process starts quickly and stays small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ranscore.models._base import Message, Model, count_tokens

# Settings that say how an endpoint is reached, not what it answers.
HOW_REACHED = {"api_base", "cache", "concurrency"}
FAILED = 2  # as a byte, beside 0 and 1
ANSWER_TOKENS = 2  # of one answer word, where nobody counts them


@dataclass(frozen=True)
class Question:
    """One finding's question: `head`, then a user message of `before` + report + `after`; `digest` is the prompt's.

    `words` are the two answer words, the one for present first. With a `threshold` an answer with log-odds is present
    from there on. `report` must be neutralised (`ranscore.prompt.neutralize`) before it is put in.
    """

    finding: str
    digest: str
    head: tuple[Message, ...]
    before: str
    after: str
    words: tuple[str, str]
    threshold: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens of the prompt without a report, estimated."""
        return sum(count_tokens(text) for _, text in self.head) + count_tokens(self.before + self.after)

    def user(self, report: str) -> str:
        """The user message for a neutralised report."""
        return f"{self.before}{report}{self.after}"


@dataclass(frozen=True)
class Job:
    """What every worker is told once: the questions in their order and the model by name and settings."""

    questions: tuple[Question, ...]
    model: str
    settings: dict[str, Any]

    @property
    def identity(self) -> str:
        """The model with the settings that matter for its answers, as canonical JSON."""
        return model_identity(self.model, self.settings)

    def digest(self) -> str:
        """SHA-256 of all that bears on a report's labels: the questions' digests and the model."""
        asked = [[q.finding, q.digest] for q in self.questions]
        return hashlib.sha256(json.dumps([asked, self.identity]).encode()).hexdigest()


def model_identity(name: str, settings: dict[str, Any]) -> str:
    """A model's name and the settings that matter for its answers, as canonical JSON."""
    kept = {key: value for key, value in settings.items() if key not in HOW_REACHED}
    return json.dumps([name, kept], sort_keys=True, ensure_ascii=False, default=str)


def job_of(questions: Iterable[Question], model: Model) -> Job:
    """The job of asking a model these questions."""
    return Job(tuple(questions), model.name, dict(model.settings))


def text_digest(text: str) -> bytes:
    """The first 16 bytes of a text's SHA-256: what the ledger knows a report by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


@dataclass(frozen=True)
class Block:
    """Some reports' texts by digest, and which questions each is to be asked (their places in the job)."""

    texts: dict[bytes, str]
    wanted: dict[bytes, tuple[int, ...]]

    def label_major(self) -> Iterable[tuple[int, bytes]]:
        """The units of the block, one question after the other, so that a server can reuse its prefix."""
        places = sorted({place for wanted in self.wanted.values() for place in wanted})
        return ((place, digest) for place in places for digest, wanted in self.wanted.items() if place in wanted)

    def __len__(self) -> int:
        return sum(map(len, self.wanted.values()))
