import {shellWord} from '../foundation/shell-word.ts';

/** Which vault a command line names: `['--image', PATH]` or `['--vault', NAME]`. */
export type GivenVault = readonly [flag: '--image' | '--vault', value: string];

/** What stands behind `--image` or `--vault` on a command line, if one is there. */
export function givenVault(argv: readonly string[]): GivenVault | undefined {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  for (const [index, word] of words.entries()) {
    const next = words[index + 1];
    if (word === '--image' || word === '-i') return next === undefined ? undefined : ['--image', next];
    if (word === '--vault') return next === undefined ? undefined : ['--vault', next];
    const [, image] = /^(?:--image=|-i=?(?=.))(.*)$/s.exec(word) ?? [];
    if (image !== undefined) return ['--image', image];
    const [, name] = /^--vault=(.*)$/s.exec(word) ?? [];
    if (name !== undefined) return ['--vault', name];
  }
  return undefined;
}

/**
 * A command that is proposed to the user, for the vault that their own command line has named: without that, the next
 * command would work on another vault. `takesImage` says whether a command, by its words, has those flags.
 */
export function forGivenVault(next: string, argv: readonly string[], takesImage: (words: string) => boolean): string {
  const [flag, value] = givenVault(argv) ?? [];
  // Two commands, or a sentence with a command in it, cannot be changed by rule.
  if (flag === undefined || value === undefined || value === '' || /, or\b|: tazpod /.test(next)) return next;
  const words = next.split(' ');
  const start = words.indexOf('tazpod') + 1;
  const length = [2, 1].find((count) => takesImage(words.slice(start, start + count).join(' ')));
  if (start === 0 || length === undefined || words.some((word) => /^(--image|-i|--vault)(=|$)/.test(word))) return next;
  return [...words.slice(0, start + length), flag, shellWord(value), ...words.slice(start + length)].join(' ');
}

/** A command for a vault, with the image that the user's command line has named. */
export function vaultCommand(words: string, image: string | undefined): string {
  return `tazpod ${words}${image === undefined ? '' : ` --image ${shellWord(image)}`}`;
}
