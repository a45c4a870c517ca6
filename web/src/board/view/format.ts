// How values read: days, moments, sizes, names. All in the page's language, English, whatever the browser's is.
const LATIN = /\p{Script=Latin}/u;
const LANGUAGE = 'en-GB';
const DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const DAY_AND_YEAR = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const MOMENT = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const CLOCK = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** `2026-03-02` as `2 Mar`, with the year where it is another one than this. */
export function day(date: string): string {
  const value = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(value.getTime())) return date;
  return (value.getUTCFullYear() === new Date().getFullYear() ? DAY : DAY_AND_YEAR).format(value);
}

export function isPast(date: string): boolean {
  return date < new Date().toISOString().slice(0, 10);
}

export function moment(time: string): string {
  const value = new Date(time);
  return Number.isNaN(value.getTime()) ? time : MOMENT.format(value);
}

export function clock(time: Date): string {
  return CLOCK.format(time);
}

export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

export function initials(name: string): string {
  const letters = name.split(/\s+/u).flatMap((word) => [...word][0] ?? []);
  const [first = '?'] = letters;
  const last = letters.length > 1 ? (letters.at(-1) ?? '') : '';
  // Two scripts side by side do not read as initials.
  const isOneScript = LATIN.test(first) === LATIN.test(last);
  return (first + (isOneScript ? last : '')).toUpperCase();
}

/** A hue that stays with a name. */
export function hue(text: string): number {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  return sum % 360;
}
