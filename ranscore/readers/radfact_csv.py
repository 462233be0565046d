"""RadFact's table of reports: `example_id, prediction, target`.

Source: Bannur et al., MAIRA-2 (arXiv 2406.04449); https://github.com/microsoft/RadFact.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
WANTED = ("example_id", "prediction", "target")


def recognises(glance: Glance) -> bool:
    """True for its three columns."""
    return glance.columns >= set(WANTED)


def read(path: Path) -> pd.DataFrame:
    """The columns report_id, generated (the prediction), reference (the target), and others; raises InputError."""
    names = {"example_id": "report_id", "prediction": "generated", "target": "reference"}
    return read_layout(path, WANTED, "RadFact's example_id, prediction and target", names)
