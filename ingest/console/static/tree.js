// One container's processes as an indented tree that is read and walked like a list (the WAI-ARIA treegrid pattern).

import { Component, html } from "./lib.js";
import { Flags, Status, Text, Time, moveFocus } from "./parts.js";
import { TRAIL, countOf, tabStopOf, tally, treeRows } from "./process_tree.js";
import { ending, endings, flags, gapsInShort, programName, times } from "./summary.js";
import { commandLine, visible } from "./text.js";
import { between, count } from "./time.js";

/** Rows shown at first: more make the page slow, and nobody reads them at once. */
const ROWS = 1000;

const HEADINGS = ["Process", "Arguments", "User", "Started", "State"];

/** The width of one level, in pixels; the stylesheet gives `.toggle` the same. */
const STEP = 16;

export class ContainerTree extends Component {
  state = { closed: new Set(), unfolded: new Set(), limit: ROWS };

  toggle(row) {
    const name = row.fold ? "unfolded" : "closed";
    const keys = new Set(this.state[name]);
    if (!keys.delete(row.key)) keys.add(row.key);
    this.setState({ [name]: keys });
  }

  /** Left closes or goes up, right opens or goes down, as in every tree. */
  keyPressed(event, row) {
    if (event.key === "ArrowRight" && row.open === false) this.toggle(row);
    else if (event.key === "ArrowLeft" && row.open) this.toggle(row);
    else if (event.key === "ArrowLeft") focusParent(event.currentTarget, row.level);
    else if (event.key === "Enter" || event.key === " ") this.chosen(row);
    else return;
    event.preventDefault();
  }

  chosen(row) {
    if (row.fold) this.toggle(row);
    else this.props.onChoose(row.process);
  }

  render({ container, living, q, chosen, now }, { closed, unfolded, limit }) {
    const rows = treeRows(container.processes, { closed, unfolded, living, q });
    if (rows.length === 0) return html`<p class="waiting">No process here matches what is asked for above.</p>`;
    const shown = rows.slice(0, limit);
    const tabStop = tabStopOf(shown, chosen);
    const marks = (row) => ({ key: row.key, row, chosen: row.key === chosen, tabStop: row.key === tabStop });
    const actions = {
      onToggle: (row) => this.toggle(row),
      onChoose: (row) => this.chosen(row),
      onKey: (event, row) => this.keyPressed(event, row),
    };
    const label = `processes of ${visible(nameOf(container))}`;
    return html`<div class="tree" role="treegrid" aria-label=${label} onKeyDown=${moveFocus}>
      <div class="tree-row tree-head" role="row">
        ${HEADINGS.map((name) => html`<span role="columnheader">${name}</span>`)}</div>
      ${shown.map((row) => html`<${Row} ...${marks(row)} now=${now} ...${actions} />`)}
    </div>
    ${rows.length > limit && this.more(rows.length - limit)}`;
  }

  more(left) {
    const show = () => this.setState({ limit: this.state.limit + ROWS });
    return html`<button type="button" class="more" onClick=${show}>
      Show ${count(Math.min(ROWS, left))} more of ${count(left)}</button>`;
  }
}

/** The name of a container, or what stands for it. */
export function nameOf(container) {
  if (container.id === "" || container.id == null) return "outside any container";
  return container.name || container.id.slice(0, 20);
}

/** `12 living, 148 ended`. */
export function tallyText(processes) {
  const { living, ended } = tally(processes);
  return `${count(living)} living, ${count(ended)} ended`;
}

function focusParent(element, level) {
  let above = element.previousElementSibling;
  while (above && Number(above.getAttribute("aria-level")) >= level) above = above.previousElementSibling;
  if (above?.matches("[data-row]")) above.focus();
}

function Row({ row, chosen, tabStop, now, onToggle, onChoose, onKey }) {
  const { fold, open, process, ended } = row;
  const classes = [fold || ended ? "is-ended" : "is-living", chosen && "is-chosen", row.hit === false && "is-path"];
  return html`<div class="tree-row ${classes.filter(Boolean).join(" ")}" role="row" data-row tabindex=${tabStop ? 0 : -1}
    aria-level=${row.level} aria-expanded=${open === null ? undefined : String(open)} aria-selected=${String(chosen)}
    onClick=${() => onChoose(row)} onKeyDown=${(event) => onKey(event, row)}>
    <span class="tree-name" role="gridcell">
      <${Guides} row=${row} />
      <${Toggle} row=${row} onToggle=${onToggle} />
      ${fold ? html`<${FoldName} row=${row} />` : html`<${ProcessName} row=${row} />`}
    </span>
    ${fold ? html`<${FoldCells} fold=${fold} />` : html`<${ProcessCells} process=${process} ended=${ended} now=${now} />`}
  </div>`;
}

/** The lines that join a row to its parent: one step a level, drawn so that rows of any height meet. */
function Guides({ row: { level, trail } }) {
  const steps = Math.min(level, TRAIL) - 1;
  if (steps === 0) return null;
  const middle = (i) => i * STEP + STEP / 2;
  const passing = trail.slice(-steps, -1);
  const own = middle(steps - 1);
  return html`<span class="guides" aria-hidden="true" style=${{ width: `${steps * STEP}px` }}><svg width=${steps * STEP}>
      ${passing.map((goesOn, i) => goesOn && html`<line x1=${middle(i)} x2=${middle(i)} y1="0" y2="100%" />`)}
      <line x1=${own} x2=${own} y1="0" y2=${trail.at(-1) ? "100%" : "50%"} />
      <line x1=${own} x2=${steps * STEP} y1="50%" y2="50%" />
    </svg></span>${level > TRAIL && html`<span class="depth" title="level ${level} of the tree">${level}</span>`}`;
}

function Toggle({ row, onToggle }) {
  if (row.open === null) return html`<span class="toggle" aria-hidden="true"></span>`;
  const toggled = (event) => {
    event.stopPropagation();
    onToggle(row);
  };
  return html`<span class="toggle" aria-hidden="true" onClick=${toggled}>${row.open ? "▾" : "▸"}</span>`;
}

function FoldName({ row }) {
  return html`<strong class="program">${count(row.fold.times)} × <${Text} limit=${60}>${row.fold.name}<//></strong>`;
}

/** What the folded processes have in common, and how many of them did not end well. */
function FoldCells({ fold }) {
  const state = fold.bad > 0 ? "bad" : "ended";
  return html`<span class="tree-args" role="gridcell">all ended, without children</span>
    <span class="tree-user" role="gridcell"></span><span class="tree-start" role="gridcell"></span>
    <span class="tree-state" role="gridcell">
      <${Status} state=${state}>${endings(fold)}<//></span>`;
}

function ProcessName({ row: { process, open, below } }) {
  return html`<strong class="program"><${Text} limit=${60}>${programName(process)}<//></strong>
    <span class="pid">${process.pid}</span>
    ${countOf(process) > 1 && html`<span class="times" title="so many ran and ended in the same way">${times(process.count)}</span>`}
    ${open === false && html`<span class="pid">+${count(below)} below</span>`}`;
}

function ProcessCells({ process, ended, now }) {
  const notRead = !process.placeholder && html`<span class="unknown">arguments not read</span>`;
  const user = process.user ?? (process.uid == null ? null : `uid ${process.uid}`);
  return html`
    <span class="tree-args mono" role="gridcell">
      <${Flags} flags=${[...flags({ process }), ...gapsInShort(process.evidence)]} />
      ${process.args ? html`<${Text}>${commandLine(process.args)}<//>` : notRead}
    </span>
    <span class="tree-user" role="gridcell"><${Text} limit=${40}>${user}<//></span>
    <span class="tree-start" role="gridcell"><${Time} at=${process.start} now=${now} /></span>
    <span class="tree-state" role="gridcell"><${LifeState} process=${process} ended=${ended} /></span>`;
}

/** Alive or ended, in words: how it ended and how long it ran. Of a mere ancestor nothing was told. */
export function LifeState({ process, ended }) {
  if (process.placeholder) return html`<${Status} state="waiting">not reported<//>`;
  if (!ended) return html`<${Status} state="live">living<//>`;
  const bad = process.exit_code != null && process.exit_code !== 0;
  const length = process.end && process.start && between(process.start, process.end);
  return html`<${Status} state=${bad ? "bad" : "ended"}>${ending(process.exit_code)}<//>
    ${length && html`<span class="sub"> after ${length}</span>`}`;
}
