"""Figures and tables of scores: one file a figure with `pictures(evidence)`; matplotlib is imported here alone."""

from ranscore.figures._evidence import (
    Change,
    Cohort,
    Comparison,
    Curve,
    Evidence,
    Kind,
    Origin,
    Side,
    Support,
    System,
)
from ranscore.figures._flow import flow_picture
from ranscore.figures._style import Drawn, Picture, render
from ranscore.figures._tables import Cell, Table, to_csv, to_latex

__all__ = [
    "Cell", "Change", "Cohort", "Comparison", "Curve", "Drawn", "Evidence", "Kind", "Origin", "Picture", "Side",
    "Support", "System", "Table", "flow_picture", "render", "to_csv", "to_latex",
]  # fmt: skip
