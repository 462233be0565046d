"""Folders and files for their owner alone, and libraries that tell nobody of their use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ranscore
from ranscore.cli import main
from ranscore.private import make_file, make_folder, private_files

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
def test_folders_that_were_missing_are_private(tmp_path: Path) -> None:
    """All new folders get mode 0700, those that were there keep theirs."""
    tmp_path.chmod(0o755)
    made = make_folder(tmp_path / "a" / "b")
    assert [_mode(f) for f in (tmp_path, tmp_path / "a", made)] == [0o755, 0o700, 0o700]
    assert make_folder(made) == made
    assert _mode(make_file(made / "x")) == 0o600
    with pytest.raises(OSError, match="File exists"):
        make_folder(made / "x")


@posix
def test_files_made_meanwhile_are_private_in_all_threads(tmp_path: Path) -> None:
    """Threads that overlap leave the process as it was."""
    before = os.umask(0o022)
    os.umask(before)
    inside, leave = threading.Barrier(2), threading.Event()

    def first() -> None:
        with private_files():
            inside.wait(20)
            leave.wait(20)
            (tmp_path / "first").touch()

    thread = threading.Thread(target=first)
    thread.start()
    with private_files():
        inside.wait(20)
        (tmp_path / "second").touch()
    leave.set()
    thread.join(20)
    (tmp_path / "third").touch()
    assert [_mode(tmp_path / n) for n in ("first", "second", "third")] == [0o600, 0o600, 0o666 & ~before]


def test_telemetry_of_every_library_is_off() -> None:
    """These variables stand before any library is imported, whatever the environment said."""
    wanted = {
        "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true", "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    assert wanted == ranscore.TELEMETRY_OFF
    code = f"import os, ranscore; assert {wanted!r}.items() <= os.environ.items()"
    said = {name: "x" for name in wanted}
    subprocess.run([sys.executable, "-c", code], env=os.environ | said, check=True)


def test_the_libraries_heed_the_variables() -> None:
    """MLflow and the Hugging Face hub say themselves that they tell nothing."""
    code = (
        "import ranscore\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "assert is_telemetry_disabled()\n"
        "try:\n from huggingface_hub import constants\n"
        "except ImportError: pass\n"
        "else: assert constants.HF_HUB_DISABLE_TELEMETRY\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("before", ["", "proxy.example,10.0.0.1", "*"])
def test_this_machine_is_reached_without_a_proxy(before: str) -> None:
    """httpx, aiohttp and urllib read the exceptions from the environment; what the user excepted stays excepted."""
    code = (
        "import os, ranscore, httpx\n"
        "from urllib.request import proxy_bypass\n"
        "assert all(proxy_bypass(h) for h in ('localhost', '127.0.0.1', '127.0.0.1:80'))\n"
        "from httpx._utils import get_environment_proxies\n"
        "found = get_environment_proxies()\n"
        "hosts = ('127.0.0.1', 'localhost', '[::1]')\n"
        f"assert {before == '*'} or [found['all://' + h] for h in hosts] == [None] * 3\n"
        f"assert os.environ['NO_PROXY'].startswith({before!r})\n"
    )
    proxies = {f"{k}_proxy": "http://proxy.example:1" for k in ("http", "https", "HTTP", "HTTPS")}
    names = {} if not before else {"NO_PROXY": before}
    kept = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}
    subprocess.run([sys.executable, "-c", code], env=kept | proxies | names, check=True)


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("a.jsonl", '"{text}"\n', "extract"),
        ("b.jsonl", '{{"report_id": "1", "report": "{text}\n', "extract"),
        ("c.csv", 'report_id,report\n1,"{text}\n2,x\n', "extract"),
        ("d.csv", 'report_id,report\n{text},a,b\n"x" {text}\n', "extract"),
        ("e.json", '[{{"report_id": "1", "report": "{text}"}}, "{text}"]', "extract"),
        ("f.json", '[{{"report_id": "1", "report": "{text}"', "extract"),
        ("g.csv", 'report_id,Edema\n1,"{text}"\n', "score"),
        ("h.csv", 'report_id,rater,finding,value\n1,a,Edema,"{text}"\n', "reference"),
    ],
)
def test_no_message_on_a_broken_file_quotes_a_report(
    name: str, content: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Where a report stands where none belongs, the sentence tells the place and the length, not the words."""
    path, output = tmp_path / name, str(tmp_path / "out.csv")
    path.write_text(content.format(text="Quenzarra Zarbomir has a vexolith crescent at the apex"), encoding="utf-8")
    arguments = {
        "extract": [str(path), "-o", output],
        "score": ["--reference", str(path), "--generated", str(path)],
        "reference": [str(path), "-o", str(tmp_path / "reference.json")],
    }
    monkeypatch.setattr("sys.argv", ["ranscore", command, *arguments[command]])
    with pytest.raises(SystemExit) as end:
        main()
    said = "".join(capsys.readouterr()).lower()
    assert end.value.code == 2, said
    assert name in said
    assert not [mark for mark in ("quenzarra", "zarbomir", "vexolith") if mark in said], said
