import {shellWord} from '../foundation/shell-word.ts';

/** What stands behind `--image` on a command line, if it is there. */
export function givenImage(argv: readonly string[]): string | undefined {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  for (const [index, word] of words.entries()) {
    if (word === '--image' || word === '-i') return words[index + 1];
    const [, attached] = /^(?:--image=|-i=?(?=.))(.*)$/s.exec(word) ?? [];
    if (attached !== undefined) return attached;
  }
  return undefined;
}

/**
 * A command that is proposed to the user, for the vault that their own command line has named: without its `--image`,
 * the next command would work on another vault. `takesImage` says whether a command, by its words, has that flag.
 */
export function forGivenImage(next: string, argv: readonly string[], takesImage: (words: string) => boolean): string {
  const image = givenImage(argv);
  // Two commands, or a sentence with a command in it, cannot be changed by rule.
  if (image === undefined || image === '' || /, or\b|: tazpod /.test(next)) return next;
  const words = next.split(' ');
  const start = words.indexOf('tazpod') + 1;
  const length = [2, 1].find((count) => takesImage(words.slice(start, start + count).join(' ')));
  if (start === 0 || length === undefined || words.some((word) => /^(--image|-i)(=|$)/.test(word))) return next;
  return [...words.slice(0, start + length), '--image', shellWord(image), ...words.slice(start + length)].join(' ');
}

/** A command for a vault, with the image that the user's command line has named. */
export function vaultCommand(words: string, image: string | undefined): string {
  return `tazpod ${words}${image === undefined ? '' : ` --image ${shellWord(image)}`}`;
}
