// Who wants to be told? A set of listeners of which none can break what tells it: an error of theirs surfaces as an
// uncaught one, as from any event of a page.

export class Listeners<Arguments extends unknown[] = []> {
  readonly #all = new Set<(...told: Arguments) => void>();

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  add(listener: (...told: Arguments) => void): () => void {
    // The same function may be added twice, and is then two listeners.
    const own = (...told: Arguments): void => listener(...told);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  tell(...told: Arguments): void {
    for (const listener of [...this.#all]) {
      try {
        listener(...told);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}
