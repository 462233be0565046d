"""What a run would take: counted without a call, with what is known, and unknown where nobody knows."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from ranscore.freezing import FrozenProgram
from ranscore.labelling._brakes import Brakes
from ranscore.labelling.forecast import forecast
from ranscore.models import open_model
from ranscore.models._prices import Price, price_of
from tests.labelling.conftest import Counting, label, opened, recorded, varied, write_reports
from tests.labelling.test_corpus import Gate


def test_calls_are_counted_after_duplicates_ledger_and_gate(
    narrow: FrozenProgram, tmp_path: Path, faults: ModuleType
) -> None:
    """Reports, distinct texts, what is answered, what a gate saves; the server is not asked."""
    texts = varied(12)
    source, ledger = write_reports(tmp_path / "in.csv", [*texts, *texts[:3]]), tmp_path / "l"
    with faults.FaultServer() as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, narrow, model, None) as corpus:
            fresh = forecast(corpus)
        assert (fresh.reports, fresh.texts, fresh.cells, fresh.done, fresh.calls) == (15, 12, 30, 0, 24)
        assert (fresh.rate, fresh.hours, fresh.measured, fresh.dollars) == (None, None, "no call was made", None)
        assert not server.requests
        label(source, narrow, model, ledger, tmp_path / "o.csv", Brakes(max_calls=10))
        with opened(source, narrow, model, ledger) as corpus:
            later = forecast(corpus)
            told = forecast(corpus, rate=7.0)
        assert (later.done, later.calls) == (10, 14)
        assert later.rate
        assert later.measured == "measured over 10 earlier calls"
        assert told.hours == pytest.approx(14 / 7 / 3600)
        with opened(source, narrow, model, None, gate=Gate("pneumothorax")) as corpus:
            gated = forecast(corpus)
        assert (gated.calls, gated.gated, gated.estimated) == (16, 8, False)


def test_tokens_tell_what_a_reused_prefix_saves(single: FrozenProgram, tmp_path: Path) -> None:
    """The head once a call, the report on top; money by the listed price, less where the head is cached."""
    source = write_reports(tmp_path / "in.csv", ["word " * 100 + str(n) for n in range(10)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "k")
        model = open_model("openai/gpt-4o-mini")
    with opened(source, single, model, None) as corpus:
        found = forecast(corpus)
        head = corpus.job.questions[0].tokens
    assert found.tokens_head == 10 * head
    assert found.tokens_in - found.tokens_head == 10 * 126
    assert found.tokens_out == 20
    reused = (found.tokens_head * 0.075 + 1260 * 0.15 + 20 * 0.6) / 1e6
    whole = (found.tokens_in * 0.15 + 20 * 0.6) / 1e6
    assert found.dollars == (pytest.approx(reused), pytest.approx(whole))


def test_prices_are_those_of_the_list_that_ships() -> None:
    """With the cached price where there is one; none for a server of one's own or an unknown model."""
    assert price_of("openai/gpt-4o-mini") == Price(0.15e-6, 0.075e-6, 0.6e-6)
    assert price_of("dashscope/qwen-plus") is not None
    assert [price_of(n) for n in ("hosted_vllm/gpt-4o-mini", "ollama_chat/x", "openai/no-such-model", "lexical")] == [
        None
    ] * 4


def test_the_embedded_reader_is_tried(single: FrozenProgram, tmp_path: Path) -> None:
    """Its rate is measured on texts of the table, times the processes, and nothing is recorded."""
    source = write_reports(tmp_path / "in.csv", varied(30))
    counting = Counting()
    with opened(source, single, counting.model(), tmp_path / "l") as corpus:
        found = forecast(corpus, workers=3)
    assert found.measured == "measured on 30 texts, times 3 processes"
    assert found.rate
    assert found.hours == pytest.approx(30 / found.rate / 3600)
    assert recorded(tmp_path / "l") == 0
