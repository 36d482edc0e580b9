// The list of events, its rates, and what an event says in one line.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventList } from "../../../../ingest/console/static/event_list.js";
import { familyOf, signOf, toneOf } from "../../../../ingest/console/static/kinds.js";
import { Rates } from "../../../../ingest/console/static/rates.js";
import { ending, flags, gaps, gapsInShort, identityFlag, summary, unexplained } from "../../../../ingest/console/static/summary.js";
import { ago, between, bytes, clock, span } from "../../../../ingest/console/static/time.js";

const event = (number) => ({ id: `s/e/ordinary/${number}` });
const numbers = (events) => events.map(({ id }) => Number(id.split("/").at(-1)));

test("the newest stand on top, each once, above the pages of older ones", () => {
  const list = new EventList();
  [4, 5, 5].forEach((number) => list.add(event(number)));
  assert.deepEqual(numbers(list.events), []);
  assert.equal(list.settle(), true);
  list.addOlder([4, 3, 2].map(event));
  list.add(event(3));
  assert.equal(list.settle(), false);
  assert.deepEqual(numbers(list.events), [5, 4, 3, 2]);
});

test("what waits and comes with the first page keeps the page's order", () => {
  const list = new EventList();
  [5, 8].forEach((number) => list.add(event(number)));
  list.addOlder([7, 6, 5, 4].map(event));
  list.settle();
  assert.deepEqual(numbers(list.events), [8, 7, 6, 5, 4]);
});

test("a held list does not move, and counts what it could not keep", () => {
  const list = new EventList(3);
  list.held = true;
  [1, 2, 3, 4, 5].forEach((number) => list.add(event(number)));
  assert.equal(list.settle(), false);
  assert.deepEqual([list.events.length, list.waiting.length, list.missed], [0, 3, 2]);
  list.held = false;
  list.settle();
  assert.deepEqual(numbers(list.events), [5, 4, 3]);
});

test("the list is bounded and says so", () => {
  const list = new EventList(3);
  list.addOlder([3, 2, 1].map(event));
  list.add(event(4));
  list.settle();
  assert.deepEqual(numbers(list.events), [4, 3, 2]);
  assert.equal(list.trimmed, true);
  assert.equal(list.ids.size, 3);
  list.clear();
  assert.equal(list.trimmed, false);
});

test("seconds that nobody counted are unknown, not zero", () => {
  const rates = new Rates(100_500, 6);
  rates.add(101_200);
  rates.add(101_900, 2);
  rates.blind(103_000);
  rates.blind(101_999);
  assert.deepEqual(rates.series(105_000), [
    [99, 100, 101, 102, 103, 104],
    [null, null, 3, 0, null, 0],
  ]);
});

test("rates forget what is out of sight", () => {
  const rates = new Rates(0, 5);
  for (let second = 0; second < 100; second += 1) rates.add(second * 1000);
  assert.ok(rates.counts.size <= 11);
  assert.deepEqual(rates.series(100_000)[1], [1, 1, 1, 1, 1]);
});

test("each family is told in its own words", () => {
  const lines = [
    [{ kind: "process.exec", process: { args: ["ls", "a b"], user: "root", uid: 0 } }, "ls 'a b'", ["root (uid 0)"]],
    [{ kind: "process.exec", process: { comm: "kworker" } }, "kworker", []],
    [{ kind: "process.exit", process: { exe: "/bin/ls", exit_code: -9 } }, "/bin/ls", ["killed by SIGKILL"]],
    [{ kind: "process.identity", process: { exe: "/bin/su", uid: 0 } }, "/bin/su", ["is now uid 0"]],
    [{ kind: "file.rename", file: { path: "/b", old_path: "/a", mode: 0o104755 } }, "/a → /b", ["mode 4755"]],
    [
      {
        kind: "network.connect",
        network: { direction: "outbound", src: "10.0.0.1", src_port: 5, dst: "::1", dst_port: 443 },
      },
      "10.0.0.1:5 → [::1]:443",
      [],
    ],
    [
      { kind: "network.flow", network: { direction: "inbound", src: "10.0.0.1", src_port: 80, bytes_in: 12 } },
      "10.0.0.1:80 ← ?",
      ["in 12 B, out ?"],
    ],
    [{ kind: "network.listen", network: { src: "0.0.0.0", src_port: 80 } }, "0.0.0.0:80", []],
    [
      { kind: "dns.query", dns: { question: "a.test", type: "A", rcode: "NXDOMAIN", answers: [] } },
      "a.test A",
      ["NXDOMAIN"],
    ],
    [{ kind: "container.start", container: { id: "c", name: "app", image: "i:1" } }, "app", ["i:1"]],
    [{ kind: "detection", detection: { title: "T", level: "high", tags: ["x"] } }, "T", ["high", "x"]],
    [{ kind: "posture", posture: { title: "T", severity: "low", found: ["A", "B"] } }, "T", ["low", "A, B"]],
    [{ kind: "posture", posture: { title: "P", severity: "low" } }, "P", ["low"]],
    [
      { kind: "sensor.loss", loss: { reason: "queue_full", bound: "at_most", count: 1200 } },
      "at most 1,200 lost: queue_full",
      [],
    ],
    [{ kind: "sensor.loss", loss: { reason: "fanotify", bound: "unknown" } }, "an unknown number lost: fanotify", []],
    [{ kind: "sensor.stop" }, "stop", []],
    [{ kind: "quantum.leap" }, "unknown", []],
    [{ kind: "constructor" }, "unknown", []],
  ];
  for (const [given, what, notes] of lines) assert.deepEqual(summary(given), { what, notes }, given.kind);
});

test("a heartbeat tells first what is not known", () => {
  const health = {
    uptime_s: 90,
    interval_s: 30,
    unexplained: 3,
    catch_rate: 0.9849,
    losses: { a: 1, b: 20, c: 0 },
    collectors: { x: { status: "ok" }, y: { status: "degraded", reason: "why" } },
  };
  assert.deepEqual(summary({ kind: "sensor.heartbeat", health }).notes, [
    "unexplained ≤ 3: at least 98.4 % of new processes seen",
    "y degraded: why",
    "b 20",
    "a 1",
    "up 1 min",
  ]);
});

test("what is suspicious is flagged", () => {
  const process = { session: "exec", stdin: "tcp", drift: true, preload: ["LD_PRELOAD=/tmp/x.so"] };
  const texts = flags({ kind: "process.exec", count: 12, process }).map(({ text }) => text);
  assert.deepEqual(texts, ["× 12", "from outside (exec)", "reads from a connection (tcp)", "new executable", "LD_PRELOAD=/tmp/x.so"]);
  assert.deepEqual(flags({ kind: "detection", count: 1 }), []);
});

test("what entered from outside is told by what it is taken for", () => {
  const flagged = (session) => flags({ process: { session } }).map(({ text, tone }) => `${tone}: ${text}`);
  assert.deepEqual(["exec", "unclear", "probe", null, "constructor"].map(flagged), [
    ["warn: from outside (exec)"],
    ["gap: from outside (exec or probe)"],
    ["info: probe"],
    [],
    [],
  ]);
});

test("a bound on the unseen is told with the rate that it implies, never too good", () => {
  assert.equal(unexplained(null), "unexplained: not reported");
  assert.equal(unexplained(0, 1), "unexplained ≤ 0");
  assert.equal(unexplained(0, null), "unexplained ≤ 0");
  assert.equal(unexplained(1, 0.9999), "unexplained ≤ 1: at least 99.9 % of new processes seen");
  assert.equal(unexplained(1200, 0), "unexplained ≤ 1,200: at least 0.0 % of new processes seen");
});

test("what is missing or cut short is told in full, and in a row as one flag", () => {
  const one = { source: "s", missing: [{ field: "args", reason: "gone" }] };
  const two = { ...one, truncated: ["cwd"] };
  assert.deepEqual(
    gaps(two).map(({ text }) => text),
    ["no args: gone", "cwd cut short"],
  );
  assert.deepEqual(gapsInShort(one), gaps(one));
  assert.deepEqual(gapsInShort(two), [{ text: "2 gaps", tone: "gap", title: "no args: gone; cwd cut short" }]);
  assert.deepEqual(gapsInShort(undefined), []);
});

test("an exit without a code says so", () => {
  assert.equal(ending(null), "exit code unknown");
  assert.equal(ending(0), "exit code 0");
  assert.equal(ending(-34), "killed by signal 34");
});

test("kinds of a later version have a look too", () => {
  assert.deepEqual([familyOf("file.link"), toneOf("file.link"), signOf("file.link")], ["file", "file", "·"]);
  assert.deepEqual([toneOf("quantum.leap"), signOf("toString")], ["other", "·"]);
});

test("times and quantities are short and honest", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  assert.equal(clock("2026-11-24T02:28:00.123456789Z", now), "02:28:00.123");
  assert.equal(clock("2026-11-23T02:28:00.123456789Z", now), "2026-11-23 02:28");
  assert.equal(clock("rubbish", now), "unknown");
  assert.equal(ago("2026-11-24T11:59:30Z", now), "30 s ago");
  assert.equal(ago("2026-11-24T12:00:01Z", now), "now");
  assert.equal(ago("2026-11-24T14:00:00Z", now), "2 h ahead of this clock");
  assert.deepEqual([0, 4250, 59_999, 3_600_000, 90_060_000].map(span), ["0 ms", "4.2 s", "59 s", "1 h", "1 d 1 h"]);
  assert.equal(between("2026-11-24T12:00:00Z", "2026-11-24T11:00:00Z"), null);
  assert.deepEqual([0, 999, 1000, 12_345_678].map(bytes), ["0 B", "999 B", "1.0 kB", "12 MB"]);
});

test("only what was proven is called verified; what is not known of counts as claimed", () => {
  const words = ["verified", "mixed", "claimed", undefined, null, "toString"].map((word) => identityFlag(word).text);
  assert.deepEqual(words, ["verified", "partly verified", "claimed", "claimed", "claimed", "claimed"]);
});
