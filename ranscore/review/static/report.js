// The report as text with marks, and the passage that the reader marks in it. All places count characters (code
// points), as the server does; a browser counts in units of which an emoji has two.

import { make, visible } from "./shared.js";

const TITLES = { negation: "negation cue", hedge: "hedge cue", context: "history or comparison cue" };
const CLASSES = { fired: "fired-mark", silent: "silent-mark", quoted: "quoted-mark" };

export class ReportView {
  constructor(box, onChange) {
    this.box = box;
    this.onChange = onChange;
    this.span = null;
    document.addEventListener("mouseup", () => setTimeout(() => this.takeSelection(), 0));
    document.addEventListener("touchend", () => setTimeout(() => this.takeSelection(), 0));
  }

  show(item) {
    this.item = item;
    this.chars = Array.from(item.text);
    this.shown = Array.from(visible(item.text));
    this.span = null;
    this.box.className = this.chars.length > 4000 ? "report long" : "report";
    this.box.lang = item.language || "";
    this.box.tabIndex = this.chars.length > 4000 ? 0 : -1;
    this.box.scrollTop = 0;
    this.draw();
  }

  passage() {
    return this.span ? this.chars.slice(...this.span).join("") : "";
  }

  mark(span, scroll = false) {
    this.span = span && span[1] > span[0] ? span : null;
    this.draw();
    if (scroll) this.box.querySelector(".mine")?.scrollIntoView({ block: "nearest" });
    this.onChange();
  }

  draw() {
    const marks = this.item.marks.map((m) => ({ ...m }));
    if (this.span) marks.push({ start: this.span[0], end: this.span[1], kind: "mine" });
    marks.sort((a, b) => a.start - b.start);
    const parts = [];
    for (const block of this.item.blocks) {
      if (block.kind === "heading") parts.push(make("h3", {}, ...this.pieces(block, marks)));
      else parts.push(make("p", { dir: "auto" }, ...this.pieces(block, marks)));
    }
    this.box.replaceChildren(...parts);
  }

  pieces(block, marks) {
    const inside = marks.filter((m) => m.start < block.end && m.end > block.start);
    const cuts = new Set([block.start, block.end]);
    for (const m of inside) {
      cuts.add(Math.max(m.start, block.start));
      cuts.add(Math.min(m.end, block.end));
    }
    const places = [...cuts].sort((a, b) => a - b);
    const found = [];
    for (let i = 0; i + 1 < places.length; i += 1) {
      const [start, end] = [places[i], places[i + 1]];
      const here = inside.filter((m) => m.start <= start && m.end >= end);
      found.push(this.piece(start, end, here));
    }
    return found;
  }

  piece(start, end, marks) {
    const cue = marks.find((m) => TITLES[m.kind]);
    const evidence = marks.find((m) => CLASSES[m.kind]);
    const mine = marks.find((m) => m.kind === "mine");
    const classes = [];
    if (evidence) classes.push(CLASSES[evidence.kind]);
    if (cue) classes.push("cue", cue.kind);
    if (mine) classes.push("mine", mine.start === start && "first", mine.end === end && "last");
    const titles = [evidence?.title, cue && TITLES[cue.kind]].filter(Boolean).map(visible);
    const tag = evidence || mine ? "mark" : "span";
    return make(tag, { class: classes.filter(Boolean).join(" ") || null, title: titles.join("; ") || null, "data-start": start },
      this.shown.slice(start, end).join(""));
  }

  takeSelection() {
    const selection = window.getSelection();
    if (!selection || selection.isCollapsed || !selection.rangeCount || !this.item) return;
    const range = selection.getRangeAt(0);
    if (!this.box.contains(range.startContainer) || !this.box.contains(range.endContainer)) return;
    let [start, end] = [this.place(range.startContainer, range.startOffset), this.place(range.endContainer, range.endOffset)];
    if (start === null || end === null) return;
    while (start < end && /\s/.test(this.chars[start])) start += 1;
    while (end > start && /\s/.test(this.chars[end - 1])) end -= 1;
    selection.removeAllRanges();
    if (end > start) this.mark([start, end]);
  }

  place(node, offset) {
    if (node.nodeType === Node.TEXT_NODE) {
      const start = Number(node.parentElement.dataset.start);
      return start + Array.from(node.data.slice(0, offset)).length;
    }
    const next = node.childNodes[offset];
    const walker = document.createTreeWalker(this.box, NodeFilter.SHOW_ELEMENT);
    let last = null;
    for (let at = walker.nextNode(); at; at = walker.nextNode()) {
      if (at.dataset.start === undefined) continue;
      if (next && (next === at || next.contains(at) || next.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING)) {
        return Number(at.dataset.start);
      }
      last = at;
    }
    return last ? Number(last.dataset.start) + Array.from(last.textContent).length : null;
  }

  // Keyboard: sentences.
  step(direction, extend) {
    const sentences = this.item.sentences;
    if (!sentences.length) return;
    if (!this.span) {
      this.mark(sentences[direction > 0 ? 0 : sentences.length - 1], true);
      return;
    }
    const [start, end] = this.span;
    const first = Math.max(0, sentences.findIndex(([, e]) => e > start));
    let last = sentences.findLastIndex(([s]) => s < end);
    if (last < 0) last = first;
    if (extend) {
      const to = last + direction;
      if (direction < 0 && last === first) return;
      if (to < sentences.length) this.mark([start, sentences[to][1]], true);
      return;
    }
    const whole = sentences[first][0] === start && sentences[last][1] === end;
    const to = direction > 0 ? (whole ? last + 1 : first) : (whole ? first - 1 : first);
    this.mark(sentences[Math.min(sentences.length - 1, Math.max(0, to))], true);
  }

  // Keyboard: words.
  words() {
    if (this.item.words) return this.item.words;
    const found = [];
    const add = (text, units) => { // units of the browser to characters
      let [unit, char] = [0, 0];
      for (const [from, to] of units) {
        const start = char + Array.from(text.slice(unit, from)).length;
        const end = start + Array.from(text.slice(from, to)).length;
        found.push([start, end]);
        [unit, char] = [to, end];
      }
    };
    if (typeof Intl.Segmenter === "function") {
      const segmenter = new Intl.Segmenter(this.item.language || "en", { granularity: "word" });
      add(this.item.text, Array.from(segmenter.segment(this.item.text)).filter((s) => s.isWordLike).map((s) => [s.index, s.index + s.segment.length]));
    } else {
      add(this.item.text, Array.from(this.item.text.matchAll(/[\p{L}\p{N}'’-]+/gu)).map((m) => [m.index, m.index + m[0].length]));
    }
    this.item.words = found;
    return found;
  }

  moveEnd(direction) {
    if (!this.span) { this.step(1, false); return; }
    const [start, end] = this.span;
    const words = this.words();
    const found = direction > 0 ? words.find(([, e]) => e > end) : words.findLast(([, e]) => e < end && e > start);
    if (found) this.mark([start, found[1]], true);
  }

  moveStart(direction) {
    if (!this.span) { this.step(1, false); return; }
    const [start, end] = this.span;
    const words = this.words();
    const found = direction > 0 ? words.find(([s]) => s > start && s < end) : words.findLast(([s]) => s < start);
    if (found) this.mark([found[0], end], true);
  }
}
