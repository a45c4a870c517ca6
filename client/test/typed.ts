// A document with the types that a generator would make of it.
import type { TypedDocument } from '../src/index.js';

export type Typed<Result, Variables> = string & TypedDocument<Result, Variables>;
