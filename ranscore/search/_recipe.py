"""A recipe: an optimizer with its settings (`optimizers/<name>.yaml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ranscore import catalog, registry
from ranscore.errors import list_faults
from ranscore.records import Origin, Record


class Recipe(Record):
    """An optimizer's name and settings; `budget` is the most calls one search may make (None: no limit).

    With `keep_report_text` a program may hold passages of restricted reports; without it, none.
    """

    name: str
    title: str = ""
    algorithm: str
    objective: Literal["kappa", "f1"] = "kappa"
    target_accuracy: float = Field(default=0.95, ge=0, le=1)
    target_kappa: float = Field(default=0.95, ge=-1, le=1)
    rounds: int = Field(default=4, ge=1, le=50)
    trials: int = Field(default=60, ge=1)
    folds: int = Field(default=5, ge=0, le=20)
    fold_trials: int = Field(default=30, ge=1)
    rungs: tuple[float, ...] = (1.0,)
    penalty_per_1000_tokens: float = Field(default=0.002, ge=0)
    prior: dict[Origin, float] = Field(default_factory=dict)
    lexicon: bool = True
    mine: bool = True
    keep_unexercised: tuple[Origin, ...] = ("expert",)
    most_edits: int = Field(default=40, ge=1)
    exemplar_chars: tuple[int, ...] = (400,)
    questions: tuple[str, ...] = ()
    budget: int | None = Field(default=None, ge=1)
    seed: int = 0
    writer: str = ""
    keep_report_text: bool = False

    def changed(self, **values: Any) -> Recipe:
        """The recipe with some settings changed (None leaves one as it is); raises InputError naming each bad value."""
        data = self.model_dump() | {k: v for k, v in values.items() if v is not None}
        try:
            return Recipe.model_validate(data)
        except ValidationError as fault:
            raise list_faults(f"recipe {self.name}", catalog.validation_faults(fault)) from None


def read_recipe(name: str) -> Recipe:
    """The recipe of a name, or of a YAML file's path; raises UnknownNameError or InputError."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else catalog.pick("recipe", "optimizers", "*.yaml", name)
    recipe = catalog.read_yaml(path, Recipe)
    if recipe.algorithm not in registry.names("search"):
        registry.load("search", recipe.algorithm)
    return recipe
