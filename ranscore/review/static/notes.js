// Every note with the edits that it proposed, and what became of them.

import { ask, byId, fill, make, plural, visible } from "./shared.js";

const EFFECTS = [["kept", "an edit was kept"], ["rejected", "no edit was kept"], ["waiting", "not in a round yet"], ["none", "proposes no edit"]];
let notes = [];

function effectOf(note) {
  if (!note.used) return "none";
  if (!note.effects.length) return "waiting";
  return note.effects.some((e) => e.status === "kept") ? "kept" : "rejected";
}

const figure = (value) => (value === null ? "undefined" : value.toFixed(3));

function reports(ids, word, style) {
  if (!ids.length) return null;
  const shown = ids.slice(0, 12).map(visible).join(", ") + (ids.length > 12 ? ", …" : "");
  return make("span", {}, " ", make("span", { class: style, title: shown }, `${ids.length} ${word}`), make("span", { class: "origin" }, ` (${shown})`));
}

const TAGS = { kept: ["kept", "kept"], rejected: ["rejected", "rejected"], "not chosen": ["unused", "not chosen"] };

function editRow(effect) {
  const [style, word] = TAGS[effect.status] || ["waiting", "no edit"];
  const why = [effect.reason, effect.status === "kept" && !effect.in_program ? "not in the program that the run kept" : ""].filter(Boolean).join("; ");
  const changed = [reports(effect.helped, "helped", "right"), reports(effect.hurt, "hurt", "wrong")].filter(Boolean);
  return make("li", {}, make("span", { class: `tag ${style}` }, word), make("span", {}, visible(effect.edit)), why ? make("span", { class: "origin" }, ` · ${visible(why)}`) : null, changed.length ? " · by itself" : null, ...changed);
}

// What was kept is shown; what was not is one click away.
function edits(rows) {
  const kept = rows.filter((e) => e.status === "kept");
  const rest = rows.filter((e) => e.status !== "kept");
  const list = (some) => make("ul", {}, ...some.map(editRow));
  if (!kept.length || !rest.length) return [list(rows)];
  return [list(kept), make("details", {}, make("summary", {}, `${plural(rest.length, "other edit")} not kept`), list(rest))];
}

function effectPart(note) {
  const kind = effectOf(note);
  if (kind === "none") return make("p", { class: "origin" }, note.verdict === "reference wrong" ? "Proposes a new version of the reference; it changes no program." : "Proposes no edit.");
  if (kind === "waiting") return make("p", {}, make("span", { class: "tag waiting" }, "waiting"), "No round has read it yet. ", make("a", { href: `/rounds#${note.finding}` }, "Start one"));
  const rounds = new Map();
  for (const e of note.effects) {
    const key = `${e.run} ${e.round}`;
    rounds.set(key, [...(rounds.get(key) || []), e]);
  }
  return make("div", {}, ...[...rounds].map(([, rows]) => make("div", {},
    make("p", { class: "figures" }, `Round ${rows[0].round}: kappa ${figure(rows[0].before)} → `, make("b", {}, figure(rows[0].after)),
      make("span", { class: "origin" }, ` · the whole round: ${rows[0].round_helped.length} helped, ${rows[0].round_hurt.length} hurt · run ${rows[0].run}`)),
    ...edits(rows))));
}

function row(note) {
  return make("li", {},
    make("div", {},
      make("h2", {}, note.finding_name, " · ", note.verdict, note.reason ? `, ${note.reason}` : ""),
      make("p", { class: "origin" }, `${visible(note.reader)}, ${note.time}, report ${visible(note.report_id)}`),
      note.evidence ? make("blockquote", { dir: "auto" }, visible(note.evidence)) : null,
      note.note ? make("p", { class: "words", dir: "auto" }, visible(note.note)) : null),
    make("div", { class: "effect", "aria-label": "What the note changed", role: "group" }, effectPart(note)));
}

function show() {
  const [finding, reader, effect] = ["finding", "reader", "effect"].map((n) => byId(`filter-${n}`).value);
  const list = notes.filter((n) => (!finding || n.finding === finding) && (!reader || n.reader === reader) && (!effect || effectOf(n) === effect));
  const kept = list.filter((n) => effectOf(n) === "kept").length;
  byId("count").textContent = notes.length ? `${plural(list.length, "note")}, ${kept} with an edit that was kept` : "There are no notes on this cohort yet.";
  byId("notes").replaceChildren(...list.map(row));
}

const distinct = (pairs) => [...new Map(pairs)].sort((a, b) => a[1].localeCompare(b[1]));

async function begin() {
  try {
    notes = (await ask("/api/notes")).notes;
    fill(byId("filter-finding"), distinct(notes.map((n) => [n.finding, n.finding_name])));
    fill(byId("filter-reader"), distinct(notes.map((n) => [n.reader, n.reader])));
    fill(byId("filter-effect"), EFFECTS.filter(([e]) => notes.some((n) => effectOf(n) === e)));
    show();
  } catch (fault) {
    byId("trouble").textContent = fault.message;
  }
  document.body.dataset.ready = "yes";
}
byId("filter").addEventListener("change", show);
byId("filter").addEventListener("submit", (event) => event.preventDefault());
begin();
