// The window of rows that the grid shows: fetched where it is looked at, forgotten elsewhere.

const PAGE = 200;
const PAGES_KEPT = 50;

export class AnswerRows {
  // `load({offset, limit})` fetches {total, rows: [[id, count, values]]}; `arrived(first, last)` tells
  // which rows can be drawn, `counted()` that there are more or fewer than before, `failed(error)`.
  constructor({ load, arrived, counted, failed }) {
    Object.assign(this, { load, arrived, counted, failed });
    this.reset();
  }

  // Forget everything: another filter or another order.
  reset() {
    this.generation = (this.generation ?? 0) + 1;
    this.pages = new Map();
    this.asked = new Map();
    this.stale = new Set();
    this.epoch = 0;
    this.total = 0;
    this.isKnown = false;
  }

  // Rows may have changed: what is shown stays until its successor is here.
  age() {
    this.epoch += 1;
    this.stale = new Set([...this.pages.keys(), ...this.asked.keys()]);
  }

  get(row) {
    return this.pages.get(Math.floor(row / PAGE))?.[row % PAGE];
  }

  // Ask for what is missing between two rows, both included.
  want(first, last) {
    const low = Math.max(0, Math.floor(first / PAGE));
    const high = Math.max(0, Math.floor(Math.min(last, Math.max(0, this.total - 1)) / PAGE));
    for (let number = low; number <= high; number += 1) {
      if (!this.pages.has(number) || this.stale.has(number)) this.fetchPage(number);
    }
    this.dropFarPages(low);
  }

  // Resolves when the rows between two places, both included, are here.
  async fetchAll(first, last) {
    const waits = [];
    for (let number = Math.floor(first / PAGE); number <= Math.floor(last / PAGE); number += 1) {
      if (!this.pages.has(number)) waits.push(this.fetchPage(number));
    }
    await Promise.all(waits);
  }

  fetchPage(number) {
    if (!this.asked.has(number)) this.asked.set(number, this.receivePage(number, this.generation));
    return this.asked.get(number);
  }

  async receivePage(number, generation) {
    const { epoch } = this;
    try {
      const { total, rows } = await this.load({ offset: number * PAGE, limit: PAGE });
      if (generation !== this.generation) return;
      this.pages.set(number, rows.map(([id, times, values]) => ({ id, count: times, values })));
      // What was asked for before the rows changed is old already.
      if (epoch === this.epoch) this.stale.delete(number);
      const isNews = !this.isKnown || total !== this.total;
      this.total = total;
      this.isKnown = true;
      if (isNews) this.counted();
      this.arrived(number * PAGE, number * PAGE + rows.length - 1);
    } catch (error) {
      if (generation === this.generation) this.failed(error);
    } finally {
      if (generation === this.generation) this.settle(number, epoch);
    }
  }

  settle(number, epoch) {
    this.asked.delete(number);
    if (epoch !== this.epoch && this.stale.has(number)) this.fetchPage(number);
  }

  dropFarPages(near) {
    if (this.pages.size <= PAGES_KEPT) return;
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const number of far.slice(0, this.pages.size - PAGES_KEPT)) this.pages.delete(number);
  }
}
