import {expect} from 'chai';
import type {Context} from 'mocha';
import type {Seen} from './seen.ts';

/** What must come of an attack. */
export type Expected =
  /** Nothing is got. */
  | 'refused'
  /** It succeeds, it is known to, and the documents say so. */
  | 'succeeds';

/** One line of the table. `Worlds` is what its group has opened. */
export type Row<Worlds> = {
  /** What is tried, as the end of the sentence "A process of the same user …". */
  readonly attack: string;
  readonly expected: Expected;
  /** Why it is accepted, where it succeeds. */
  readonly because?: string;
  readonly run: (this: Context, worlds: Worlds) => Promise<Seen>;
  /** The defence that the control is without, or why there can be no control. */
  readonly without: string;
  readonly control?: (this: Context, worlds: Worlds) => Promise<Seen>;
};

/** The rows of one group, and its heading. */
export type Group = {readonly title: string; readonly rows: readonly Line[]};

/** A row as far as the document is concerned, and what was seen of it in this run. */
export type Line = {
  readonly attack: string;
  readonly expected: Expected;
  readonly because?: string | undefined;
  readonly without: string;
  readonly controlled: boolean;
  seen?: Seen;
  controlSeen?: Seen;
};

const groups: Group[] = [];

/** Every group that this run of the tests has, in the order of its files. */
export function allGroups(): readonly Group[] {
  return groups;
}

/** Turns rows into tests: each attack must come out as expected, and its control must succeed. */
export function testRows<Worlds>(title: string, rows: readonly Row<Worlds>[], worlds: () => Worlds): void {
  const lines = rows.map(({attack, expected, because, without, control}): Line => {
    return {attack, expected, because, without, controlled: control !== undefined};
  });
  groups.push({title, rows: lines});
  rows.forEach((row, index) => {
    const line = lines[index]!;
    it(`${row.expected === 'refused' ? 'is kept from this' : 'can do this, as is written'}: ${row.attack}`, async function () {
      line.seen = await row.run.call(this, worlds());
      expect(line.seen, `${row.attack}: ${line.seen.what}`).to.have.property('got', row.expected === 'succeeds');
      if (row.control === undefined) return;
      line.controlSeen = await row.control.call(this, worlds());
      expect(line.controlSeen, `the control, without ${row.without}: ${line.controlSeen.what}`).to.have.property(
        'got',
        true,
      );
    });
  });
}
