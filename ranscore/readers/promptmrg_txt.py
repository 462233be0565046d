"""What PromptMRG's tester writes: `generated_sentences.txt`, blocks of `Sample 1:`, `Ground Truth: …`, `Generated: …`.

Source: Jin et al., PromptMRG, AAAI 2024; https://github.com/jhb86253817/PromptMRG. Its `res.csv` and `gts.csv` are
read by `r2gen-csv`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._blocks import read_blocks
from ranscore.readers._glance import Glance
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
FIELDS = ("Ground Truth", "Generated")
_SAMPLE = re.compile(r"Sample (\d+):")


def recognises(glance: Glance) -> bool:
    """True for a numbered sample with a ground truth below."""
    return glance.suffix == ".txt" and bool(re.search(r"(?m)^Sample \d+:\s*\n\s*Ground Truth: ", glance.head))


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the sample's number), reference and generated; raises InputError."""
    blocks = read_blocks(path, FIELDS, _SAMPLE, "Generated", require=FIELDS)
    rows = [[b.get("", str(n)), b["Ground Truth"], b["Generated"]] for n, (_, b) in enumerate(blocks, start=1)]
    return text_table(path, ("report_id", "reference", "generated"), rows, [line for line, _ in blocks], "line")
