/** First come, first served within a lane, and each lane in turn, by number and by bytes: whoever asks for much waits behind himself only. */
export class FairQueue<Item> {
  /** In the order of their turns. */
  readonly #lanes = new Map<object, Item[]>();
  readonly #bytesOf: (item: Item) => number;
  #length = 0;

  constructor(bytesOf: (item: Item) => number) {
    this.#bytesOf = bytesOf;
  }

  get length(): number {
    return this.#length;
  }

  add(lane: object, item: Item): void {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) this.#lanes.set(lane, [item]);
    else queue.push(item);
    this.#length++;
  }

  /** Up to `max` items and `maxBytes`, a round of the lanes at a time. The last item may go beyond the bytes, so that none is too large. */
  take(max: number, maxBytes: number): Item[] {
    const taken: Item[] = [];
    // What one lane may give at a time, so that a turn ends with the lanes as even as they began.
    const share = Math.max(1, Math.floor(max / this.#lanes.size));
    const shareBytes = maxBytes / this.#lanes.size;
    let bytes = 0;
    // A lane that has given goes to the end of the round, or out of it.
    for (const [lane, queue] of this.#lanes) {
      if (taken.length >= max || bytes >= maxBytes) break;
      const most = Math.min(share, max - taken.length, queue.length);
      const upTo = bytes + Math.min(shareBytes, maxBytes - bytes);
      let given = 0;
      while (given < most && bytes < upTo) bytes += this.#bytesOf(queue[given++] as Item);
      for (const item of queue.splice(0, given)) taken.push(item);
      this.#lanes.delete(lane);
      if (queue.length > 0) this.#lanes.set(lane, queue);
    }
    this.#length -= taken.length;
    return taken;
  }

  removeLane(lane: object): Item[] {
    const items = this.#lanes.get(lane) ?? [];
    this.#lanes.delete(lane);
    this.#length -= items.length;
    return items;
  }

  remove(unwanted: (item: Item) => boolean): Item[] {
    const removed: Item[] = [];
    for (const [lane, queue] of this.#lanes) {
      const kept = queue.filter((item) => !unwanted(item));
      if (kept.length === queue.length) continue;
      for (const item of queue) if (unwanted(item)) removed.push(item);
      if (kept.length === 0) this.#lanes.delete(lane);
      else this.#lanes.set(lane, kept);
    }
    this.#length -= removed.length;
    return removed;
  }
}
