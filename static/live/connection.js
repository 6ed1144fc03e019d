// The WebSocket of a session: it comes back by itself after a loss, with growing pauses, and
// notices a connection that is dead although nobody said so.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
// The console says "alive" every 20 s.
const SILENCE = 50_000;
export const SESSION_OVER = 4410;
export const NO_LONGER_ALLOWED = 4403;

export class Connection {
  // `heard(message)` for each message, `standing({state, seconds, code})` when the link changes:
  // "connected", "waiting" (for `seconds`) or "over".
  constructor(path, { heard, standing }) {
    this.address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.heard = heard;
    this.standing = standing;
    this.pause = FIRST_PAUSE;
    this.isOver = false;
    this.open();
    setInterval(() => this.checkLife(), 5_000);
    window.addEventListener("online", () => this.retryNow());
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
    return this.isOpen;
  }

  open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.lastHeard = Date.now();
    socket.addEventListener("open", () => {
      this.lastHeard = Date.now();
      this.standing({ state: "connected" });
    });
    socket.addEventListener("message", (event) => {
      this.lastHeard = Date.now();
      this.pause = FIRST_PAUSE;
      this.heard(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.lost(event.code);
    });
  }

  lost(code) {
    if (code === SESSION_OVER || code === NO_LONGER_ALLOWED) {
      this.isOver = true;
      this.standing({ state: "over", code });
      return;
    }
    // Not all browsers at the same instant after a restart of the console.
    const wait = this.pause * (0.75 + Math.random() / 2);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    this.standing({ state: "waiting", seconds: Math.max(1, Math.round(wait / 1000)) });
    this.timer = setTimeout(() => this.open(), wait);
  }

  checkLife() {
    if (!this.isOver && this.isOpen && Date.now() - this.lastHeard > SILENCE) this.socket.close();
  }

  retryNow() {
    if (!this.isOver && this.socket.readyState === WebSocket.CLOSED) this.open();
  }
}
