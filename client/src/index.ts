// The core of the client: the connection, copies and writes. Frameworks and storage have entry points of their own.
export { connect } from './client.js';
export type { Answer, Copy, Everwire, Followed, Options, Sync } from './client.js';
export type {
  ConnectionState,
  ConnectionStatus,
  Loss,
  Request,
  Response,
  Sink,
  Wire,
  WireEvent,
  WireUser,
} from './connection.js';
export { EverwireError } from './error.js';
export type { FeedState } from './feed.js';
export type { Status } from './follow.js';
export type { Storage } from './saved.js';
export type { Table } from './table-view.js';
export type { CopyTypes, Inputs, KeyOf, RowOf, SyncTypes, TableTypes, TypedDocument } from './types.js';
export type { Write, WriteStatus } from './write.js';
