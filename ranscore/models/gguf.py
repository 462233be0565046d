"""A GGUF file by its path (`gguf:/models/qwen2.5-7b-q4.gguf`), served in this process on loopback by llama.cpp.

Needs `pip install 'ranscore[local]'`, a prebuilt wheel of llama.cpp's own server (xllamacpp). To the rest of ranscore
it is an endpoint: constrained answers, log-probabilities and reuse of the prompt's prefix are the server's.
"""

from __future__ import annotations

import atexit
import hashlib
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from ranscore.errors import InputError
from ranscore.models import endpoint
from ranscore.models._base import Model

NAME = "gguf"
MAGIC = b"GGUF"
CONTEXT = 32768
SLOTS = 2


@dataclass(frozen=True)
class _Served:
    server: Any
    address: str


@dataclass(frozen=True)
class _Size:
    context: int = CONTEXT
    slots: int = SLOTS
    threads: int | None = None


_running: dict[tuple[Path, _Size], _Served] = {}
_lock = Lock()


def open_model(
    name: str,
    *,
    api_base: str | None = None,
    context: int = CONTEXT,
    slots: int = SLOTS,
    threads: int | None = None,
    weights: str | None = None,
    **settings: Any,
) -> Model:
    """A GGUF file as a model; its server is started once a process, on a free port, and ends with the process.

    `context` is the longest prompt and answer in tokens (never more than the model was trained for), `slots` how many
    questions are answered at once, `threads` the processor cores (all when None), `weights` the digest that the file
    must have; other settings are an endpoint's. Raises InputError where the extra is not installed and where the file
    is missing, another one or cannot be loaded.
    """
    path = _check(name, api_base)
    digest = _digest(path, path.stat().st_mtime)
    if weights not in (None, digest):
        raise InputError(f"--model {name}: its digest is {digest[:19]}…, expected {weights[:19]}…: it is another file.")
    size = _Size(context, slots, threads)
    served = _serve(path, size)
    route = f"hosted_vllm/{path.name}@{digest[7:19]}"  # kept answers are filed under it
    model = endpoint.open_model(route, api_base=f"{served.address}/v1", **{"concurrency": slots} | settings)
    kept = {k: v for k, v in model.settings.items() if k != "api_base"}  # another port each time
    kept |= {} if size == _Size() else asdict(size)
    return replace(model, name=name, settings=kept | {"weights": digest})


def close_servers() -> None:
    """Ends the servers of this process; a model opened afterwards starts its own anew."""
    with _lock:
        _running.clear()


atexit.register(close_servers)


def _check(name: str, api_base: str | None) -> Path:
    given = name.partition(":")[2]
    if api_base:
        raise InputError(f"--api-base {api_base}: model {name!r} is served by this process; leave it out.")
    if not given:
        raise InputError(f"--model {name}: no file is named; expected gguf:PATH, for example gguf:/models/qwen.gguf.")
    path = Path(given).expanduser().resolve()
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as fault:
        raise InputError(f"--model {name}: {fault.strerror}; expected the path of a GGUF file.") from None
    if magic != MAGIC:
        raise InputError(f"--model {name}: it begins with {magic!r}, expected {MAGIC!r}: this is no GGUF file.")
    return path


def _serve(path: Path, size: _Size) -> _Served:
    with _lock:
        if (path, size) not in _running:
            _running[path, size] = _start(path, size)
        return _running[path, size]


def _start(path: Path, size: _Size) -> _Served:
    try:
        import xllamacpp
    except ImportError as fault:
        raise InputError(
            f"--model gguf:{path}: llama.cpp's server is missing ({fault}); pip install 'ranscore[local]'."
        ) from None
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, path, size))
    except AttributeError as fault:
        raise InputError(
            f"--model gguf:{path}: the installed xllamacpp is too old or too new ({fault}); "
            "pip install --upgrade 'ranscore[local]'."
        ) from None
    except RuntimeError:
        raise InputError(
            f"--model gguf:{path}: llama.cpp cannot load it, so it is cut short, damaged, of a kind that this build "
            "does not know, or larger than the memory; expected a whole GGUF file of a chat model: copy it again."
        ) from None
    return _Served(server, str(server.listening_address).rstrip("/"))


def _parameters(library: Any, path: Path, size: _Size) -> Any:
    params = library.CommonParams()
    params.model.path = str(path)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.kv_unified = size.context, size.slots, True
    if size.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = size.threads
    params.swa_full = True  # or a model with a sliding window forgets the prompt's prefix
    params.offline, params.ui, params.endpoint_slots = True, False, False  # slots would show report text
    params.verbosity = -1
    return params


@lru_cache(maxsize=16)
def _digest(path: Path, changed: float) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
