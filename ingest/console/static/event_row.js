// One event as a row, and as a whole.

import { Component, html } from "./lib.js";
import { Facts, Flags, Kind, Text, Time } from "./parts.js";
import { eventsAddress, taskAddress } from "./route.js";
import { flags, gaps, gapsInShort, identityFlag, programName, summary } from "./summary.js";
import { commandLine, readableJson } from "./text.js";

/** A row that is drawn again only when something it shows has changed: hundreds of them stand on the page. */
export class EventRow extends Component {
  shouldComponentUpdate(next) {
    return next.event !== this.props.event || next.chosen !== this.props.chosen || next.day !== this.props.day;
  }

  render({ event, chosen, now, onChoose, compact }) {
    const { what, notes } = summary(event);
    return html`<li class="event-item">
      <button type="button" data-row class="event ${chosen ? "is-chosen" : ""}" aria-pressed=${String(Boolean(chosen))}
        onClick=${() => onChoose(event)}>
        <span class="event-time"><${Time} at=${event.time} now=${now} /></span>
        <${Kind} kind=${event.kind} />
        ${!compact && html`<span class="event-where"><${Where} event=${event} /></span>`}
        <span class="event-what"><${Flags} flags=${[...flags(event), ...gapsInShort(event.evidence)]} /><${Text} class="mono">${what}<//>
          ${notes.map((note) => html`<span class="note"><${Text} limit=${160}>${note}<//></span>`)}</span>
      </button>
    </li>`;
  }
}

/** Container and program. */
function Where({ event: { container, process } }) {
  const where = container && (container.name ?? container.id.slice(0, 12));
  return html`${where && html`<span class="container-name"><${Text} limit=${40}>${where}<//></span>`}
    ${
      process &&
      html`<span class="process-name">
      <${Text} limit=${40}>${programName(process)}<//> <span class="pid">${process.pid}</span></span>`
    }`;
}

/** Everything about an event, for the side panel. */
export function EventDetail({ event, now }) {
  const { container, process, sensor } = event;
  const text = (value) => value != null && html`<${Text} limit=${5000}>${value}<//>`;
  const ofProcess = process && eventsAddress({ task: event.task_id, q: process.entity });
  return html`<div class="detail">
    <p class="detail-kind"><${Kind} kind=${event.kind} /> <${Time} at=${event.time} now=${now} /></p>
    <p class="detail-what"><${Text} class="mono" limit=${5000}>${summary(event).what}<//></p>
    <p class="flags"><${Flags} flags=${[...flags(event), ...gaps(event.evidence)]} /></p>
    <${Facts} facts=${[
      ["Task", html`<a href=${taskAddress(event.task_id)}><${Text}>${event.task_id}<//></a>`],
      ["Container", container && text(container.name ?? container.id)],
      [
        "Process",
        process && html`${text(process.exe ?? programName(process))} <span class="pid">${process.pid}</span>`,
      ],
      ["Arguments", process?.args && text(commandLine(process.args))],
      ["Ancestors", process?.ancestors?.length > 0 && text(process.ancestors.map(programName).join(" ← "))],
      ["Evidence", text(event.evidence?.source)],
      ["Identity", html`<${Flags} flags=${[identityFlag(sensor?.identity)]} /> ${text(sensor?.principal)}`],
    ]} />
    <p><a href=${eventsAddress({ task: event.task_id })}>Events of this task</a>
      ${ofProcess && html` · <a href=${ofProcess}>Events of this process and of what it started</a>`}</p>
    <${WholeJson} value=${event} />
  </div>`;
}

/** The event as it was stored, valid JSON, with every unseen character as an escape; and a way to take it along. */
export class WholeJson extends Component {
  state = { copied: "" };

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.setState({ copied: "Copied" });
    } catch (error) {
      this.setState({ copied: `The browser refused (${error.message}): select the text instead` });
    }
  }

  render({ value }, { copied }) {
    const text = readableJson(value);
    return html`<div class="json">
      <div class="json-head"><h3>Whole event</h3>
        <span role="status">${copied}</span>
        ${navigator.clipboard && html`<button type="button" onClick=${() => this.copy(text)}>Copy JSON</button>`}</div>
      <pre tabindex="0">${text}</pre>
    </div>`;
  }
}
