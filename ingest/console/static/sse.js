// Server-sent events, read from a byte stream: EventSource cannot send the Authorization header.

/** The most characters that may wait for the end of a message: an event is far smaller. */
export const LONGEST_MESSAGE = 4_000_000;

/**
 * Takes the text of a `text/event-stream` in chunks cut anywhere; gives `{event, data, id}` for each message.
 * Follows the WHATWG HTML standard, 9.2.6 "Interpreting an event stream". `retry` is the wait in ms the server asked
 * for, or null. Call `reset()` before the first chunk of a new connection; the last id outlives it, as it must.
 */
export class SseParser {
  constructor() {
    this.lastId = "";
    this.retry = null;
    this.reset();
  }

  reset() {
    this.rest = "";
    this.first = true;
    this.#clear();
  }

  push(chunk) {
    let text = this.rest + chunk;
    if (this.first && text) {
      text = text.replace(/^\ufeff/, "");
      this.first = false;
    }
    const messages = this.#completeLines(text).map((line) => this.#line(line));
    if (this.rest.length + this.size > LONGEST_MESSAGE)
      throw new RangeError("the stream sent a message without an end");
    return messages.filter((message) => message !== null);
  }

  /** A trailing CR waits too: the LF that belongs to it may open the next chunk. */
  #completeLines(text) {
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\r|\n/);
    this.rest = lines.pop() + text.slice(end);
    return lines;
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    this.#field(field, value);
    return null;
  }

  #field(field, value) {
    if (field === "data") {
      this.data.push(value);
      this.size += value.length;
    } else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }

  #dispatch() {
    if (this.id !== null) this.lastId = this.id;
    const message = { event: this.event || "message", data: this.data.join("\n"), id: this.lastId };
    const empty = this.data.length === 0;
    this.#clear();
    return empty ? null : message;
  }

  #clear() {
    this.data = [];
    this.size = 0;
    this.event = "";
    this.id = null;
  }
}
