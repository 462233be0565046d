"""A reader's session in headless Chromium, by keyboard: mark, judge, note, undo, go on; a round and what a note did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="the package playwright is not installed")

from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.review.conftest import MakeSite, Site

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
SECONDS = 1000.0


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """What the pages complained about, and whatever they asked of another machine; a test ends with none."""
    found: list[str] = []
    yield found
    assert found == []


def open_page(browser: Browser, address: str, faults: list[str], width: int = 1280) -> Page:
    """A new browser window with cookies and storage of its own, on an address, once the page has drawn itself."""
    context = browser.new_context(viewport={"width": width, "height": 860})
    context.set_default_timeout(60 * SECONDS)
    page = context.new_page()
    root = re.match(r"http://[^/]+", address)
    page.on("pageerror", lambda fault: faults.append(f"script: {fault}"))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda r: None if root and r.url.startswith(root[0]) else faults.append(f"asked {r.url}"))
    page.goto(address)
    ready(page)
    return page


def ready(page: Page) -> None:
    """Waits until the page has drawn itself."""
    page.wait_for_selector("body[data-ready]")


def press(page: Page, *keys: str) -> None:
    """Some keys, one after the other, without waiting in between; then what they began is waited for."""
    for key in keys:
        page.keyboard.press(key)
    if page.locator("#save").count():
        expect(page.locator("#save")).not_to_have_attribute("aria-busy", "true")


def report_of(page: Page) -> str:
    """The id of the report that is shown."""
    return page.locator("#sides dd").last.inner_text()


def go_to(page: Page, report_id: str) -> None:
    """Filters the queue to one report by keyboard and leaves the filter."""
    page.locator("#filter-text").fill(report_id)
    expect(page.locator("#sides dd").last).to_have_text(report_id)
    press(page, "Escape")


def test_a_session_by_keyboard_alone(browser: Browser, site: Site, faults: list[str]) -> None:
    """Open, mark, verdict, reason, note, save, undo, change, save, next, finish: what was written is what was meant."""
    with site.served() as root:
        page = open_page(browser, root, faults)
        expect(page.locator("#progress-text")).to_have_text("0 of 10 reviewed")
        first = report_of(page)
        press(page, "ArrowDown", "ArrowDown", "1", "i")
        marked = page.locator("#evidence").inner_text()
        assert marked == "".join(page.locator("#report .mine").all_inner_texts())
        expect(page.locator("#preview")).to_contain_text("would change")
        press(page, "w")
        page.keyboard.type("A sign of it.")
        press(page, "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 10 reviewed")
        expect(page.locator("#said")).to_contain_text("Saved. 9 left.")
        assert report_of(page) != first
        press(page, "u")
        expect(page.locator("#progress-text")).to_have_text("0 of 10 reviewed")
        assert report_of(page) == first
        assert page.locator("#note").input_value() == "A sign of it."
        assert page.locator("#evidence").inner_text() == marked
        expect(page.locator("#verdicts :checked")).to_have_count(1)
        press(page, "2", "w")
        page.keyboard.type(" Or not.")
        press(page, "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 10 reviewed")
        for done in range(2, 11):
            press(page, "4", "Enter")
            if done < 10:
                expect(page.locator("#progress-text")).to_have_text(f"{done} of 10 reviewed")
        expect(page.locator("#nothing-title")).to_have_text("All disagreements are reviewed")
    standing = site.ledger.current()
    assert len(standing) == 10
    (changed,) = [e for e in standing if e.report_id == first]
    assert (changed.verdict, changed.note, changed.evidence) == ("reference wrong", "A sign of it. Or not.", marked)
    assert len(site.ledger.entries()) == 12


def test_evidence_is_marked_by_sentence_by_word_and_by_mouse(browser: Browser, site: Site, faults: list[str]) -> None:
    """The marked passage is what the ledger gets, also behind an emoji, where a browser counts otherwise."""
    with site.served() as root:
        page = open_page(browser, root, faults)
        go_to(page, "missed-1")
        evidence = page.locator("#evidence")
        press(page, "ArrowDown", "ArrowDown")
        expect(evidence).to_have_text("The left costophrenic sulcus is abnormally deep and lucent")
        press(page, "Shift+ArrowDown")
        expect(evidence).to_have_text(re.compile(r"^The left .* lucent\. Heart not enlarged$"))
        press(page, "Shift+ArrowUp", "Shift+ArrowLeft", "]")
        expect(evidence).to_have_text("left costophrenic sulcus is abnormally deep and")
        press(page, "Shift+ArrowRight", "[")
        expect(evidence).to_have_text("The left costophrenic sulcus is abnormally deep and lucent")
        press(page, "x")
        expect(page.locator("#report .mine")).to_have_count(0)
        go_to(page, "odd-emoji")
        page.locator("#report .fired-mark", has_text="Pneumothorax").dblclick()
        expect(evidence).to_have_text("Pneumothorax")
        press(page, "1", "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 1 reviewed")
    (entry,) = site.ledger.entries()
    text = site.desk.reports["odd-emoji"].text
    assert text[entry.start : entry.end] == entry.evidence == "Pneumothorax"


def test_hostile_text_is_shown_as_text(browser: Browser, site: Site, faults: list[str]) -> None:
    """Nothing of a report or a note becomes an element, runs, or is fetched; what draws nothing is shown as a sign."""
    note = "<img src=x onerror=alert(1)> \u202e {{ 7 * 7 }}"
    with site.served() as root:
        page = open_page(browser, root, faults)
        page.on("dialog", lambda dialog: faults.append("a dialog opened"))
        for name in ("script", "markup", "rtl", "emoji", "control"):
            go_to(page, f"odd-{name}")
            shown = page.locator("#report").inner_text()
            assert "Pneumothorax" in shown
            assert page.locator("#report :is(script, img, b, article, main)").count() == 0
            if name == "script":
                assert "<script>document.title='taken'</script><img src=x" in shown
            if name == "markup":
                assert "<b>bold</b> &amp; {{ 7 * 7 }} {% raw %} ${1+1} </article></main>" in shown
            if name == "control":
                assert "bell\u2407 escape\u241b[31m null delete\u2421" in shown
            if name == "rtl":
                assert "\u202e" not in shown
                assert "esrever" in shown
            press(page, "4", "w")
            page.locator("#note").fill(note)
            press(page, "Enter")
            expect(page.locator("#progress-text")).to_have_text("1 of 1 reviewed")
        page.goto(f"{root}/notes")
        ready(page)
        expect(page.locator("#notes > li")).to_have_count(5)
        assert page.locator("#notes img").count() == 0
        assert "<img src=x onerror=alert(1)> \u25af {{ 7 * 7 }}" in page.locator("#notes").inner_text()
        assert page.title() == "Notes · ranscore review"
    assert {e.note for e in site.ledger.entries()} == {note}


def test_a_reload_in_the_middle_loses_nothing(browser: Browser, site: Site, faults: list[str]) -> None:
    """Verdict, reason, evidence and half a sentence are there again, and on the same item."""
    with site.served() as root:
        page = open_page(browser, root, faults)
        press(page, "j", "j")
        expect(page.locator("#place")).to_have_text("3 of 10")
        at = report_of(page)
        press(page, "1", "l", "ArrowDown", "w")
        page.keyboard.type("half a sen")
        marked = page.locator("#evidence").inner_text()
        page.reload()
        ready(page)
        assert report_of(page) == at
        assert page.locator("#note").input_value() == "half a sen"
        assert page.locator("#evidence").inner_text() == marked
        kind = page.locator("#error-kind").inner_text().lower()
        assert [i.get_attribute("value") for i in page.locator("#form :checked").all()] == [kind, "look-alike"]
        press(page, "w", "End")
        page.keyboard.type("tence")
        press(page, "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 10 reviewed")
        page.reload()
        ready(page)
        press(page, "u")
        expect(page.locator("#progress-text")).to_have_text("0 of 10 reviewed")
        assert page.locator("#note").input_value() == "half a sentence"
    assert next(e.note for e in site.ledger.entries()) == "half a sentence"


def test_a_note_sent_twice_is_one(browser: Browser, site: Site, faults: list[str]) -> None:
    """An answer that is lost on the way: the reader sees it, saves again, and the ledger has one note."""
    with site.served() as root:
        page = open_page(browser, root, [])
        lost = []

        def lose(route: object) -> None:
            if not lost:
                lost.append(route.fetch())  # type: ignore[attr-defined]
                route.abort()  # type: ignore[attr-defined]
            else:
                route.continue_()  # type: ignore[attr-defined]

        page.route("**/api/notes", lose)
        press(page, "1", "Enter")
        expect(page.locator("#trouble")).to_contain_text("The server does not answer")
        expect(page.locator("#save")).to_be_enabled()
        press(page, "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 10 reviewed")
    assert len(lost) == 1
    assert len(site.ledger.entries()) == 1


def test_two_browsers_at_once(browser: Browser, make_site: MakeSite, faults: list[str]) -> None:
    """Each with his own link and progress; one sees the other's note, and both notes are in the ledger."""
    site = make_site(readers=("anna", "ben"))
    with site.served() as root:
        pages = {r: open_page(browser, f"{root}/?token={t}", faults) for r, t in site.gate.readers.items()}
        for reader, page in pages.items():
            page.wait_for_url(f"{root}/**")
            assert "token" not in page.url
            assert reader in page.locator(".who").inner_text()
            press(page, "4", "w")
            page.keyboard.type(f"{reader} was here")
            press(page, "Enter")
            expect(page.locator("#progress-text")).to_have_text("1 of 10 reviewed")
        press(pages["anna"], "k")
        expect(pages["anna"].locator("#earlier")).to_contain_text("ben was here")
        expect(pages["anna"].locator("#earlier button")).to_have_count(1)
    assert sorted((e.reader, e.note) for e in site.ledger.entries()) == [
        ("anna", "anna was here"), ("ben", "ben was here"),
    ]  # fmt: skip


def test_a_round_from_the_page_and_what_the_note_did(browser: Browser, site: Site, faults: list[str]) -> None:
    """A note, a round watched and reloaded in the middle, the note's kept edit with its reports, and fewer errors."""
    with site.served() as root:
        page = open_page(browser, root, faults)
        go_to(page, "missed-2")
        press(page, "ArrowDown", "1", "i", "Enter")
        expect(page.locator("#progress-text")).to_have_text("1 of 1 reviewed")
        page.goto(f"{root}/rounds")
        ready(page)
        expect(page.locator("#offer")).to_contain_text("10 errors under review (seed), 1 note to learn from")
        page.locator("#go").focus()
        press(page, "Enter")
        expect(page.locator("#running-title")).to_contain_text("Pneumothorax")
        page.reload()
        ready(page)
        expect(page.locator("#running-title")).to_have_text("Pneumothorax: finished", timeout=120 * SECONDS)
        rows = page.locator("#rows tr").all_inner_texts()
        assert len(rows) == 2
        before, after = (float(r.split()[1]) for r in rows)
        assert after > before
        expect(page.locator("#outcome")).to_contain_text("Not cross-validated")
        page.goto(f"{root}/notes")
        ready(page)
        effect = page.locator("#notes .effect")
        expect(effect).to_contain_text(f"kappa {before:.3f} → {after:.3f}")
        expect(effect.locator(".tag.kept").first).to_be_visible()
        expect(effect).to_contain_text("missed-2")
        page.goto(root)
        ready(page)
        expect(page.locator("#progress-text")).not_to_contain_text("of 10 reviewed")
        assert site.desk.reviewed["pneumothorax"].origin.startswith("kept, run ")


@pytest.mark.parametrize("width", [1280, 768])
def test_nothing_is_cut_off_and_everything_has_a_name(
    browser: Browser, site: Site, faults: list[str], width: int
) -> None:
    """At both widths no page scrolls sideways, every control has a name, and keys reach the help and the filter."""
    with site.served() as root:
        page = open_page(browser, root, faults, width)
        for address in ("/", "/notes", "/rounds"):
            page.goto(root + address)
            ready(page)
            sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(sideways) <= 0, address
            assert page.evaluate(NAMELESS) == [], address
            assert page.evaluate(FAINT) == [], address
            page.keyboard.press("?")
            expect(page.locator("#help")).to_be_visible()
            press(page, "Escape")
            expect(page.locator("#help")).to_be_hidden()
        page.goto(root)
        ready(page)
        press(page, "/")
        assert page.evaluate("document.activeElement.id") == "filter-finding"


NAMELESS = """() => [...document.querySelectorAll('button, a, input, select, textarea')].filter(n => {
  const labels = n.labels ? [...n.labels].map(l => l.textContent).join('') : '';
  const name = n.getAttribute('aria-label') || labels || n.textContent;
  return !name.trim();
}).map(n => n.outerHTML)"""

# Texts whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.1, 1.4.3).
FAINT = """() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const part = (v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const behind = (n) => {
    for (; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c[3] > 0) return c;
    }
    return [255, 255, 255, 1];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t = walker.nextNode(); t; t = walker.nextNode()) {
    const n = t.parentElement;
    if (!t.data.trim() || !n.checkVisibility() || n.closest(':disabled')) continue;
    const [a, b] = [light(parse(getComputedStyle(n).color)), light(behind(n))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${t.data.trim().slice(0, 40)}`);
  }
  return found;
}"""
