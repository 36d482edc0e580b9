// Text from the workloads is hostile: it may hold newlines, escape sequences, or marks that reverse what a person reads.
// Everything of it passes through here on its way to the page.

// Controls, formats (bidi and zero-width marks among them), surrogates, private and unassigned; line, paragraph and
// odd spaces; and the letters, symbols and selectors that are drawn as nothing.
const UNSEEN = [
  String.raw`[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}`,
  String.raw`[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]|[\u{e0100}-\u{e01ef}]`,
].join("|");
const RUNS_OF_UNSEEN = new RegExp(`(?:${UNSEEN})+`, "gu");
const EACH_UNSEEN = new RegExp(UNSEEN, "gu");
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `\n`, `\x1b`, `\u{202e}`: one unseen character as a person can read it. */
function escaped(char) {
  const code = char.codePointAt(0);
  if (char in SHORT) return SHORT[char];
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** The text with every unseen character escaped, for places that hold plain text only (titles, labels). */
export function visible(text) {
  return String(text).replace(EACH_UNSEEN, escaped);
}

/**
 * The text cut into `{text, unseen}`: escaped runs are told apart from the rest, so that a newline is never taken for
 * a backslash and an n that really stood there.
 */
export function pieces(text) {
  const whole = String(text);
  const found = [];
  let from = 0;
  for (const run of whole.matchAll(RUNS_OF_UNSEEN)) {
    if (run.index > from) found.push({ text: whole.slice(from, run.index), unseen: false });
    found.push({ text: visible(run[0]), unseen: true });
    from = run.index + run[0].length;
  }
  if (from < whole.length) found.push({ text: whole.slice(from), unseen: false });
  return found;
}

/** At most `limit` UTF-16 units of the text, never half a character, with … where it was cut. */
export function shortened(text, limit) {
  if (text.length <= limit) return text;
  const lead = text.charCodeAt(limit - 1);
  const cutsAPair = lead >= 0xd800 && lead <= 0xdbff;
  return `${text.slice(0, cutsAPair ? limit - 1 : limit)}…`;
}

/** Arguments as one line that a shell would read back the same; null where they are unknown. */
export function commandLine(args) {
  return args == null ? null : args.map(quoted).join(" ");
}

function quoted(arg) {
  if (/^[\p{L}\p{N}_@%+=:,.\/\-]+$/u.test(arg)) return arg;
  return `'${arg.replaceAll("'", `'\\''`)}'`;
}

/** The last part of a path: what people call the program. */
export function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

/** Indented JSON that is still valid JSON, with every unseen character in it as a \uXXXX escape. */
export function readableJson(value) {
  return JSON.stringify(value, null, 2).replace(EACH_UNSEEN, (char) => (char === "\n" ? char : jsonEscaped(char)));
}

function jsonEscaped(char) {
  return Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join(
    "",
  );
}
