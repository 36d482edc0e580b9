// A container's processes as the rows of an indented tree. Pure: what is open, hidden or searched for comes in.

import { hierarchy } from "./lib.js";
import { flags, programName } from "./summary.js";
import { commandLine } from "./text.js";

/** As many ended, childless siblings of one program as are worth a row each; more are folded into one row. */
const FOLD_FROM = 4;

/** How many levels of guide lines a row keeps; a chain of thousands of forks must cost no more than a short one. */
export const TRAIL = 12;

/**
 * The rows, top to bottom. `closed` holds the keys of processes whose children are hidden, `unfolded` those of folds
 * that are open, `living` leaves out branches where nothing lives, `q` keeps only what matches and what is above it.
 *
 * Every row is `{key, level, open, below, trail}`: `open` is null where there is nothing to open, `below` counts what
 * can be shown underneath, `trail` says for its own level and the `TRAIL` nearest above whether the line goes on
 * downwards. Beside that a process has `{process, ended, hit}`, where `hit` is false for one that only leads to a match;
 * and a fold has `{fold: {name, times, bad, unknown}}`: the program, how many it stands for, how many did not end with
 * code 0, and of how many the exit code is not known.
 */
export function treeRows(processes, { closed = new Set(), unfolded = new Set(), living = false, q = "" } = {}) {
  const root = hierarchy({ children: processes }, (d) => d.children);
  mark(root, living, q.toLowerCase());
  const isOpen = (row) => Boolean(q) || (row.fold ? unfolded.has(row.key) : !closed.has(row.key));
  const rows = [];
  const pending = branches(root, { level: 0, trail: [] }, q);
  while (pending.length > 0) {
    const { row, inside } = pending.pop();
    rows.push(row);
    if (row.below === 0) continue;
    row.open = isOpen(row);
    if (row.open) pending.push(...inside());
  }
  return rows;
}

/** The key of the row that the keyboard comes to: the chosen one, or the first where that is not among these. */
export function tabStopOf(rows, chosen) {
  return rows.some(({ key }) => key === chosen) ? chosen : rows[0].key;
}

/** How many processes live and how many have ended. */
export function tally(processes) {
  const found = { living: 0, ended: 0 };
  hierarchy({ children: processes }, (d) => d.children).each(({ data, depth }) => {
    if (depth > 0) found[isEnded(data) ? "ended" : "living"] += countOf(data);
  });
  return found;
}

/** The process of that entity in any of the containers, with its container; null when it is not there. */
export function findProcess(containers, entity) {
  for (const container of containers) {
    const found = hierarchy({ children: container.processes }, (d) => d.children).find(
      ({ data }) => data.entity === entity,
    );
    if (found) return { container, process: found.data };
  }
  return null;
}

/** A process has ended when its end is known, or its exit code is. */
export function isEnded(process) {
  return process.end != null || process.exit_code != null;
}

/** How many a process stands for: the sensor folds those that ran and ended in the same way. */
export function countOf(process) {
  return process.count ?? 1;
}

/** Decides from the leaves up which nodes are shown (`keep`), which matched (`hit`), and how many are shown below. */
function mark(root, living, q) {
  root.eachAfter((node) => {
    const children = node.children ?? [];
    node.hit = node.depth > 0 && (!q || matches(node.data, q));
    const wanted = node.hit && !(living && isEnded(node.data));
    const kept = children.filter((child) => child.keep);
    node.keep = wanted || kept.length > 0;
    node.below = kept.reduce((sum, child) => sum + 1 + child.below, 0);
  });
}

function matches(process, q) {
  const text = [process.exe, process.comm, commandLine(process.args), process.user, process.pid, process.session].join(
    "\n",
  );
  return text.toLowerCase().includes(q);
}

/** The shown children of a node as `{row, inside}`, the last first, as a stack wants them. */
function branches(node, above, q) {
  const shown = (node.children ?? []).filter((child) => child.keep).sort(byStart);
  const groups = q ? shown.map((child) => [child]) : groupsOf(node, shown);
  return stacked(groups, above, (group, place) =>
    group.length < FOLD_FROM ? single(group[0], place, q) : folded(node, group, place, q),
  );
}

function stacked(items, above, make) {
  const place = (i) => ({ level: above.level + 1, trail: [...above.trail, i < items.length - 1].slice(-TRAIL) });
  return items.map((item, i) => make(item, place(i))).reverse();
}

function single(node, place, q) {
  const { data: process, below, hit } = node;
  const row = { key: process.entity, ...place, open: null, below, process, ended: isEnded(process), hit };
  return { row, inside: () => branches(node, place, q) };
}

function folded(parent, group, place, q) {
  const unknown = group.filter(({ data }) => data.exit_code == null);
  const bad = group.filter(({ data }) => data.exit_code != null && data.exit_code !== 0);
  const [times, failed, untold] = [group, bad, unknown].map(occurrences);
  const fold = { name: programName(group[0].data), times, bad: failed, unknown: untold };
  const row = { key: foldKey(parent, group[0]), ...place, open: null, below: group.length, fold };
  return { row, inside: () => stacked(group, place, (node, own) => single(node, own, q)) };
}

function occurrences(nodes) {
  return nodes.reduce((sum, { data }) => sum + countOf(data), 0);
}

/** Ended, childless, unremarkable siblings of one program come together at the place of the first, if they are many. */
function groupsOf(parent, shown) {
  const groups = new Map();
  for (const child of shown) {
    const key = isPlain(child) ? foldKey(parent, child) : child.data.entity;
    groups.set(key, groups.get(key) ?? []);
    groups.get(key).push(child);
  }
  return [...groups.values()].flatMap((group) => (group.length < FOLD_FROM ? group.map((child) => [child]) : [group]));
}

/** Nothing about it that a person should see without asking. */
function isPlain({ children, data: process }) {
  return !children && isEnded(process) && process.args != null && flags({ process }).every(({ tone }) => tone === "info");
}

function foldKey(parent, { data: process }) {
  return [parent.data.entity ?? "root", programName(process), process.session].filter(Boolean).join(" ");
}

function byStart(a, b) {
  const [first, second] = [a.data.start ?? "", b.data.start ?? ""];
  return first < second ? -1 : first > second ? 1 : a.data.pid - b.data.pid;
}
