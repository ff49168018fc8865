import {ownNode} from '../kernel/own-node.ts';
import {ownProgram} from '../lifecycle/own-files.ts';
import type {Caller} from './caller.ts';
import {runAsCaller} from './run-as-caller.ts';

/** Fewer guesses than ten to this power are weak: somebody who has the image can make some hundred a second. */
const leastExponent = 10;
/** Loading the dictionaries takes a third of a second on a quick machine. */
const timeoutMs = 20_000;

const judgePath = ownProgram('strength/judge');

/**
 * Why a passphrase that somebody has thought of is weak, as a sentence; undefined where it is not. Judged by zxcvbn, as password crackers guess;
 * where that cannot be asked, by length and variety.
 *
 * Safe as root: zxcvbn is a package, so it runs in a process of its own, with the ids of the caller, as the CLI's packages
 * do, in a user namespace of root's, where no other process of theirs can look into it, and without a way to a capability.
 * It has the passphrase, so it gets no network, may write no file and start no program, and dies with this process. All
 * that is taken from it is one number. Where the caller is root, nobody's ids are taken instead.
 */
export async function weaknessOf(caller: Caller, passphrase: Buffer): Promise<string | undefined> {
  const exponent = await guessesFor(caller, passphrase);
  if (exponent === undefined) return roughWeaknessOf(passphrase);
  if (exponent >= leastExponent) return undefined;
  const guesses = exponent <= 3 ? 'a thousand guesses find it' : `about 10^${exponent} guesses find it`;
  return `This passphrase is weak: ${guesses}. Four random words are better.`;
}

/** How many guesses it takes, as a power of ten; undefined where the judge does not answer. */
async function guessesFor(caller: Caller, passphrase: Buffer): Promise<number | undefined> {
  const isRoot = caller.isolation === 'sealed' && caller.uid === 0;
  const plain: Caller = isRoot ? {...caller, ...nobody} : caller;
  const permission = ['--permission', '--allow-fs-read=*'];
  const judge = ['-c', 'exec "$@"', 'sh', ...ownNode, ...permission, judgePath];
  try {
    const {code, stdout} = await runAsCaller(plain, 'sh', judge, [], passphrase, {offline: true, timeoutMs});
    const [, exponent] = /^(\d{1,3})\n$/.exec(stdout.toString('latin1')) ?? [];
    return code === 0 && exponent !== undefined ? Number(exponent) : undefined;
  } catch {
    // A kernel without network namespaces, a Node that this user may not run: no reason to make no vault.
    return undefined;
  }
}

/** The user and group that own nothing, on every Linux. */
const nobody = {uid: 65534, gid: 65534, groups: []};

/** A measure for what a program has made: it speaks up about what is plainly too little, and is silent otherwise. */
export function roughWeaknessOf(passphrase: Buffer): string | undefined {
  if (passphrase.length >= 12 && new Set(passphrase).size >= 6) return undefined;
  return 'This passphrase is weak: fewer than 12 characters, or few different ones. Four random words are better.';
}
