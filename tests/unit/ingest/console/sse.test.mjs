// The parser of server-sent events, by the rules of the WHATWG HTML standard, however the bytes are cut.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST_MESSAGE, SseParser } from "../../../../ingest/console/static/sse.js";

const STREAM =
  'retry: 2000\n: connected\nid: 4\n\nid: 5\ndata: {"a":1}\n\nid: 6\r\nevent: lost\r\ndata: 57\r\n\r\n' +
  "data: one\rdata:two\rdata\r\rid: 7\ndata: last\n\nid: never finished\ndata: x\n";

const MESSAGES = [
  { event: "message", data: '{"a":1}', id: "5" },
  { event: "lost", data: "57", id: "6" },
  { event: "message", data: "one\ntwo\n", id: "6" },
  { event: "message", data: "last", id: "7" },
];

test("a whole stream at once", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(STREAM), MESSAGES);
  assert.equal(parser.lastId, "7");
  assert.equal(parser.retry, 2000);
});

test("the same messages wherever the stream is cut", () => {
  for (let size = 1; size < 12; size += 1) {
    const parser = new SseParser();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...parser.push(STREAM.slice(at, at + size)));
    assert.deepEqual(found, MESSAGES, `in chunks of ${size}`);
  }
});

test("a comment's id moves the cursor although no message comes", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(": nothing new\nid: 41\n\n"), []);
  assert.equal(parser.lastId, "41");
});

test("a new connection forgets what was half said, and keeps the last id", () => {
  const parser = new SseParser();
  parser.push("id: 9\ndata: a\n\ndata: half");
  parser.reset();
  assert.deepEqual(parser.push("\ufeffdata: b\n\n"), [{ event: "message", data: "b", id: "9" }]);
});

test("an id with NUL, an unknown field and a bad retry are passed over", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push("id: a\0b\nretry: soon\nfield: x\ndata:  y\n\n"), [
    { event: "message", data: " y", id: "" },
  ]);
  assert.equal(parser.retry, null);
});

test("a message without an end is refused before it fills the memory", () => {
  const parser = new SseParser();
  assert.throws(() => {
    for (let sent = 0; sent <= LONGEST_MESSAGE; sent += 100_000) parser.push(`data: ${"x".repeat(100_000)}\n`);
  }, RangeError);
  assert.throws(() => new SseParser().push("x".repeat(LONGEST_MESSAGE + 1)), RangeError);
});
