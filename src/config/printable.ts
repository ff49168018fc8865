/** Text out of a file, fit for one line of a message: control characters are escaped, and what is long is cut. */
export function printable(text: string, lengthLimit = 80): string {
  const short = text.length > lengthLimit ? `${text.slice(0, lengthLimit)}…` : text;
  return short.replace(/[\p{C}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
