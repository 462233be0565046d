"""The model that writes: instructions for MIPRO and GEPA, edits from the text of error notes (`--writer`)."""

from __future__ import annotations

from typing import Any

from ranscore.errors import InputError
from ranscore.models import Model, is_served, open_model
from ranscore.search._recipe import Recipe

WRITTEN_TOKENS = 4096


def open_writer(recipe: Recipe, labeller: Model) -> Model:
    """The recipe's writing model, at the labelling model's address where both have one provider.

    Raises InputError without one, or where it is the embedded reader, which cannot write.
    """
    name = recipe.writer
    if name.split(":", 1)[0] in ("", "lexical"):
        found = f"--writer {name} cannot write" if name else "no --writer is given"
        raise InputError(
            f"recipe {recipe.name}: {found}; expected `--writer MODEL`, a model that can write text, "
            "for example hosted_vllm/Qwen/Qwen3-14B."
        )
    settings: dict[str, Any] = {}
    if is_served(name):
        settings["max_tokens"] = WRITTEN_TOKENS
        if "api_base" in labeller.settings and name.split("/", 1)[0] == labeller.name.split("/", 1)[0]:
            settings["api_base"] = labeller.settings["api_base"]
    return open_model(name, **settings)
