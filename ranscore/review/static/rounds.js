// Rounds: start, watch, stop. The server knows the state; this page only shows it, so that it may be closed any time.

import { ask, byId, fill, make, plural, visible } from "./shared.js";

let offer = [];
let plan = null;
let past = [];
let state = null;
let source = null;

const figure = (value) => (value === null || value === undefined ? "undefined" : value.toFixed(3));
const trouble = (text) => { byId("trouble").textContent = text; };
const WORDS = { starting: "starting", running: "running", stopping: "stopping", finished: "finished", stopped: "stopped", failed: "failed" };

function showOffer() {
  const found = offer.find((o) => o.finding === byId("finding").value);
  if (!found || !plan) return;
  const folds = plan.folds > 1 ? `, then ${plan.folds}-fold cross-validation` : ", not cross-validated";
  byId("offer").textContent = `${plural(found.errors, "error")} under review (${found.program}), ${plural(found.notes, "note")} to learn from. The search begins with the seed; recipe ${plan.recipe}: up to ${plural(plan.rounds, "round")} of ${plan.trials} candidates${folds}.`;
}

async function load() {
  const found = await ask("/api/rounds");
  [offer, plan, past] = [found.offer, found.plan, found.past];
  const asked = location.hash.slice(1);
  const most = [...offer].sort((a, b) => b.notes - a.notes)[0];
  const before = byId("finding").value;
  fill(byId("finding"), offer.map((o) => [o.finding, `${o.name} (${plural(o.notes, "note")})`]), before || asked || found.state.finding || (most && most.finding));
  showOffer();
  show(found.state);
}

function cells(row) {
  const figures = [figure(row.kappa), figure(row.f1), figure(row.accuracy), row.errors, row.notes, row.edits, row.calls];
  return make("tr", {}, make("th", { scope: "row" }, row.round === 0 ? "start" : String(row.round)), ...figures.map((v) => make("td", { class: "figure" }, String(v))));
}

function outcome() {
  const parts = [];
  const last = state.rows.at(-1);
  if (state.status === "failed") parts.push(make("p", { class: "wrong" }, `The round failed: ${visible(state.problem)}`));
  if (state.status === "stopped") parts.push(make("p", {}, "Stopped. What was tracked until then is whole; no program was changed."));
  if (state.status === "finished") {
    const best = state.rows.map((r) => r.kappa).filter((k) => k !== null);
    parts.push(make("p", {}, "The kept program is under review now: kappa ", make("b", {}, figure(state.rows[0]?.kappa)), " → ", make("b", {}, figure(best.length ? Math.max(...best) : null)), " on the reports that it was tuned on."));
    if (state.crossed) parts.push(make("p", {}, "Cross-validated, on reports that each fold's loop did not see: kappa ", make("b", {}, figure(state.crossed.kappa)), `, F1 ${figure(state.crossed.f1)}, accuracy ${figure(state.crossed.accuracy)}.`));
    else parts.push(make("p", { class: "origin" }, "Not cross-validated: these figures are optimistic."));
    if (last?.stopped) parts.push(make("p", { class: "origin" }, `It ended because: ${last.stopped}.`));
    parts.push(make("p", {}, make("a", { class: "button", href: "/" }, "Review the new errors"), " ", make("a", { class: "button", href: "/notes" }, "See what each note did")));
  }
  return parts;
}

function show(now) {
  const ended = state && state.busy && !now.busy;
  state = now;
  const idle = now.status === "idle";
  byId("running").hidden = idle;
  byId("go").disabled = now.busy;
  byId("finding").disabled = now.busy;
  byId("stop").hidden = !now.busy;
  byId("stop").disabled = now.status === "stopping";
  byId("past-part").hidden = past.length < 2;
  byId("past").replaceChildren(...past.slice(1).map((s) => make("li", {}, `${s.name}, ${s.started}: ${WORDS[s.status]}`, s.rows.length ? `, kappa ${figure(s.rows[0].kappa)} → ${figure(s.rows.at(-1).kappa)}` : "", s.crossed ? `, cross-validated ${figure(s.crossed.kappa)}` : "")));
  if (!idle) {
    byId("running-title").textContent = `${now.name}: ${WORDS[now.status]}`;
    byId("stage").textContent = now.busy ? [now.stage, now.calls ? `${plural(now.calls, "call")} in this part` : ""].filter(Boolean).join(" · ") : `started ${now.started}`;
    byId("trials").hidden = !now.busy;
    byId("trials").max = Math.max(1, now.most);
    byId("trials").value = Math.min(now.tried, now.most);
    byId("table").hidden = !now.rows.length;
    byId("rows").replaceChildren(...now.rows.map(cells));
    byId("outcome").replaceChildren(...outcome());
  }
  if (ended) load().catch((fault) => trouble(fault.message));
}

function listen() {
  source = new EventSource("/api/rounds/events");
  source.onmessage = (event) => { trouble(""); show(JSON.parse(event.data)); };
  source.onerror = () => trouble("The server does not answer; trying again …");
}

byId("finding").addEventListener("change", showOffer);
byId("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble("");
  byId("go").disabled = true;
  try {
    show((await ask("/api/rounds", { finding: byId("finding").value })).state);
  } catch (fault) {
    trouble(fault.message);
    byId("go").disabled = Boolean(state && state.busy);
  }
});
byId("stop").addEventListener("click", async () => {
  byId("stop").disabled = true;
  try {
    show((await ask("/api/rounds/stop", {})).state);
  } catch (fault) {
    trouble(fault.message);
  }
});

load().then(listen).catch((fault) => trouble(fault.message)).finally(() => { document.body.dataset.ready = "yes"; });
