// Changes of a fake cloud that the machine around it has to follow, such as an interface that was attached.

export interface NumberedChange<Change> {
  /** From 1, without gaps. */
  readonly number: number;
  readonly change: Change;
}

/** Changes that are kept for readers that come late; the oldest go first. */
const MAX_CHANGES = 10_000;

export class ChangeFeed<Change> {
  #changes: NumberedChange<Change>[] = [];
  #count = 0;
  readonly #listeners = new Set<(change: Change) => void>();

  emit(change: Change): void {
    this.#count += 1;
    this.#changes.push({ number: this.#count, change });
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
    for (const listener of this.#listeners) listener(change);
  }

  /** Calls back with each change from now on; returns what ends that. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes with a higher number; when there is none, waits for one at most so long. */
  async after(number: number, limitMs: number): Promise<readonly NumberedChange<Change>[]> {
    const newer = () => this.#changes.filter((change) => change.number > number);
    if (newer().length > 0 || limitMs <= 0) return newer();
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.onChange(() => resolve());
    const timer = setTimeout(resolve, limitMs);
    await promise;
    clearTimeout(timer);
    end();
    return newer();
  }
}
