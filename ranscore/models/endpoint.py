"""Any endpoint by its litellm name (`hosted_vllm/Qwen/Qwen3-14B`, `ollama_chat/qwen3:14b`, `openai/gpt-4o-mini` …).

Keys come from the environment only. Thinking is switched off where the model allows it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError
from ranscore.models._base import Model

if TYPE_CHECKING:
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
ANSWER_TOKENS = 16
THINKING_TOKENS = 4096


def open_model(
    name: str,
    *,
    api_base: str | None = None,
    temperature: float = 0.0,
    max_tokens: int | None = None,
    thinking: bool = False,
    concurrency: int = 8,
    timeout: float = 60.0,
    retries: int = 3,
    cache: bool = True,
) -> Model:
    """An endpoint as a model; raises InputError where its key or address is missing.

    Without `cache` every question is asked anew, also one that was answered before.
    """
    provider = name.split("/", 1)[0]
    key = _key(provider, name, api_base)
    if provider == "hosted_vllm" and not api_base and not os.environ.get("HOSTED_VLLM_API_BASE"):
        raise InputError(
            f"--model {name}: no address is given; expected --api-base, for example http://127.0.0.1:8000/v1."
        )
    reasoner = "reasoner" in name or thinking
    limit = max_tokens or (THINKING_TOKENS if reasoner else ANSWER_TOKENS)
    settings: dict[str, Any] = {
        "temperature": temperature,
        "max_tokens": limit,
        "thinking": thinking,
        "concurrency": concurrency,
    }
    if api_base:
        settings["api_base"] = _without_credentials(api_base)
    if not cache:
        settings["cache"] = False

    def make_lm() -> dspy.LM:
        import dspy

        options: dict[str, Any] = {"api_base": api_base} if api_base else {}
        if key:
            options["api_key"] = key
        if not thinking:
            options |= _thinking_off(provider, name)
        return dspy.LM(
            name,
            temperature=temperature,
            max_tokens=limit,
            num_retries=retries,
            timeout=timeout,
            cache=cache,
            **options,
        )

    return Model(name, make_lm, settings)


def _key(provider: str, name: str, api_base: str | None) -> str | None:
    variable = KEYS.get(provider)
    if variable is None:
        return os.environ.get(f"{provider.upper()}_API_KEY") or ("none" if provider in LOCAL else None)
    key = os.environ.get(variable)
    if not key and api_base and "//127.0.0.1" in api_base.replace("localhost", "127.0.0.1"):
        return "none"
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


def _without_credentials(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}" if rest else address
