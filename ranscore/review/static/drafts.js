// Drafts stay in this tab until they are saved: a reload in the middle of a sentence loses nothing.

const key = (reader, id) => `ranscore draft ${reader} ${id}`;

export function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

const empty = () => ({ entry: freshId(), verdict: "", reason: "", span: null, note: "" });

export function readDraft(reader, id) {
  try {
    return { ...empty(), ...JSON.parse(sessionStorage.getItem(key(reader, id)) || "{}") };
  } catch {
    return empty();
  }
}

export function writeDraft(reader, id, draft) {
  if (!draft.verdict && !draft.reason && !draft.span && !draft.note) dropDraft(reader, id);
  else sessionStorage.setItem(key(reader, id), JSON.stringify(draft));
}

export function dropDraft(reader, id) {
  sessionStorage.removeItem(key(reader, id));
}
