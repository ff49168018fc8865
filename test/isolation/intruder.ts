import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {type Background, startAs} from '../bed/run.ts';
import {writeAs} from '../bed/ownership.ts';
import type {BedUser} from '../bed/user.ts';
import type {Seen} from './seen.ts';

const programs = [
  'syscalls.pl',
  'intruder.pl',
  'resident.pl',
  'in-keyring.pl',
  'hand-over.pl',
  'swapper.pl',
  'careless.pl',
] as const;

/** Copies the programs of the attacks to where their user can read them. Returns the directory. */
export function layPrograms(user: BedUser): string {
  for (const name of programs) {
    writeAs(user, join(user.home, name), readFileSync(new URL(`../children/${name}`, import.meta.url)));
  }
  return user.home;
}

/** A process of the user's outside the session that tries things: see `intruder.pl`. */
export class Intruder {
  readonly pid: number;
  /** Tries one attack and returns its line; they are answered in their order. */
  readonly #ask: (line: string) => Promise<string>;
  readonly #prefix: readonly string[];
  readonly #leave: () => void;

  private constructor(pid: number, ask: (line: string) => Promise<string>, leave: () => void, prefix: string[] = []) {
    this.pid = pid;
    this.#ask = ask;
    this.#leave = leave;
    this.#prefix = prefix;
  }

  /** Starts one that shares the session keyring `keyring` with every process that has joined that name. */
  static start(user: BedUser, keyring: string): Intruder {
    const folder = layPrograms(user);
    const command = ['perl', join(folder, 'in-keyring.pl'), keyring, 'perl', join(folder, 'intruder.pl')];
    const process = startAs(user, command, {timeoutMs: 600_000});
    return new Intruder(process.pid, conversation(process), () => process.child.stdin!.end());
  }

  /** The same process, with every capability in a user namespace of its own making. */
  inOwnUserNamespace(): Intruder {
    return new Intruder(this.pid, this.#ask, this.#leave, ['in-own-user-namespace']);
  }

  /** Tries one attack. What it got is in `bytes`. */
  async try(attack: string, ...words: readonly (string | number)[]): Promise<Seen & {readonly bytes: Buffer}> {
    const line = await this.#ask([...this.#prefix, attack, ...words].join('\t'));
    const [verdict, what = ''] = line.split('\t');
    const bytes = verdict === 'got' ? Buffer.from(what, 'hex') : Buffer.alloc(0);
    return verdict === 'got' ? {got: true, what: `${bytes.length} bytes`, bytes} : {got: false, what, bytes};
  }

  /** Tries one attack, which succeeds if what it got holds the secret. */
  async trySecret(secret: string, attack: string, ...words: readonly (string | number)[]): Promise<Seen> {
    const {got, what, bytes} = await this.try(attack, ...words);
    if (!got) return {got, what};
    return bytes.includes(secret) ? {got: true, what: 'the secret'} : {got: false, what: `${what} without the secret`};
  }

  /** Ends it. */
  leave(): void {
    this.#leave();
  }
}

function conversation(process: Background): (line: string) => Promise<string> {
  const waiting: PromiseWithResolvers<string>[] = [];
  createInterface({input: process.child.stdout!}).on('line', (line) => waiting.shift()?.resolve(line));
  void process.ended.then(({stderr}) => {
    for (const {reject} of waiting) reject(new Error(`The intruder has ended. ${stderr}`));
  });
  return (line) => {
    const answer = Promise.withResolvers<string>();
    waiting.push(answer);
    process.type(`${line}\n`);
    return answer.promise;
  };
}
