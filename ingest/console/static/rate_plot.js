// Events per second over the last two minutes: a plot for the eye, and the same in words.

import { Component, UPlot, createRef, html } from "./lib.js";
import { count } from "./time.js";

const HEIGHT = 90;

export class RatePlot extends Component {
  frame = createRef();

  componentDidMount() {
    this.colours = matchMedia("(prefers-color-scheme: dark)");
    this.remake = () => this.make();
    this.colours.addEventListener("change", this.remake);
    this.sizes = new ResizeObserver(([entry]) =>
      this.plot.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT }),
    );
    this.make();
    this.sizes.observe(this.frame.current);
  }

  componentWillUnmount() {
    this.colours.removeEventListener("change", this.remake);
    this.sizes.disconnect();
    this.plot.destroy();
  }

  /** Once a second is enough: the series has whole seconds only. */
  shouldComponentUpdate(next) {
    return Math.floor(next.now / 1000) !== Math.floor(this.props.now / 1000);
  }

  componentDidUpdate() {
    this.plot.setData(this.props.rates.series(this.props.now));
  }

  make() {
    this.plot?.destroy();
    const width = this.frame.current.clientWidth;
    this.plot = new UPlot(options(width, colours()), this.props.rates.series(this.props.now), this.frame.current);
  }

  render({ rates, now, connected }) {
    const [, numbers] = rates.series(now);
    const sum = numbers.slice(-60).reduce((total, number) => total + number, 0);
    const label = `events per second over the last two minutes, at most ${count(Math.max(...numbers))}`;
    return html`<figure class="rate">
      <figcaption><${LastSecond} number=${numbers.at(-1)} connected=${connected} />,${" "}
        <strong>${count(sum)}</strong> in the last minute</figcaption>
      <div class="rate-plot" ref=${this.frame} role="img" aria-label=${label}></div>
    </figure>`;
  }
}

function LastSecond({ number, connected }) {
  if (number != null) return html`<strong>${count(number)}</strong> events in the last second`;
  return connected ? "Counting has begun" : "Not counting: no connection";
}

/** The canvas cannot read the stylesheet, so its colours are taken from the page. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  return { line: value("--accent"), fill: value("--accent-soft"), text: value("--dim"), grid: value("--edge") };
}

function timeOfDay(seconds) {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

function options(width, { line, fill, text, grid }) {
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, first, last) => [first, last + 1] },
      y: { range: (_, low, high) => [0, Math.max(high, 5)] },
    },
    axes: [
      { ...axis, size: 20, space: 90, values: (_, seconds) => seconds.map(timeOfDay) },
      { ...axis, size: 44, space: 24, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] },
    ],
    series: [
      {},
      { stroke: line, fill, width: 1, paths: UPlot.paths.bars({ size: [0.8], align: 1 }), points: { show: false } },
    ],
  };
}
