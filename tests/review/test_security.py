"""The page refuses what another site could make a browser send, and whatever climbs out of what it was given."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from ranscore.review.security import MOST_BYTES, is_loopback, make_gate

if TYPE_CHECKING:
    from tests.review.conftest import MakeSite, Site

UP = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/x", "..%252f..%252fx", "..\\..\\x", "a/../b", "%00"]


def client_of(site: Site, **headers: str) -> TestClient:
    """A browser on our own page."""
    client = TestClient(site.app(), base_url=site.root)
    client.headers.update({"origin": site.root, "x-ranscore-csrf": site.gate.csrf_token("anna"), **headers})
    return client


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """A browser on our own page."""
    with client_of(site) as made:
        yield made


def note_on(site: Site, **changes: Any) -> dict[str, Any]:
    """A note that can be taken."""
    item = site.desk.queue("anna")[0]
    return {"entry": "entry-0001", "item": item["id"], "verdict": "cannot tell", **changes}


def test_every_answer_carries_the_safe_headers(client: TestClient) -> None:
    """Pages, assets, JSON, refusals and what is not there alike; scripts and styles come from here alone."""
    for address in (
        "/",
        "/notes",
        "/rounds",
        "/static/page.css",
        "/static/queue.js",
        "/api/queue",
        "/nothing",
        "/api/items/x",
    ):
        headers = client.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_the_pages_hold_no_inline_script_or_style_and_no_other_address(client: TestClient) -> None:
    """What the policy forbids is not there to be broken; nothing is fetched from elsewhere."""
    for address in ("/", "/notes", "/rounds"):
        page = client.get(address).text
        assert "style=" not in page
        assert "<style" not in page
        assert " on" not in {part[:3] for part in page.split("<script")[1:]}
        assert page.count("<script") == page.count('<script type="module" src="/static/') == 1
        assert "http://" not in page
        assert "https://" not in page


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"x-ranscore-csrf": "0" * 64}, 403),
        ({"x-ranscore-csrf": ""}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"host": "localhost.evil.example"}, 421),
    ],
)
def test_a_write_from_elsewhere_is_refused(site: Site, headers: dict[str, str], status: int) -> None:
    """Another origin, a missing or wrong token, a form, a renamed host: nothing is written."""
    with client_of(site, **headers) as client:
        answer = client.post("/api/notes", json=note_on(site), headers=headers)
    assert answer.status_code == status, answer.text
    assert site.ledger.entries() == ()


def test_a_write_without_an_origin_is_refused(site: Site) -> None:
    """A browser always names one; only a browser that says `same-origin` itself may leave it out."""
    with TestClient(site.app(), base_url=site.root) as client:
        client.headers["x-ranscore-csrf"] = site.gate.csrf_token("anna")
        assert client.post("/api/notes", json=note_on(site)).status_code == 403
        assert site.ledger.entries() == ()
        answer = client.post("/api/notes", json=note_on(site), headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 200
    assert len(site.ledger.entries()) == 1


def test_another_site_may_link_to_the_page_but_not_read_it(client: TestClient) -> None:
    """A click on a link opens the page; a script, a picture or a frame of another site gets nothing."""
    opened = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=opened).status_code == 200
    for mode, dest in (("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe")):
        wanted = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": dest}
        assert client.get("/api/queue", headers=wanted).status_code == 403
    assert client.request("PUT", "/api/notes").status_code == 405
    assert client.request("OPTIONS", "/api/notes").status_code == 405


@pytest.mark.parametrize("climb", UP)
def test_climbing_paths_are_refused_everywhere(client: TestClient, site: Site, climb: str) -> None:
    """In the path, in every parameter and in every field that names something; nothing is read or written."""
    for address in (
        f"/static/{climb}",
        f"/api/items/{climb}",
        f"/{climb}",
        f"/api/queue?finding={climb}",
        f"/?{climb}=1",
    ):
        answer = client.get(address)
        assert 400 <= answer.status_code < 500, address
        assert "root:" not in answer.text
    raw = climb.replace("%2f", "/")
    for name in ("entry", "item", "verdict", "reason"):
        assert client.post("/api/notes", json=note_on(site, **{name: raw})).status_code in (404, 422), name
    assert client.post("/api/notes/undo", json={"entry": raw, "undo": "undo-0001"}).status_code == 422
    assert client.post("/api/notes/undo", json={"entry": "entry-0001", "undo": raw}).status_code == 422
    assert client.post("/api/preview", json={"item": raw, "start": 0, "end": 5}).status_code == 422
    assert client.post("/api/rounds", json={"finding": raw}).status_code == 422
    assert client.post("/api/rounds", json={"finding": "pneumothorax", "start": raw}).status_code == 422
    assert site.ledger.entries() == ()


def test_steps_up_in_a_note_are_text(client: TestClient, site: Site) -> None:
    """A note says what its reader says; it names nothing."""
    assert client.post("/api/notes", json=note_on(site, note="see ../../etc/passwd")).status_code == 200
    assert site.ledger.entries()[0].note == "see ../../etc/passwd"


def test_only_what_was_given_is_known(client: TestClient, site: Site) -> None:
    """A finding that is not under review, an item of another queue, a report by its id: not found."""
    assert client.post("/api/rounds", json={"finding": "edema"}).status_code == 404
    assert client.post("/api/rounds", json={"finding": "no_such_thing"}).status_code == 404
    assert client.get("/api/items/0123456789abcdef").status_code == 404
    assert client.get("/api/items/pneumothorax:missed-1").status_code == 404
    shown = {row["finding"] for row in client.get("/api/queue").json()["items"]}
    assert shown == {"pneumothorax"}


def test_a_large_body_is_refused_before_it_is_read(client: TestClient, site: Site) -> None:
    """By its stated length, and by what arrives where the length was not stated."""
    large = b'{"note": "' + b"x" * MOST_BYTES + b'"}'
    kind = {"content-type": "application/json"}
    assert client.post("/api/notes", content=large, headers=kind).status_code == 413
    assert client.post("/api/notes", content=iter([large[:70000]] * 5), headers=kind).status_code == 413
    assert client.post("/api/notes", json=note_on(site, note="x" * 10_001)).status_code == 422
    assert site.ledger.entries() == ()


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'"x"', b'{"entry": "entry-0001"}', b'{"entry": {}, "item": []}', b"\xff\xfe", b"1" * 5000],
)
def test_a_body_that_is_no_note_is_refused_without_an_echo(client: TestClient, site: Site, body: bytes) -> None:
    """The answer names the fields and shows none of their values."""
    answer = client.post("/api/notes", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "input" not in answer.json()
    assert site.ledger.entries() == ()


def test_unknown_fields_and_wrong_places_are_refused(client: TestClient, site: Site) -> None:
    """A reader cannot name himself, and evidence lies in the report."""
    for changes in (
        {"reader": "somebody else"}, {"time": "2020-01-01T00:00:00Z"}, {"start": -1, "end": 4}, {"start": 5, "end": 5},
        {"start": 0, "end": 10**9}, {"start": "0", "end": "5"}, {"verdict": "fine"}, {"reason": "because"},
    ):  # fmt: skip
        assert client.post("/api/notes", json=note_on(site, **changes)).status_code in (400, 422), changes
    half = json.dumps(note_on(site, note="\ud800"))  # half of a surrogate pair is no character
    kind = {"content-type": "application/json"}
    assert client.post("/api/notes", content=half, headers=kind).status_code in (400, 422)
    assert site.ledger.entries() == ()


def test_beyond_loopback_a_token_is_asked_for(make_site: MakeSite) -> None:
    """Each reader has his own; a wrong one opens nothing, and the right one ends up in a strict cookie."""
    gate = make_gate(["anna", "ben"], "192.0.2.7", 8321)
    assert set(gate.readers) == {"anna", "ben"}
    assert len(set(gate.readers.values())) == 2
    assert make_gate(["anna"], "127.0.0.1", 1).readers == {}
    behind_a_proxy = make_gate(["anna"], "127.0.0.1", 1, ["Review.example"])
    assert "review.example" in behind_a_proxy.hosts
    assert list(behind_a_proxy.readers) == ["anna"]
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "[::1]", "localhost", "0.0.0.0", "example.org")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    site = make_site(readers=("anna", "ben"))
    with TestClient(site.app(), base_url=site.root) as client:
        for address in ("/", "/api/queue", "/static/page.css", "/?token=wrong", "/api/queue?token=wrong"):
            assert client.get(address).status_code == 401, address
        entered = client.get(f"/?token={site.gate.readers['ben']}")
        assert entered.status_code == 200
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert site.gate.readers["ben"] not in entered.text
        assert client.get("/api/session").json()["reader"] == "ben"
        headers = {"origin": site.root, "x-ranscore-csrf": site.gate.csrf_token("anna")}
        assert client.post("/api/notes", json=note_on(site), headers=headers).status_code == 403
        headers["x-ranscore-csrf"] = site.gate.csrf_token("ben")
        assert client.post("/api/notes", json=note_on(site), headers=headers).status_code == 200
    assert [e.reader for e in site.ledger.entries()] == ["ben"]


def test_no_report_text_reaches_the_log(
    site: Site, client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault inside is answered by a sentence and logged by its place, not by its message."""
    caplog.set_level(logging.DEBUG)

    def fail(*_: object) -> None:
        raise ValueError("Left apical pneumothorax of Mrs Example")

    monkeypatch.setattr(site.desk, "queue", fail)
    answer = TestClient(site.app(), base_url=site.root, raise_server_exceptions=False).get("/api/queue")
    assert answer.status_code == 500
    assert "Example" not in answer.text
    assert "Example" not in caplog.text
    assert "ValueError in test_security.py:" in caplog.text
