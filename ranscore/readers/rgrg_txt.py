"""What RGRG writes: a text file of blocks, `Image path: …`, `Generated report: …` and, on a test set,
`Reference report: …`, divided by a line of equal signs.

Source: Tanida et al., RGRG, CVPR 2023; https://github.com/ttanida/rgrg.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ranscore.readers._blocks import read_blocks
from ranscore.readers._glance import Glance
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
FIELDS = ("Image path", "Generated report", "Reference report")
OTHER = ("Generated sentences with their regions", "Generated sentences that were removed")


def recognises(glance: Glance) -> bool:
    """True for its field at the beginning of a line."""
    return glance.suffix == ".txt" and bool(re.search(r"(?m)^Generated report: ", glance.head))


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the image's name, or the block's number), generated and, if there, reference.

    Raises InputError.
    """
    blocks = read_blocks(path, FIELDS, re.compile(r"={10,}"), "Generated report", OTHER)
    sides = [f for f in ("Generated report", "Reference report") if any(f in b for _, b in blocks)]
    rows = []
    for number, (_, block) in enumerate(blocks, start=1):
        image = block.get("Image path", "").replace("\\", "/")
        rows.append([PurePosixPath(image).stem or str(number), *(block.get(side, "") for side in sides)])
    names = ["report_id", *(side.split(" ")[0].lower() for side in sides)]
    return text_table(path, names, rows, [line for line, _ in blocks], "line")
