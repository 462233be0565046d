"""What an endpoint's tokens cost, by the price list that litellm ships; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass


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


def price_of(model: str) -> Price | None:
    """The price of a model by its litellm name, or None where the list does not know it (a server of one's own)."""
    import litellm

    names = (model, model.split("/", 1)[-1])
    listed = next((litellm.model_cost[n] for n in names if n in litellm.model_cost), None)
    if not listed or listed.get("input_cost_per_token") is None or model.split("/", 1)[0] in ("hosted_vllm", "vllm"):
        return None
    each = float(listed["input_cost_per_token"])
    cached = listed.get("cache_read_input_token_cost")
    out = float(listed.get("output_cost_per_token") or 0.0)
    return Price(each, each if cached is None else float(cached), out)
