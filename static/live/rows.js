// The window of rows that the grid shows, fetched where it is looked at and forgotten elsewhere.
//
// Row 0 is the newest of `through` rows. Each row also has a rank that never changes, however many
// events arrive: the newest row of the moment when the search of the past was complete has rank 0,
// older ones have 1, 2, …, later arrivals -1, -2, … The cache goes by rank.

const PAGE = 200;
const PAGES_KEPT = 60;
const LOST_AFTER = 10_000;
const GONE = { gone: true };

export class EventRows {
  // `fetch({offset, limit, through})` asks; `arrived(rows)` tells which row numbers can be drawn;
  // `cameAhead(through)` that the newest rows of a larger total are here.
  constructor({ fetch, arrived, cameAhead }) {
    Object.assign(this, { fetch, arrived, cameAhead });
    this.reset();
  }

  reset() {
    this.total = 0;
    this.through = 0;
    this.isComplete = false;
    this.base = 0;
    this.forget();
  }

  forget() {
    this.pages = new Map();
    this.asked = new Map();
    this.ahead = 0;
  }

  get shift() {
    return this.isComplete ? this.through - this.base : 0;
  }

  get unseen() {
    return this.total - this.through;
  }

  rankOf(row) {
    return row - this.shift;
  }

  rowOf(rank) {
    return rank + this.shift;
  }

  // Take what the endpoint says of its search. Until it is complete, older rows join at the end.
  stand(total, isComplete) {
    this.total = total;
    if (this.isComplete) return;
    this.through = total;
    if (isComplete) {
      // What was fetched before may stand in other places than it seems: events that arrived
      // between the end of the search and this message are already counted in.
      this.forget();
      this.isComplete = true;
      this.base = total;
    }
  }

  // Let the window begin at the newest row, or at the newest one of an earlier total.
  catchUp(through = this.total) {
    this.through = Math.max(this.through, through);
  }

  // Ask for the newest rows before the window moves, so that it never shows a gap.
  lookAhead() {
    const isWaiting = this.ahead && Date.now() - this.ahead < LOST_AFTER;
    if (!this.isComplete || this.unseen <= 0 || isWaiting) return;
    this.ahead = Date.now();
    this.fetch({ offset: 0, limit: Math.min(this.unseen, PAGE), through: this.total });
  }

  get(row) {
    if (row < 0 || row >= this.through) return undefined;
    return this.ofRank(this.rankOf(row));
  }

  ofRank(rank) {
    const number = Math.floor(rank / PAGE);
    return this.pages.get(number)?.[rank - number * PAGE];
  }

  // Ask for what is missing between two rows, both included.
  want(first, last) {
    const low = this.rankOf(Math.max(0, first));
    const high = this.rankOf(Math.min(this.through - 1, last));
    for (let number = Math.floor(low / PAGE); number * PAGE <= high; number += 1) this.wantPage(number);
    this.dropFarPages(Math.floor(low / PAGE));
  }

  wantPage(number) {
    const page = this.pages.get(number) ?? [];
    let first = Math.max(0, this.rowOf(number * PAGE));
    let last = Math.min(this.through, this.rowOf((number + 1) * PAGE)) - 1;
    const has = (row) => page[this.rankOf(row) - number * PAGE] !== undefined;
    while (first <= last && has(first)) first += 1;
    while (first <= last && has(last)) last -= 1;
    if (first > last || Date.now() - (this.asked.get(number)?.at ?? 0) < LOST_AFTER) return;
    const limit = last - first + 1;
    this.asked.set(number, { at: Date.now(), limit });
    this.fetch({ offset: first, limit, through: this.through });
  }

  // Keep rows that were fetched. An answer without any: retention removed them meanwhile.
  receive({ offset, through, rows }) {
    if (this.isComplete && through < this.base) return;
    const start = offset - (this.isComplete ? through - this.base : 0);
    const asked = this.settle(start);
    const kept = rows.length > 0 ? rows : new Array(asked?.limit ?? 0).fill(GONE);
    kept.forEach((row, index) => this.put(start + index, row));
    if (through > this.through) {
      this.ahead = 0;
      this.cameAhead(through);
    }
    this.arrived(kept.map((_, index) => this.rowOf(start + index)));
  }

  // The console dropped a fetch: whoever still looks there asks again.
  drop({ offset }) {
    this.ahead = 0;
    if (offset === undefined || offset === null) this.asked.clear();
    else this.settle(this.rankOf(offset));
  }

  settle(rank) {
    const number = Math.floor(rank / PAGE);
    const asked = this.asked.get(number);
    this.asked.delete(number);
    return asked;
  }

  put(rank, row) {
    const number = Math.floor(rank / PAGE);
    if (!this.pages.has(number)) this.pages.set(number, new Array(PAGE));
    this.pages.get(number)[rank - number * PAGE] = row;
  }

  dropFarPages(near) {
    if (this.pages.size <= PAGES_KEPT) return;
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const number of far.slice(0, this.pages.size - PAGES_KEPT)) this.pages.delete(number);
  }
}
