import {distance} from 'fastest-levenshtein';

/** The nearest of some words, where it is near enough to be what was meant. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const ranked = words
    .map((each) => ({each, steps: distance(word.toLowerCase(), each.toLowerCase())}))
    .sort((one, other) => one.steps - other.steps);
  const [best] = ranked;
  if (best === undefined) return undefined;
  const near = best.steps <= Math.max(1, Math.floor(best.each.length / 2.5)) || letters(best.each) === letters(word);
  return near ? best.each : undefined;
}

/** Two letters that have changed places are one slip, and two steps. */
function letters(word: string): string {
  return Array.from(word.toLowerCase()).sort().join('');
}
