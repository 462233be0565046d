"""The models that the paper compared, by its names, with the route that litellm takes to each.

`deepseek-reasoner` is DeepSeek's own name for the reasoner it serves at the time, which was R1 when the paper was
written; R1's own weights are at `openrouter/deepseek/deepseek-r1`, or on a server of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ranscore import registry
from ranscore.errors import UnknownNameError
from ranscore.models.endpoint import KEYS, LOCAL


@dataclass(frozen=True)
class Preset:
    """A model's litellm route, and what becomes of its thinking."""

    route: str
    thinking: str

    @property
    def needs(self) -> str:
        """What must be there: a key in the environment, or an address."""
        provider = self.route.split("/", 1)[0]
        return "--api-base" if provider in LOCAL else KEYS[provider]


PRESETS = {
    "qwen3-14b": Preset("hosted_vllm/Qwen/Qwen3-14B", "off"),
    "qwen-plus": Preset("dashscope/qwen-plus", "off"),
    "gpt-3.5-turbo": Preset("openai/gpt-3.5-turbo", "none"),
    "gpt-4o-mini": Preset("openai/gpt-4o-mini", "none"),
    "deepseek-r1": Preset("deepseek/deepseek-reasoner", "on, cannot be switched off"),
}


def route_of(name: str) -> str:
    """The route of a preset; a route or a model of this process is its own. Raises UnknownNameError."""
    own = [n for n in registry.names("models") if n != "endpoint"]
    preset = PRESETS.get(name.casefold())
    if preset:
        return preset.route
    if "/" in name or name.split(":", 1)[0] in own:
        return name
    raise UnknownNameError("model", name, [*PRESETS, *own], "`ranscore models --list` shows the presets.")
