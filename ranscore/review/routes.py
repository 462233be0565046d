"""The addresses of the page: three pages of HTML, and JSON for what they show and send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from jinja2 import DictLoader, Environment, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field

from ranscore.catalog import finding_name
from ranscore.feedback.entries import LONGEST_NOTE, Reason, Verdict
from ranscore.review.desk import Desk
from ranscore.review.rounds import Order, RoundKeeper, Setting, show
from ranscore.review.security import Gate, RefusedError

PAGES = {
    "/": ("Queue", "queue.html", "queue.js"),
    "/notes": ("Notes", "notes.html", "notes.js"),
    "/rounds": ("Rounds", "rounds.html", "rounds.js"),
}
TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
PAUSE_SECONDS, BEAT_SECONDS = 0.2, 15.0
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
Place = Annotated[int, Field(ge=0)]


class Sent(BaseModel):
    """A JSON body that holds these fields and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SentNote(Sent):
    """One note; `entry` is made by the client, so that a note that is sent twice is one."""

    entry: Id
    item: Id
    verdict: Verdict
    reason: Reason = ""
    start: Place | None = None
    end: Place | None = None
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class SentUndo(Sent):
    """The id of a note to take back, and one for the withdrawal."""

    entry: Id
    undo: Id


class SentPreview(Sent):
    """A marked passage; `spend` allows the calls that an endpoint needs."""

    item: Id
    start: Place
    end: Place
    verdict: Annotated[str, Field(max_length=40)] = ""
    spend: bool = False


class SentQuote(Sent):
    """An item whose answer an endpoint is asked to give a reason for."""

    item: Id


class SentRound(Sent):
    """A finding to start a round for, from the seed or from the program under review."""

    finding: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,80}$")]
    start: Literal["seed", "reviewed"] = "seed"


@dataclass(frozen=True)
class Service:
    """What the routes work with; `closing` tells that the server is about to end, `done` ends the review."""

    desk: Desk
    gate: Gate
    keeper: RoundKeeper
    setting: Setting
    closing: Callable[[], bool]
    done: Callable[[], None] | None = None


def make_router(service: Service) -> APIRouter:
    """All routes of the page."""
    router = APIRouter()
    _add_pages(router, service)
    _add_notes(router, service)
    _add_rounds(router, service)
    if service.done:
        _add_end(router, service.done)
    return router


def _texts(folder: str) -> dict[str, str]:
    found = files("ranscore.review") / folder
    return {f.name: f.read_text(encoding="utf-8") for f in found.iterdir() if f.is_file()}


def _reader(request: Request) -> str:
    return str(request.state.reader)


def _add_pages(router: APIRouter, service: Service) -> None:
    """The pages and their assets, all read once: no path of a client reaches the file system."""
    templates = Environment(loader=DictLoader(_texts("templates")), autoescape=True, undefined=StrictUndefined)
    assets = _texts("static")

    def page(request: Request) -> HTMLResponse:
        name, template, script = PAGES[request.url.path]
        reader = _reader(request)
        shown: dict[str, Any] = {
            "ends": service.done is not None,
            "page": name,
            "title": name,
            "script": script,
            "reader": reader,
            "cohort": service.desk.dataset.name,
        }
        return HTMLResponse(templates.get_template(template).render(csrf=service.gate.csrf_token(reader), **shown))

    for address in PAGES:
        router.add_api_route(address, page, methods=["GET"], response_model=None)

    @router.get("/static/{name}")
    def asset(name: str) -> Response:
        if name not in assets:
            raise RefusedError(404, "There is no such file.")
        kind = TYPES[name.rpartition(".")[2]]
        return Response(assets[name], media_type=f"{kind}; charset=utf-8")


def _add_end(router: APIRouter, end: Callable[[], None]) -> None:
    @router.post("/api/done")
    def done() -> dict[str, Any]:
        end()
        return {"done": True}


def _add_notes(router: APIRouter, service: Service) -> None:
    desk = service.desk

    @router.get("/api/session")
    def session(request: Request) -> dict[str, Any]:
        reader = _reader(request)
        return {"reader": reader, "csrf": service.gate.csrf_token(reader), "cohort": desk.dataset.name}

    @router.get("/api/queue")
    def queue(request: Request) -> dict[str, Any]:
        return {"items": desk.queue(_reader(request))}

    @router.get("/api/items/{key}")
    def item(key: str, request: Request) -> dict[str, Any]:
        return desk.item(key, _reader(request))

    @router.get("/api/notes")
    def notes(request: Request) -> dict[str, Any]:
        return {"notes": desk.notes(_reader(request))}

    @router.post("/api/notes")
    def write(note: SentNote, request: Request) -> dict[str, Any]:
        entry = desk.write(_reader(request), note.model_dump())
        return {"entry": entry.entry_id, "evidence": entry.evidence}

    @router.post("/api/notes/undo")
    def undo(sent: SentUndo, request: Request) -> dict[str, Any]:
        desk.take_back(_reader(request), sent.entry, sent.undo)
        return {"entry": sent.undo}

    @router.post("/api/quote")
    def quote(sent: SentQuote) -> dict[str, Any]:
        return {"found": desk.quote(sent.item)}

    @router.post("/api/preview")
    def preview(sent: SentPreview) -> dict[str, Any]:
        return desk.preview(sent.model_dump())


def _add_rounds(router: APIRouter, service: Service) -> None:
    keeper = service.keeper

    @router.get("/api/rounds")
    def rounds() -> dict[str, Any]:
        return {"state": show(keeper.state), "past": [show(s) for s in keeper.past], **_offer(service)}

    @router.post("/api/rounds")
    def start(sent: SentRound) -> dict[str, Any]:
        reviewed = service.desk.finding(sent.finding)
        start = reviewed.program if sent.start == "reviewed" else None
        order = Order(service.setting, sent.finding, finding_name(sent.finding), service.desk.dataset.digest, start)
        return {"state": show(keeper.start(order))}

    @router.post("/api/rounds/stop")
    def stop() -> dict[str, Any]:
        return {"state": show(keeper.stop())}

    @router.get("/api/rounds/events")
    async def events(request: Request) -> StreamingResponse:
        return StreamingResponse(_events(request, service), media_type="text/event-stream")


def _offer(service: Service) -> dict[str, Any]:
    recipe = service.setting.recipe
    plan = {"recipe": recipe.name, "rounds": recipe.rounds, "trials": recipe.trials, "folds": recipe.folds}
    return {"offer": service.desk.offer(), "plan": plan | {"target_kappa": recipe.target_kappa}}


async def _events(request: Request, service: Service) -> AsyncIterator[str]:
    """The state now and after every change, until the browser leaves or the server ends."""
    seen, waited = -1, 0.0
    while not service.closing() and not await request.is_disconnected():
        state = service.keeper.state
        if state.version != seen:
            seen, waited = state.version, 0.0
            yield f"id: {seen}\ndata: {json.dumps(show(state))}\n\n"
        elif waited >= BEAT_SECONDS:
            waited = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
