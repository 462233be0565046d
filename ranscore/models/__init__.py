"""Models by name: `lexical`, `gguf:PATH`, or any name that litellm routes (`hosted_vllm/Qwen/Qwen3-14B`)."""

from __future__ import annotations

from typing import Any

from ranscore import registry
from ranscore.errors import UnknownNameError
from ranscore.models._base import Model

__all__ = ["Model", "is_endpoint", "is_served", "open_model"]


def is_endpoint(name: str) -> bool:
    """True for a litellm route, which has a `/` before any `:`; false for `lexical` and for `gguf:/a/path`."""
    return "/" in name.split(":", 1)[0]


def is_served(name: str) -> bool:
    """True for a model that a server answers for, elsewhere or in this process: an endpoint, or a file of weights."""
    return is_endpoint(name) or name.startswith("gguf:")


def open_model(name: str, **settings: Any) -> Model:
    """The model behind a name; a name with a `/` is an endpoint's, by its litellm route, unless what stands before
    a `:` is a backend of this process (`gguf:/models/qwen.gguf`). Raises UnknownNameError.
    """
    backend = "endpoint" if is_endpoint(name) else name.split(":", 1)[0]
    if backend not in registry.names("models") or (backend == "endpoint" and "/" not in name):
        raise UnknownNameError(
            "model",
            name,
            [n for n in registry.names("models") if n != "endpoint"],
            "An endpoint is named by its litellm route, for example hosted_vllm/Qwen/Qwen3-14B with --api-base; "
            "a file of weights as gguf:PATH.",
        )
    model: Model = registry.load("models", backend).open_model(name, **settings)
    return model
