import {isUtf8} from 'node:buffer';
import {readFileSync, readlinkSync} from 'node:fs';
import {argumentNotUtf8, directoryNotUtf8, variableNotUtf8} from './failures.ts';

/**
 * Linux hands names, arguments and variables over as bytes. Node reads them as UTF-8 and puts U+FFFD in the place of
 * other bytes, so TazPod would open another file, or pass on another word, than the user has typed. Such words are
 * refused.
 */
const replacement = '\uFFFD';

/** Refuses a command line, or a setting of TazPod's own, that did not arrive byte for byte. Throws a Failure (64). */
export function refuseInexactArguments(argv = process.argv.slice(2), environment = process.env): void {
  const index = argv.findIndex((word) => word.includes(replacement));
  if (index >= 0 && !readRecord('cmdline').every(isUtf8)) {
    throw argumentNotUtf8(index + 1);
  }
  const settings = Object.keys(environment).filter((name) => name.startsWith('TAZPOD_'));
  refuseInexactVariables(Object.fromEntries(settings.map((name) => [name, environment[name]])));
}

/** What shells keep for themselves. They set them again, so nobody misses one that is left out. */
const bookkeeping: ReadonlySet<string> = new Set(['PWD', 'OLDPWD', '_']);

/** The variables of this process for a session, each byte for byte. Throws a Failure (64). */
export function exactVariables(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !(bookkeeping.has(entry[0]) && entry[1].includes(replacement)),
  );
  const variables = Object.fromEntries(kept);
  refuseInexactVariables(variables);
  return variables;
}

/** Refuses a variable that could not be passed on to a session byte for byte. Throws a Failure (64). */
function refuseInexactVariables(environment: NodeJS.ProcessEnv): void {
  const suspects = Object.keys(environment).filter(
    (name) => name.includes(replacement) || environment[name]!.includes(replacement),
  );
  if (suspects.length === 0) return;
  const name = readRecord('environ')
    .filter((entry) => !isUtf8(entry))
    .map((entry) => entry.toString().split('=', 1)[0]!)
    .find((each) => suspects.includes(each));
  if (name === undefined) return;
  throw variableNotUtf8(name);
}

/** Refuses a working directory whose name did not arrive byte for byte. Throws a Failure (64). */
export function refuseInexactFolder(folder: string): void {
  if (!folder.includes(replacement) || isUtf8(readlinkSync('/proc/self/cwd', {encoding: 'buffer'}))) return;
  throw directoryNotUtf8();
}

/** What this process was started with. One that an older Node has started has what that Node made of it. */
function readRecord(name: 'cmdline' | 'environ'): Buffer[] {
  const pids = ['self', ...(process.channel === undefined ? [] : [process.ppid])];
  return pids.flatMap((pid) => {
    try {
      return split(readFileSync(`/proc/${pid}/${name}`));
    } catch {
      return [];
    }
  });
}

function split(record: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let start = 0; start < record.length;) {
    const end = record.indexOf(0, start);
    words.push(record.subarray(start, end < 0 ? record.length : end));
    start = end < 0 ? record.length : end + 1;
  }
  return words;
}
