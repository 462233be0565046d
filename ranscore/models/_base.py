"""What a model is to the rest of ranscore: a name, settings, and a `dspy.LM`; an embedded one also answers directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ranscore.records import Edit, Report

if TYPE_CHECKING:
    import dspy

Message = tuple[str, str]  # role, text
Answerer = Callable[[Sequence[Message]], str]


@dataclass(frozen=True)
class Model:
    """A language model. `settings` holds no secret; `answer` is set where the model runs in this process.

    `bears_on`, where a model has it, tells without a call whether an edit could change a report's answer.
    """

    name: str
    make_lm: Callable[[], dspy.LM]
    settings: dict[str, Any] = field(default_factory=dict)
    answer: Answerer | None = None
    bears_on: Callable[[Edit, Report], bool] | None = None

    @property
    def embedded(self) -> bool:
        """True where no request leaves the process."""
        return self.answer is not None


def count_tokens(text: str) -> int:
    """Tokens of a text by the usual estimate of four characters a token, one for each Chinese character."""
    wide = sum(1 for c in text if c > "\u2e7f")
    return wide + (len(text) - wide + 3) // 4


def engine_model(
    name: str,
    answer: Answerer,
    settings: dict[str, Any],
    bears_on: Callable[[Edit, Report], bool] | None = None,
) -> Model:
    """A model that answers in this process, behind `dspy.LM(engine=…)`."""

    def make_lm() -> dspy.LM:
        import dspy

        from ranscore.models._engine import AsyncEngine, Engine

        engine = Engine(answer)
        return dspy.LM(f"embedded/{name}", engine=engine, async_engine=AsyncEngine(engine), cache=False, num_retries=0)

    return Model(name, make_lm, settings, answer, bears_on)
