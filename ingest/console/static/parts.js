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
  return html`<bdi class=${name}>${parts.map(({ text, unseen }) =>
    unseen ? html`<span class="unseen" title="characters that cannot be seen, escaped">${text}</span>` : text,
  )}</bdi>`;
}

/** What `GET /v1/events?q=` takes. */
const LONGEST_SEARCH = 200;

/** The kind of an event by sign, name and colour. */
export function Kind({ kind }) {
  return html`<span class="kind tone-${toneOf(kind)}"><span class="sign" aria-hidden="true">${signOf(kind)}</span>${visible(kind)}</span>`;
}

/** A moment: the clock by default, or how long ago; the whole time in its title. */
export function Time({ at, now, relative = false }) {
  if (at == null) return html`<span class="unknown">unknown</span>`;
  return html`<time datetime=${visible(at)} title="${visible(at)} (UTC)">${relative ? ago(at, now) : clock(at, now)}</time>`;
}

/** Short remarks beside a row; `warn` and `gap` are also told apart by their sign. */
export function Flags({ flags }) {
  const signs = { warn: "! ", gap: "◌ ", info: "" };
  return flags.map(({ text, tone }) => html`<span class="flag flag-${tone}">${signs[tone]}<${Text} limit=${120}>${text}<//></span>`);
}

/** A definition list of `[name, content]`; entries without content are left out. */
export function Facts({ facts }) {
  const known = facts.filter(([, content]) => content != null && content !== false);
  return html`<dl class="facts">${known.map(([name, content]) => html`<div key=${name}><dt>${name}</dt><dd>${content}</dd></div>`)}</dl>`;
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
  if (error instanceof Refused && error.status === 400) return "Change the filter.";
  if (error instanceof Refused && error.status === 404) return "It may have been removed by the retention; the list of tasks shows what is kept.";
  if (error instanceof Refused && [429, 503].includes(error.status)) return "The ingest is busy; it is asked again by itself.";
  if (error instanceof Refused) return `The answer was ${error.status}; the ingest's log says more.`;
  return `Check that the ingest runs and that ${location.origin} reaches it; it is asked again by itself.`;
}

/** Text input that reports what was typed after a short rest, so that not every letter asks the ingest. */
export class Search extends Component {
  state = { value: this.props.value };

  componentDidUpdate(before) {
    if (before.value !== this.props.value && this.props.value !== this.told) this.setState({ value: this.props.value });
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
      <input type="search" value=${value} placeholder=${placeholder} maxlength=${LONGEST_SEARCH} spellcheck=${false} autocomplete="off"
        onInput=${(event) => this.typed(event.currentTarget.value)} />
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
