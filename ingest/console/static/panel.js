// The side panel: beside the list where there is room, above it where there is none. Escape closes it.

import { Component, createRef, html } from "./lib.js";

export class Panel extends Component {
  heading = createRef();

  componentDidMount() {
    this.before = document.activeElement;
    this.heading.current.focus({ preventScroll: true });
  }

  /** The focus goes back to what opened the panel, if that is still there and the focus was inside. */
  close() {
    const back = this.before?.isConnected ? this.before : null;
    this.props.onClose();
    back?.focus({ preventScroll: true });
  }

  render({ title, children }) {
    return html`<aside class="panel" aria-label=${title} onKeyDown=${(event) => event.key === "Escape" && this.close()}>
      <header class="panel-head">
        <h2 tabindex="-1" ref=${this.heading}>${title}</h2>
        <button type="button" onClick=${() => this.close()}>Close</button>
      </header>
      <div class="panel-body">${children}</div>
    </aside>`;
  }
}
