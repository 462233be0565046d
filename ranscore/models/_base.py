"""What a model is to the rest of ranscore: a name, settings, and a `dspy.LM`; an embedded one also answers directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ranscore.records import Edit, Report

if TYPE_CHECKING:
    import dspy

Message = tuple[str, str]  # role, text
Answerer = Callable[[Sequence[Message]], str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call gave. `text` is the raw answer, None where there is none; `reason` then says why.

    A reason holds no report text, no answer and no key. `log_odds` is log P(present word) - log P(absent word) of the
    first answer token, in nats, where it was asked for and the server tells. Tokens are the server's own counts.
    """

    text: str | None
    reason: str = ""
    log_odds: float | None = None
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0


class Client(Protocol):
    """Asks an endpoint; one for each event loop, used as `async with model.open_client() as client`."""

    async def ask(
        self, head: Sequence[Message], user: str, words: Sequence[str], schema: dict[str, Any] | None = None
    ) -> Reply:
        """The answer to the messages of `head` followed by `user`; an endpoint's fault is a reply with its reason.

        `words` are the two answer words, the one for present first, or nothing; `schema` is a JSON schema that the
        answer is to fit, where the server can. `head` is encoded once for each object: hand over the same tuple.
        """
        ...

    @property
    def room(self) -> int:
        """How many asks may usefully be in flight now."""
        ...


@dataclass(frozen=True)
class Model:
    """A language model. `settings` holds no secret; `answer` is set where the model runs in this process.

    `bears_on`, where a model has it, tells without a call whether an edit could change a report's answer.
    `open_client` is set for an endpoint, and asks it many questions at once. `answer_all`, where an embedded model has
    it, answers all findings' heads for one report's text in one pass, in their order. `addresses` are where text is
    sent, none for an embedded model (see `guard`). `pace` are an endpoint's `rpm`, `tpm` and `timeout`, which change no
    answer and so are no settings.
    """

    name: str
    make_lm: Callable[[], dspy.LM]
    settings: dict[str, Any] = field(default_factory=dict)
    answer: Answerer | None = None
    bears_on: Callable[[Edit, Report], bool] | None = None
    open_client: Callable[[], AbstractAsyncContextManager[Client]] | None = None
    answer_all: Callable[[Sequence[Sequence[Message]], str], list[str]] | None = None
    addresses: tuple[str, ...] = ()
    pace: dict[str, float] = field(default_factory=dict)

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
