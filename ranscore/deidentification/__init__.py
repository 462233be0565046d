"""De-identification of reports: what names a person, a place or a day is found by rules and replaced by surrogates."""

from __future__ import annotations

from ranscore.deidentification._dates import shift_dates
from ranscore.deidentification._keys import Key, open_key
from ranscore.deidentification._replacing import Deidentified, deidentify
from ranscore.deidentification._spans import CATEGORIES, Span, find_spans

__all__ = ["CATEGORIES", "Deidentified", "Key", "Span", "deidentify", "find_spans", "open_key", "shift_dates"]
