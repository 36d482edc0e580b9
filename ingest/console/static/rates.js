// How many events arrived in each of the last seconds, counted here, on this machine's clock.

export class Rates {
  /** `seconds` is how far back the plot reaches; before `startMs` nothing is known. */
  constructor(startMs, seconds = 120) {
    this.start = Math.ceil(startMs / 1000);
    this.seconds = seconds;
    this.counts = new Map();
  }

  add(nowMs, number = 1) {
    const second = Math.floor(nowMs / 1000);
    this.counts.set(second, (this.counts.get(second) ?? 0) + number);
    if (this.counts.size > 2 * this.seconds) this.#forget(second);
  }

  /**
   * `[seconds since 1970, events in that second]`, oldest first; null, not 0, where nobody counted. Whole seconds
   * only: the running one would dip.
   */
  series(nowMs) {
    const end = Math.floor(nowMs / 1000);
    const times = Array.from({ length: this.seconds }, (_, i) => end - this.seconds + i);
    const known = (second) => (second < this.start ? null : 0);
    return [times, times.map((second) => (this.counts.has(second) ? this.counts.get(second) : known(second)))];
  }

  /** Nothing can arrive now: this second is unknown, unless something was counted in it. */
  blind(nowMs) {
    const second = Math.floor(nowMs / 1000);
    if (!this.counts.has(second)) this.counts.set(second, null);
  }

  #forget(now) {
    for (const second of this.counts.keys()) {
      if (second < now - this.seconds || second > now) this.counts.delete(second);
    }
  }
}
