"""Comparisons: two or more systems on the same reports, and one program with several models."""

from ranscore.comparing._models import ModelScore, ModelTable, score_models
from ranscore.comparing._pairs import System, compare_systems
from ranscore.comparing._records import Comparison, FindingComparison, PairComparison, SystemInfo
from ranscore.comparing._systems import Sources, open_systems
from ranscore.metrics._paired import Estimate

__all__ = [
    "Comparison",
    "Estimate",
    "FindingComparison",
    "ModelScore",
    "ModelTable",
    "PairComparison",
    "Sources",
    "System",
    "SystemInfo",
    "compare_systems",
    "open_systems",
    "score_models",
]
