import {count} from './count.ts';

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** How long ago something was, in its largest unit: `3 hours ago`. */
export function describeAge(then: Date, now = new Date()): string {
  const ms = now.getTime() - then.getTime();
  const unit = units.find(([, each]) => ms >= each);
  return unit === undefined ? 'just now' : `${count(Math.floor(ms / unit[1]), unit[0])} ago`;
}
