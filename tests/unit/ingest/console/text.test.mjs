// What hostile text becomes on its way to the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  baseName,
  commandLine,
  pieces,
  readableJson,
  shortened,
  visible,
} from "../../../../ingest/console/static/text.js";

test("controls, bidi marks, zero-width and odd spaces become readable escapes", () => {
  assert.equal(visible("a\nb\tc\r"), "a\\nb\\tc\\r");
  assert.equal(visible("\x1b[31m\x00\x7f\x9b"), "\\x1b[31m\\x00\\x7f\\x9b");
  assert.equal(visible("x\u202efdp.exe\u2066"), "x\\u{202e}fdp.exe\\u{2066}");
  assert.equal(visible("a\u200bb\ufeff\u2028\u00a0\u3000\u00ad"), "a\\u{200b}b\\u{feff}\\u{2028}\\xa0\\u{3000}\\xad");
  assert.equal(
    visible("\u3164\u2800\ufe0f\u{e0041}\u{e0100}\ud800"),
    "\\u{3164}\\u{2800}\\u{fe0f}\\u{e0041}\\u{e0100}\\u{d800}",
  );
});

test("letters of any script, symbols and plain spaces stay as they are", () => {
  const text = "é 日本 مرحبا שלום € 🚀 <b>&amp;</b> \\n";
  assert.equal(visible(text), text);
  assert.deepEqual(pieces(text), [{ text, unseen: false }]);
});

test("an escaped newline is told apart from a backslash and an n", () => {
  assert.deepEqual(pieces("a\\n\n\nb"), [
    { text: "a\\n", unseen: false },
    { text: "\\n\\n", unseen: true },
    { text: "b", unseen: false },
  ]);
  assert.deepEqual(pieces(""), []);
  assert.deepEqual(pieces(7), [{ text: "7", unseen: false }]);
});

test("arguments are quoted as a shell would need them", () => {
  assert.equal(commandLine(["ls", "-la", "/tmp/a b"]), "ls -la '/tmp/a b'");
  assert.equal(commandLine(["echo", "", "it's", "$x", "é"]), "echo '' 'it'\\''s' '$x' é");
  assert.equal(commandLine([]), "");
  assert.equal(commandLine(null), null);
});

test("text is cut with a mark and never inside a character", () => {
  assert.equal(shortened("abcdef", 3), "abc…");
  assert.equal(shortened("abc", 3), "abc");
  assert.equal(shortened("ab🚀", 3), "ab…");
});

test("the program is the last part of its path", () => {
  assert.equal(baseName("/usr/bin/ls"), "ls");
  assert.equal(baseName("ls"), "ls");
  assert.equal(baseName("/"), "/");
});

test("readable JSON is still the same JSON, with nothing unseen in it but its own line breaks", () => {
  const value = { a: "x\u202e\u200b\u00a0\n", "\u2066k": ["\u{e0041}", "\ud800", 1, null] };
  const text = readableJson(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.match(text, /^[\n\x20-\x7e]+$/);
});
