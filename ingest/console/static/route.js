// Addresses: `#/tasks`, `#/tasks/<id>`, `#/events?task=…&kind=…&q=…`, and `#token=…`, which is taken out at once.

import { visible } from "./text.js";

/** What the fragment of an address asks for; anything unknown is the list of tasks. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const [view, id] = path.replace(/^\//, "").split("/", 2).map(decoded);
  const given = new URLSearchParams(query);
  if (view === "events") return { view, filter: filterOf(given) };
  if (view === "tasks" && id) return { view: "task", id };
  return { view: "tasks" };
}

/** What the tab and a screen reader call the page. */
export function pageTitle({ view, id }) {
  const name = { tasks: "Tasks", events: "Live events" }[view] ?? `Task ${visible(id)}`;
  return `${name} – fargate-sensor`;
}

/** The address of a task's page. */
export function taskAddress(id) {
  return `#/tasks/${encodeURIComponent(id)}`;
}

/** The address of the events that pass the filter. */
export function eventsAddress(filter) {
  const query = String(new URLSearchParams(Object.entries(filter).filter(([, value]) => value)));
  return query ? `#/events?${query}` : "#/events";
}

/** The token of `#token=…`, or null. */
export function tokenOf(hash) {
  return hash.startsWith("#token=") ? decoded(hash.slice("#token=".length)) : null;
}

function filterOf(given) {
  return { task: given.get("task") ?? "", kind: given.get("kind") ?? "", q: given.get("q") ?? "" };
}

/** A text that is no percent-encoding stays as it is: a hand-made address must not end the page. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
