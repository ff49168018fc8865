import {homedir} from 'node:os';
import {join, resolve} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {invalidSettings} from './failures.ts';

/**
 * What of a file is the secret: its first line, as pass shows it and as its users expect; all of it; or, with `auto`,
 * a file of one line without its newline and any other as it is.
 */
export type Content = 'auto' | 'first-line' | 'file';

export type Settings = {
  /** The store, absolute: what pass calls PASSWORD_STORE_DIR. */
  readonly store: string;
  readonly content: Content;
  /** False if nobody has said which content is meant. */
  readonly isChosen: boolean;
};

export const contents: readonly string[] = ['first-line', 'file', 'auto'] satisfies Content[];

/** What is wrong with the settings, a sentence each. */
export function checkSettings(given: BackendContext['settings']): readonly string[] {
  const problems = Object.keys(given)
    .filter((name) => !['store', 'content'].includes(name))
    .map((name) => `${quoted(name)} is not a setting of this backend.`);
  const {store, content} = given;
  if (store !== undefined && (typeof store !== 'string' || store === '' || store.includes('\0'))) {
    problems.push('store must be the path of a directory.');
  }
  if (content !== undefined && !contents.includes(content as string)) {
    problems.push(`content must be one of ${contents.join(', ')}.`);
  }
  return problems;
}

/** The settings, or a `BackendError` with everything that is wrong with them. */
export function readSettings({settings, environment, projectFolder}: BackendContext, wanted?: Content): Settings {
  const problems = checkSettings(settings);
  if (problems.length > 0) {
    throw invalidSettings(problems);
  }
  const home = environment['HOME'] ?? homedir();
  const {store, content} = settings as {store?: string; content?: Content};
  const chosen = wanted ?? content;
  return {
    store: storePath(store, environment['PASSWORD_STORE_DIR'], home, projectFolder),
    content: chosen ?? 'first-line',
    isChosen: chosen !== undefined,
  };
}

function storePath(given: string | undefined, ofPass: string | undefined, home: string, projectFolder: string): string {
  if (given?.startsWith('~/') === true) return join(home, given.slice(2));
  if (given !== undefined) return resolve(projectFolder, given);
  return ofPass === undefined || ofPass === '' ? join(home, '.password-store') : resolve(home, ofPass);
}
