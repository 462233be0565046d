"""ranscore: free-text chest X-ray reports to 21 findings, and the Ran Score of generated reports."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

# Set before any library is imported: no cost-map download, no telemetry, no job runner that hangs offline.
for _name, _value in {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "1",
}.items():
    os.environ.setdefault(_name, _value)

try:
    __version__ = version("ranscore")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"

if TYPE_CHECKING:
    from ranscore.api import RanScore
    from ranscore.scoring import score_labels

__all__ = ["RanScore", "__version__", "score_labels"]

_HOMES = {"RanScore": "ranscore.api", "score_labels": "ranscore.scoring"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ranscore' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
