// Requests to the ingest. Every failure is one of three errors that say what to do next.

/** The read token is missing, wrong, or the one for writing. */
export class NeedsToken extends Error {}

/** The ingest answered, but not with what was asked for; the text is its own reason. */
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** No answer at all: the ingest is down, or something on the way is. */
export class Unreachable extends Error {}

export class Api {
  /** `onNeedsToken` gets the reason for which a token was refused (empty: none was given), wherever it happened. */
  constructor({ fetch, session, onNeedsToken = () => {} }) {
    this.fetch = fetch;
    this.session = session;
    this.onNeedsToken = onNeedsToken;
  }

  /** The tasks heard of last that have each word of `q`; all of them where it is empty. */
  tasks(q, signal) {
    return this.#json("/v1/tasks", { q }, signal);
  }

  tree(taskId, signal) {
    return this.#json(`/v1/tasks/${encodeURIComponent(taskId)}/tree`, {}, signal);
  }

  /** A page of events; empty filters are left out of the address. */
  events(filter, signal) {
    return this.#json("/v1/events", filter, signal);
  }

  /** The live stream of what passes the filter: a response whose body is read by `LiveStream`. */
  stream(filter, lastEventId, signal) {
    const headers = { Accept: "text/event-stream" };
    if (lastEventId) headers["Last-Event-ID"] = lastEventId;
    return this.#request(`/v1/stream${query(filter)}`, headers, signal);
  }

  async #json(path, parameters, signal) {
    const response = await this.#request(path + query(parameters), { Accept: "application/json" }, signal);
    return readBody(response);
  }

  async #request(address, headers, signal) {
    const token = this.session.token;
    if (token) headers.Authorization = `Bearer ${token.replace(/[^!-~]/g, "?")}`; // a token has no others, a header holds none
    const options = { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
    const response = await this.#reach(address, options);
    if (response.ok) return response;
    const reason = await reasonOf(response);
    if (![401, 403].includes(response.status)) throw new Refused(response.status, reason);
    this.onNeedsToken(token ? reason : "");
    throw new NeedsToken(reason);
  }

  async #reach(address, options) {
    try {
      return await this.fetch(address, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Unreachable(`the ingest did not answer (${error.message})`);
    }
  }
}

/** Empty parameters are left out. */
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

async function readBody(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error instanceof SyntaxError) throw new Refused(response.status, `its answer is no JSON (${error.message})`);
    throw new Unreachable(`the answer of the ingest broke off (${error.message})`);
  }
}

async function reasonOf(response) {
  const text = await response.text();
  try {
    return String(JSON.parse(text).error ?? text);
  } catch (error) {
    if (error instanceof SyntaxError) return text || response.statusText;
    throw error;
  }
}
