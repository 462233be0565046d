"""Providers that do not speak OpenAI's protocol, by way of litellm."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ranscore.models._base import count_tokens
from ranscore.models._faults import TOO_LONG, UnknownProviderError
from ranscore.models._wire import Question

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


class LitellmTransport:
    """Sends questions to one model by its litellm route; `fields` go into every call."""

    def __init__(self, name: str, addresses: Sequence[str], fields: Mapping[str, Any]) -> None:
        self._name, self._addresses, self._fields = name, addresses, fields
        self._complete: Any = None

    async def open(self) -> Sequence[str]:
        """The addresses, or one empty one where litellm knows it."""
        import litellm

        litellm.suppress_debug_info = True
        self._complete = litellm.acompletion
        for name in _LOGGERS:  # what they log quotes the request
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        return self._addresses or [""]

    async def send(
        self, link: str, question: Question, key: object, options: Mapping[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes | dict[str, Any]]:
        """Status, headers and body; an error of litellm's that has a status is one."""
        messages = [{"role": role, "content": content} for role, content in (*question.head, ("user", question.user))]
        where = {"api_base": link} if link else {}
        try:
            reply = await self._complete(
                model=self._name, messages=messages, num_retries=0, max_retries=0, **where, **self._fields, **options
            )
        except Exception as fault:
            return _refusal(fault)
        return 200, {}, reply.model_dump()

    def tokens(self, question: Question) -> int:
        """The prompt's tokens, estimated."""
        return sum(count_tokens(text) for _, text in question.head) + count_tokens(question.user)

    async def close(self) -> None:
        """litellm keeps its own connections."""


def _refusal(fault: Exception) -> tuple[int, Mapping[str, str], bytes]:
    status = getattr(fault, "status_code", None)
    kind = type(fault).__name__
    if "Timeout" in kind:
        raise TimeoutError from None
    if "provider not provided" in str(fault).lower():
        raise UnknownProviderError from None
    if "APIConnection" in kind or not isinstance(status, int):
        raise fault
    headers = getattr(getattr(fault, "response", None), "headers", None) or {}
    body = TOO_LONG.encode() if "ContextWindow" in kind else b""
    return status, {str(k).lower(): str(v) for k, v in dict(headers).items()}, body
