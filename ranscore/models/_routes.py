"""Where a model's name leads: the providers that speak OpenAI's protocol, their addresses, and what to ask them for."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from ranscore.errors import InputError
from ranscore.models._abilities import Form, Wishes

ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "deepseek": "https://api.deepseek.com",
    "dashscope": "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "groq": "https://api.groq.com/openai/v1",
    "together_ai": "https://api.together.xyz/v1",
    "hosted_vllm": "http://127.0.0.1:8000/v1",
    "lm_studio": "http://127.0.0.1:1234/v1",
    "ollama": "http://127.0.0.1:11434/v1",
    "ollama_chat": "http://127.0.0.1:11434/v1",
}
_FORMS: dict[str, tuple[Form, ...]] = {
    "hosted_vllm": ("structured_outputs", "guided_choice", "grammar", "json_schema"),
    "openai": ("structured_outputs", "guided_choice", "grammar", "json_schema"),
    "lm_studio": ("grammar", "json_schema"),
    "ollama": ("json_schema",),
    "ollama_chat": ("json_schema",),
}
BESIDE = {"deepseek": {"reasoning_content": ""}}  # as dspy sends it
_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-5)")


def addresses_of(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """The addresses of a comma-separated list or a sequence; raises InputError for what is no address."""
    parts = given.split(",") if isinstance(given, str) else list(given or ())
    found = tuple(p.strip() for p in parts if p.strip())
    bad = [p for p in found if not re.match(r"https?://[^/\s]", p)]
    if bad:
        shown = ", ".join(repr(without_credentials(p)) for p in bad)
        raise InputError(f"--api-base: found {shown}, expected an address such as http://127.0.0.1:8000/v1.")
    return found


def without_credentials(address: str) -> str:
    """An address without the user and password that it may hold."""
    scheme, _, rest = address.rpartition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}" if scheme else rest.rsplit("@", 1)[-1]


def direct_addresses(provider: str, given: Sequence[str]) -> tuple[str, ...]:
    """Where a provider that speaks OpenAI's protocol is reached; empty for any other."""
    if provider not in ADDRESSES:
        return ()
    variable = f"{provider.upper().replace('OLLAMA_CHAT', 'OLLAMA')}_API_BASE"
    named = given or addresses_of(os.environ.get(variable) or _second_variable(provider)) or (ADDRESSES[provider],)
    if provider.startswith("ollama"):
        return tuple(a if a.rstrip("/").endswith("/v1") else f"{a.rstrip('/')}/v1" for a in named)
    return tuple(named)


def _second_variable(provider: str) -> str | None:
    return os.environ.get("OPENAI_BASE_URL") if provider == "openai" else None


def request_fields(provider: str, name: str, temperature: float, limit: int) -> dict[str, Any]:
    """The fields of every request: model, temperature and the limit of tokens, as the model takes them."""
    model = name.split("/", 1)[1]
    if provider == "openai" and _REASONING.search(model):
        return {"model": model, "max_completion_tokens": limit}
    return {"model": model, "temperature": temperature, "max_tokens": limit}


def wishes_of(
    provider: str, addresses: Sequence[str], thinking_off: dict[str, Any], *, constrain: bool, logprobs: bool
) -> Wishes:
    """What to find out of a server: for the vendors' own, a JSON schema only where one is asked for.

    A vendor's model keeps to one word, and a schema would change what it reads. A word inside JSON is not the first
    token, so that its log-probability would tell nothing.
    """
    own = provider != "openai" or ADDRESSES["openai"] not in addresses
    words = tuple(
        f for f in (_FORMS.get(provider, ()) if own and constrain else ()) if not (logprobs and f == "json_schema")
    )
    side: dict[str, dict[str, Any]] = {"thinking": thinking_off} if thinking_off else {}
    if logprobs:
        side["logprobs"] = {"logprobs": True, "top_logprobs": 5 if provider == "dashscope" else 20}
    return Wishes(words, ("json_schema",) if constrain else (), side)
