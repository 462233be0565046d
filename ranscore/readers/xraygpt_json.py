"""XrayGPT's captions, as it is trained on and compared with: `{"annotations": [{"image_id": …, "caption": …}]}`.

Source: Thawakar et al., XrayGPT, BioNLP 2024; https://github.com/mbzuai-oryx/XrayGPT.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._glance import Glance
from ranscore.readers._json import load_json, object_records, records_table, require_keys

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()


def recognises(glance: Glance) -> bool:
    """True for annotations with an image's id and a caption."""
    return {"annotations", "image_id", "caption"} <= glance.keys


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the image's id) and report (the caption); raises InputError."""
    data = load_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("annotations"), list):
        raise InputError(f"{path}: found no list 'annotations'; expected one of objects with image_id and caption.")
    records = object_records(path, data["annotations"])
    require_keys(path, records, ("image_id", "caption"), "image_id and caption")
    return records_table(path, records, {"image_id": "report_id", "caption": "report"}, ("report_id", "report"))
