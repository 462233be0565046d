"""Where report text may go, by address, terms and leave."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.cli import main
from ranscore.cohort import read_card
from ranscore.errors import GuardError, InputError
from ranscore.guard import allow_remote, check_destination, is_loopback, remote_hosts
from ranscore.models import Model, open_model
from ranscore.records import Report, Terms

OPEN = Terms(source="demo", access="open", remote="permitted")
MIMIC = Terms(
    source="mimic", access="restricted", remote="permitted", sentence="PhysioNet forbids third-party services."
)
SEALED = Terms(source="ward-7", access="restricted", remote="refused")
FAR = "https://api.example.com/v1"
NEAR = "http://127.0.0.1:8000/v1"


def _model(address: str) -> Model:
    return replace(open_model("lexical"), name="m/x", addresses=(address,))


@pytest.fixture(autouse=True)
def _no_leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RANSCORE_REMOTE_LOG", str(tmp_path / "runs"))
    monkeypatch.setenv("RANSCORE_ALLOW_REMOTE", "")
    monkeypatch.setenv("RANSCORE_TRUSTED_ENDPOINTS", "")


def _reports(terms: Terms, number: int = 2) -> list[Report]:
    return [Report(report_id=str(i), text="No effusion.", terms=terms) for i in range(number)]


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8000/v1", "http://localhost:11434", "http://LOCALHOST./v1", "http://[::1]:80/", "127.8.9.10:1"],
)
def test_an_address_of_this_machine_is_loopback(address: str) -> None:
    """Addresses of this machine take any text."""
    assert is_loopback(address)
    check_destination(_model(address), _reports(SEALED))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1.evil.example/v1",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example/v1",
        "http://evil.example#127.0.0.1",
        "http://10.0.0.1:8000",
        "http://0.0.0.0:8000",
        "http://[::ffff:8.8.8.8]/",
        "http://2130706433/",
        "http://",
        "",
        "openai",
    ],
)
def test_an_address_that_only_looks_like_this_machine_is_remote(address: str) -> None:
    """What merely looks like this machine is remote, and restricted text is refused there."""
    assert not is_loopback(address)
    with pytest.raises(GuardError, match="nothing was sent"):
        check_destination(_model(address), _reports(MIMIC))


def test_open_text_may_go_anywhere() -> None:
    """Open text whose card permits it goes to a remote host without a word."""
    check_destination(_model(FAR), _reports(OPEN))


@pytest.mark.parametrize("terms", [MIMIC, Terms()])
def test_restricted_and_undeclared_text_needs_leave(terms: Terms, caplog: pytest.LogCaptureFixture) -> None:
    """Restricted text, and that of a table without a card, goes to a remote host only by leave, which is logged."""
    with pytest.raises(GuardError, match="--allow-remote"):
        check_destination(_model(FAR), _reports(terms))
    with caplog.at_level(logging.WARNING, "ranscore.guard"):
        allow_remote()
        check_destination(_model(FAR), _reports(terms, 3))
    assert [
        r.getMessage() for r in caplog.records if "3 reports" in r.getMessage() and "api.example.com" in r.getMessage()
    ]
    assert "effusion" not in caplog.text


def test_a_leave_that_is_used_is_written_down(tmp_path: Path) -> None:
    """`remote.log` of the tracking folder tells when, whose reports, how many and where to; no text; for one's eyes."""
    allow_remote()
    check_destination(_model(NEAR), _reports(MIMIC))
    check_destination(_model(FAR), _reports(OPEN))
    path = tmp_path / "runs" / "remote.log"
    assert not path.exists()
    check_destination(_model(FAR), _reports(MIMIC, 3))
    check_destination(_model(FAR), _reports(Terms(), 1))
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 3 reports of dataset mimic \(restricted\) are sent to api.example.com .*m/x",
        first,
    )
    assert "1 reports of a table without a card (undeclared)" in second
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_down_is_not_sent(tmp_path: Path) -> None:
    """Without a log of it no restricted text leaves."""
    allow_remote()
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with pytest.raises(GuardError, match="nothing was sent"):
        check_destination(_model(FAR), _reports(MIMIC))


@pytest.mark.parametrize(("asked", "names"), [(["lexical"], ()), (["openai/m"], ("PhysioNet's",))])
def test_a_tree_of_mimic_without_a_card_is_under_its_terms(
    asked: list[str], names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A tree in MIMIC-CXR's form needs no card to be refused, even with leave, in one sentence; nothing is written."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    for number in (1, 2):
        path = tmp_path / "tree" / "files" / "p10" / f"p1000000{number}" / f"s5000000{number}.txt"
        path.parent.mkdir(parents=True)
        path.write_text("FINDINGS: No effusion.\nIMPRESSION: Normal.\n", encoding="utf-8")
    output = tmp_path / "out" / "labels.csv"
    monkeypatch.setattr(
        "sys.argv",
        ["ranscore", "extract", str(tmp_path / "tree"), "-o", str(output), "--allow-remote", "--model", *asked],
    )
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr().err
    assert (code, output.parent.exists()) == ((2, False) if names else (0, True))
    assert all(name in said.splitlines()[-1] for name in names)
    assert ("nothing was sent" in said) == bool(names)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["mimic-cxr", "chexpert-plus", "padchest", "rexgradient"])
def test_cards_of_restricted_public_datasets_name_the_terms(name: str) -> None:
    """Whoever is refused learns which terms say so."""
    terms = read_card(name)[0].told_terms()
    assert (terms.access, terms.remote) == ("restricted", "refused")
    assert len(terms.sentence) > 40


def test_the_refusal_names_the_terms() -> None:
    """The sentence of the card's terms stands in the refusal."""
    with pytest.raises(GuardError, match="PhysioNet forbids third-party services") as caught:
        check_destination(_model(FAR), _reports(MIMIC))
    assert str(caught.value).count("\n") == 0


def test_leave_does_not_help_where_the_card_refuses() -> None:
    """`remote: refused` stands above --allow-remote."""
    allow_remote()
    with pytest.raises(GuardError, match="remote: refused"):
        check_destination(_model(FAR), _reports(SEALED))


def test_one_restricted_report_among_open_ones_is_refused() -> None:
    """A mixture is as restricted as its strictest report."""
    with pytest.raises(GuardError):
        check_destination(_model(FAR), [*_reports(OPEN, 50), *_reports(MIMIC, 1)])


@pytest.mark.parametrize(
    ("trusted", "address", "far"),
    [
        ("gpu7.example", "http://gpu7.example:8000/v1", ()),
        ("gpu7.example:8000", "http://gpu7.example:8000/v1", ()),
        ("gpu7.example:8000", "http://gpu7.example:9000/v1", ("gpu7.example:9000",)),
        ("gpu7.example:443", "https://gpu7.example/v1", ()),
        ("https://gpu7.example/", "https://gpu7.example/v1", ()),
        (" GPU7.example , 10.0.0.2:80", "http://10.0.0.2/v1", ()),
        ("gpu7.example", "http://gpu7.example.evil.example/v1", ("gpu7.example.evil.example",)),
        ("example", "http://gpu7.example/v1", ("gpu7.example",)),
        ("", "http://gpu7.example/v1", ("gpu7.example",)),
    ],
)
def test_trusted_hosts_are_named_whole(
    trusted: str, address: str, far: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted entry names one host, or one port of it; no part of a name is enough."""
    monkeypatch.setenv("RANSCORE_TRUSTED_ENDPOINTS", trusted)
    assert remote_hosts([address]) == far


def test_of_several_endpoints_each_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where load is shared, one remote endpoint among local ones is enough to refuse."""
    monkeypatch.setenv("RANSCORE_TRUSTED_ENDPOINTS", "")
    assert remote_hosts([NEAR, FAR, FAR]) == ("api.example.com",)


@pytest.mark.parametrize("entry", ["*", "*.example", "a.example/v1", "user@a.example", "a b"])
def test_a_wildcard_or_a_path_is_no_host(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that could mean more than one host is refused in one sentence."""
    monkeypatch.setenv("RANSCORE_TRUSTED_ENDPOINTS", entry)
    with pytest.raises(InputError, match="expected names of hosts"):
        remote_hosts([FAR])


@given(st.text(max_size=60))
def test_no_text_for_an_address_raises(address: str) -> None:
    """Whatever stands for an address is remote or loopback, never a fault of the program."""
    assert isinstance(is_loopback(address), bool)
    assert is_loopback(address) or remote_hosts([address])
