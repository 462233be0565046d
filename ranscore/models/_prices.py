"""What an endpoint's tokens cost, by the price list that litellm ships; nothing is fetched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Price:
    """US dollars a token: new prompt tokens, prompt tokens that the server had cached, answer tokens."""

    tokens_in: float
    tokens_cached: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        """Dollars of some tokens; `tokens_in` counts the cached ones too."""
        new = tokens_in - tokens_cached
        return new * self.tokens_in + tokens_cached * self.tokens_cached + tokens_out * self.tokens_out


OWN_SERVERS = ("hosted_vllm", "vllm", "lm_studio", "ollama", "ollama_chat")
_LIST = "model_prices_and_context_window_backup.json"


def price_of(model: str) -> Price | None:
    """The price of a model by its litellm name, or None where the list does not know it (a server of one's own)."""
    provider, _, name = model.partition("/")
    if not name or provider in OWN_SERVERS:
        return None
    costs = _price_list()
    listed = next((costs[n] for n in (model, name) if n in costs), None)
    if not listed or listed.get("input_cost_per_token") is None:
        return None
    each = float(listed["input_cost_per_token"])
    cached = listed.get("cache_read_input_token_cost")
    out = float(listed.get("output_cost_per_token") or 0.0)
    return Price(each, each if cached is None else float(cached), out)


@lru_cache(maxsize=1)
def _price_list() -> dict[str, Any]:
    """The list as a file, since importing litellm takes seconds; by the import where the file has another name."""
    found = find_spec("litellm")
    path = Path(found.submodule_search_locations[0]) / _LIST if found and found.submodule_search_locations else None
    if path and path.is_file():
        prices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return prices
    import litellm

    return dict(litellm.model_cost)
