/**
 * Text out of a file that somebody else may have written, made fit for a message: in quotation marks, cut to a
 * length, everything but printable ASCII escaped.
 */
export function quoteUntrusted(text: string, lengthLimit = 40): string {
  const short = text.length > lengthLimit ? `${text.slice(0, lengthLimit)}…` : text;
  return JSON.stringify(short).replace(/[^\x20-\x7e…]/gu, (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
  });
}

/**
 * A word of a shell command to be typed, with any characters: in quotation marks where it needs them, and
 * control characters, which neither a terminal nor a hand should get, as escapes of bash.
 */
export function shellWord(text: string): string {
  if (/^[\w./:@%+,=-]+$/.test(text)) return text;
  if (!/[\p{C}\u2028\u2029]/u.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const escaped = text.replace(/[\p{C}\u2028\u2029\\']/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped}'`;
}
