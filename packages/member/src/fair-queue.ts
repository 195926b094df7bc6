/** First come, first served within a lane, and one of each lane in turn: whoever asks for much waits behind himself only. */
export class FairQueue<Item> {
  /** In the order of their turns. */
  readonly #lanes = new Map<object, Item[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(lane: object, item: Item): void {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) this.#lanes.set(lane, [item]);
    else queue.push(item);
    this.#length++;
  }

  /** Up to `max` items, a round of the lanes at a time. */
  take(max: number): Item[] {
    const taken: Item[] = [];
    while (taken.length < max && this.#lanes.size > 0) {
      // What one lane may give in this round, so that a turn ends with the lanes as even as they began.
      const share = Math.max(1, Math.floor((max - taken.length) / this.#lanes.size));
      for (const [lane, queue] of this.#lanes) {
        if (taken.length >= max) break;
        const items = queue.splice(0, Math.min(share, max - taken.length));
        for (const item of items) taken.push(item);
        // To the end of the round, or out of it.
        this.#lanes.delete(lane);
        if (queue.length > 0) this.#lanes.set(lane, queue);
      }
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
