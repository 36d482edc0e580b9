// The first view: every task that reported, and what is known to be missing from it.

import { Component, html } from "./lib.js";
import { Facts, Failure, Flags, Notice, Search, Status, Text, Time } from "./parts.js";
import { Polling } from "./polling.js";
import { eventsAddress, taskAddress } from "./route.js";
import { identityFlag, unexplained } from "./summary.js";
import { IngestClock, ago, count, milliseconds, span } from "./time.js";

/** Heartbeats come every 30 s by default; three missed ones are worth a person's attention. */
const SILENT_AFTER = 90_000;

/** How long nothing was heard of a task, in ms, if that is worth saying; 0 otherwise. */
export function silence(task, now) {
  const length = now - milliseconds(task.last_seen);
  return length < SILENT_AFTER ? 0 : length;
}

export class TasksView extends Component {
  /** `found` is the search that the tasks shown are the answer to; `q` the one that was asked last. */
  state = { tasks: null, truncated: false, error: null, q: "", found: "", now: Date.now() };
  clock = new IngestClock();

  componentDidMount() {
    this.poll("");
  }

  /** Asks for the tasks that match, again and again; what was asked for before is not waited for. */
  poll(q) {
    this.polling?.stop();
    this.setState({ q });
    this.polling = new Polling({
      load: (signal) => this.props.api.tasks(q, signal),
      onAnswer: (answer, error) => this.answered(q, answer, error),
    });
    this.polling.start();
  }

  answered(q, answer, error) {
    if (answer) this.clock.hear(answer);
    const { tasks, truncated, found } = answer ? { ...answer, found: q } : this.state;
    this.setState({ tasks, truncated, found, error, now: this.clock.now() });
  }

  componentWillUnmount() {
    this.polling.stop();
  }

  render(_, { tasks, truncated, error, q, found, now }) {
    return html`<section class="view">
      <header class="view-head">
        <h1>Tasks ${tasks && html`<span class="tally">${count(tasks.length)}</span>`}</h1>
        ${
          (tasks?.length > 0 || q || found) &&
          html`<${Search} label="Find" placeholder="words of name, id, platform" value=${q}
          onChange=${(value) => this.poll(value)} />`
        }
      </header>
      ${error && html`<${Failure} error=${error} shown=${tasks !== null} retry=${() => this.polling.now()} />`}
      ${!tasks && !error && html`<p class="waiting">Asking the ingest…</p>`}
      ${tasks?.length === 0 && (found ? html`<${NoMatch} />` : html`<${NoTasks} />`)}
      ${truncated && html`<p class="banner">× There are more tasks than are listed here: these were heard of last. Find
        others by their name or id.</p>`}
      ${tasks?.length > 0 && html`<${TaskTable} tasks=${tasks} now=${now} />`}
    </section>`;
  }
}

function NoMatch() {
  return html`<${Notice} title="No task matches"><p>Clear the search to see all of them.</p><//>`;
}

function NoTasks() {
  return html`<${Notice} title="No task has reported yet">
    <p>Start a sensor that sends here; its first events appear within seconds:</p>
    <pre>SENSOR_INGEST_URL=${location.origin} SENSOR_INGEST_TOKEN=… fargate-sensor run</pre>
    <p>It is the write token that the sensor needs, unless it logs in as its task or pod. On this machine
      <code>make demo</code> starts both.</p>
  <//>`;
}

function TaskTable({ tasks, now }) {
  return html`<div class="table-frame"><table class="tasks">
    <thead><tr>
      <th scope="col">Task</th><th scope="col">Platform</th><th scope="col">Reporting</th><th scope="col">First seen</th>
      <th scope="col" class="number">Containers</th><th scope="col" class="number">Events</th>
      <th scope="col" class="number">Detections</th><th scope="col">Not seen</th>
    </tr></thead>
    <tbody>${tasks.map((task) => html`<${TaskRow} key=${task.id} task=${task} now=${now} />`)}</tbody>
  </table></div>`;
}

function TaskRow({ task, now }) {
  return html`<tr>
    <th scope="row" data-label="Task"><a href=${taskAddress(task.id)}><${Text}>${titleOf(task)}<//></a>
      <span class="sub mono"><${Text}>${task.id}<//></span></th>
    <td data-label="Platform"><${Text}>${platformOf(task)}<//> <${Flags} flags=${[identityFlag(task.identity)]} /></td>
    <td data-label="Reporting"><${Reporting} task=${task} now=${now} /></td>
    <td data-label="First seen"><${Time} at=${task.first_seen} now=${now} relative /></td>
    <td data-label="Containers" class="number">${count(task.containers)}</td>
    <td data-label="Events" class="number"><a href=${eventsAddress({ task: task.id })}>${count(task.events)}</a></td>
    <td data-label="Detections" class="number"><${Detections} task=${task} /></td>
    <td data-label="Not seen"><${NotSeen} task=${task} /></td>
  </tr>`;
}

/** What people call the task: family and revision, namespace and pod, or its id. */
export function titleOf({ id, task, pod }) {
  if (task?.family) return task.revision ? `${task.family}:${task.revision}` : task.family;
  return pod ? `${pod.namespace}/${pod.name}` : id;
}

/** A pod's header names no platform. */
function platformOf({ platform, pod }) {
  return platform ?? (pod ? "Kubernetes pod" : null);
}

export function Reporting({ task, now }) {
  if (task.stopped) return html`<${Status} state="ended">stopped ${ago(task.last_seen, now)}<//>`;
  const length = silence(task, now);
  if (!length) return html`<${Status} state="live">live<//>`;
  return html`<${Status} state="silent">silent for ${span(length)}<//>`;
}

function Detections({ task }) {
  if (!task.detections) return "0";
  const address = eventsAddress({ task: task.id, kind: "detection" });
  return html`<a class="count-alert" href=${address}><span aria-hidden="true">! </span>${count(task.detections)}</a>`;
}

/**
 * What was lost, by the sensors' own word, and how many processes may have gone unseen within the last hour. Never
 * blank.
 */
export function NotSeen({ task: { losses, last_hour: hour } }) {
  return html`<span class=${losses > 0 || hour.unexplained > 0 ? "loss" : "no-loss"}>
    ${losses > 0 ? html`<strong>${count(losses)} lost</strong>` : "0 lost"}; last hour ${unexplained(hour.unexplained, hour.catch_rate)}
  </span>`;
}

/** The facts of a task for the head of its own page. */
export function TaskFacts({ task, now }) {
  const { task: ecs = {}, pod = {} } = task;
  const text = (value) => value && html`<${Text}>${value}<//>`;
  const missing = (task.sensors ?? []).reduce((sum, run) => sum + run.not_arrived, 0);
  const lastHeard = html`last <${Time} at=${task.last_seen} now=${now} relative />`;
  return html`<${Facts} facts=${[
    ["Reporting", html`<${Reporting} task=${task} now=${now} />, ${lastHeard}`],
    ["First seen", html`<${Time} at=${task.first_seen} now=${now} />`],
    ["Platform", text(platformOf(task))],
    ["Identity", html`<${Flags} flags=${[identityFlag(task.identity)]} /> ${text(principalOf(task))}`],
    ["Cluster", text(ecs.cluster)],
    ["Zone", text(ecs.az ?? ecs.region)],
    ["Account", text(ecs.account)],
    ["Node", text(pod.node)],
    ["Service account", text(pod.service_account)],
    ["Sensors", task.sensors?.length > 0 && html`<${Text}>${sensorVersions(task.sensors)}<//>`],
    ["Not seen", html`<${NotSeen} task=${task} />`],
    ["Not arrived", missing > 0 && html`<span class="loss">${count(missing)} events whose numbers are missing</span>`],
    ["Since first seen", unexplained(task.unexplained, task.catch_rate)],
  ]} />`;
}

/** Who has proven to be the task, in its latest run. */
function principalOf({ sensors }) {
  return sensors?.find(({ principal }) => principal)?.principal;
}

function sensorVersions(sensors) {
  const versions = [...new Set(sensors.map(({ version }) => version))].filter(Boolean).join(", ");
  const runs = sensors.length === 1 ? "1 run" : `${sensors.length} runs`;
  return `${runs} of version ${versions || "unknown"}`;
}
