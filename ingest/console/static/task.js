// One task: what it is, what is missing from it, and its processes by container; a process opens beside them.

import { EventRow, WholeJson } from "./event_row.js";
import { Component, html } from "./lib.js";
import { Panel } from "./panel.js";
import { Facts, Failure, Flags, Notice, Search, Text, Time, moveFocus } from "./parts.js";
import { Polling } from "./polling.js";
import { findProcess, isEnded } from "./process_tree.js";
import { eventsAddress } from "./route.js";
import { flags, gaps } from "./summary.js";
import { TaskFacts, silence, titleOf } from "./tasks.js";
import { commandLine } from "./text.js";
import { IngestClock, count, span } from "./time.js";
import { ContainerTree, LifeState, nameOf, tallyText } from "./tree.js";

export class TaskView extends Component {
  state = { tree: null, error: null, now: Date.now(), chosen: null, living: false, q: "" };
  clock = new IngestClock();

  componentDidMount() {
    this.polling = new Polling({
      load: (signal) => this.props.api.tree(this.props.id, signal),
      onAnswer: (answer, error) => this.answered(answer, error),
    });
    this.polling.start();
  }

  answered(answer, error) {
    if (answer) this.clock.hear(answer);
    this.setState({ tree: answer ?? this.state.tree, error, now: this.clock.now() });
  }

  componentWillUnmount() {
    this.polling.stop();
  }

  render({ api, id }, { tree, error, now, chosen, living, q }) {
    const found = tree && chosen && findProcess(tree.containers, chosen);
    const choose = (entity) => this.setState({ chosen: entity });
    return html`<section class="view ${found ? "with-panel" : ""}">
      <p class="trail"><a href="#/tasks">Tasks</a> / <${Text} limit=${60}>${id}<//></p>
      ${error && html`<${Failure} error=${error} shown=${tree !== null} retry=${() => this.polling.now()} />`}
      ${!tree && !error && html`<p class="waiting">Asking the ingest…</p>`}
      ${
        tree &&
        html`<${Head} task=${tree.task} now=${now} />
        <${TreeTools} living=${living} q=${q} onChange=${(part) => this.setState(part)} />
        <${Warnings} tree=${tree} now=${now} />
        <div class="split">
          <div class="split-main">
            <${Containers} containers=${tree.containers} living=${living} q=${q} chosen=${chosen} now=${now}
              onChoose=${({ entity }) => choose(entity)} />
          </div>
          ${
            found &&
            html`<${Panel} title="Process" onClose=${() => choose(null)}>
            <${ProcessDetail} key=${chosen} api=${api} taskId=${id} ...${found} now=${now} /><//>`
          }
        </div>`
      }
    </section>`;
  }
}

function Head({ task, now }) {
  return html`<header class="view-head">
      <h1><${Text} limit=${80}>${titleOf(task)}<//></h1>
      <a href=${eventsAddress({ task: task.id })}>Its events, live</a>
    </header>
    <${TaskFacts} task=${task} now=${now} />`;
}

/** Why the tree below may not be what is true now. */
function Warnings({ tree: { task, truncated }, now }) {
  const length = silence(task, now);
  return html`
    ${
      (task.stopped || length > 0) &&
      html`<p class="banner">${task.stopped ? "■ The sensor of this task has stopped" : `○ Nothing has been heard of this
      task for ${span(length)}`}: what was living then may have ended since.</p>`
    }
    ${
      truncated &&
      html`<p class="banner">× This tree is not whole: the task has had more processes or containers, or deeper trees,
      than one answer holds. All that is kept is among its <a href=${eventsAddress({ task: task.id })}>events</a>.</p>`
    }`;
}

function TreeTools({ living, q, onChange }) {
  return html`<div class="toolbar">
    <${Search} label="Find" placeholder="program, argument, user, PID" value=${q}
      onChange=${(value) => onChange({ q: value })} />
    <label class="check"><input type="checkbox" checked=${living}
      onChange=${(event) => onChange({ living: event.currentTarget.checked })} /> only living processes</label>
  </div>`;
}

function Containers({ containers, ...rest }) {
  if (containers.length === 0) {
    return html`<${Notice} title="No process of this task is known">
      <p>The sensor has reported, but no process yet; its last reports among the events say why.</p><//>`;
  }
  return containers.map(
    (container) => html`<section class="container" key=${container.id ?? ""}>
    <header class="container-head">
      <h2><${Text} limit=${60}>${nameOf(container)}<//></h2>
      ${container.image && html`<span class="mono sub"><${Text} limit=${120}>${container.image}<//></span>`}
      <span class="sub">${tallyText(container.processes)}</span>
    </header>
    <${ContainerTree} container=${container} ...${rest} />
  </section>`,
  );
}

/** A process and, loaded when it opens, its latest events. */
class ProcessDetail extends Component {
  state = { events: null, error: null, open: null };

  componentDidMount() {
    this.asking = new AbortController();
    this.load();
  }

  componentWillUnmount() {
    this.asking.abort();
  }

  async load() {
    const { api, taskId, process } = this.props;
    try {
      const asked = { task: taskId, entity: process.entity, order: "desc", limit: 100 };
      const { events, next } = await api.events(asked, this.asking.signal);
      this.setState({ events, next, error: null });
    } catch (error) {
      if (!this.asking.signal.aborted) this.setState({ error });
    }
  }

  toggle(event) {
    this.setState(({ open }) => ({ open: event === open ? null : event }));
  }

  render({ taskId, process, container, now }, { events, error, open, next }) {
    const all = eventsAddress({ task: taskId, q: process.entity });
    const row = (event) => html`
      <${EventRow} key=${event.id} compact event=${event} now=${now} chosen=${event === open}
        onChoose=${() => this.toggle(event)} />
      ${event === open && html`<li><${WholeJson} value=${event} /></li>`}`;
    return html`<div class="detail">
      <p class="detail-what"><${Text} class="mono" limit=${5000}>${commandLine(process.args) ?? process.exe}<//></p>
      <p class="flags"><${Flags} flags=${[...flags({ process, count: process.count }), ...gaps(process.evidence)]} /></p>
      <${ProcessFacts} process=${process} container=${container} now=${now} />
      <h3>Events of this process</h3>
      ${error && html`<${Failure} error=${error} shown=${events !== null} retry=${() => this.load()} />`}
      ${!events && !error && html`<p class="waiting">Asking the ingest…</p>`}
      ${events?.length === 0 && html`<p class="waiting">None is kept any more.</p>`}
      ${events && html`<ol class="events compact" onKeyDown=${moveFocus}>${events.map(row)}</ol>`}
      ${
        next != null &&
        html`<p class="waiting">These are the newest ${events.length}.${" "}
        <a href=${all}>All of them, and of what it started</a></p>`
      }
    </div>`;
  }
}

function ProcessFacts({ process, container, now }) {
  const text = (value) => value != null && html`<${Text} limit=${5000}>${value}<//>`;
  return html`<${Facts} facts=${[
    ["Program", html`<${Text}>${process.exe}<//>`],
    ["PID", html`${process.pid}, child of ${process.ppid ?? "unknown"}`],
    ["Container", html`<${Text}>${nameOf(container)}<//>`],
    ["User", html`<${Text}>${process.user}<//>${process.uid != null && ` (uid ${process.uid})`}`],
    ["State", html`<${LifeState} process=${process} ended=${isEnded(process)} />`],
    ["Started", html`<${Time} at=${process.start} now=${now} />`],
    ["Ended", process.end && html`<${Time} at=${process.end} now=${now} />`],
    ["Entered by", process.session && text(process.session)],
    ["Stands for", process.count > 1 && `${count(process.count)} processes that ran and ended in the same way`],
    ["Execs seen", process.execs > 0 && count(process.execs)],
    ["Identity", html`<span class="mono"><${Text}>${process.entity}<//></span>`],
  ]} />`;
}
