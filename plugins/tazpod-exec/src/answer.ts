import type {BackendError, Folder, FolderAnswer, Secret} from 'tazpod/contract';
import {againstProtocol, programFailed, toldByProgram} from './failures.ts';

const kinds: readonly string[] = [
  'not-logged-in',
  'no-permission',
  'not-found',
  'unreachable',
  'settings',
  'unavailable',
] satisfies BackendError['tazpod']['kind'][];

/** What a program has printed. Nothing of it is repeated in an error but what it says as one. */
export function parseAnswer(stdout: Buffer, code: number, folder: Folder, name: string): FolderAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout.toString('utf8'));
  } catch {
    answer = undefined;
  }
  if (isObject(answer) && isObject(answer['error'])) throw said(answer['error'], name);
  if (code !== 0) {
    throw programFailed(name, code);
  }
  if (!isObject(answer)) throw againstProtocol(name, 'It did not print exactly one JSON object.');
  if (answer['unchanged'] === true) return {state: 'unchanged'};
  const {validator} = answer;
  if (validator !== undefined && typeof validator !== 'string')
    throw againstProtocol(name, 'Its validator is not a string.');
  return {
    state: 'read',
    secrets: secretsIn(answer['secrets'], folder, name),
    ...(validator === undefined ? {} : {validator}),
  };
}

/** `{"NAME": "value"}`, or a list of `{"name", "value" or "base64", "path"}`. */
function secretsIn(secrets: unknown, folder: Folder, backend: string): Secret[] {
  const list: unknown[] | undefined = Array.isArray(secrets)
    ? secrets
    : isObject(secrets)
      ? Object.entries(secrets).map(([name, value]) => ({name, value}))
      : undefined;
  if (list === undefined) throw againstProtocol(backend, 'Its "secrets" are neither an object nor a list.');
  return list.map((each, index) => {
    const {name, value, base64, path = folder.path} = isObject(each) ? each : {};
    const bytes =
      typeof value === 'string' && base64 === undefined
        ? Buffer.from(value)
        : typeof base64 === 'string' && value === undefined && /^[A-Za-z0-9+/]*={0,2}$/.test(base64)
          ? Buffer.from(base64, 'base64')
          : undefined;
    if (typeof name !== 'string' || name === '' || typeof path !== 'string' || bytes === undefined) {
      throw againstProtocol(backend, `Its secret number ${index + 1} needs a name, and either value or base64.`);
    }
    return {name, path, value: bytes};
  });
}

function said(error: Record<string, unknown>, name: string): BackendError {
  const kind = kinds.includes(String(error['kind']))
    ? (error['kind'] as BackendError['tazpod']['kind'])
    : 'unavailable';
  const text = (key: string) => (typeof error[key] === 'string' ? {[key]: error[key]} : {});
  return toldByProgram(name, kind, {...text('what'), ...text('why'), ...text('next')});
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
