"""The application and its server: `make_app` for tests, `serve` for the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ranscore.errors import RanscoreError
from ranscore.review.desk import Desk
from ranscore.review.rounds import RoundKeeper, Setting
from ranscore.review.routes import Service, make_router
from ranscore.review.security import Gate, Guard

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException as AnyHTTPException

GRACE_SECONDS = 3


def make_app(
    desk: Desk,
    gate: Gate,
    keeper: RoundKeeper,
    setting: Setting,
    closing: Callable[[], bool] = lambda: False,
    done: Callable[[], None] | None = None,
) -> Guard:
    """The ASGI application: the routes behind the guard; it documents itself nowhere and logs no request.

    `closing` tells that the server is about to end; with `done` the page has a button that ends the review.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(make_router(Service(desk, gate, keeper, setting, closing, done)))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _refused)
    app.add_exception_handler(405, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RanscoreError, _mistaken)
    return Guard(app, gate)


def _refused(request: Request, fault: AnyHTTPException | Exception) -> JSONResponse:
    return JSONResponse({"error": getattr(fault, "detail", "")}, getattr(fault, "status_code", 500))


def _invalid(request: Request, fault: Exception) -> JSONResponse:
    """Which fields are wrong, without their values: they may be a reader's words."""
    errors = fault.errors() if isinstance(fault, RequestValidationError) else []
    places = sorted({".".join(str(p) for p in e["loc"] if p != "body") or "the body" for e in errors})
    return JSONResponse({"error": f"Not as expected: {', '.join(places)}."}, 422)


def _mistaken(request: Request, fault: Exception) -> JSONResponse:
    return JSONResponse({"error": str(fault)}, 422)


def serve(
    desk: Desk, gate: Gate, host: str, setting: Setting, ready: Callable[[], None], *, until_done: bool = False
) -> bool:
    """Serves the page until Ctrl-C or SIGTERM, and then stops a round that runs; `ready` is called once it listens.

    With `until_done` the page has a button that ends the review; True where it was pressed.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    pressed: list[bool] = []

    def done() -> None:
        pressed.append(True)
        server.should_exit = True

    keeper = RoundKeeper(desk.take)
    app = make_app(desk, gate, keeper, setting, lambda: server.should_exit, done if until_done else None)
    server = Server(uvicorn.Config(
        app, host=host.strip("[]"), port=gate.port, access_log=False, log_level="warning", server_header=False,
        date_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS, lifespan="off", ws="none",
    ))  # fmt: skip
    try:
        server.run()
    finally:
        keeper.close()
    return bool(pressed)
