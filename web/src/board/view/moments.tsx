// What the page shows when there is no board to show, or nobody to tell the server: before the first copy, without a
// connection, at an address of nothing.
import { useWrites } from 'everwire/react';
import { useStanding } from '../data';
import { STATUSES, STATUS_NAMES } from '../rows';
import { StatusIcon } from '../look/icons';
import { counted } from './format';

/** The board's outline, of the same size as the board. */
export function Loading() {
  const { status } = useStanding();
  return (
    <>
      <p className="filter waiting" role="status">
        {status === 'offline' ? 'No connection to the server. Trying again…' : 'Fetching the board…'}
      </p>
      <div className="columns" aria-hidden="true">
        {STATUSES.map((status, column) => (
          <section key={status} className="column">
            <header className="column-head">
              <StatusIcon status={status} />
              <h2>{STATUS_NAMES[status]}</h2>
            </header>
            <div className="column-cards">
              {Array.from({ length: 5 - column }, (_, card) => <div key={card} className="card outline" />)}
            </div>
          </section>
        ))}
      </div>
    </>
  );
}

/** The server refuses what the page asks for: the database is another one than the page was made for. */
export function Failed({ reason }: { reason: string }) {
  return (
    <div className="gone" role="alert">
      <h2>The server does not serve this board</h2>
      <p>{reason}</p>
      <button className="primary" onClick={() => location.reload()}>Try again</button>
    </div>
  );
}

export function NoSuchProject({ onAll }: { onAll: () => void }) {
  return (
    <div className="gone">
      <h2>There is no such project</h2>
      <p>It was deleted or renamed, or the address was mistyped.</p>
      <button className="primary" onClick={onAll}>Show all projects</button>
    </div>
  );
}

/** Over the board, not in it: nothing moves when the connection comes and goes. */
export function Offline() {
  const { status } = useStanding();
  const writes = useWrites().length;
  const text =
    status === 'offline'
      ? `You are offline. Keep working: ${writes > 0 ? `${counted(writes, 'change')} will be sent` : 'what you change will be sent'} when the connection is back.`
      : '';
  return (
    <p className={text ? 'offline is-shown' : 'offline'} role="status">
      {text}
    </p>
  );
}
