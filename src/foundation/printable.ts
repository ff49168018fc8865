/** Characters that steer a terminal, are not seen there, or begin another line. */
const unprintable = /[\p{C}\u2028\u2029]/u;
const everyUnprintable = new RegExp(unprintable, 'gu');

/** Text out of a file, fit for one line of a message: control characters are escaped, and what is long is cut. */
export function printable(text: string, lengthLimit = 80): string {
  return printablePath(text.length > lengthLimit ? `${text.slice(0, lengthLimit)}…` : text);
}

/** A path fit for a terminal, whole: control characters are shown as escapes, so that no name can paint there. */
export function printablePath(path: string): string {
  return path.replace(everyUnprintable, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** Whether text can be shown as it is. */
export function isPrintable(text: string): boolean {
  return !unprintable.test(text);
}
