const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** How long ago something was, in its largest unit: `3 hours ago`. */
export function describeAge(then: Date, now = new Date()): string {
  const ms = now.getTime() - then.getTime();
  const unit = units.find(([, each]) => ms >= each);
  if (unit === undefined) return 'just now';
  const count = Math.floor(ms / unit[1]);
  return `${count} ${unit[0]}${count === 1 ? '' : 's'} ago`;
}
