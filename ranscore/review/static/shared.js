// What all pages share: elements made without markup, requests with the page's token, the help, what is said aloud.

export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return node;
}

let csrf = document.querySelector("meta[name=csrf]").content;

async function send(path, body) {
  const options = { credentials: "same-origin", cache: "no-store", redirect: "error" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-Ranscore-Csrf": csrf };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw Object.assign(new Error("The server does not answer. What you wrote stays in this tab; try again when it runs."), { status: 0 });
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.error || `The server answered ${answer.status}.`), { status: answer.status });
  return found;
}

export async function ask(path, body) {
  try {
    return await send(path, body);
  } catch (fault) {
    if (fault.message !== "csrf") throw fault;
    csrf = (await send("/api/session")).csrf; // the server was started again since this page was loaded
    return send(path, body);
  }
}

let saying = 0;
export function say(text) {
  byId("said").textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => { byId("said").textContent = ""; }, 5000);
}

// Characters that draw nothing, or turn the order of others around, are shown as signs; one sign a character.
export function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "\u25af");
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function fill(select, choices, kept) {
  const value = kept ?? select.value;
  const every = select.options[0];
  select.replaceChildren(...(every && every.value === "" ? [every] : []), ...choices.map(([v, t]) => make("option", { value: v }, t)));
  select.value = choices.some(([v]) => v === value) ? value : (select.options[0] ? select.options[0].value : "");
}

export function typing(event) {
  const node = event.target;
  return node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement
    || (node instanceof HTMLInputElement && node.type !== "radio") || node.isContentEditable;
}

const help = byId("help");
byId("help-open").addEventListener("click", () => help.showModal());
byId("help-close").addEventListener("click", () => help.close());
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (help.open) help.close();
  else help.showModal();
});
export const helping = () => help.open;

byId("done")?.addEventListener("click", async () => {
  byId("done").disabled = true;
  try {
    await ask("/api/done", {});
    say("The review has ended; the round runs where you started the command.");
  } catch (fault) {
    say(fault.message);
    byId("done").disabled = false;
  }
});
