// The read token: taken from the address or typed in, kept for this tab only, never in the address or on disk.

import { tokenOf } from "./route.js";

const KEY = "fargate-sensor read token";

export class Session {
  constructor({ storage, location, history }) {
    this.storage = storage;
    this.location = location;
    this.history = history;
  }

  /** Moves the token of `#token=…` out of the address bar and the history. True when there was one. */
  takeFromAddress() {
    const token = tokenOf(this.location.hash);
    if (token === null) return false;
    this.history.replaceState(null, "", `${this.location.pathname}${this.location.search}#/tasks`);
    this.token = token;
    return true;
  }

  get token() {
    return this.storage.getItem(KEY) ?? "";
  }

  set token(token) {
    if (token) this.storage.setItem(KEY, token.trim());
    else this.storage.removeItem(KEY);
  }
}
