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
