"""Whose text a format holds: the terms of the dataset that is given away in it, for tables that have no card."""

from __future__ import annotations

from typing import Any

from ranscore.cards import Card
from ranscore.catalog import pick, read_yaml
from ranscore.records import Terms


def terms_of(reader: Any) -> Terms:
    """The terms of the dataset that a reader's `CARD` names, or those of a table of unknown origin."""
    name = getattr(reader, "CARD", "")
    return read_yaml(pick("dataset", "datasets", "*/card.yaml", name), Card).told_terms() if name else Terms()
