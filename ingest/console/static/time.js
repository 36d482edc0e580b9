// Times and quantities for people. All times are shown in UTC, as they stand in the events.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since 1970 of an RFC 3339 time with up to nine decimals; NaN where it is none. */
export function milliseconds(time) {
  return Date.parse(String(time).replace(/(\.\d{3})\d+/, "$1"));
}

/** The time by the ingest, which wrote all the others: a browser's own clock may be minutes off. */
export class IngestClock {
  ahead = 0;

  /** Takes the time of an answer that has just come. */
  hear({ now }) {
    this.ahead = milliseconds(now) - Date.now();
  }

  now() {
    return Date.now() + this.ahead;
  }
}

/** `14:03:07.125`, or day and minute (`2026-11-24 14:03`) when that is not the day of `now`. */
export function clock(time, now) {
  const at = milliseconds(time);
  if (Number.isNaN(at)) return "unknown";
  const text = new Date(at).toISOString();
  const sameDay = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return sameDay ? text.slice(11, 23) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}

/** `3 s ago`, `12 min ago`; a time a little ahead of this machine's clock is `now`. */
export function ago(time, now) {
  const at = milliseconds(time);
  if (Number.isNaN(at)) return "unknown";
  const passed = now - at;
  if (passed < -MINUTE) return `${span(-passed)} ahead of this clock`;
  return passed < SECOND ? "now" : `${span(passed)} ago`;
}

/** A length of time in its two largest sensible units at most: `250 ms`, `4.2 s`, `3 min`, `5 h 12 min`, `8 d 3 h`. */
export function span(ms) {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toString()} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "min");
  return pair(ms, DAY, "d", HOUR, "h");
}

function pair(ms, large, largeName, small, smallName) {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** The time between two RFC 3339 times as a span; null where either is unknown or they run backwards. */
export function between(start, end) {
  const length = milliseconds(end) - milliseconds(start);
  return length >= 0 ? span(length) : null;
}

/** `12,345`. */
export function count(number) {
  return number.toLocaleString("en-GB");
}

/** `840 B`, `12 kB`, `3.4 MB`. */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(number, 1)) / 3), units.length - 1);
  const value = number / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
