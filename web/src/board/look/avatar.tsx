// A person as two letters on a colour of their own. Pictures lie on other hosts, which a page of Everwire never asks.
import { hue, initials } from '../view/format';
import { Person as PersonIcon } from './icons';
import type { Person } from '../rows';

export function Avatar({ person, size = 24 }: { person: Person | undefined; size?: number }) {
  const style = { '--size': `${size}px`, '--hue': person ? hue(person.id + person.name) : 0 } as React.CSSProperties;
  return (
    <span className={person ? 'avatar' : 'avatar is-nobody'} style={style} title={person?.name ?? 'Nobody'} data-initials={person && initials(person.name)} aria-hidden="true">
      {!person && <PersonIcon />}
    </span>
  );
}
