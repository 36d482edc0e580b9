// What an event tells, in one line. Returns plain text; the page makes its unseen characters visible.

import { bytes, count, span } from "./time.js";
import { baseName, commandLine } from "./text.js";

const SIGNALS = {
  1: "HUP",
  2: "INT",
  3: "QUIT",
  4: "ILL",
  6: "ABRT",
  7: "BUS",
  8: "FPE",
  9: "KILL",
  11: "SEGV",
  13: "PIPE",
  15: "TERM",
};

/**
 * `{what, notes}`: the thing itself (a command line, a path, an address) and what else is worth knowing, most
 * important first.
 */
export function summary(event) {
  const family = event.kind.split(".", 1)[0];
  const tell = Object.hasOwn(TELLERS, family) ? TELLERS[family] : () => ({ what: "", notes: [] });
  const { what, notes } = tell(event);
  return { what: what || "unknown", notes: notes.filter(Boolean) };
}

const SESSIONS = {
  exec: { text: "from outside (exec)", tone: "warn" },
  unclear: { text: "from outside (exec or probe)", tone: "gap" },
  probe: { text: "probe", tone: "info" },
};

/** `× 57`: so many in one. */
export function times(number) {
  return `× ${count(number)}`;
}

/** What to be wary of in an event: `{text, tone}`, where tone is `info`, `warn` or `gap` (something is not known). */
export function flags(event) {
  const process = event.process ?? {};
  const found = [];
  if (event.count > 1) found.push({ text: times(event.count), tone: "info" });
  if (process.placeholder) found.push({ text: "known only as an ancestor", tone: "gap" });
  if (Object.hasOwn(SESSIONS, process.session)) found.push(SESSIONS[process.session]);
  if (process.stdin) found.push({ text: `reads from a connection (${process.stdin})`, tone: "warn" });
  if (process.drift) found.push({ text: "new executable", tone: "warn" });
  if (process.preload?.length) found.push({ text: process.preload.join(" "), tone: "warn" });
  return found;
}

/** What an event's evidence says is missing or was cut short, each as a flag. */
export function gaps(evidence) {
  const missing = (evidence?.missing ?? []).map(({ field, reason }) => ({
    text: `no ${field}: ${reason}`,
    tone: "gap",
  }));
  const truncated = (evidence?.truncated ?? []).map((field) => ({ text: `${field} cut short`, tone: "gap" }));
  return missing.concat(truncated);
}

/** The same in a row's little room: one flag, which has all of them in its title. */
export function gapsInShort(evidence) {
  const all = gaps(evidence);
  if (all.length === 0 || (all.length === 1 && all[0].text.length <= 24)) return all;
  const title = all.map(({ text }) => text).join("; ");
  return [{ text: all.length === 1 ? "1 gap" : `${all.length} gaps`, tone: "gap", title }];
}

const IDENTITIES = {
  verified: { text: "verified", tone: "info", title: "its sensors have proven to be in this task or pod" },
  mixed: { text: "partly verified", tone: "gap", title: "some of its sensors have proven to be in it, others only say so" },
};
const CLAIMED = { text: "claimed", tone: "gap", title: "who holds a write token may say that" };

/** Whether it was proven that events are from the task they name; without a word on it they came before one could. */
export function identityFlag(identity) {
  return Object.hasOwn(IDENTITIES, identity ?? "") ? IDENTITIES[identity] : CLAIMED;
}

/** `exit code 1`, `killed by SIGKILL`: negative codes are signals, as in `Process.exit_code`. */
export function ending(code) {
  if (code == null) return "exit code unknown";
  return code < 0 ? `killed by ${signalName(-code)}` : `exit code ${code}`;
}

/** How the processes of a fold ended, together. */
export function endings({ bad, unknown }) {
  const parts = [bad > 0 && `${count(bad)} not with code 0`, unknown > 0 && `${count(unknown)} with code unknown`];
  return parts.filter(Boolean).join(", ") || "all exit code 0";
}

function signalName(number) {
  return number in SIGNALS ? `SIG${SIGNALS[number]}` : `signal ${number}`;
}

/** The losses of a map of reason → number, the largest first. */
export function lossList(losses) {
  return Object.entries(losses ?? {})
    .filter(([, number]) => number > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, number]) => `${reason} ${count(number)}`);
}

const TELLERS = {
  process: ({ kind, process = {} }) => (kind === "process.exec" ? begun(process) : changed(kind, process)),

  file: ({ file = {} }) => ({
    what: file.old_path ? `${file.old_path} → ${file.path}` : file.path,
    notes: [
      file.size != null && bytes(file.size),
      file.mode != null && `mode ${(file.mode & 0o7777).toString(8)}`,
      actor(file),
    ],
  }),

  network: ({ kind, network = {} }) => ({
    what: kind === "network.listen" ? endpoint(network.src, network.src_port) : bothEnds(network),
    notes: [
      network.hostname,
      network.transport,
      network.outcome,
      traffic(network),
      network.duration_ms != null && span(network.duration_ms),
    ],
  }),

  dns: ({ dns = {} }) => ({
    what: `${dns.question ?? "unknown name"} ${dns.type ?? ""}`.trim(),
    notes: [dns.rcode, dns.answers?.join(", "), dns.server && `asked ${dns.server}`],
  }),

  container: ({ container = {} }) => ({ what: container.name ?? container.id, notes: [container.image] }),

  detection: ({ detection = {}, process = {} }) => ({
    what: detection.title,
    notes: [detection.level, commandLine(process.args) || process.exe, detection.tags?.join(" ")],
  }),

  posture: ({ posture = {} }) => ({
    what: posture.title,
    notes: [posture.severity, posture.found?.join(", "), posture.remedy],
  }),

  sensor: ({ kind, loss, health }) =>
    loss ? lost(loss) : { what: kind.split(".", 2)[1], notes: health ? condition(health) : [] },
};

function begun(process) {
  return {
    what: commandLine(process.args) || process.exe || process.comm,
    notes: [who(process), process.cwd && `in ${process.cwd}`],
  };
}

function changed(kind, process) {
  const what = process.exe ?? commandLine(process.args) ?? process.comm;
  const note = kind === "process.exit" ? ending(process.exit_code) : `is now ${who(process) ?? "another user"}`;
  return { what, notes: [note] };
}

function who(process) {
  if (process.user != null && process.uid != null) return `${process.user} (uid ${process.uid})`;
  return process.user ?? (process.uid != null ? `uid ${process.uid}` : null);
}

function actor(file) {
  if (file.actor_evidence) return `by ${file.actor_evidence}`;
  return file.actor_candidates?.length ? `one of ${file.actor_candidates.length} processes` : null;
}

function bothEnds(network) {
  const own = endpoint(network.src, network.src_port);
  const other = endpoint(network.dst, network.dst_port);
  return network.direction === "inbound" ? `${own} ← ${other}` : `${own} → ${other}`;
}

function endpoint(address, port) {
  const host = address == null ? "?" : address.includes(":") ? `[${address}]` : address;
  return port == null ? host : `${host}:${port}`;
}

function traffic(network) {
  if (network.bytes_in == null && network.bytes_out == null) return null;
  const side = (number) => (number == null ? "?" : bytes(number));
  return `in ${side(network.bytes_in)}, out ${side(network.bytes_out)}`;
}

function lost({ reason, bound, count: number, source }) {
  const amount = number == null ? "an unknown number" : `${bound === "at_most" ? "at most " : ""}${count(number)}`;
  return { what: `${amount} lost: ${reason}`, notes: [source] };
}

function condition(health) {
  const troubled = Object.entries(health.collectors ?? {}).filter(([, { status }]) => status !== "ok");
  return [
    unexplained(health.unexplained, health.catch_rate),
    ...troubled.map(([name, { status, reason }]) => `${name} ${status}${reason ? `: ${reason}` : ""}`),
    ...(health.parked ?? []),
    ...lossList(health.losses),
    `up ${span(health.uptime_s * 1000)}`,
    health.cpu_percent != null && `${health.cpu_percent.toFixed(1)} % CPU`,
    health.memory_bytes != null && bytes(health.memory_bytes),
  ];
}

/**
 * `unexplained ≤ 3: at least 98.4 % of new processes seen`: the most that may have gone unseen, and what that means. The
 * rate is cut, not rounded, so that it is never too good.
 */
export function unexplained(number, rate) {
  if (number == null) return "unexplained: not reported";
  const bound = `unexplained ≤ ${count(number)}`;
  return number > 0 && rate != null ? `${bound}: at least ${percent(rate)} of new processes seen` : bound;
}

function percent(rate) {
  return `${(Math.floor(rate * 1000 + 1e-6) / 10).toFixed(1)} %`;
}

/** The name by which a row calls a process: its program, or the best that is known in its place. */
export function programName({ exe, comm, args }) {
  if (exe) return baseName(exe);
  return comm || (args?.[0] ? baseName(args[0]) : "unknown program");
}
