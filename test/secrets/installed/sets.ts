import {renderEnvironment} from '../../../src/secrets/environment/environment-files.ts';
import type {NewSet} from '../../../src/secrets/installed/new-set.ts';

/** A set of files and variables, as a pull would bring it. */
export function setOf(files: Record<string, string>, variables: Record<string, string> = {}, mode = 0o600): NewSet {
  const list = Object.entries(variables).map(([name, value]) => ({name, value: Buffer.from(value), secrets: [name]}));
  return {
    pulled: '2026-01-02T03:04:05.000Z',
    source: '/project/secrets.yml',
    files: Object.entries(files).map(([path, text]) => ({path, mode, bytes: Buffer.from(text), secrets: [path]})),
    variables: list,
    environment: renderEnvironment(list),
    answers: [{key: 'answer', bytes: Buffer.from(JSON.stringify({files, variables}))}],
  };
}

export const earlier = setOf(
  {'kube/config': 'old kube', 'going/away/now': 'gone', token: 'same'},
  {A: 'old', GONE: '1'},
);
export const later = setOf({'kube/config': 'new kube', 'ssh/keys/id': 'key', token: 'same'}, {A: 'new', B: 'more'});
