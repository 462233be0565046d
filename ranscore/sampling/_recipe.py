"""What a draw is told; without a word it is the paper's construction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from ranscore.catalog import finding_id, read_yaml, validation_faults
from ranscore.errors import UnknownNameError, list_faults
from ranscore.records import Record

PAPER = {"taxonomy": 3000, "development": 300, "test": 3000}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


class Recipe(Record):
    """The parts with their sizes, and what a report must be to stand in one.

    `chest`: `auto` asks the columns of the study first, then the report's own headings, `text` the headings alone.
    `minimum_words` holds for Findings and for Impression (Chinese: characters). Reports whose `shingle`-word runs
    overlap by `near_duplicates` (Jaccard) or more do not stand in two parts; 0 turns that off. `enrich` asks for that
    many positives of a finding in `enriched_part`.
    """

    parts: dict[str, int] = Field(default_factory=lambda: dict(PAPER), min_length=1)
    seed: int = 0
    chest: Literal["auto", "text", "off"] = "auto"
    minimum_words: int = Field(default=1, ge=1)
    near_duplicates: float = Field(default=0.8, ge=0, le=1)
    shingle: int = Field(default=3, ge=1, le=20)
    enrich: dict[str, int] = Field(default_factory=dict)
    enriched_part: str = "development"

    @field_validator("parts")
    @classmethod
    def _named_and_sized(cls, parts: dict[str, int]) -> dict[str, int]:
        wrong = [name for name in parts if not _NAME.fullmatch(name)]
        if wrong:
            raise ValueError(f"a part's name has small letters, digits, - and _; found {', '.join(map(repr, wrong))}")
        empty = [name for name, size in parts.items() if size < 1]
        if empty:
            raise ValueError(f"a part has at least one report; found fewer for {', '.join(empty)}")
        return parts

    @field_validator("enrich")
    @classmethod
    def _known_findings(cls, enrich: dict[str, int]) -> dict[str, int]:
        try:
            found = {finding_id(name): least for name, least in enrich.items()}
        except UnknownNameError as fault:
            raise ValueError(str(fault)) from None
        if any(least < 1 for least in found.values()):
            raise ValueError("at least one positive is asked for")
        return found

    @model_validator(mode="after")
    def _enriched_part_is_there(self) -> Recipe:
        if self.enrich and self.enriched_part not in self.parts:
            raise ValueError(f"enriched_part is {self.enriched_part!r}, which is none of {', '.join(self.parts)}")
        return self

    @property
    def wanted(self) -> int:
        """How many reports all parts hold together."""
        return sum(self.parts.values())


def read_recipe(path: Path | None = None, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of a YAML file (without one the paper's) with changes; `parts` and `enrich` change entry by entry.

    A part of size 0 is left out. Raises InputError with all faults.
    """
    base = read_yaml(path, Recipe) if path else Recipe()
    changes = {key: value for key, value in (changes or {}).items() if value is not None}
    data = base.model_dump() | changes
    data["parts"] = {name: n for name, n in (base.parts | dict(changes.get("parts", {}))).items() if n != 0}
    data["enrich"] = base.enrich | dict(changes.get("enrich", {}))
    try:
        return Recipe.model_validate(data)
    except ValidationError as fault:
        raise list_faults("the recipe", validation_faults(fault)) from None
