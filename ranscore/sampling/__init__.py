"""How a study's reports are chosen: which count, and a seeded draw of parts that share no report, patient or text."""

from ranscore.sampling._draw import Candidate, Drawn, Placed, draw
from ranscore.sampling._flow import Exclusion, Flow
from ranscore.sampling._near import NearIndex, shingles_of
from ranscore.sampling._recipe import Recipe, read_recipe
from ranscore.sampling._screen import Kept, Screened, screen

__all__ = [
    "Candidate", "Drawn", "Exclusion", "Flow", "Kept", "NearIndex", "Placed", "Recipe", "Screened", "draw",
    "read_recipe", "screen", "shingles_of",
]  # fmt: skip
