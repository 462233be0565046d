"""ranscore: free-text chest X-ray reports to 21 findings, and the Ran Score of generated reports."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

# No library that ranscore or an extra of it brings tells anybody that it is used.
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Set before any library is imported; MLflow's job runner would hang offline.
for _name, _value in TELEMETRY_OFF.items():
    os.environ[_name] = _value
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# What is meant for this machine goes through no proxy; urllib heeds the name in small letters alone where both stand.
for _name in ("NO_PROXY", "no_proxy"):
    _hosts = [h for h in (os.environ.get(_name) or os.environ.get("NO_PROXY", "")).split(",") if h.strip()]
    if "*" not in _hosts:
        os.environ[_name] = ",".join(dict.fromkeys([*_hosts, *LOOPBACK]))

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
