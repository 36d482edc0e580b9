// The live view: what arrives now on top, what is stored below, filtered alike.

import { EventList } from "./event_list.js";
import { EventDetail, EventRow } from "./event_row.js";
import { FAMILIES, KINDS, familyOf } from "./kinds.js";
import { Component, html } from "./lib.js";
import { Panel } from "./panel.js";
import { Failure, Notice, Search, Status, Text, moveFocus } from "./parts.js";
import { RatePlot } from "./rate_plot.js";
import { Rates } from "./rates.js";
import { eventsAddress } from "./route.js";
import { LiveStream } from "./stream.js";
import { count } from "./time.js";

/** The page is drawn at most this often, however many events come. */
const DRAW_EVERY = 250;

const PAGE = 100;

/** How many pages without a match are asked for before a person is asked whether to look further. */
const EMPTY_PAGES = 10;

export class EventsView extends Component {
  state = {
    now: Date.now(),
    line: { state: "connecting" },
    chosen: null,
    paused: false,
    looking: true,
    error: null,
  };
  list = new EventList();
  rates = new Rates(Date.now());
  lost = 0;
  stale = false;

  componentDidMount() {
    this.drawing = setInterval(() => this.draw(), DRAW_EVERY);
    this.connect();
  }

  componentDidUpdate(before) {
    if (eventsAddress(before.filter) !== eventsAddress(this.props.filter)) this.connect();
  }

  componentWillUnmount() {
    clearInterval(this.drawing);
    this.stream.stop();
    this.asking?.abort();
  }

  /** A stream of what passes the filter; the ingest filters, so that a busy fleet does not flood this page. */
  connect() {
    const { api, filter } = this.props;
    this.stream?.stop();
    this.rates = new Rates(Date.now());
    this.clear();
    this.stream = new LiveStream({
      connect: (last, signal) => api.stream(filter, last, signal),
      onMessage: (message) => this.arrived(message),
      onState: (line) => this.lineChanged(line),
    });
    this.stream.run();
  }

  /** What is stored is asked for once the stream stands, so that nothing falls between the two. */
  lineChanged(line) {
    this.setState({ line });
    if (line.state === "live" ? !line.resumed : line.state !== "connecting" && !this.asking) this.startAnew();
  }

  arrived({ event: name, data }) {
    if (name === "lost") {
      this.lost += Number.parseInt(data, 10) || 1;
      return;
    }
    this.rates.add(Date.now());
    this.list.add(JSON.parse(data));
  }

  /** Before the first page is there nothing is shown: it is what the live events stand on top of. */
  draw() {
    if (this.next !== undefined || this.state.error) this.list.settle();
    if (this.state.line.state !== "live") this.rates.blind(Date.now());
    this.setState({ now: Date.now() });
  }

  clear() {
    this.asking?.abort();
    this.asking = null;
    this.list.clear();
    this.lost = 0;
    this.stale = false;
    this.next = undefined;
    this.setState({ looking: true, error: null });
  }

  /** A list that is held for a person to read stays until they go on. */
  startAnew() {
    if (this.list.held && this.list.events.length > 0) this.stale = true;
    else this.reload();
  }

  /** Starts the list anew from what is stored; what arrives meanwhile is kept and shown once. */
  reload() {
    this.clear();
    this.older();
  }

  /** Adds a page of older events; pages without a match are passed over, a bounded number of them. */
  async older() {
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.setState({ looking: true, error: null });
    try {
      for (let pages = 0, found = 0; found === 0 && pages < EMPTY_PAGES; pages += 1) {
        const asked = { ...this.props.filter, order: "desc", limit: PAGE, cursor: this.next };
        const page = await this.props.api.events(asked, signal);
        if (signal.aborted) return;
        this.list.addOlder(page.events);
        this.next = page.next;
        found = page.next == null ? 1 : page.events.length;
      }
      this.setState({ looking: false });
    } catch (error) {
      if (!signal.aborted) this.setState({ looking: false, error });
    }
  }

  pause(paused) {
    this.list.held = paused;
    this.setState({ paused });
    if (!paused && (this.stale || this.list.missed > 0)) this.reload();
    else this.draw();
  }

  render({ filter, onFilter }, { now, line, chosen, paused, looking, error }) {
    const { list, next } = this;
    const older = () => this.older();
    const choose = (event) => this.setState({ chosen: event });
    return html`<section class="view ${chosen ? "with-panel" : ""}">
      <header class="view-head"><h1>Live events</h1>
        <${Line} line=${line} now=${now} retry=${() => this.stream.retryNow()} /></header>
      <${RatePlot} rates=${this.rates} now=${now} connected=${line.state === "live"} />
      <div class="toolbar">
        <${Filters} filter=${filter} onFilter=${onFilter} />
        <button type="button" class="pause" aria-pressed=${String(paused)} onClick=${() => this.pause(!paused)}>
          ${paused ? `Go on (${count(list.waiting.length + list.missed)} waiting)` : "Pause"}</button>
      </div>
      <${StreamLosses} lost=${this.lost} missed=${list.missed} reload=${() => this.reload()} />
      <div class="split">
        <div class="split-main">
          ${error && html`<${Failure} error=${error} shown=${list.events.length > 0} retry=${older} />`}
          <${Rows} list=${list} now=${now} chosen=${chosen} onChoose=${choose} />
          <${Foot} list=${list} next=${next} looking=${looking} filter=${filter} failed=${error !== null} older=${older} />
        </div>
        ${
          chosen &&
          html`<${Panel} title="Event" onClose=${() => choose(null)}><${EventDetail} event=${chosen} now=${now} /><//>`
        }
      </div>
    </section>`;
  }
}

function Rows({ list, now, chosen, onChoose }) {
  const day = new Date(now).getUTCDate();
  const marks = (event) => ({ key: event.id, event, chosen: event.id === chosen?.id });
  return html`<ol class="events" onKeyDown=${moveFocus}>
    ${list.events.map((event) => html`<${EventRow} ...${marks(event)} now=${now} day=${day} onChoose=${onChoose} />`)}
  </ol>`;
}

/** What stands below the list: that more is being looked for, that there is more, or why there is nothing. */
function Foot({ list, next, looking, filter, failed, older }) {
  if (looking) return html`<p class="waiting">Looking…</p>`;
  if (list.trimmed)
    return html`<p class="waiting">Only ${count(list.limit)} are shown: narrow the filter to see older ones.</p>`;
  const offer = list.events.length ? "Show older events" : "Nothing found yet: look further back";
  if (next != null) return html`<button type="button" class="more" onClick=${older}>${offer}</button>`;
  if (list.events.length > 0) return html`<p class="waiting">This is the oldest event that is kept.</p>`;
  return failed ? null : html`<${Nothing} filtered=${Boolean(filter.task || filter.kind || filter.q)} />`;
}

function Nothing({ filtered }) {
  if (filtered) {
    return html`<${Notice} title="No stored event passes this filter">
      <p>New ones appear here as soon as they arrive. Widen the filter to see others.</p><//>`;
  }
  return html`<${Notice} title="No event has arrived yet">
    <p>Start a sensor that sends here; the <a href="#/tasks">list of tasks</a> says how.</p><//>`;
}

function StreamLosses({ lost, missed, reload }) {
  if (!lost && !missed) return null;
  return html`<p class="banner" role="status">× Up to ${count(lost + missed)} events are not in the list: they came faster
    than this page could take them, or were deleted before it came to them. To see what is stored of them,${" "}
    <button type="button" class="link" onClick=${reload}>load the list again</button>.</p>`;
}

/** The state of the stream, by sign and words. */
function Line({ line, now, retry }) {
  const reason = html`<${Text}>${line.reason}<//>`;
  if (line.state === "live") return html`<${Status} state="live" told>connected<//>`;
  if (line.state === "connecting") return html`<${Status} state="waiting" told>connecting…<//>`;
  if (line.state === "stopped") return html`<${Status} state="bad" told>not connected: ${reason}<//>`;
  const left = Math.max(0, Math.ceil((line.until - now) / 1000));
  return html`<span><${Status} state="bad" told>disconnected (${reason})<//>, again in ${left} s${" "}
    <button type="button" class="link" onClick=${retry}>now</button></span>`;
}

function Filters({ filter, onFilter }) {
  const change = (part) => onFilter({ ...filter, ...part });
  return html`
    <label class="field"><span>Kind</span>
      <select value=${filter.kind} onChange=${(event) => change({ kind: event.currentTarget.value })}>
        <option value="">all kinds</option>
        ${FAMILIES.map((name) => html`<optgroup label=${name}>${optionsOf(name)}</optgroup>`)}
      </select></label>
    <${Search} label="Text" placeholder="words: ls -la, 203.0.113.9 443…" value=${filter.q}
      onChange=${(q) => change({ q })} />
    ${filter.task && html`<${TaskChip} task=${filter.task} onRemove=${() => change({ task: "" })} />`}`;
}

function TaskChip({ task, onRemove }) {
  return html`<span class="field"><span>Task</span>
    <button type="button" class="chip" title="show the events of all tasks" onClick=${onRemove}>
      <${Text} limit=${40}>${task}<//> <span aria-hidden="true">×</span><span class="for-readers"> remove</span>
    </button></span>`;
}

function optionsOf(family) {
  const kinds = KINDS.filter((kind) => familyOf(kind) === family);
  const all = kinds.length > 1 ? [[family, `all ${family}`]] : [];
  return all
    .concat(kinds.map((kind) => [kind, kind]))
    .map(([value, name]) => html`<option value=${value}>${name}</option>`);
}
