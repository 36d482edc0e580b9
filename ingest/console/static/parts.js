// Small pieces that every view uses. Text of the workloads reaches the page only through `Text`.

import { NeedsToken, Refused } from "./api.js";
import { signOf, toneOf } from "./kinds.js";
import { Component, html } from "./lib.js";
import { pieces, shortened, visible } from "./text.js";
import { ago, clock } from "./time.js";

/** More than this is cut in a row; the details show it whole. */
const ROW_TEXT = 400;

/** Hostile text: isolated from the direction of what is around it, unseen characters escaped and marked. */
export function Text({ children, limit = ROW_TEXT, class: name = "" }) {
  if (children == null) return html`<span class="unknown">unknown</span>`;
  const parts = pieces(shortened(String(children), limit));
  const piece = ({ text, unseen }) =>
    unseen ? html`<span class="unseen" title="characters that cannot be seen, escaped">${text}</span>` : text;
  return html`<bdi class=${name}>${parts.map(piece)}</bdi>`;
}

/** What `GET /v1/events?q=` takes. */
const LONGEST_SEARCH = 200;

/** The kind of an event by sign, name and colour. */
export function Kind({ kind }) {
  return html`<span class="kind tone-${toneOf(kind)}">
    <span class="sign" aria-hidden="true">${signOf(kind)}</span>${visible(kind)}</span>`;
}

/** A moment: the clock by default, or how long ago; the whole time in its title. */
export function Time({ at, now, relative = false }) {
  if (at == null) return html`<span class="unknown">unknown</span>`;
  const text = relative ? ago(at, now) : clock(at, now);
  return html`<time datetime=${visible(at)} title="${visible(at)} (UTC)">${text}</time>`;
}

const STATE_SIGNS = { live: "●", silent: "○", waiting: "◌", bad: "×", ended: "■" };

/** A state by sign and words; the colour only repeats them. `told` makes screen readers say when it changes. */
export function Status({ state, told = false, children }) {
  return html`<span class="status status-${state}" role=${told ? "status" : undefined}>
    <span class="sign" aria-hidden="true">${STATE_SIGNS[state]}</span>${children}</span>`;
}

/** Short remarks beside a row; `warn` and `gap` are also told apart by their sign. */
export function Flags({ flags }) {
  const signs = { warn: "! ", gap: "◌ ", info: "" };
  const flag = ({ text, tone, title }) =>
    html`<span class="flag flag-${tone}" title=${title && visible(title)}>
      ${signs[tone]}<${Text} limit=${120}>${text}<//></span>`;
  return flags.map(flag);
}

/** A definition list of `[name, content]`; entries without content are left out. */
export function Facts({ facts }) {
  const known = facts.filter(([, content]) => content != null && content !== false);
  const entry = ([name, content]) => html`<div key=${name}><dt>${name}</dt><dd>${content}</dd></div>`;
  return html`<dl class="facts">${known.map(entry)}</dl>`;
}

/** A message in place of content, with what to do next. */
export function Notice({ tone = "empty", title, children }) {
  return html`<div class="notice notice-${tone}" role=${tone === "error" ? "alert" : "status"}>
    <h2>${title}</h2>
    ${children}
  </div>`;
}

/** A failed request: what happened, what it means for what is shown, what to do. */
export function Failure({ error, shown, retry }) {
  return html`<${Notice} tone="error" title=${shown ? "This may be out of date" : "Nothing can be shown"}>
    <p><${Text}>${error.message}<//>. ${advice(error)}</p>
    <button type="button" onClick=${retry}>Ask again now</button>
  <//>`;
}

function advice(error) {
  if (error instanceof NeedsToken) return "Give the read token above.";
  if (error instanceof Refused)
    return ADVICE[error.status] ?? `The answer was ${error.status}; the ingest's log says more.`;
  return `Check that the ingest runs and that ${location.origin} reaches it.`;
}

const ADVICE = {
  400: "Change the filter.",
  404: "It may have been removed by the retention; the list of tasks shows what is kept.",
  429: "The ingest is busy: ask again in a few seconds.",
  503: "The ingest is busy: ask again in a few seconds.",
};

/** Text input that reports what was typed after a short rest, so that not every letter asks the ingest. */
export class Search extends Component {
  state = { value: this.props.value };

  /** What was told from here comes back once, when more may have been typed; any other value is somebody else's. */
  componentDidUpdate(before) {
    if (before.value === this.props.value) return;
    if (this.props.value !== this.told) {
      clearTimeout(this.timer);
      this.setState({ value: this.props.value });
    }
    this.told = null;
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  typed(value) {
    this.setState({ value });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.told = value;
      this.props.onChange(value);
    }, 250);
  }

  render({ label, placeholder }, { value }) {
    return html`<label class="field field-text">
      <span>${label}</span>
      <input type="search" value=${value} placeholder=${placeholder} maxlength=${LONGEST_SEARCH}
        spellcheck=${false} autocomplete="off" onInput=${(event) => this.typed(event.currentTarget.value)} />
    </label>`;
  }
}

/** Arrow keys, Home and End move the focus between the `[data-row]` elements of a list. */
export function moveFocus(event) {
  const rows = [...event.currentTarget.querySelectorAll("[data-row]")];
  const here = rows.indexOf(event.target.closest("[data-row]"));
  const target = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (here < 0 || target === undefined || event.target.matches("input, select")) return;
  event.preventDefault();
  rows[target]?.focus();
}
