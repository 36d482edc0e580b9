// How each kind of event looks: a family (colour), a sign (shape) and its name, so that colour is never alone.

const SIGNS = {
  "process.exec": "▶",
  "process.exit": "■",
  "process.identity": "◆",
  "file.create": "+",
  "file.modify": "±",
  "file.delete": "−",
  "file.rename": "»",
  "file.attributes": "*",
  "file.open": "◇",
  "network.connect": "→",
  "network.listen": "◎",
  "network.flow": "↔",
  "dns.query": "?",
  "container.start": "▲",
  "container.stop": "▼",
  detection: "!",
  posture: "!",
  "sensor.start": "○",
  "sensor.heartbeat": "○",
  "sensor.loss": "×",
  "sensor.stop": "●",
};

/** Every kind of `sensor/model/kinds.py`, in its order. */
export const KINDS = Object.keys(SIGNS);

/** What stands before the dot, each once: `process`, `file`, … */
export const FAMILIES = [...new Set(KINDS.map(familyOf))];

/** The family of a kind, also of one that this console does not know yet. */
export function familyOf(kind) {
  return kind.split(".", 1)[0];
}

/** The class by which the stylesheet colours a kind; a loss stands out from the sensor's other reports. */
export function toneOf(kind) {
  if (kind === "sensor.loss") return "loss";
  const family = familyOf(kind);
  return FAMILIES.includes(family) ? family : "other";
}

export function signOf(kind) {
  return Object.hasOwn(SIGNS, kind) ? SIGNS[kind] : "·";
}
