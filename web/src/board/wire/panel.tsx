// The wire: what goes over the connection, how it stands, and what one can do to it. All that it shows happened, and
// all that its buttons do is done.
import type { FeedState } from 'everwire';
import { useWrites } from 'everwire/react';
import { useEffect, useState, type ReactNode } from 'react';
import { client, useIsCut, useStanding } from '../data';
import { Close, Drop, Plug, Program, Scissors } from '../look/icons';
import { clock, counted, size } from '../view/format';
import { useDisturbance } from './disturbance';
import { disturb } from './line';
import { OPERATIONS, useLog, type Entry } from './log';
import type { Task } from '../rows';
import { writeElsewhere } from './program';
import { STATE_NAMES } from './states';

const LAGS = [
  { lag: 0, name: 'None' },
  { lag: 300, name: '0.3 s' },
  { lag: 2_000, name: '2 s' },
];

export function WirePanel({ inSight, onClose }: { inSight: readonly Task[]; onClose: () => void }) {
  const standing = useStanding();
  return (
    <aside className="wire" aria-label="The wire">
      <header className="wire-head">
        <h2>The wire</h2>
        <span className="state" data-state={standing.status}>
          <span className="state-dot" />
          {STATE_NAMES[standing.status]}
        </span>
        <button className="quiet square" aria-label="Hide the wire" title="Hide (W)" onClick={onClose}><Close /></button>
      </header>
      <Standing standing={standing} />
      <Doing inSight={inSight} />
      <Messages />
    </aside>
  );
}

function Standing({ standing: { position, heardAt, gaps } }: { standing: FeedState }) {
  const writes = useWrites();
  const { received, bytes } = useLog();
  return (
    <dl className="standing">
      <Figure name="Position" className="wide">
        <code title="The sequence of the last message that was applied">{position ?? '—'}</code>
      </Figure>
      <Figure name="Last message"><Age since={heardAt} /></Figure>
      <Figure name="Received">{counted(received, 'message')}, {size(bytes)}</Figure>
      <Figure name="Gaps noticed / healed">{gaps.noticed} / {gaps.healed}</Figure>
      <Figure name="Own writes on the way">{writes.length}</Figure>
    </dl>
  );
}

function Figure({ name, className, children }: { name: string; className?: string; children: ReactNode }) {
  return (
    <div className={className}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Age({ since }: { since: number | null }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (since === null) return <>—</>;
  return <>{Math.max(0, Math.round((now - since) / 1_000))} s ago</>;
}

function Doing({ inSight }: { inSight: readonly Task[] }) {
  const { lag, losesNext } = useDisturbance();
  const cut = useIsCut();
  const [did, setDid] = useState('');
  return (
    <section className="doing" aria-label="Disturb it">
      <div className="doing-buttons">
        <button className={cut ? 'primary' : 'plain'} onClick={() => (cut ? client.resume() : client.pause())}>
          {cut ? <Plug /> : <Scissors />}
          {cut ? 'Connect again' : 'Cut the connection'}
        </button>
        <button className="plain" aria-pressed={losesNext} onClick={() => disturb({ losesNext: !losesNext })} title="The next change from the server does not arrive">
          <Drop />
          {losesNext ? 'Losing the next…' : 'Lose a message'}
        </button>
        <button className="plain wide" onClick={() => void writeElsewhere(inSight).then(setDid)} title="A mutation by POST, not over this page's socket">
          <Program />
          Write from another program
        </button>
      </div>
      <fieldset className="segments small">
        <legend>Lag</legend>
        {LAGS.map((one) => (
          <label key={one.lag} className="segment">
            <input type="radio" name="lag" checked={lag === one.lag} onChange={() => disturb({ lag: one.lag })} />
            {one.name}
          </label>
        ))}
      </fieldset>
      <p className="did" role="status">{did || 'Another program writes past this page: by POST, to a task of this board.'}</p>
    </section>
  );
}

function Messages() {
  const { entries, own } = useLog();
  return (
    <section className="messages" aria-label="Last messages" tabIndex={0}>
      {entries.length === 0 ? (
        <p className="messages-empty">Nothing has gone over it yet.</p>
      ) : (
        <ol>
          {entries.map((entry) => (
            <Message key={entry.id} entry={entry} isOwn={Boolean(entry.transaction && own.has(entry.transaction))} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Message({ entry, isOwn }: { entry: Entry; isOwn: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li className={`message is-${entry.direction}`}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className="message-way" aria-hidden="true">{entry.direction === 'received' ? '↓' : '↑'}</span>
          <span className="unseen">{entry.direction === 'received' ? 'Received' : 'Sent'}</span>
          <span className="message-kind">{entry.kind}</span>
          <span className="message-ops">
            {OPERATIONS.filter((op) => entry.counts[op] > 0).map((op) => (
              <span key={op} className="op" data-op={op}>{op} {entry.counts[op]}</span>
            ))}
            {isOwn && <span className="op" data-op="own">own</span>}
          </span>
          <span className="message-size">{size(entry.bytes)}</span>
          {entry.sequence && <code className="message-sequence">{entry.sequence}</code>}
          <time className="message-time">{clock(entry.at)}</time>
        </summary>
        {isOpen && <pre>{legible(entry.text)}</pre>}
      </details>
    </li>
  );
}

/** With its fields below each other, if it is here as a whole. */
function legible(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
