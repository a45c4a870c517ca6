// What does the server answer? Single questions over a connection; whoever waits is told when it is lost.
import type { Request, Response, Wire } from './connection.js';
import { EverwireError, fromResponse } from './error.js';

export type Outcome = Response | EverwireError | 'lost';

export class Asking {
  readonly #wire: Wire;
  readonly #waiting = new Set<() => void>();

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  ask(request: Request): Promise<Outcome> {
    if (!this.#wire.isOpen) return Promise.resolve('lost');
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        this.#waiting.delete(abandon);
        resolve(outcome);
      };
      const abandon = (): void => settle('lost');
      this.#waiting.add(abandon);
      this.#wire.run(request, {
        next: (response) => settle(response.errors ? fromResponse(response.errors) : response),
        error: settle,
        complete: abandon,
      });
    });
  }

  /** The connection is lost: no answer comes any more. */
  abandon(): void {
    for (const abandon of [...this.#waiting]) abandon();
  }
}
