// Addresses, the token, requests and the live stream, against a fake ingest.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, NeedsToken, Refused, Unreachable } from "../../../../ingest/console/static/api.js";
import { eventsAddress, pageTitle, parse, taskAddress, tokenOf } from "../../../../ingest/console/static/route.js";
import { Session } from "../../../../ingest/console/static/session.js";
import { LiveStream, backoff } from "../../../../ingest/console/static/stream.js";

const fakeStorage = () => {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
};

test("addresses lead to views and back, whatever is in a name", () => {
  const id = "arn/x?y#z%\u202e\n";
  assert.deepEqual(parse(taskAddress(id)), { view: "task", id });
  const filter = { task: id, kind: "file", q: "a&b=c" };
  assert.deepEqual(parse(eventsAddress(filter)), { view: "events", filter });
  assert.equal(eventsAddress({ task: "", kind: "" }), "#/events");
  for (const hash of ["", "#", "#/tasks", "#/tasks/", "#/nothing/here"])
    assert.deepEqual(parse(hash), { view: "tasks" });
  assert.deepEqual(parse("#/tasks/%E0%A4%A"), { view: "task", id: "%E0%A4%A" });
});

test("each page has a title of its own, with nothing unseen in it", () => {
  const titles = ["", "#/tasks/a%E2%80%AEb", "#/events?q=x"].map((hash) => pageTitle(parse(hash)));
  assert.deepEqual(
    titles,
    ["Tasks", "Task a\\u{202e}b", "Live events"].map((name) => `${name} – fargate-sensor`),
  );
});

test("the token leaves the address and is kept for the tab", () => {
  const addresses = [];
  const location = { hash: "#token=a%20b", pathname: "/", search: "" };
  const session = new Session({
    storage: fakeStorage(),
    location,
    history: { replaceState: (...given) => addresses.push(given[2]) },
  });
  assert.equal(session.takeFromAddress(), true);
  assert.deepEqual(addresses, ["/#/tasks"]);
  assert.equal(session.token, "a b");
  location.hash = "#/tasks";
  assert.equal(session.takeFromAddress(), false);
  session.token = "";
  assert.equal(session.token, "");
  assert.equal(tokenOf("#/events"), null);
});

const apiWith = (answer, asked = [], token = "secret") => {
  const refusals = [];
  const fetch = async (address, options) => {
    asked.push([address, options.headers]);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return {
    api: new Api({ fetch, session: { token }, onNeedsToken: (reason) => refusals.push(reason) }),
    refusals,
    asked,
  };
};

test("requests carry the token in a header and only the parameters that are set", async () => {
  const { api, asked } = apiWith(Response.json({ events: [], next: null }));
  assert.deepEqual(await api.events({ task: "a b", kind: "", q: null, limit: 5 }), { events: [], next: null });
  assert.equal(asked[0][0], "/v1/events?task=a+b&limit=5");
  assert.equal(asked[0][1].Authorization, "Bearer secret");
});

test("a token is sent as it is, whatever it has been made of", async () => {
  const token = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i));
  for (const [given, sent] of [
    [token, token],
    ["t\u00f6\ud800ken", "t??ken"],
  ]) {
    const { api, asked } = apiWith(Response.json({}), [], given);
    await api.tasks("");
    assert.equal(new Headers(asked[0][1]).get("Authorization"), `Bearer ${sent}`);
  }
});

test("a stream goes on after the last event, and a task's name cannot leave its place in the address", async () => {
  const { api, asked } = apiWith(new Response(""));
  await api.stream({ kind: "file" }, "41");
  assert.deepEqual([asked[0][0], asked[0][1]["Last-Event-ID"]], ["/v1/stream?kind=file", "41"]);
  const tree = apiWith(Response.json({}));
  await tree.api.tree("../x?y");
  assert.equal(tree.asked[0][0], "/v1/tasks/..%2Fx%3Fy/tree");
});

test("every failure is one of three errors with the ingest's own reason", async () => {
  const refused = (status) => Response.json({ error: "because" }, { status });
  for (const status of [401, 403]) {
    const { api, refusals } = apiWith(refused(status));
    await assert.rejects(api.tasks(), NeedsToken);
    assert.deepEqual(refusals, ["because"]);
  }
  await assert.rejects(
    apiWith(refused(503)).api.tasks(),
    (error) => error instanceof Refused && error.status === 503 && error.message === "because",
  );
  await assert.rejects(
    apiWith(new Response("<html>", { status: 502 })).api.tasks(),
    (error) => error instanceof Refused && error.message === "<html>",
  );
  await assert.rejects(apiWith(new Response("not JSON")).api.tasks(), Refused);
  await assert.rejects(apiWith(new TypeError("refused")).api.tasks(), Unreachable);
  const broken = new ReadableStream({ start: (body) => body.error(new TypeError("terminated")) });
  await assert.rejects(apiWith(new Response(broken)).api.tasks(), Unreachable);
});

test("waits grow to a bound and are spread at random", () => {
  assert.deepEqual(
    [0, 1, 2, 10, 1000].map((n) => backoff(n, () => 1)),
    [500, 1000, 2000, 30_000, 30_000],
  );
  assert.equal(
    backoff(5, () => 0),
    0,
  );
});

/** Runs a stream over the given connections; the one after them is for ever. */
function streamOver(connections, now = Date.now) {
  const seen = { asked: [], messages: [], states: [], waits: [] };
  const stream = new LiveStream({
    connect: async (lastId, signal) => {
      seen.asked.push(lastId);
      const given = connections.shift();
      const next = typeof given === "function" ? given() : given;
      if (next === undefined) return stopped(stream, signal);
      if (next instanceof Error) throw next;
      return new Response(next);
    },
    onMessage: ({ data }) => seen.messages.push(data),
    onState: ({ state, until }) => {
      seen.states.push(state);
      if (state !== "waiting") return;
      seen.waits.push(until - now());
      queueMicrotask(() => stream.retryNow());
    },
    now,
    random: () => 1,
  });
  return { seen, run: stream.run() };
}

function stopped(stream, signal) {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    stream.stop();
  });
}

test("a broken stream is taken up where it ended", async () => {
  const { seen, run } = streamOver([
    "id: 1\ndata: a\n\nid: 2\ndata: half",
    new Unreachable("down"),
    "id: 2\ndata: b\n\n",
  ]);
  await run;
  assert.deepEqual(seen.asked, ["", "1", "1", "2"]);
  assert.deepEqual(seen.messages, ["a", "b"]);
  assert.deepEqual(seen.states, [
    "connecting",
    "live",
    "waiting",
    "connecting",
    "waiting",
    "connecting",
    "live",
    "waiting",
    "connecting",
  ]);
});

test("waits grow while nothing is heard, and are as long as the ingest asked for at least", async () => {
  const down = () => new Unreachable("down");
  const { seen, run } = streamOver([down, down, down, "retry: 1200\n\n", down, down], () => 0);
  await run;
  assert.deepEqual(seen.waits, [500, 1000, 2000, 1200, 1200, 2000]);
});

for (const [gap, from] of [
  [120_000, "7"],
  [120_001, ""],
])
  test(`a stream that was dead for ${gap} ms goes on from ${from || "now"}`, async () => {
    let time = 1_000_000;
    const later = (answer) => () => {
      time += gap;
      return answer;
    };
    const asleep = new Unreachable("the machine slept");
    const { seen, run } = streamOver(["id: 6\n\n", later("id: 7\n\n"), later(asleep)], () => time);
    await run;
    assert.deepEqual(seen.asked, ["", "6", "7", from]);
  });

test("a stream that is refused for good is not asked for again", async () => {
  for (const error of [new NeedsToken("token"), new Refused(400, "no such kind"), new Refused(404, "no stream")]) {
    const { seen, run } = streamOver([error]);
    await run;
    assert.deepEqual(seen.states, ["connecting", "stopped"]);
  }
});

test("what still comes of a stream that was stopped is not told", async () => {
  const messages = [];
  let body;
  const text = new ReadableStream({ start: (controller) => (body = controller) });
  const stream = new LiveStream({
    connect: async () => new Response(text.pipeThrough(new TextEncoderStream())),
    onMessage: ({ data }) => {
      messages.push(data);
      if (data !== "in time") return;
      stream.stop();
      body.enqueue("data: late\n\n");
      body.close();
    },
    onState: () => {},
  });
  const run = stream.run();
  body.enqueue("data: in time\n\n");
  await run;
  assert.deepEqual(messages, ["in time"]);
});
