"""Any endpoint by its litellm name (`hosted_vllm/Qwen/Qwen3-14B`, `ollama_chat/qwen3:14b`, `openai/gpt-4o-mini` …).

Keys come from the environment only. Thinking is switched off where the model allows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError
from ranscore.models._base import Client, Model
from ranscore.models._limits import Clock, Tuning
from ranscore.models._routes import (
    BESIDE,
    addresses_of,
    direct_addresses,
    request_fields,
    wishes_of,
    without_credentials,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import dspy

KEYS = {
    "openai": "OPENAI_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "dashscope": "DASHSCOPE_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "groq": "GROQ_API_KEY",
    "together_ai": "TOGETHER_AI_API_KEY",
}
LOCAL = ("hosted_vllm", "ollama", "ollama_chat", "lm_studio")
NO_KEY = "none"
ANSWER_TOKENS = 16
THINKING_TOKENS = 4096


def open_model(
    name: str,
    *,
    api_base: str | Sequence[str] | None = None,
    temperature: float = 0.0,
    max_tokens: int | None = None,
    thinking: bool = False,
    concurrency: int = 8,
    timeout: float = 60.0,
    retries: int = 3,
    cache: bool = True,
    rpm: float | None = None,
    tpm: float | None = None,
    logprobs: bool = False,
    constrain: bool = True,
    patience: float = 300.0,
    tuning: Tuning | None = None,
    clock: Clock | None = None,
) -> Model:
    """An endpoint as a model; raises InputError where its key or address is missing.

    `api_base` may name several servers, separated by commas or as a sequence: a client shares the load among them,
    `make_lm` asks the first. Without `cache` every question is asked anew, also one that was answered before.

    For a client: `rpm` and `tpm` are the requests and tokens a minute that it keeps to, `concurrency` is where it
    starts, `patience` the seconds it waits for a server that is down, `logprobs` asks for log-odds, `constrain` for
    answers that can be nothing but one of the words, where the server offers that. `tuning`, which goes before all of
    these, and `clock` are for tests.
    """
    provider = name.split("/", 1)[0]
    given = addresses_of(api_base)
    key = _key(provider, name, given[0] if given else None)
    if provider == "hosted_vllm" and not given and not os.environ.get("HOSTED_VLLM_API_BASE"):
        raise InputError(
            f"--model {name}: no address is given; expected --api-base, for example http://127.0.0.1:8000/v1."
        )
    limit = max_tokens or (THINKING_TOKENS if "reasoner" in name or thinking else ANSWER_TOKENS)
    settings: dict[str, Any] = {
        "temperature": temperature, "max_tokens": limit, "thinking": thinking, "concurrency": concurrency,
    }  # fmt: skip
    if given:
        settings["api_base"] = ",".join(without_credentials(a) for a in given)
    unusual = {"cache": (cache, True), "logprobs": (logprobs, False), "constrain": (constrain, True)}
    settings |= {option: value for option, (value, usual) in unusual.items() if value != usual}
    tuning = tuning or Tuning(start=concurrency, timeout=timeout, retries=retries, rpm=rpm, tpm=tpm, patience=patience)
    behind = _Endpoint(name, given, key, temperature, limit, thinking, logprobs, constrain, tuning, clock)
    where = tuple(map(without_credentials, direct_addresses(provider, given) or given or (provider,)))
    pace = {"timeout": timeout} | {k: v for k, v in (("rpm", rpm), ("tpm", tpm)) if v is not None}
    return Model(
        name, lambda: behind.make_lm(cache), settings, open_client=behind.open_client, addresses=where, pace=pace
    )


@dataclass(frozen=True, repr=False)
class _Endpoint:
    name: str
    addresses: tuple[str, ...]
    key: str | None
    temperature: float
    limit: int
    thinking: bool
    logprobs: bool
    constrain: bool
    tuning: Tuning
    clock: Clock | None

    @property
    def provider(self) -> str:
        return self.name.split("/", 1)[0]

    def make_lm(self, cache: bool) -> dspy.LM:
        import dspy

        options: dict[str, Any] = {"api_base": self.addresses[0]} if self.addresses else {}
        if self.key:
            options["api_key"] = self.key
        if not self.thinking:
            options |= _thinking_off(self.provider, self.name)
        return dspy.LM(
            self.name,
            temperature=self.temperature,
            max_tokens=self.limit,
            num_retries=self.tuning.retries,
            timeout=self.tuning.timeout,
            cache=cache,
            **options,
        )

    def open_client(self) -> AbstractAsyncContextManager[Client]:
        from ranscore.models._client import EndpointClient, Transport

        key = self.key if self.key != NO_KEY else None
        fields = request_fields(self.provider, self.name, self.temperature, self.limit)
        addresses = direct_addresses(self.provider, self.addresses)
        transport: Transport
        if addresses:
            from ranscore.models._http import HttpTransport

            transport = HttpTransport(addresses, key, fields, BESIDE.get(self.provider, {}), self.tuning)
        else:
            from ranscore.models._litellm import LitellmTransport

            fields = {k: v for k, v in fields.items() if k != "model"} | {"timeout": self.tuning.timeout}
            transport = LitellmTransport(self.name, self.addresses, fields | ({"api_key": key} if key else {}))
        off = {} if self.thinking or not addresses else _thinking_off_directly(self.provider, self.name)
        wishes = wishes_of(self.provider, addresses, off, constrain=self.constrain, logprobs=self.logprobs)
        return EndpointClient(transport, wishes, self.tuning, self.limit, self.clock)


def _key(provider: str, name: str, api_base: str | None) -> str | None:
    variable = KEYS.get(provider)
    if variable is None:
        return os.environ.get(f"{provider.upper()}_API_KEY") or (NO_KEY if provider in LOCAL else None)
    key = os.environ.get(variable)
    if not key and api_base and "//127.0.0.1" in api_base.replace("localhost", "127.0.0.1"):
        return NO_KEY
    if not key:
        raise InputError(
            f"--model {name}: the environment variable {variable} is not set; expected the provider's key there "
            "(a key is never taken from the command line or a file)."
        )
    return key


def _thinking_off(provider: str, name: str) -> dict[str, Any]:
    if provider == "dashscope" and any(word in name for word in ("qwen-plus", "qwen-turbo", "qwen-flash")):
        return {"extra_body": {"enable_thinking": False}}
    if "qwen3" in name.lower() and provider in ("hosted_vllm", "openai", "dashscope"):
        off = {"enable_thinking": False}
        return {"extra_body": off if provider == "dashscope" else {"chat_template_kwargs": off}}
    return {"think": False} if provider == "ollama_chat" and "qwen3" in name.lower() else {}


def _thinking_off_directly(provider: str, name: str) -> dict[str, Any]:
    if provider in ("ollama", "ollama_chat") and re.search(r"qwen3|deepseek-r1", name, re.IGNORECASE):
        return {"reasoning_effort": "none"}
    off = _thinking_off(provider, name)
    return dict(off.get("extra_body", {}))
