// What went wrong, in one shape for all who ask? Codes are the server's (`extensions.code`), and these of the client's own:
// ANSWER_LOST, NOT_FOUND, BAD_DOCUMENT, CLOSED, LOST.

export class EverwireError extends Error {
  override readonly name = 'EverwireError';
  /** Stable, for programs. */
  readonly code: string;
  /** What else the server said, such as `constraint` and `column`. */
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, extensions: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.extensions = extensions;
  }
}

/** An error as it stands in a response. */
export interface ResponseError {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** The first error says what to change. */
export function fromResponse(errors: readonly ResponseError[]): EverwireError {
  const [first] = errors;
  const code = first?.extensions?.['code'];
  const message = first?.message ?? 'the server gave no reason';
  return new EverwireError(typeof code === 'string' ? code : 'INTERNAL', message, first?.extensions ?? {});
}

/** The server could not just now; asking again may help. */
export function isPassing(error: EverwireError): boolean {
  return ['UNAVAILABLE', 'RETRY', 'LOST'].includes(error.code);
}
