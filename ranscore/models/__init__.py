"""Models by name: `lexical`, `scripted`, or any name that litellm routes (`hosted_vllm/Qwen/Qwen3-14B`)."""

from __future__ import annotations

from typing import Any

from ranscore import registry
from ranscore.errors import UnknownNameError
from ranscore.models._base import Model

__all__ = ["Model", "open_model"]


def open_model(name: str, **settings: Any) -> Model:
    """The model behind a name; a name with a `/` is an endpoint's, by its litellm route. Raises UnknownNameError."""
    backend = name.split(":", 1)[0]
    if "/" in backend:
        backend = "endpoint"
    if backend not in registry.names("models") or (backend == "endpoint" and "/" not in name):
        raise UnknownNameError(
            "model",
            name,
            [n for n in registry.names("models") if n != "endpoint"],
            "An endpoint is named by its litellm route, for example hosted_vllm/Qwen/Qwen3-14B with --api-base.",
        )
    model: Model = registry.load("models", backend).open_model(name, **settings)
    return model
