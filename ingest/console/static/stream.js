// The live stream, kept up: it reconnects with growing, random waits and goes on after the last event it saw, unless
// that is long ago.

import { NeedsToken, Refused } from "./api.js";
import { SseParser } from "./sse.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

/** The ingest sends a comment when it has nothing else to say; this long without any byte, the line is dead. */
const LONGEST_SILENCE = 60_000;

/** After this long without a byte nobody asks for all that was missed: after a night it is the events of a fleet. */
const LONGEST_GAP = 120_000;

/** The wait before attempt `n` (from 0), in ms: full jitter over a doubling bound. */
export function backoff(n, random) {
  return Math.round(random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** n));
}

/**
 * `connect(lastEventId, signal)` gives a response; `onMessage({event, data, id})` is called for each message and
 * `onState({state, …})` for each change: `connecting`, `live` (`resumed` is false where events may have come before it),
 * `waiting` (with `reason` and `until`), `stopped` (with `reason`: there is no use in trying again).
 */
export class LiveStream {
  constructor({ connect, onMessage, onState, now = Date.now, random = Math.random }) {
    Object.assign(this, { connect, onMessage, onState, now, random });
    this.parser = new SseParser();
    this.stopping = new AbortController();
    this.heardAt = now();
  }

  async run() {
    for (let failures = 0; !this.stopping.signal.aborted; failures += 1) {
      this.onState({ state: "connecting" });
      const { reason, final, heard } = await this.#connection();
      if (this.stopping.signal.aborted) return;
      if (final) return this.onState({ state: "stopped", reason });
      if (heard) failures = 0;
      await this.#pause(Math.max(backoff(failures, this.random), this.parser.retry ?? 0), reason);
    }
  }

  stop() {
    this.stopping.abort();
    this.retryNow();
  }

  /** Ends the wait before the next attempt. */
  retryNow() {
    this.wake?.();
  }

  /** One connection from its start to its end; never throws. */
  async #connection() {
    const ended = new AbortController();
    const stop = () => ended.abort();
    this.stopping.signal.addEventListener("abort", stop);
    let heard = false;
    try {
      if (this.now() - this.heardAt > LONGEST_GAP) this.parser.lastId = "";
      const { lastId } = this.parser;
      const response = await withinSilence(this.connect(lastId, ended.signal), ended);
      this.onState({ state: "live", resumed: lastId !== "" });
      await this.#read(response, ended, () => {
        heard = true;
        this.heardAt = this.now();
      });
      return { reason: "the ingest ended the stream", heard };
    } catch (error) {
      return { reason: error.message, final: isFinal(error), heard };
    } finally {
      this.stopping.signal.removeEventListener("abort", stop);
      ended.abort();
    }
  }

  async #read(response, ended, onBytes) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    this.parser.reset();
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), ended);
      if (done || ended.signal.aborted) return; // what was on its way when it was stopped is nobody's any more
      onBytes();
      this.parser.push(value).forEach(this.onMessage);
    }
  }

  #pause(ms, reason) {
    this.onState({ state: "waiting", reason, until: this.now() + ms });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Refused for good: the token, the filter, or an address that this ingest does not have. */
function isFinal(error) {
  return error instanceof NeedsToken || (error instanceof Refused && [400, 404].includes(error.status));
}

/** What is awaited, or an error and the end of the connection when it takes too long. */
async function withinSilence(awaited, ended) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`nothing came for ${LONGEST_SILENCE / 1000} s`));
      ended.abort();
    }, LONGEST_SILENCE);
  });
  try {
    return await Promise.race([awaited, silence]);
  } finally {
    clearTimeout(timer);
  }
}
