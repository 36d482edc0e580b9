// The rows of the process tree.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  TRAIL,
  findProcess,
  isEnded,
  tabStopOf,
  tally,
  treeRows,
} from "../../../../ingest/console/static/process_tree.js";
import { endings } from "../../../../ingest/console/static/summary.js";

const process = (pid, given = {}, children = []) => ({
  entity: `e${pid}`,
  pid,
  exe: "/bin/app",
  args: ["app"],
  user: "root",
  start: `2026-11-24T00:00:00.${String(pid).padStart(9, "0")}Z`,
  end: null,
  exit_code: null,
  children,
  ...given,
});
const ended = (pid, exe, exit_code = 0) => process(pid, { exe, exit_code, end: "2026-11-24T01:00:00Z" });

/** 1 ─ 2 ─ 3, five ended `ls`, and 9 (ended) ─ 10 (living). */
const forest = () => [
  process(1, {}, [
    process(9, { exit_code: 1 }, [process(10, { args: ["needle", "in hay"] })]),
    ...[4, 5, 6, 7, 8].map((pid) => ended(pid, "/bin/ls", pid === 6 ? 2 : 0)),
    process(2, {}, [process(3)]),
  ]),
];

const keys = (rows) => rows.map(({ key }) => key);

test("parents stand above their children, siblings by start, and many ended ones of a program in one row", () => {
  const rows = treeRows(forest());
  assert.deepEqual(keys(rows), ["e1", "e2", "e3", "e1 ls", "e9", "e10"]);
  assert.deepEqual(
    rows.map(({ level }) => level),
    [1, 2, 3, 2, 2, 3],
  );
  assert.deepEqual(
    rows.map(({ open }) => open),
    [true, true, null, false, true, null],
  );
  assert.deepEqual(
    rows.map(({ below }) => below),
    [9, 1, 0, 5, 1, 0],
  );
  assert.deepEqual(rows[3].fold, { name: "ls", times: 5, bad: 1, unknown: 0 });
});

test("what a person should see is never folded away", () => {
  const remarkable = [{ session: "exec" }, { session: "unclear" }, { drift: true }, { args: null }, { placeholder: true }];
  const children = remarkable.map((given, i) => ({ ...ended(20 + i, "/bin/ls"), ...given }));
  const plain = [30, 31, 32, 33].map((pid) => ended(pid, "/bin/ls"));
  assert.deepEqual(keys(treeRows([process(1, {}, [...children, ...plain])])), [
    "e1",
    "e20",
    "e21",
    "e22",
    "e23",
    "e24",
    "e1 ls",
  ]);
});

test("probes of one program stand in a row of their own", () => {
  const children = [20, 21, 22, 23].map((pid) => ({ ...ended(pid, "/bin/ls"), session: "probe" }));
  const plain = [30, 31, 32, 33].map((pid) => ended(pid, "/bin/ls"));
  assert.deepEqual(keys(treeRows([process(1, {}, [...children, ...plain])])), ["e1", "e1 ls probe", "e1 ls"]);
});

test("what the sensor folded counts as many as it was", () => {
  const children = [ended(20, "/bin/ls"), { ...ended(21, "/bin/ls"), count: 57 }, { ...ended(22, "/bin/ls", 1), count: 2 }];
  const rows = treeRows([process(1, {}, [...children, ended(23, "/bin/ls")])]);
  assert.deepEqual(rows[1].fold, { name: "ls", times: 61, bad: 2, unknown: 0 });
  assert.equal(rows[1].below, 4);
  assert.deepEqual(tally(children), { living: 0, ended: 60 });
});

test("a code that nobody told is no failure", () => {
  const [row] = treeRows([20, 21, 22, 23].map((pid) => ended(pid, "/bin/ls", pid === 20 ? 0 : null)));
  assert.deepEqual(row.fold, { name: "ls", times: 4, bad: 0, unknown: 3 });
  assert.equal(endings(row.fold), "3 with code unknown");
  assert.equal(endings({ bad: 2, unknown: 1 }), "2 not with code 0, 1 with code unknown");
  assert.equal(endings({ bad: 0, unknown: 0 }), "all exit code 0");
});

test("a fold opens in its place", () => {
  const rows = treeRows(forest(), { unfolded: new Set(["e1 ls"]) });
  assert.deepEqual(keys(rows), ["e1", "e2", "e3", "e1 ls", "e4", "e5", "e6", "e7", "e8", "e9", "e10"]);
  assert.equal(rows[4].level, 3);
});

test("a closed process keeps its row and hides what is below", () => {
  const rows = treeRows(forest(), { closed: new Set(["e1"]) });
  assert.deepEqual(keys(rows), ["e1"]);
  assert.equal(rows[0].open, false);
});

test("lines go on where a sibling follows", () => {
  const trails = treeRows(forest()).map(({ trail }) => trail.map(Number).join(""));
  assert.deepEqual(trails, ["0", "01", "010", "01", "00", "000"]);
});

test("only living: the ended stay where something living is below them", () => {
  assert.deepEqual(keys(treeRows(forest(), { living: true })), ["e1", "e2", "e3", "e9", "e10"]);
  const [row] = treeRows([process(1, {}, [ended(2, "/bin/ls")])], { living: true });
  assert.deepEqual([row.below, row.open], [0, null], "nothing opens where nothing would be shown");
});

test("a search shows what matches and the way to it, open, whatever was closed or folded", () => {
  const rows = treeRows(forest(), { q: "NEEDLE 'in", closed: new Set(["e9"]) });
  assert.deepEqual(
    rows.map(({ key, hit }) => [key, hit]),
    [
      ["e1", false],
      ["e9", false],
      ["e10", true],
    ],
  );
  assert.deepEqual(keys(treeRows(forest(), { q: "/bin/ls" })), ["e1", "e4", "e5", "e6", "e7", "e8"]);
  assert.deepEqual(treeRows(forest(), { q: "nothing" }), []);
});

test("the keyboard comes to the chosen row, or to the first of those that are shown", () => {
  const rows = treeRows(forest());
  assert.equal(tabStopOf(rows, "e9"), "e9");
  assert.equal(tabStopOf(rows.slice(0, 3), "e9"), "e1");
  assert.equal(tabStopOf(rows, null), "e1");
});

test("what is known of nothing is still a row", () => {
  const rows = treeRows([
    { entity: "x", pid: 7, exe: null, args: null, user: null, start: null, end: null, exit_code: null, children: [] },
  ]);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].ended, false);
});

test("a chain of thousands costs no more than a short one a row, and keeps few lines", () => {
  let chain = process(5000);
  for (let pid = 4999; pid > 0; pid -= 1) chain = process(pid, {}, [chain]);
  const rows = treeRows([chain]);
  assert.equal(rows.length, 5000);
  assert.equal(rows.at(-1).level, 5000);
  assert.equal(Math.max(...rows.map(({ trail }) => trail.length)), TRAIL);
});

test("the living and the ended are counted, at any depth", () => {
  assert.deepEqual(tally(forest()), { living: 4, ended: 6 });
  assert.deepEqual(tally([]), { living: 0, ended: 0 });
  assert.equal(isEnded({ end: null, exit_code: 0 }), true);
});

test("a process is found in whatever container it is", () => {
  const containers = [
    { id: "a", processes: [process(99)] },
    { id: "b", processes: forest() },
  ];
  const found = findProcess(containers, "e10");
  assert.equal(found.container.id, "b");
  assert.equal(found.process.pid, 10);
  assert.equal(findProcess(containers, "none"), null);
});
