"""The paper's models by name: a route that opens, and thinking off where it can be."""

from __future__ import annotations

import pytest

from ranscore.errors import UnknownNameError
from ranscore.models import open_model
from ranscore.models._presets import PRESETS, route_of
from ranscore.models.endpoint import KEYS, THINKING_TOKENS

THINKING_OFF = {
    "qwen3-14b": {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
    "qwen-plus": {"extra_body": {"enable_thinking": False}},
    "gpt-3.5-turbo": {},
    "gpt-4o-mini": {},
    "deepseek-r1": {},
}


def test_the_papers_five_models_are_there() -> None:
    """By its names."""
    assert list(PRESETS) == list(THINKING_OFF)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_opens_and_does_not_think_where_it_need_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dspy would send along; the reasoner gets room to think instead."""
    for variable in KEYS.values():
        monkeypatch.setenv(variable, "sk-test")
    model = open_model(
        route_of(name), api_base="http://127.0.0.1:9/v1" if PRESETS[name].needs == "--api-base" else None
    )
    sent = model.make_lm().kwargs
    assert {key: sent[key] for key in ("extra_body",) if key in sent} == THINKING_OFF[name]
    assert (model.settings["max_tokens"] == THINKING_TOKENS) == (name == "deepseek-r1")


@pytest.mark.parametrize("name", ["lexical", "hosted_vllm/Qwen/Qwen3-8B"])
def test_other_models_keep_their_names(name: str) -> None:
    """A model of this process, and any route."""
    assert route_of(name) == name


def test_case_does_not_matter() -> None:
    """As the paper writes it."""
    assert route_of("Qwen3-14B") == "hosted_vllm/Qwen/Qwen3-14B"


def test_a_name_that_is_neither_is_answered_with_the_near_ones() -> None:
    """A misspelt preset."""
    with pytest.raises(UnknownNameError, match="gpt-4o-mini"):
        route_of("gpt-4o-min")
