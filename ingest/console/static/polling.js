// Asks again and again while the page is in sight, one request at a time.

/** The wait is at least this many times what the last answer took: a large task must not keep the ingest busy. */
const REST = 10;

export class Polling {
  /** `load(signal)` gives the answer; `onAnswer(answer, error)` gets one of the two. */
  constructor({ load, onAnswer, periodMs = 5000 }) {
    Object.assign(this, { load, onAnswer, periodMs });
    this.stopping = new AbortController();
    this.onVisible = () => !document.hidden && this.now();
  }

  start() {
    document.addEventListener("visibilitychange", this.onVisible);
    this.now();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.onVisible);
    clearTimeout(this.timer);
    this.stopping.abort();
  }

  /** Asks at once, unless an answer is awaited already. */
  async now() {
    if (this.asking || this.stopping.signal.aborted) return;
    clearTimeout(this.timer);
    this.asking = true;
    const asked = performance.now();
    const [answer, error] = await this.#ask();
    this.asking = false;
    if (this.stopping.signal.aborted) return;
    this.onAnswer(answer, error);
    const rest = Math.max(this.periodMs, REST * (performance.now() - asked));
    this.timer = setTimeout(() => !document.hidden && this.now(), rest);
  }

  async #ask() {
    try {
      return [await this.load(this.stopping.signal), null];
    } catch (error) {
      return [null, error];
    }
  }
}
