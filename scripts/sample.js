// What `npm test` plays of that of which there is much: kills at each step, prompts, files of tests that take minutes.
import {spawnSync} from 'node:child_process';

/** `npm run test:whole` plays everything; `npm test` takes a share. */
export const whole = process.env['TAZPOD_TEST'] === 'whole';

/** What decides which share it is: the commit, so that each has another one, and the same one each time. */
export const turn = Number(process.env['TAZPOD_TEST_TURN'] ?? turnOfCommit());

/**
 * For what runs elsewhere: the same share.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const sampleEnvironment = {TAZPOD_TEST: whole ? 'whole' : '', TAZPOD_TEST_TURN: String(turn)};

/**
 * One of `parts` shares of what is alike, or all where the whole is asked for.
 *
 * @template T
 * @param {readonly T[]} all
 * @param {number} parts
 * @param {number} place of this one among lists of which each is to have another share
 * @returns {T[]}
 */
export function share(all, parts, place = 0) {
  return whole ? [...all] : all.filter((_, index) => (index + place + turn) % parts === 0);
}

function turnOfCommit() {
  const {status, stdout} = spawnSync('git', ['rev-parse', 'HEAD'], {cwd: import.meta.dirname, encoding: 'utf8'});
  return status === 0 ? Number.parseInt(stdout.slice(0, 6), 16) : Math.floor(Date.now() / 86_400_000);
}
