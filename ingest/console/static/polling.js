// Asks again and again while the page is in sight, one request at a time.

import { Unreachable } from "./api.js";

/** The wait is at least this many times what the last answer took: a large task must not keep the ingest busy. */
const REST = 10;

/** Without an answer for this long, in ms, none is waited for: the ingest takes half of it for its slowest one. */
const LONGEST_ANSWER = 60_000;

export class Polling {
  /** `load(signal)` gives the answer; `onAnswer(answer, error)` gets one of the two. */
  constructor({ load, onAnswer, periodMs = 5000 }) {
    Object.assign(this, { load, onAnswer, periodMs, stopped: false, asking: null });
    this.onVisible = () => !document.hidden && this.now();
  }

  start() {
    document.addEventListener("visibilitychange", this.onVisible);
    this.now();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.onVisible);
    clearTimeout(this.timer);
    this.stopped = true;
    this.asking?.abort();
  }

  /** Asks at once, unless an answer is awaited already. */
  async now() {
    if (this.asking || this.stopped) return;
    clearTimeout(this.timer);
    this.asking = new AbortController();
    const asked = performance.now();
    const [answer, error] = await this.#ask(this.asking);
    this.asking = null;
    if (this.stopped) return;
    this.onAnswer(answer, error);
    const took = error instanceof Unreachable ? 0 : performance.now() - asked; // who is not reached is not kept busy
    const rest = Math.max(this.periodMs, REST * took);
    this.timer = setTimeout(() => !document.hidden && this.now(), rest);
  }

  async #ask(asking) {
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      asking.abort();
    }, LONGEST_ANSWER);
    try {
      return [await this.load(asking.signal), null];
    } catch (error) {
      return [null, late ? new Unreachable(`the ingest did not answer within ${LONGEST_ANSWER / 1000} s`) : error];
    } finally {
      clearTimeout(limit);
    }
  }
}
