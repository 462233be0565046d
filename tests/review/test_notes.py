"""Notes through the page's addresses: what is written, shown, taken back, previewed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from ranscore.loop import open_review
from ranscore.models import open_model
from ranscore.review.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Endpoint
    from tests.review.conftest import MakeSite, Site


def client_of(site: Site, reader: str = "anna") -> TestClient:
    """A reader's browser."""
    client = TestClient(site.app(), base_url=site.root)
    client.headers.update({"origin": site.root, "x-ranscore-csrf": site.gate.csrf_token(reader)})
    if site.gate.readers:
        client.cookies[site.gate.cookie] = site.gate.readers[reader]
    return client


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """A browser on the page."""
    with client_of(site) as made:
        yield made


def item_of(client: TestClient, report_id: str) -> dict[str, Any]:
    """What the page shows of the disagreement on a report."""
    key = next(q["id"] for q in client.get("/api/queue").json()["items"] if q["report_id"] == report_id)
    return dict(client.get(f"/api/items/{key}").json())


def span(item: dict[str, Any], passage: str) -> dict[str, int]:
    """Where a passage stands, in characters."""
    start = item["text"].index(passage)
    return {"start": start, "end": start + len(passage)}


def test_the_queue_holds_every_error_and_nothing_else(client: TestClient, site: Site) -> None:
    """Five missed and five false ones; reports on which both agree are not shown."""
    rows = client.get("/api/queue").json()["items"]
    assert sorted(r["report_id"] for r in rows if r["kind"] == "false absent") == [f"missed-{n}" for n in range(1, 6)]
    odd = sorted(i for i in site.desk.reports if i.startswith("odd-"))
    assert sorted(r["report_id"] for r in rows if r["kind"] == "false present") == odd
    assert not any(r["done"] for r in rows)


def test_blocks_hold_all_text_and_sentences_stand_in_it(client: TestClient) -> None:
    """Nothing but white space and the colons of headings is left out of what is shown, whatever the text."""
    for row in client.get("/api/queue").json()["items"]:
        item = client.get(f"/api/items/{row['id']}").json()
        shown = "".join(item["text"][b["start"] : b["end"]] for b in item["blocks"])
        left = "".join(item["text"].split()).replace(":", "")
        assert "".join(shown.split()).replace(":", "") == left, row["report_id"]
        assert item["sentences"]
        assert all(0 <= a < b <= len(item["text"]) for a, b in item["sentences"])
        assert all(0 <= m["start"] < m["end"] <= len(item["text"]) for m in item["marks"])


def test_what_fired_names_the_phrase_and_what_takes_it_back(client: TestClient) -> None:
    """The evidence that counts first, with the phrase that matched; a missed report says that nothing fired."""
    fired = item_of(client, "odd-script")["fired"]
    assert fired[0]["status"] == "counts"
    assert fired[0]["passage"] == "Pneumothorax"
    assert "pneumothora" in fired[0]["source"]
    missed = item_of(client, "missed-1")
    assert missed["fired"] == []
    assert [m for m in missed["marks"] if m["kind"] == "negation"]


def test_a_note_is_written_once_with_where_it_comes_from(client: TestClient, site: Site) -> None:
    """Sent twice it is one entry; it names the reader, the program, the reference and the place of the evidence."""
    item = item_of(client, "missed-1")
    passage = "sulcus is abnormally deep and lucent"
    body = {
        "entry": "entry-0001", "item": item["id"], "verdict": "false absent", "reason": "implicit evidence",
        "note": "deep sulcus \U0001fac1", **span(item, passage),
    }  # fmt: skip
    assert client.post("/api/notes", json=body).json() == {"entry": "entry-0001", "evidence": passage}
    assert client.post("/api/notes", json=body).status_code == 200
    (entry,) = site.ledger.entries()
    assert (entry.reader, entry.report_id, entry.finding) == ("anna", "missed-1", "pneumothorax")
    assert entry.program_digest == site.desk.reviewed["pneumothorax"].program.digest()
    assert entry.reference_digest == site.desk.dataset.reference_digest
    assert (entry.answer, entry.reference, entry.evidence) == ("absent", "present", passage)
    assert client.post("/api/notes", json={**body, "note": "other"}).status_code == 409
    assert len(site.ledger.entries()) == 1
    again = item_of(client, "missed-1")
    assert [n["note"] for n in again["notes"]] == ["deep sulcus \U0001fac1"]
    assert [r["report_id"] for r in client.get("/api/queue").json()["items"] if r["done"]] == ["missed-1"]


def test_odd_text_comes_back_as_it_was(client: TestClient, site: Site) -> None:
    """Markup, emoji, right-to-left marks and control characters are kept character by character."""
    for n, name in enumerate(("script", "markup", "rtl", "emoji", "control")):
        item = item_of(client, f"odd-{name}")
        start, end = item["sentences"][0]
        odd = item["text"][start:end] + "\u202e<i>\x07"
        body = {"entry": f"entry-000{n}", "item": item["id"], "verdict": "false present", "note": odd}
        assert client.post("/api/notes", json=body | {"start": start, "end": end}).status_code == 200
        shown = item_of(client, f"odd-{name}")["notes"][0]
        assert (shown["note"], shown["evidence"]) == (odd, item["text"][start:end])


def test_undo_takes_back_ones_own_note_and_no_other(make_site: MakeSite) -> None:
    """Once, also when it is asked for twice; the ledger keeps both entries, and another reader's note stands."""
    site = make_site(readers=("anna", "ben"))
    with client_of(site) as anna, client_of(site, "ben") as ben:
        item = item_of(anna, "missed-2")
        for client, entry in ((anna, "entry-anna"), (ben, "entry-bena")):
            body = {"entry": entry, "item": item["id"], "verdict": "cannot tell"}
            assert client.post("/api/notes", json=body).status_code == 200
        assert anna.post("/api/notes/undo", json={"entry": "entry-bena", "undo": "undo-0001"}).status_code == 404
        for _ in range(2):
            assert anna.post("/api/notes/undo", json={"entry": "entry-anna", "undo": "undo-0002"}).status_code == 200
        assert anna.post("/api/notes/undo", json={"entry": "nothing-1", "undo": "undo-0003"}).status_code == 404
        notes = item_of(anna, "missed-2")["notes"]
        assert [(n["reader"], n["own"]) for n in notes] == [("ben", False)]
        done = {c: [q["done"] for q in c.get("/api/queue").json()["items"]].count(True) for c in (anna, ben)}
        assert (done[anna], done[ben]) == (0, 1)
    assert len(site.ledger.entries()) == 3


def test_two_readers_at_once_lose_nothing(make_site: MakeSite) -> None:
    """Forty notes each from two threads a reader: eighty entries, every one with its own reader."""
    site = make_site(readers=("anna", "ben"))
    clients = {name: client_of(site, name) for name in site.gate.readers}
    key = site.desk.queue("anna")[0]["id"]

    def write(job: tuple[str, int]) -> int:
        reader, n = job
        body = {"entry": f"{reader}-{n:05}", "item": key, "verdict": "cannot tell", "note": f"{reader} {n}"}
        return clients[reader].post("/api/notes", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, [(r, n) for n in range(40) for r in clients])) == {200}
    found = site.ledger.entries()
    assert len({e.entry_id for e in found}) == len(found) == 80
    assert all(e.note.startswith(e.reader) for e in found)


def test_a_preview_counts_the_reports_that_a_rule_would_turn(client: TestClient) -> None:
    """A sign that five missed reports share turns at least two right and none wrong; a cold word turns nothing."""
    item = item_of(client, "missed-1")
    good = client.post("/api/preview", json={"item": item["id"], **span(item, "sulcus is abnormally deep and lucent")})
    assert good.json()["exact"] is True
    assert good.json()["right"] >= 1
    assert good.json()["wrong"] == 0
    cold = client.post("/api/preview", json={"item": item["id"], **span(item, "Supine")})
    assert not cold.json().get("right")
    assert client.post("/api/preview", json={"item": item["id"], "start": 3, "end": 10**8}).status_code == 422


def test_a_note_waits_until_a_round_reads_it(client: TestClient) -> None:
    """The page of notes shows it with no effect; a reference that is wrong proposes no edit."""
    for n, (report, verdict) in enumerate((("missed-1", "false absent"), ("missed-2", "reference wrong"))):
        item = item_of(client, report)
        body = {"entry": f"entry-000{n}", "item": item["id"], "verdict": verdict, **span(item, "lucent")}
        assert client.post("/api/notes", json=body).status_code == 200
    shown = client.get("/api/notes").json()["notes"]
    assert [(n["report_id"], n["used"], n["effects"]) for n in shown] == [
        ("missed-2", False, []),
        ("missed-1", True, []),
    ]


def test_the_raters_votes_and_the_chinese_text_are_shown(make_site: MakeSite) -> None:
    """demo-zh: six readers beside every item, sentences cut at Chinese stops, the language told to the browser."""
    site = make_site("demo-zh", ("pneumonia",))
    with client_of(site) as client:
        rows = client.get("/api/queue").json()["items"]
        assert rows
        item = client.get(f"/api/items/{rows[0]['id']}").json()
    assert len(item["votes"]) == 6
    assert {v["value"] for v in item["votes"]} <= {"present", "absent", "uncertain", "unanswered"}
    assert item["language"] == "zh"
    assert not any("。" in item["text"][a:b] for a, b in item["sentences"])


def test_a_report_of_200_kb_is_shown_whole(make_site: MakeSite, long_card: Path) -> None:
    """With the evidence in its last line; the queue and the item are answered, and a note on its end is taken."""
    site = make_site(long_card)
    with client_of(site) as client:
        item = item_of(client, "long")
        assert len(item["text"]) > 200_000
        (fired,) = [m for m in item["marks"] if m["kind"] == "fired"]
        assert item["text"][fired["start"] : fired["end"]] == "Pneumothorax"
        body = {"entry": "entry-0001", "item": item["id"], "verdict": "false present", **span(item, "IMPRESSION")}
        assert client.post("/api/notes", json=body).status_code == 200


def test_an_endpoint_is_asked_only_when_told_to(make_site: MakeSite, endpoint: Endpoint) -> None:
    """A preview is an estimate until its calls are allowed; a quote that is not in the report is none."""
    site = make_site()
    model = open_model("hosted_vllm/m", api_base=f"http://{endpoint.address}")
    desk = Desk(site.desk.dataset, site.ledger, model, None, site.desk.mlruns, {
        "pneumothorax": open_review(site.desk.dataset, "pneumothorax", model, seed=True),
    })  # fmt: skip
    asked: list[str] = []
    quote = "a sentence that stands nowhere"

    def answer(text: str) -> str:
        asked.append(text)
        return f'{{"quote": "{quote}"}}' if "word for word" in text or "quote" in text else "present"

    endpoint.answer = answer
    with client_of(replace(site, desk=desk)) as client:
        item = item_of(client, "missed-1")
        assert item["quotable"] is True
        body = {"item": item["id"], **span(item, "sulcus is abnormally deep and lucent")}
        estimate = client.post("/api/preview", json=body).json()
        assert estimate["exact"] is False
        assert estimate["calls"] > 0
        assert asked == []
        assert client.post("/api/preview", json={**body, "spend": True}).json()["exact"] is True
        assert asked
        assert client.post("/api/quote", json={"item": item["id"]}).json() == {"found": False}
        quote = "costophrenic SULCUS is abnormally  deep"
        assert client.post("/api/quote", json={"item": item["id"]}).json() == {"found": True}
        shown = item_of(client, "missed-1")
    (mark,) = [m for m in shown["marks"] if m["kind"] == "quoted"]
    assert shown["text"][mark["start"] : mark["end"]] == "costophrenic sulcus is abnormally deep"
    assert shown["fired"][0]["status"] == "quoted as its evidence"
    with client_of(site) as client:
        assert client.post("/api/quote", json={"item": item_of(client, "missed-1")["id"]}).status_code == 409
