"""Libra's files (and LLaVA's, whose form they have): answers `question_id, prompt, text, answer_id, model_id`, and
references with question_id and findings or impression.

Source: Zhang et al., Libra, ACL Findings 2025; https://github.com/X-iZhang/Libra.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers import jsonl_table
from ranscore.readers._columns import listed
from ranscore.readers._glance import Glance
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
TEXTS = {"findings": "findings", "impression": "impression", "reference": "report", "text": "report"}


def recognises(glance: Glance) -> bool:
    """True for a question's id beside an answer or a section."""
    return glance.suffix in (".jsonl", ".ndjson") and "question_id" in glance.keys and "report_id" not in glance.keys


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the question's) and report, or findings and impression of a reference.

    In a file of references `text` is the question, so it is read only where there is no section. Raises InputError.
    """
    table = jsonl_table.read(path)
    present = [name for name in TEXTS if name in table]
    if "question_id" not in table or not present:
        raise InputError(
            f"{path}: keys there: {listed([str(c) for c in table.columns])}; expected question_id and one of "
            f"{', '.join(TEXTS)}."
        )
    sections = [name for name in present if name in ("findings", "impression")]
    chosen = sections or present[:1]
    rows = table[["question_id", *chosen]].to_numpy().tolist()
    return text_table(path, ["report_id", *(TEXTS[name] for name in chosen)], rows, list(table.index), "line")
