// The vendored libraries: the only file that knows their versions (index.html names uPlot's stylesheet).

import { Component, createRef, h, render } from "../vendor/preact-11.2.0/preact.mjs";
import htm from "../vendor/htm-3.1.1/htm.mjs";

export { hierarchy } from "../vendor/d3-hierarchy-3.1.3/d3-hierarchy.mjs";
export { default as UPlot } from "../vendor/uplot-1.6.32/uPlot.esm.js";
export { Component, createRef, render };

/** Markup as a tagged template: html`<b class=${name}>${text}</b>`. What is filled in becomes text, never markup. */
export const html = htm.bind(h);
