// The page's few signs, drawn in the colour of the text around them. They say nothing to a screen reader: the
// words beside them do.
import type { ReactNode } from 'react';
import type { Status } from '../rows';

function Icon({ children, size = 16 }: { children: ReactNode; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor"
      strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {children}
    </svg>
  );
}

export const Mark = () => (
  <svg className="icon" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2.25"
    strokeLinecap="round" aria-hidden="true">
    <path d="M3 17c4.5 0 4.5-10 9-10s4.5 10 9 10" />
    <circle cx="3.4" cy="17" r="1.4" fill="currentColor" stroke="none" />
    <circle cx="12" cy="7" r="2.4" fill="currentColor" stroke="none" />
    <circle cx="20.6" cy="17" r="1.4" fill="currentColor" stroke="none" />
  </svg>
);
export const Search = () => <Icon><circle cx="7" cy="7" r="4.25" /><path d="m10.5 10.5 3 3" /></Icon>;
export const Plus = () => <Icon><path d="M8 3.5v9M3.5 8h9" /></Icon>;
export const Close = () => <Icon><path d="m4 4 8 8M12 4l-8 8" /></Icon>;
export const Speech = () => <Icon size={14}><path d="M2.5 4.5a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v4a2 2 0 0 1-2 2H7l-3 2.75V10.5a1.5 1.5 0 0 1-1.5-1.5z" /></Icon>;
export const Calendar = () => <Icon size={14}><rect x="2.5" y="3.5" width="11" height="10" rx="2" /><path d="M2.5 6.75h11M5.5 2v2.5M10.5 2v2.5" /></Icon>;
export const Wire = () => <Icon><path d="M1.5 11c3.2 0 3.2-6 6.5-6s3.3 6 6.5 6" /></Icon>;
export const Trash = () => <Icon><path d="M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5" /></Icon>;
export const Person = () => <Icon size={14}><circle cx="8" cy="5.5" r="2.5" /><path d="M3 13.5c.6-2.7 2.5-4 5-4s4.4 1.3 5 4" /></Icon>;
export const Down = () => <Icon size={12}><path d="m3.5 6 4.5 4.5L12.5 6" /></Icon>;
export const Scissors = () => <Icon><circle cx="4" cy="12" r="1.75" /><circle cx="12" cy="12" r="1.75" /><path d="M5 10.5 11.5 2.5M11 10.5 4.5 2.5" /></Icon>;
export const Plug = () => <Icon><path d="M5.5 2v3M10.5 2v3M4 5h8v2.5a4 4 0 0 1-8 0zM8 11.5V14" /></Icon>;
export const Program = () => <Icon><rect x="2" y="3" width="12" height="10" rx="2" /><path d="m4.75 6.5 2 1.75-2 1.75M8.5 10h2.5" /></Icon>;
export const Drop = () => <Icon><path d="M1.5 8h3M7 8h.01M9.5 8h.01M12 5.5 14.5 8 12 10.5" /></Icon>;
export const Check = () => <Icon size={14}><path d="m3 8.5 3.25 3.25L13 5" /></Icon>;

export function StatusIcon({ status }: { status: Status }) {
  return (
    <svg className={`icon status-${status.toLowerCase()}`} width="14" height="14" viewBox="0 0 14 14" fill="none" aria-hidden="true">
      <circle cx="7" cy="7" r="5.75" stroke="currentColor" strokeWidth="1.5" strokeDasharray={status === 'TODO' ? '2.2 2.3' : undefined} />
      {status === 'DOING' && <path d="M7 3.5a3.5 3.5 0 0 1 0 7z" fill="currentColor" />}
      {status === 'DONE' && <><circle cx="7" cy="7" r="5.75" fill="currentColor" /><path d="m4.4 7.2 1.8 1.8 3.5-3.8" stroke="var(--surface)" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" /></>}
    </svg>
  );
}

/** Five bars, as many of them full as the priority says. */
export function PriorityIcon({ priority }: { priority: number }) {
  return (
    <svg className={`icon priority${priority >= 5 ? ' is-top' : ''}`} width="17" height="12" viewBox="0 0 17 12" aria-hidden="true">
      {[1, 2, 3, 4, 5].map((bar) => (
        <rect key={bar} x={(bar - 1) * 3.5} y={10 - bar * 2} width="2.5" height={2 + bar * 2} rx="1"
          fill="currentColor" opacity={bar <= priority ? 1 : 0.22} />
      ))}
    </svg>
  );
}
