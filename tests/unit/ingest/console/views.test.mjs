// The parts of the views that hold something of their own: the search, the clock, what is asked again and again, and
// what is said of a task.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, Unreachable } from "../../../../ingest/console/static/api.js";
import { EventsView } from "../../../../ingest/console/static/events.js";
import { Search } from "../../../../ingest/console/static/parts.js";
import { Polling } from "../../../../ingest/console/static/polling.js";
import { Reporting, TasksView, silence } from "../../../../ingest/console/static/tasks.js";
import { ContainerTree } from "../../../../ingest/console/static/tree.js";
import { IngestClock } from "../../../../ingest/console/static/time.js";

globalThis.location = { origin: "http://ingest" };
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

/** A component whose state is set at once, without a page. */
function alone(kind, props) {
  const made = new kind(props);
  made.props = props;
  made.setState = (part) => Object.assign(made.state, part);
  return made;
}

/** Everything that is drawn, as one text of names, properties and texts, in order. */
function drawn(node) {
  if (node == null || typeof node === "boolean") return "";
  if (Array.isArray(node)) return node.map(drawn).join(" ");
  if (typeof node !== "object") return String(node);
  if (typeof node.type === "function") return node.type.prototype?.render ? "" : drawn(node.type(node.props));
  return `<${node.type} ${node.props.role ?? ""}> ${drawn(node.props.children)} </${node.type}>`;
}

/** The names of the components in what is drawn, which are not drawn themselves. */
function kinds(node) {
  if (Array.isArray(node)) return node.flatMap(kinds);
  if (typeof node?.type === "function") return [node.type.name];
  return node?.props ? kinds(node.props.children) : [];
}

test("a search says what the filter is, whoever changed it, and keeps what is being typed", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const search = alone(Search, { value: "", onChange: (value) => become(value) });
  const become = (value) => {
    const before = search.props;
    search.props = { ...before, value };
    search.componentDidUpdate(before);
  };
  search.typed("abc");
  t.mock.timers.tick(250);
  search.typed("abcd");
  assert.deepEqual([search.state.value, search.props.value], ["abcd", "abc"]);
  t.mock.timers.tick(250);
  become(""); // a link
  assert.equal(search.state.value, "");
  become("abcd"); // the way back
  assert.equal(search.state.value, "abcd");
  search.typed("abcde");
  become("");
  t.mock.timers.tick(250);
  assert.deepEqual([search.state.value, search.props.value], ["", ""]);
});

test("the ingest's clock goes on from its last answer", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const clock = new IngestClock();
  clock.hear({ now: "1970-01-01T00:00:05.000000000Z" });
  t.mock.timers.tick(2000);
  assert.equal(clock.now(), 7000);
});

test("a task is live, silent or stopped by the ingest's clock", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 10_000_000 });
  const view = alone(TasksView, { api: {} });
  const task = { id: "t1", last_seen: "1970-01-01T00:00:00Z", stopped: false };
  view.answered("", { tasks: [task], truncated: false, now: "1970-01-01T00:01:00.000000000Z" }, null);
  assert.equal(silence(task, view.state.now), 0);
  assert.match(drawn(Reporting({ task, now: view.state.now })), /live/);
  t.mock.timers.tick(60_000);
  view.answered("", null, new Error("no answer"));
  assert.match(drawn(Reporting({ task, now: view.state.now })), /silent for +2 min/);
  assert.deepEqual(view.state.tasks, [task]);
  assert.match(drawn(Reporting({ task: { ...task, stopped: true }, now: view.state.now })), /stopped +2 min ago/);
});

const settled = () => new Promise(setImmediate);

/** Two ways not to answer: nothing comes, or half of it. Both end when the request is given up. */
const HANGING = {
  "no answer": (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  "half an answer": async (signal) =>
    new Response(
      new ReadableStream({
        start(body) {
          body.enqueue(new TextEncoder().encode('{"tasks":'));
          signal.addEventListener("abort", () => body.error(signal.reason));
        },
      }),
    ),
};

for (const [what, hang] of Object.entries(HANGING))
  test(`a question that gets ${what} is given up, told and asked again`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = [];
    const told = [];
    const fetch = (_, { signal }) => {
      asked.push(signal);
      return hang(signal);
    };
    const api = new Api({ fetch, session: { token: "" } });
    const polling = new Polling({
      load: (signal) => api.tasks("", signal),
      onAnswer: (answer, error) => told.push([answer, error.constructor]),
    });
    polling.start();
    await settled();
    t.mock.timers.tick(59_999);
    await settled();
    assert.deepEqual(told, []);
    t.mock.timers.tick(1);
    await settled();
    assert.deepEqual(told, [[null, Unreachable]]);
    t.mock.timers.tick(5000);
    await settled();
    assert.deepEqual(asked.map((signal) => signal.aborted), [true, false]);
    polling.stop();
    await settled();
    assert.deepEqual([asked[1].aborted, told.length], [true, 1]);
  });

test("a page out of sight asks nothing, and at once when it is seen again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const listening = new Map();
  t.mock.method(document, "addEventListener", (name, listener) => listening.set(name, listener));
  t.mock.method(document, "removeEventListener", (name, listener) => {
    assert.equal(listening.get(name), listener);
    listening.delete(name);
  });
  let asked = 0;
  const polling = new Polling({ load: async () => (asked += 1), onAnswer() {} });
  const rested = async () => {
    await settled();
    t.mock.timers.tick(60_000);
    await settled();
  };
  polling.start();
  await rested();
  assert.equal(asked, 2);
  document.hidden = true;
  await rested();
  await rested();
  listening.get("visibilitychange")();
  await settled();
  assert.equal(asked, 2);
  document.hidden = false;
  listening.get("visibilitychange")();
  await settled();
  assert.equal(asked, 3);
  polling.stop();
  assert.equal(listening.size, 0);
  await rested();
  assert.equal(asked, 3);
});

test("a search of tasks asks the ingest, and takes no answer to what was asked before", async () => {
  const asked = [];
  const api = {
    tasks: (q, signal) => new Promise((answer) => asked.push({ q, signal, answer })),
  };
  const view = alone(TasksView, { api });
  view.componentDidMount();
  view.poll("shop");
  const reply = (id) => ({ tasks: [{ id }], truncated: false, now: "1970-01-01T00:00:00Z" });
  asked[1].answer(reply("new"));
  asked[0].answer(reply("old"));
  await settled();
  view.componentWillUnmount();
  assert.deepEqual(asked.map(({ q, signal }) => [q, signal.aborted]), [["", true], ["shop", false]]);
  assert.deepEqual([view.state.q, view.state.tasks], ["shop", [{ id: "new" }]]);
});

test("a search without a match can be cleared, and says nothing else until that is answered", async () => {
  const asked = [];
  const view = alone(TasksView, { api: { tasks: () => new Promise((answer) => asked.push(answer)) } });
  const reply = (...ids) => asked.at(-1)({ tasks: ids.map((id) => ({ id })), now: "1970-01-01T00:00:00Z" });
  const shown = () => {
    const parts = kinds(view.render(view.props, view.state));
    return ["Search", "NoMatch", "NoTasks", "TaskTable"].filter((name) => parts.includes(name));
  };
  view.componentDidMount();
  reply("t1");
  await settled();
  view.poll("none");
  assert.deepEqual(shown(), ["Search", "TaskTable"]);
  reply();
  await settled();
  assert.deepEqual(shown(), ["Search", "NoMatch"]);
  view.poll("");
  assert.deepEqual(shown(), ["Search", "NoMatch"]);
  reply();
  await settled();
  assert.deepEqual(shown(), ["NoTasks"]);
  view.componentWillUnmount();
});

test("a list that is held stays when the stream begins anew, until one goes on", async () => {
  const pages = [[{ id: "1" }], [{ id: "2" }]];
  const api = { events: async () => ({ events: pages.shift(), next: null }) };
  const view = alone(EventsView, { api, filter: { task: "", kind: "", q: "" } });
  const shown = () => view.list.events.map(({ id }) => id);
  view.lineChanged({ state: "live", resumed: false });
  await settled();
  view.pause(true);
  view.lineChanged({ state: "live", resumed: false });
  await settled();
  assert.deepEqual(shown(), ["1"]);
  view.pause(false);
  await settled();
  assert.deepEqual(shown(), ["2"]);
  view.pause(true);
  view.pause(false);
  await settled();
  assert.deepEqual(shown(), ["2"]);
});

test("only rows stand in the grid of processes", () => {
  const process = (pid) => ({ entity: `e${pid}`, pid, exe: `/bin/p${pid}`, args: ["p"], start: null, children: [] });
  const tree = alone(ContainerTree, { container: { id: "c", name: "app", processes: [1, 2, 3].map(process) } });
  const asked = { ...tree.props, living: false, q: "", chosen: null, now: 0 };
  const text = drawn(tree.render(asked, { ...tree.state, limit: 2 }));
  const [grid, button] = text.split(/(?=<button)/);
  assert.equal(grid.match(/<div row>/g).length, 1 + 2);
  assert.match(grid.trim(), /^<div treegrid> .* <\/div>$/s);
  assert.equal(grid.match(/<div /g).length, grid.match(/<\/div>/g).length);
  assert.match(button, /Show +1 +more of +1/);
});
