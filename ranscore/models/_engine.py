"""The adapter from an answering function to dspy's engine contract (dspy 3.4: complete(Request) -> Response)."""

from __future__ import annotations

from dspy.lm15 import Message as LmMessage
from dspy.lm15 import Request, Response, TextPart, Usage

from ranscore.models._base import Answerer, Message, count_tokens


class Engine:
    """One attempt an answer; `dspy.LM` owns retries and caching."""

    supports_function_calling = False
    supports_reasoning = False
    supports_response_schema = False
    supported_params: frozenset[str] = frozenset()

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer

    def complete(self, request: Request) -> Response:
        """The answer to a request, with estimated token counts."""
        system = request.system if isinstance(request.system, str) else "".join(p.text for p in request.system or ())
        turns: list[Message] = [(str(m.role), m.text or "") for m in request.messages]
        messages = [("system", system), *turns] if system else turns
        text = self._answer(messages)
        given, made = sum(count_tokens(t) for _, t in messages), count_tokens(text)
        return Response(
            id=None,
            model=request.model,
            message=LmMessage.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=Usage(input_tokens=given, output_tokens=made, total_tokens=given + made),
        )

    def close(self) -> None:
        """Nothing is held open."""


class AsyncEngine:
    """The same for `acall`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def complete(self, request: Request) -> Response:
        """The answer to a request."""
        return self._engine.complete(request)

    async def aclose(self) -> None:
        """Nothing is held open."""
