"""Runs, metrics, prompts and artifacts in MLflow: one SQLite file and one artifact folder below `mlruns/`.

An optimization is a run of kind `optimize` named after its finding; its rounds are runs of kind `round` nested in it; a
`summary` run holds what is true over all findings. Every call names its run: MLflow's active run is local to a thread.
Nothing is logged automatically, so no report text gets here unless a caller passes it. MLflow is imported on first use.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal, TypeGuard, TypeVar

from ranscore.errors import InputError
from ranscore.tracking._store import DATABASE as DATABASE
from ranscore.tracking._store import EXPERIMENT as EXPERIMENT
from ranscore.tracking._store import check_folder, connect, find_experiment, lock, persist, without_variables
from ranscore.tracking._store import database_uri as database_uri
from ranscore.tracking._store import find_database as find_database
from ranscore.tracking._store import runs_folder as runs_folder

PROGRAM_FILE = "program.json"

Status = Literal["FINISHED", "FAILED", "KILLED"]
Metrics = Mapping[str, float | None]
Tags = Mapping[str, str]
Params = Mapping[str, object]
Texts = Mapping[str, str]
Tables = Mapping[str, Sequence[Mapping[str, object]]]
T = TypeVar("T")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class KeptProgram:
    """A finished optimization that kept a program; `start_time` is in UTC."""

    run_id: str
    finding: str
    metrics: dict[str, float]
    tags: dict[str, str]
    params: dict[str, str]
    start_time: datetime


@dataclass(frozen=True)
class TrackedRound:
    """One finished round of an optimization, by its number."""

    number: int
    run_id: str
    metrics: dict[str, float]
    tags: dict[str, str]


@dataclass(frozen=True)
class Tracker:
    """Writes and reads runs of one tracking folder; open it with `Tracker.open`."""

    folder: Path
    experiment_id: str
    _client: Any = field(repr=False)
    _since: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path | None = None, *, must_exist: bool = False) -> Tracker:
        """A tracker on a folder that can be written, made when it is missing (unless `must_exist`); else InputError."""
        place = find_database(folder).parent if must_exist else runs_folder(folder)
        check_folder(place)
        # One process at a time, since MLflow does not guard its own first start.
        with closing(lock(place / ".opening.db", "EXCLUSIVE")):
            client = connect(place)
            return cls(place, find_experiment(client, place), client)

    def start_optimize(self, finding: str, *, name: str, tags: Tags = _NOTHING, params: Params = _NOTHING) -> str:
        """Begins the optimization of one finding, shown by its `name`; its run id, still running."""
        run_id = self._create(f"optimize {name}", "optimize", {"ranscore.finding": finding, **tags})
        self._log(run_id, params=params)
        self._since[run_id] = _now()
        return run_id

    def log_round(
        self,
        parent_id: str,
        number: int,
        *,
        metrics: Metrics = _NOTHING,
        tags: Tags = _NOTHING,
        params: Params = _NOTHING,
        texts: Texts = _NOTHING,
        tables: Tables = _NOTHING,
    ) -> str:
        """One finished round nested in its optimization, whose metrics become the parent's curves; its run id.

        `texts` maps an artifact's file name to its text, `tables` a name to rows stored as CSV. A metric that is None
        or not finite is not logged but tagged `undefined/<metric>` with the reason; a tag so named in `tags` wins.
        """
        finding = self._run(parent_id).data.tags.get("ranscore.finding", "")
        family = {"mlflow.parentRunId": parent_id, "ranscore.finding": finding}
        run_id = self._create(f"round {number}", "round", {**family, **tags}, self._since.get(parent_id))
        self._log(run_id, metrics=metrics, undefined_but=tags, params=params, step=number)
        self._write(run_id, texts, tables)
        self._log(parent_id, metrics={k: v for k, v in metrics.items() if _is_number(v)}, step=number)
        self._try(self._client.set_terminated, run_id, status="FINISHED")
        self._since[parent_id] = _now()
        return run_id

    def finish(
        self,
        run_id: str,
        *,
        metrics: Metrics = _NOTHING,
        tags: Tags = _NOTHING,
        texts: Texts = _NOTHING,
        tables: Tables = _NOTHING,
        status: Status = "FINISHED",
    ) -> None:
        """Ends a run with what it came to; a metric that has a curve gets its value at the curve's last round."""
        curves = self._run(run_id).data.metrics
        steps = {name: self._last_step(run_id, name) if name in curves else 0 for name in metrics}
        for step in sorted(set(steps.values())):
            ended = {name: metrics[name] for name, last in steps.items() if last == step}
            self._log(run_id, metrics=ended, undefined_but=tags, step=step)
        self._log(run_id, tags=tags)
        self._write(run_id, texts, tables)
        self._try(self._client.set_terminated, run_id, status=status)

    def log_summary(
        self,
        *,
        name: str,
        kind: str = "summary",
        metrics: Metrics = _NOTHING,
        tags: Tags = _NOTHING,
        texts: Texts = _NOTHING,
        tables: Tables = _NOTHING,
    ) -> str:
        """One finished run over several findings, with metrics such as `kappa/pneumothorax`; its run id."""
        run_id = self._create(name, kind, {})
        self.finish(run_id, metrics=metrics, tags=tags, texts=texts, tables=tables)
        return run_id

    def register_prompt(self, finding: str, template: str, *, message: str = "", tags: Tags = _NOTHING) -> int:
        """The new version number of a finding's prompt in the Prompt Registry; the text stays as it is, braces too."""
        # MLflow links a prompt to the process's active experiment; naming both here leaves it nothing to add.
        linked = {"_mlflow_experiment_ids": f",{self.experiment_id},0,", **_as_tags(tags)}
        with without_variables("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
            version = self._try(
                self._client.register_prompt, prompt_name(finding), template, commit_message=message, tags=linked
            )
        return int(version.version)

    def set_alias(self, finding: str, alias: str, version: int) -> None:
        """Points an alias such as `frozen` at one version of a finding's prompt."""
        self._try(self._client.set_prompt_alias, prompt_name(finding), alias, version)

    def kept_programs(self, *, finding: str | None = None, filters: Tags = _NOTHING) -> list[KeptProgram]:
        """Finished optimizations that kept a `program.json` and whose tags equal `filters`, newest first."""
        wanted = dict(filters) | ({"ranscore.finding": finding} if finding is not None else {})
        found = self._search("attributes.status = 'FINISHED' and tags.`ranscore.kind` = 'optimize'", wanted)
        return [_as_kept(run) for run in found if self._has(run.info.run_id, PROGRAM_FILE)]

    def rounds(self, run_id: str) -> list[TrackedRound]:
        """The rounds of an optimization, in their order."""
        found = self._search("tags.`ranscore.kind` = 'round'", {"mlflow.parentRunId": run_id})
        numbered = [(re.fullmatch(r"round (\d+)", run.info.run_name or ""), run) for run in found]
        rounds = [
            TrackedRound(int(number[1]), run.info.run_id, dict(run.data.metrics), dict(run.data.tags))
            for number, run in numbered
            if number
        ]
        return sorted(rounds, key=lambda one: one.number)

    def count_runs(self, kind: str, tags: Tags = _NOTHING) -> int:
        """How many runs of a kind have these tags, deleted ones included."""
        return len(self._search(f"tags.`ranscore.kind` = '{kind}'", tags, run_view_type=3))  # 3: ViewType.ALL

    def read_text(self, run_id: str, name: str) -> str:
        """The text of one artifact; raises InputError where the run has none of that name."""
        if not self._has(run_id, name):
            raise InputError(f"{self.folder}: run {run_id} has no artifact {name!r}; 'ranscore ui' shows which it has.")
        with TemporaryDirectory(prefix="ranscore-") as folder:  # MLflow would leave its copy behind
            path = self._try(self._client.download_artifacts, run_id, name, folder)
            return Path(path).read_bytes().decode("utf-8")

    def _create(self, name: str, kind: str, tags: Tags, start: int | None = None) -> str:
        given = _as_tags({"ranscore.kind": kind, **tags})
        begun = start or _now()
        made = self._try(self._client.create_run, self.experiment_id, start_time=begun, tags=given, run_name=name)
        return str(made.info.run_id)

    def _log(
        self,
        run_id: str,
        *,
        metrics: Metrics = _NOTHING,
        tags: Tags = _NOTHING,
        params: Params = _NOTHING,
        undefined_but: Tags = _NOTHING,
        step: int = 0,
    ) -> None:
        """Logs in batches as large as MLflow takes; `undefined_but` holds reasons that are already tagged."""
        from mlflow.entities import Metric, Param, RunTag

        now = _now()
        points = [Metric(name, float(v), now, step) for name, v in metrics.items() if _is_number(v)]
        reasons = {f"undefined/{name}": _why(v) for name, v in metrics.items() if not _is_number(v)}
        marks = {k: v for k, v in reasons.items() if k not in undefined_but} | dict(tags)
        tag_list = [RunTag(k, v) for k, v in _as_tags(marks).items()]
        param_list = [Param(k, _as_text(v)[:6000]) for k, v in params.items()]
        for key, items, size in (("metrics", points, 1000), ("tags", tag_list, 100), ("params", param_list, 100)):
            for at in range(0, len(items), size):
                self._try(self._client.log_batch, run_id, **{key: items[at : at + size]}, synchronous=True)

    def _write(self, run_id: str, texts: Texts, tables: Tables) -> None:
        files = dict(texts)
        for name, rows in tables.items():
            files[name if name.endswith(".csv") else f"{name}.csv"] = _as_csv(rows)
        for name, text in files.items():
            self._try(self._client.log_text, run_id, text.encode("utf-8", "backslashreplace").decode("utf-8"), name)

    def _run(self, run_id: str) -> Any:
        return self._try(self._client.get_run, run_id)

    def _last_step(self, run_id: str, metric: str) -> int:
        return max((p.step for p in self._try(self._client.get_metric_history, run_id, metric)), default=0)

    def _search(self, where: str, wanted: Tags, **options: Any) -> list[Any]:
        asked = {"filter_string": where, "order_by": ["attributes.start_time DESC"], "max_results": 50_000, **options}
        found = self._try(self._client.search_runs, [self.experiment_id], **asked)
        return [run for run in found if wanted.items() <= run.data.tags.items()]

    def _has(self, run_id: str, name: str) -> bool:
        found = self._try(self._client.list_artifacts, run_id, name.rpartition("/")[0] or None)
        return any(file.path == name and not file.is_dir for file in found)

    def _try(self, call: Callable[..., T], *args: Any, **named: Any) -> T:
        return persist(self.folder, call, *args, **named)


def prompt_name(finding: str) -> str:
    """A finding's name in the Prompt Registry, which takes letters, digits, `_`, `.` and `-` only."""
    return "ranscore-" + re.sub(r"[^A-Za-z0-9_.]", "_", finding)


def _now() -> int:
    return int(time.time() * 1000)


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _why(value: float | None) -> str:
    return "not defined on these reports" if value is None else f"not a finite number: {value}"


def _as_text(value: object) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _as_tags(tags: Mapping[str, object]) -> dict[str, str]:
    return {key: _as_text(value)[:8000] for key, value in tags.items()}


def _as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _as_kept(run: Any) -> KeptProgram:
    return KeptProgram(
        run_id=run.info.run_id,
        finding=run.data.tags.get("ranscore.finding", ""),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        start_time=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
    )
