"""What became of each error note, as MLflow assessments: one trace a note, attached to its round's run.

MLflow 3.17 takes assessments on traces alone, not on runs; a trace that names a run as its source is listed on that
run's page. A trace holds ids, words and figures; no text of a report and none of a note.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ranscore.tracking import Tracker


@dataclass(frozen=True)
class NoteFeedback:
    """One note in one round: who read what in which report, and what became of the note, with the figures."""

    note_id: str
    reader: str
    report_id: str
    finding: str
    reads_as: str
    effect: str
    figures: dict[str, str] = field(default_factory=dict)


def log_feedback(tracker: Tracker, run_id: str, notes: Iterable[NoteFeedback]) -> list[str]:
    """Attaches the notes to a round's run; the ids of their traces.

    Each trace has two assessments: `reads_as`, the reader's own, and `effect` (kept, rejected, not chosen, nothing
    proposed), the search's, with kappa before and after.
    """
    found = list(notes)
    return [tracker._try(_log_one, tracker, run_id, note) for note in found]


def _log_one(tracker: Tracker, run_id: str, note: NoteFeedback) -> str:
    from mlflow.entities import (
        AssessmentSource,
        AssessmentSourceType,
        Feedback,
        TraceData,
        TraceInfo,
        TraceLocation,
        TraceState,
    )

    key = hashlib.sha256(f"{run_id}\n{note.note_id}".encode()).hexdigest()[:32]
    human = AssessmentSource(source_type=AssessmentSourceType.HUMAN, source_id=note.reader or "reader")
    code = AssessmentSource(source_type=AssessmentSourceType.CODE, source_id="ranscore optimize")
    about = {"note_id": note.note_id, "report_id": note.report_id, "finding": note.finding}
    info = TraceInfo(
        trace_id=f"tr-{key}",
        trace_location=TraceLocation.from_experiment_id(tracker.experiment_id),
        request_time=int(time.time() * 1000),
        state=TraceState.OK,
        request_preview=json.dumps(about, ensure_ascii=False),
        response_preview=note.effect,
        execution_duration=0,
        trace_metadata={"mlflow.sourceRun": run_id},
        tags={"mlflow.traceName": "error note", "ranscore.kind": "note", **about},
        assessments=[
            Feedback(name="reads_as", value=note.reads_as, source=human, trace_id=f"tr-{key}"),
            Feedback(name="effect", value=note.effect, source=code, trace_id=f"tr-{key}", metadata=note.figures),
        ],
    )
    client = tracker._client._tracing_client
    made = client.start_trace(info)
    client._upload_trace_data(made, TraceData(spans=[]))
    return str(made.trace_id)
