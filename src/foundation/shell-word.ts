import {isPrintable} from './printable.ts';

/** A word in shell code, with any characters: in single quotes, between which no shell takes any for its own. */
export function quotedWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * A word of a command to be typed, with any characters: in quotation marks where it needs them, and control characters,
 * which neither a terminal nor a hand should get, as escapes of bash.
 */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-][\w@%+=:,./~-]*$/.test(word)) return word;
  if (isPrintable(word)) return quotedWord(word);
  const escaped = word.replace(/[\p{C}\u2028\u2029\\']/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped}'`;
}
