/** What oclif may put into a text of help. Any other template is JavaScript that would run. */
const harmless = /^<%[=-] (config\.(bin|name|version)|command\.id) %>/;

/**
 * A value out of a plugin's manifest, fit for a terminal: control characters, among them escape sequences, and those
 * that are not seen or turn the direction of text are shown as their numbers. oclif renders every text of help as a
 * template, which is code of the plugin's: only those that name the program or the command stay templates.
 */
export function plainTexts<T>(value: T): T {
  if (typeof value === 'string') return plainText(value) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => plainTexts(each)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [plainText(key), plainTexts(each as unknown)]),
  ) as T;
}

function plainText(text: string): string {
  return text
    .replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
    .replace(/<%/g, (start, at: number, whole: string) => (harmless.test(whole.slice(at)) ? start : '< %'));
}
