// The events on the page: newest first, each once, bounded. Pure: no page, no network.

/** `limit` bounds what is shown and what waits, each. */
export class EventList {
  constructor(limit = 1000) {
    this.limit = limit;
    this.held = false;
    this.clear();
  }

  clear() {
    this.events = [];
    this.waiting = [];
    this.missed = 0;
    this.trimmed = false;
    this.ids = new Set();
  }

  /**
   * An event that just came in; it waits for `settle`. While the list is held more may come than can wait: then the
   * oldest of them go, and `missed` counts them until `clear`.
   */
  add(event) {
    if (this.ids.has(event.id)) return;
    this.ids.add(event.id);
    this.waiting.push(event);
    if (this.waiting.length > this.limit) {
      this.ids.delete(this.waiting.shift().id);
      this.missed += 1;
    }
  }

  /** Brings in what waits, unless held. True when the list changed. */
  settle() {
    if (this.held || this.waiting.length === 0) return false;
    this.events = this.waiting.reverse().concat(this.events);
    this.waiting = [];
    this.#cut();
    return true;
  }

  /** A page of older events, newest first, below all that are there. What waits and is in it needs no other place. */
  addOlder(page) {
    const inPage = new Set(page.map(({ id }) => id));
    const shown = new Set(this.events.map(({ id }) => id));
    this.waiting = this.waiting.filter(({ id }) => !inPage.has(id));
    this.events = this.events.concat(page.filter(({ id }) => !shown.has(id)));
    for (const id of inPage) this.ids.add(id);
    this.#cut();
  }

  /** Drops the oldest beyond the limit; `trimmed` says that the list no longer reaches down to its last page. */
  #cut() {
    const cut = this.events.slice(this.limit);
    if (cut.length === 0) return;
    for (const { id } of cut) this.ids.delete(id);
    this.events = this.events.slice(0, this.limit);
    this.trimmed = true;
  }
}
