// The queue: one disagreement at a time, a verdict in two keystrokes, evidence, a note.

import { ask, byId, fill, helping, make, plural, say, typing, visible } from "./shared.js";
import { dropDraft, freshId, readDraft, writeDraft } from "./drafts.js";
import { earlier, firedRows, legend, sides } from "./item.js";
import { ReportView } from "./report.js";

const FILTERS = ["finding", "kind", "open", "text"];
const reader = document.body.dataset.reader;
let queue = [];
let item = null;
let draft = null;
let lastSaved = [];
let previewing = 0;
const view = new ReportView(byId("report"), evidenceChanged);

// One thing at a time: what is pressed while an item is saved or loaded waits, and goes to the item that comes.
let working = false;
const waiting = [];
async function perform(action) {
  if (working) {
    waiting.push(action);
    return;
  }
  working = true;
  byId("save").setAttribute("aria-busy", "true");
  try {
    await action();
  } catch (fault) {
    trouble(fault.message);
  }
  working = false;
  byId("save").removeAttribute("aria-busy");
  if (waiting.length) perform(waiting.shift());
}

const keepDraft = () => writeDraft(reader, item.id, draft);

// The queue and its filter.
const chosen = () => Object.fromEntries(FILTERS.map((name) => [name, byId(`filter-${name}`).value]));
function matching() {
  const { finding, kind, open, text } = chosen();
  const wanted = text.trim().toLowerCase();
  return queue.filter((q) => (!finding || q.finding === finding) && (!kind || q.kind === kind)
    && (!open || (open === "done") === q.done || (item && q.id === item.id))
    && (!wanted || q.report_id.toLowerCase().includes(wanted)));
}
const position = (list) => list.findIndex((q) => item && q.id === item.id);

function count(list, name) {
  const found = new Map();
  for (const q of list) found.set(q[name], (found.get(q[name]) || 0) + 1);
  return found;
}

function showQueue() {
  const findings = count(queue, "finding");
  const names = new Map(queue.map((q) => [q.finding, q.finding_name]));
  fill(byId("filter-finding"), [...findings].map(([f, n]) => [f, `${names.get(f)} (${n})`]));
  fill(byId("filter-kind"), [...count(queue, "kind")].map(([k, n]) => [k, `${k} (${n})`]));
  showProgress();
}

function showProgress() {
  const list = matching();
  const all = queue.filter((q) => list.includes(q));
  const done = all.filter((q) => q.done).length;
  byId("progress").max = Math.max(1, all.length);
  byId("progress").value = done;
  byId("progress-text").textContent = `${done} of ${all.length} reviewed`;
}

async function loadQueue() {
  queue = (await ask("/api/queue")).items;
  showQueue();
}

function nothing(title, text, clear) {
  item = null;
  byId("item").hidden = true;
  byId("nothing").hidden = false;
  byId("nothing-title").textContent = title;
  byId("nothing-text").textContent = text;
  byId("nothing-clear").hidden = !clear;
}

async function open(id, focus = true) {
  item = await ask(`/api/items/${encodeURIComponent(id)}`);
  draft = readDraft(reader, id);
  history.replaceState(null, "", `#${id}`);
  byId("nothing").hidden = true;
  byId("item").hidden = false;
  trouble("");
  showItem();
  showForm();
  if (focus) byId("finding").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function showItem() {
  byId("error-kind").textContent = item.kind_text;
  byId("finding").textContent = item.finding_name;
  byId("finding").setAttribute("aria-label", `${item.finding_name}, ${item.kind_text}, report ${item.report_id}`);
  showPlace();
  byId("sides").replaceChildren(...sides(item));
  byId("why").textContent = item.why;
  view.show(item);
  byId("fired").replaceChildren(...firedRows(item));
  byId("quote-part").hidden = !item.quotable;
  byId("quote-said").textContent = "";
  byId("legend").replaceChildren(...legend(item));
  byId("earlier-part").hidden = !item.notes.length;
  byId("earlier").replaceChildren(...item.notes.map((n) => earlier(n, () => perform(() => takeBack(n)))));
}

// The form.
function choice(group, option) {
  const input = make("input", { type: "radio", name: group, value: option.value, "aria-keyshortcuts": option.key });
  input.checked = draft[group] === option.value;
  input.addEventListener("change", () => choose(group, option.value));
  return make("label", { class: "choice" }, input, make("kbd", { "aria-hidden": "true" }, option.key), make("span", {}, option.text, option.hint ? make("small", {}, option.hint) : null));
}

function showForm() {
  byId("verdicts").replaceChildren(...item.verdicts.map((v) => choice("verdict", v)));
  byId("reasons").replaceChildren(...item.reasons.map((r) => choice("reason", r)));
  byId("note").value = draft.note;
  view.mark(draft.span);
}

function choose(group, value) {
  draft[group] = draft[group] === value && group === "reason" ? "" : value;
  for (const input of byId("form").elements[group]) input.checked = input.value === draft[group];
  keepDraft();
  if (group === "verdict") preview();
}

function evidenceChanged() {
  if (!item) return;
  draft.span = view.span;
  keepDraft();
  const passage = view.passage();
  byId("evidence").textContent = passage ? visible(passage) : "Select the words in the report, or press ↓";
  byId("evidence").classList.toggle("empty", !passage);
  byId("evidence").lang = item.language || "";
  byId("evidence-clear").hidden = !passage;
  preview();
}

function preview() {
  clearTimeout(previewing);
  const box = byId("preview");
  if (!draft.span || ["reference wrong", "guideline unclear", "cannot tell"].includes(draft.verdict)) {
    box.replaceChildren();
    return;
  }
  previewing = setTimeout(() => showPreview(false), 250);
}

async function showPreview(spend) {
  const [at, span, box] = [item, draft.span, byId("preview")];
  if (!span) return;
  box.setAttribute("aria-busy", "true");
  let found;
  try {
    found = await ask("/api/preview", { item: at.id, start: span[0], end: span[1], verdict: draft.verdict, spend });
  } catch (fault) {
    found = { text: fault.message };
  }
  if (item !== at || draft.span !== span) return;
  box.removeAttribute("aria-busy");
  if (found.exact === false && !spend) {
    const button = make("button", { type: "button" }, `Ask (${plural(found.calls, "call")})`);
    button.addEventListener("click", () => { button.disabled = true; showPreview(true); });
    box.replaceChildren(`${visible(found.text)} `, button);
    return;
  }
  if (found.right === undefined || !(found.right + found.wrong)) {
    box.textContent = visible(found.text);
    return;
  }
  const changed = found.right + found.wrong;
  box.replaceChildren(found.made.startsWith("exemplar") ? "As an example, " : "As a rule, ", changed === 1 ? "this " : "these ",
    make("b", {}, plural(changed, "development report")), " would change: ",
    make("span", { class: found.right ? "right" : "right zero" }, `${found.right} right`), ", ",
    make("span", { class: found.wrong ? "wrong" : "wrong zero" }, `${found.wrong} wrong`), ".",
    make("small", {}, visible(found.made)));
}

const trouble = (text) => { byId("trouble").textContent = text; };

async function save() {
  if (!item) return;
  if (!draft.verdict) {
    trouble("Choose a verdict first: 1, 2, 3 or 4.");
    return;
  }
  const [at, sent] = [item, { ...draft }];
  const body = (entry) => ({ entry, item: at.id, verdict: sent.verdict, reason: sent.reason, start: sent.span?.[0] ?? null, end: sent.span?.[1] ?? null, note: sent.note });
  let kept = sent.entry;
  try {
    await ask("/api/notes", body(kept));
  } catch (fault) {
    if (fault.status !== 409) throw fault;
    kept = freshId(); // an earlier answer was lost on the way, and the note was changed since
    await ask("/api/notes", body(kept));
  }
  dropDraft(reader, at.id);
  lastSaved.push({ entry: kept, item: at.id, draft: sent });
  rememberSaved();
  const row = queue.find((q) => q.id === at.id);
  if (row) row.done = true;
  showProgress();
  trouble("");
  await goOn(at.id);
}

async function goOn(id) {
  const list = matching();
  const from = list.findIndex((q) => q.id === id);
  const after = [...list.slice(from + 1), ...list.slice(0, Math.max(0, from))].find((q) => !q.done);
  const left = list.filter((q) => !q.done).length;
  if (!after) {
    const filtered = list.length < queue.filter((q) => !q.done).length + queue.filter((q) => q.done).length;
    history.replaceState(null, "", "#");
    nothing(filtered ? "All of these are reviewed" : "All disagreements are reviewed", "Your notes are saved. A round shows what they change.", filtered);
    say("Saved. Nothing is left here.");
    return;
  }
  say(`Saved. ${left} left.`);
  await open(after.id);
}

// Undo.
const savedKey = `ranscore saved ${reader}`;
function rememberSaved() {
  sessionStorage.setItem(savedKey, JSON.stringify(lastSaved.slice(-50)));
  byId("undo").disabled = !lastSaved.length;
}

async function undo() {
  const last = lastSaved.at(-1);
  if (!last) return;
  last.undo = last.undo || freshId();
  try {
    await ask("/api/notes/undo", { entry: last.entry, undo: last.undo });
  } catch (fault) {
    if (fault.status === 404 || fault.status === 409) lastSaved.pop();
    rememberSaved();
    throw fault;
  }
  lastSaved.pop();
  rememberSaved();
  writeDraft(reader, last.item, { ...last.draft, entry: freshId() });
  await loadQueue();
  await open(last.item);
  say("Taken back; the note is here to be changed.");
}

async function takeBack(note) {
  await ask("/api/notes/undo", { entry: note.entry, undo: freshId() });
  lastSaved = lastSaved.filter((s) => s.entry !== note.entry);
  rememberSaved();
  await loadQueue();
  await open(item.id);
  say("Taken back.");
}

async function move(direction) {
  const list = matching();
  const to = list[position(list) + direction];
  if (to) await open(to.id);
}

async function filterChanged() {
  sessionStorage.setItem("ranscore filter", JSON.stringify(chosen()));
  const list = matching();
  showProgress();
  if (!list.length) nothing("Nothing matches the filter", "", true);
  else if (position(list) < 0) await open((list.find((q) => !q.done) || list[0]).id, false);
  else showPlace();
}

async function askQuote() {
  const { found } = await ask("/api/quote", { item: item.id });
  if (found) await open(item.id);
  else byId("quote-said").textContent = "It names no words of this report.";
}

function showPlace() {
  const list = matching();
  const at = position(list);
  byId("place").textContent = `${at + 1} of ${list.length}`;
  byId("previous").disabled = at <= 0;
  byId("next").disabled = at < 0 || at >= list.length - 1;
}

// Keys.
const KEYS = {
  j: () => move(1), k: () => move(-1), u: undo, w: () => byId("note").focus(), x: () => view.mark(null), Enter: save,
  "/": () => byId("filter-finding").focus(), "]": () => view.moveStart(1), "[": () => view.moveStart(-1),
  ArrowDown: (shift) => view.step(1, shift), ArrowUp: (shift) => view.step(-1, shift),
  ArrowRight: (shift) => (shift ? view.moveEnd(1) : move(1)), ArrowLeft: (shift) => (shift ? view.moveEnd(-1) : move(-1)),
};

function actionOf(key, shift) {
  if (!item) return key === "u" ? undo : null;
  const verdict = item.verdicts.find((v) => v.key === key);
  if (verdict) return () => choose("verdict", verdict.value);
  const reason = item.reasons.find((r) => r.key === key);
  if (reason) return () => choose("reason", reason.value);
  return KEYS[key] ? () => KEYS[key](shift) : null;
}

function inNote(key, shift) {
  if (key === "Escape") return () => byId("finding").focus({ preventScroll: true });
  return key === "Enter" && !shift ? save : null;
}

// A key that waited for an item: it has no element of its own any more.
function late(key, shift) {
  if (document.activeElement !== byId("note")) return actionOf(key, shift)?.();
  const action = inNote(key, shift);
  if (action) return action();
  if (key.length === 1) {
    byId("note").setRangeText(key, byId("note").selectionStart, byId("note").selectionEnd, "end");
    byId("note").dispatchEvent(new Event("input"));
  }
  return undefined;
}

function pressed(event) {
  const { key, shiftKey } = event;
  if (helping() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || key === "Tab" || key === "?") return;
  const onNote = event.target === byId("note");
  if (typing(event) && !onNote) {
    if (key !== "Escape") return;
    event.preventDefault(); // a search field would be emptied
    event.target.blur();
    return;
  }
  if (working) {
    event.preventDefault();
    waiting.push(() => late(key, shiftKey));
    return;
  }
  const onControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
  if (key === "Enter" && onControl) return;
  const action = onNote ? inNote(key, shiftKey) : actionOf(key, shiftKey);
  if (!action) return;
  event.preventDefault();
  perform(action);
}

document.addEventListener("keydown", pressed);
byId("form").addEventListener("submit", (event) => { event.preventDefault(); perform(save); });
byId("note").addEventListener("input", () => { draft.note = byId("note").value; keepDraft(); });
byId("quote").addEventListener("click", () => perform(askQuote));
byId("undo").addEventListener("click", () => perform(undo));
byId("next").addEventListener("click", () => perform(() => move(1)));
byId("previous").addEventListener("click", () => perform(() => move(-1)));
byId("evidence-clear").addEventListener("click", () => view.mark(null));
byId("filter").addEventListener("submit", (event) => event.preventDefault());
for (const name of FILTERS) byId(`filter-${name}`).addEventListener(name === "text" ? "input" : "change", () => perform(filterChanged));
byId("nothing-clear").addEventListener("click", () => {
  for (const name of FILTERS) byId(`filter-${name}`).value = "";
  perform(filterChanged);
});
window.addEventListener("hashchange", () => {
  const id = location.hash.slice(1);
  if (id && queue.some((q) => q.id === id) && (!item || item.id !== id)) perform(() => open(id));
});

async function begin() {
  try {
    lastSaved = JSON.parse(sessionStorage.getItem(savedKey) || "[]");
    rememberSaved();
    await loadQueue();
    const kept = JSON.parse(sessionStorage.getItem("ranscore filter") || "{}");
    for (const name of FILTERS) if (kept[name]) byId(`filter-${name}`).value = kept[name];
    for (const name of ["finding", "kind"]) if (!byId(`filter-${name}`).value) byId(`filter-${name}`).value = "";
    const asked = location.hash.slice(1);
    const list = matching();
    const first = queue.find((q) => q.id === asked) || list.find((q) => !q.done);
    showProgress();
    if (!queue.length) nothing("There are no disagreements", "Program and reference agree on every report.", false);
    else if (first) await open(first.id);
    else if (!list.length) nothing("Nothing matches the filter", "", true);
    else nothing("All disagreements are reviewed", "Your notes are saved. A round shows what they change.", false);
  } catch (fault) {
    nothing("The page cannot be shown", fault.message, false);
  }
  document.body.dataset.ready = "yes";
}
perform(begin);
