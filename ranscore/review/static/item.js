// How the parts of one disagreement are drawn.

import { make, visible } from "./shared.js";

const side = (s) => make("div", {}, make("dt", {}, s.name), make("dd", {}, visible(s.value)));

function votes(given) {
  const marks = given.map((v) => make("span", { class: `vote ${v.value || "none"}`, role: "img", "aria-label": `${v.reader}: ${v.value || "no vote"}`, title: `${v.reader}: ${v.value || "no vote"}` }));
  const present = given.filter((v) => v.value === "present").length;
  return make("div", {}, make("dt", {}, "Readers"), make("dd", {}, make("span", { class: "votes" }, ...marks), make("span", {}, `${present} of ${given.length} present`)));
}

export function sides(item) {
  return [...item.sides.map(side), ...(item.votes.length ? [votes(item.votes)] : []), side({ name: "Report", value: item.report_id })];
}

export function firedRows(item) {
  if (!item.fired.length) return [make("li", { class: "origin none" }, item.silence)];
  return item.fired.map((row) => make("li", {}, make("q", {}, visible(row.passage)), " ", make("span", { class: "status" }, row.status), make("span", { class: "origin" }, ` · ${visible(row.source)}`)));
}

const LEGEND = [
  ["fired", "fired-mark", "counts"], ["silent", "silent-mark", "found, does not count"], ["quoted", "quoted-mark", "quoted by the model"],
  ["negation", "cue negation", "negation"], ["hedge", "cue hedge", "hedge"], ["context", "cue context", "history or comparison"],
];

export function legend(item) {
  const kinds = new Set(item.marks.map((m) => m.kind));
  const found = LEGEND.filter(([kind]) => kinds.has(kind));
  return [...found, ["mine", "mine first last", "your evidence"]].map(([, style, text]) => make("span", {}, make("span", { class: style }, text)));
}

export function earlier(note, takeBack) {
  const words = [note.evidence && `“${visible(note.evidence)}”`, note.note && visible(note.note)].filter(Boolean).join(" ");
  const back = note.own ? make("button", { type: "button", class: "plain", "aria-label": "Take this note back" }, "Take back") : null;
  back?.addEventListener("click", takeBack);
  return make("li", {}, make("span", { class: "status" }, note.verdict), note.reason && `, ${note.reason}`, make("span", { class: "origin" }, ` · ${visible(note.reader)}, ${note.time}`), back, words && make("div", { dir: "auto" }, words));
}
