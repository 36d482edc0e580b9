// Where the console starts: the token, the address, and the frame around the views.

import { Api } from "./api.js";
import { EventsView } from "./events.js";
import { Component, html, render } from "./lib.js";
import { Text } from "./parts.js";
import { eventsAddress, pageTitle, parse } from "./route.js";
import { Session } from "./session.js";
import { TaskView } from "./task.js";
import { TasksView } from "./tasks.js";

class App extends Component {
  state = { route: parse(location.hash), asking: false, refused: "", attempt: 0 };

  constructor(props) {
    super(props);
    const onNeedsToken = (refused) => this.setState({ asking: true, refused });
    this.api = new Api({ fetch: (...given) => window.fetch(...given), session: props.session, onNeedsToken });
  }

  componentDidMount() {
    window.addEventListener("hashchange", () => this.addressChanged());
    document.title = pageTitle(this.state.route);
  }

  /** Another view has another title; a link that led there may be gone, and the focus with it. */
  componentDidUpdate(_, { route }) {
    const title = pageTitle(this.state.route);
    if (title === pageTitle(route)) return;
    document.title = title;
    if (document.activeElement === document.body) document.getElementById("main").focus();
  }

  addressChanged() {
    if (this.props.session.takeFromAddress()) this.setState({ asking: false, attempt: this.state.attempt + 1 });
    this.setState({ route: parse(location.hash) });
  }

  /** A filter becomes part of the address, so that it can be kept and sent on, but not of the way back. */
  filterChanged(filter) {
    history.replaceState(null, "", eventsAddress(filter));
    this.setState({ route: parse(location.hash) });
  }

  tokenGiven(token) {
    this.props.session.token = token;
    this.setState({ asking: false, attempt: this.state.attempt + 1 });
  }

  render({ session }, { route, asking, refused, attempt }) {
    const known = session.token && !asking;
    const forget = () => this.tokenGiven("");
    const given = (token) => this.tokenGiven(token);
    return html`
      <a class="skip" href="#main" onClick=${skip}>To the content</a>
      <header class="bar">
        <span class="brand"><img src="/console/static/icon.svg" alt="" width="22" height="22" />fargate-sensor</span>
        <nav aria-label="views">
          <${NavLink} to="#/tasks" here=${route.view !== "events"}>Tasks<//>
          <${NavLink} to="#/events" here=${route.view === "events"}>Live events<//>
        </nav>
        <span class="bar-end">times in UTC
          ${known && html` · <button type="button" class="link" onClick=${forget}>Forget token</button>`}
        </span>
      </header>
      <main id="main" tabindex="-1">
        ${asking ? html`<${TokenForm} refused=${refused} onToken=${given} />` : this.view(route, attempt)}
      </main>`;
  }

  view(route, attempt) {
    const { api } = this;
    const filtered = (filter) => this.filterChanged(filter);
    if (route.view === "task") return html`<${TaskView} key=${`${attempt} ${route.id}`} api=${api} id=${route.id} />`;
    if (route.view === "tasks") return html`<${TasksView} key=${attempt} api=${api} />`;
    return html`<${EventsView} key=${attempt} api=${api} filter=${route.filter} onFilter=${filtered} />`;
  }
}

/** The address belongs to the router, so the link to the content moves the focus itself. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function NavLink({ to, here, children }) {
  return html`<a href=${to} aria-current=${here ? "page" : undefined}>${children}</a>`;
}

class TokenForm extends Component {
  state = { token: "" };

  submit(event) {
    event.preventDefault();
    if (this.state.token.trim()) this.props.onToken(this.state.token);
  }

  render({ refused }, { token }) {
    const typed = (event) => this.setState({ token: event.currentTarget.value });
    const why = refused
      ? html`The token that was given does not fit: <${Text}>${refused}<//>.`
      : "This ingest shows its events only to those who have its read token.";
    return html`<form class="token" onSubmit=${(event) => this.submit(event)}>
      <h1>The read token, please</h1>
      <p>${why}</p>
      <label class="field"><span>Read token</span>
        <input type="password" value=${token} autocomplete="off" spellcheck=${false} autofocus onInput=${typed} /></label>
      <button type="submit">Open the console</button>
      <p class="sub">It is the value of <code>INGEST_READ_TOKEN</code>, and stays in this browser tab only.
        An address that ends in <code>#token=…</code> gives it too.</p>
    </form>`;
  }
}

const session = new Session({ storage: sessionStorage, location, history });
session.takeFromAddress();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} session=${session} />`, root);
