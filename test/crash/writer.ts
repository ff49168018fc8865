import {chmodSync, existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {writeAs} from '../bed/ownership.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';

/**
 * The program of the sessions: appends records to a file of the vault, syncs each, and only then acknowledges it in a
 * file outside of the vault. It goes on until the test stops it.
 */
const script = `#!/bin/bash
folder=$(dirname "$0")
vault=$folder/secrets name=$(cat "$folder/name")
for ((record = 1; ; record++)); do
  printf '%s %d\\n' "$name" $record | dd of="$vault/log" oflag=append conv=notrunc,fsync status=none || exit 1
  printf '%s %d\\n' "$name" $record >> "$folder/acknowledged"
  [ -e "$folder/finish" ] && exit 0
  sleep 0.02
done
`;

/** How many records are enough to have something to lose. */
const enough = 3;

export class Writer {
  /** The program, to be run without arguments. */
  readonly path: string;
  readonly #owner: BedUser;

  constructor(owner: BedUser) {
    this.#owner = owner;
    this.path = writeAs(owner, this.#file('writer'), script);
    chmodSync(this.path, 0o700);
  }

  /** The next session writes records of this name; those of the last one are forgotten. */
  begin(name: string): void {
    rmSync(this.#file('finish'), {force: true});
    writeAs(this.#owner, this.#file('name'), name);
    writeAs(this.#owner, this.#file('acknowledged'), '');
  }

  /** The records that were acknowledged. */
  acknowledged(): string[] {
    // The last line may be half-written: then it was not acknowledged.
    return readFileSync(this.#file('acknowledged'), 'utf8').split('\n').slice(0, -1);
  }

  /** Waits until a session has written some more. */
  untilMore(seen: () => string): Promise<true> {
    const before = this.acknowledged().length;
    return until('the session has written some records', () => this.acknowledged().length >= before + enough, {seen});
  }

  finish(): void {
    if (!existsSync(this.#file('finish'))) writeFileSync(this.#file('finish'), '');
  }

  #file(name: string): string {
    return join(this.#owner.home, name);
  }
}
