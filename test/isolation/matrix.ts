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

/** A row as far as the document is concerned. */
export type Line = {
  readonly attack: string;
  readonly expected: Expected;
  readonly because?: string | undefined;
  readonly without: string;
  readonly controlled: boolean;
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
  for (const row of rows) {
    it(`${row.expected === 'refused' ? 'is kept from this' : 'can do this, as is written'}: ${row.attack}`, async function () {
      const seen = await row.run.call(this, worlds());
      expect(seen.got, report(row, row.expected, seen)).to.equal(row.expected === 'succeeds');
      if (row.control === undefined) return;
      const controlSeen = await row.control.call(this, worlds());
      expect(controlSeen.got, report(row, `succeeds, without ${row.without}`, controlSeen)).to.equal(true);
    });
  }
}

function report({attack}: {readonly attack: string}, expected: string, seen: Seen): string {
  return `\nattack:   ${attack}\nexpected: ${expected}\nseen:     ${seen.got ? 'got' : 'refused'}: ${seen.what}\n`;
}
