import type {BackendContext, Folder, FolderAnswer, SecretBackend} from 'tazpod/contract';
import {parseAnswer} from './answer.ts';
import {invalidSettings} from './failures.ts';
import {runProgram} from './program.ts';

/** The number of the protocol that README.md describes. */
const protocolVersion = 1;

const known = ['command'];

/** Any program that reads one line of JSON and prints JSON is a backend. */
const backend: SecretBackend = {
  contract: 1,
  checkSettings,
  needsTrust: (settings) =>
    checkSettings(settings).length > 0 ? [] : [`runs the program ${wordsOf(settings).join(' ')}`],
  readFolder,
};
export default backend;

function checkSettings(settings: BackendContext['settings']): readonly string[] {
  const faults = Object.keys(settings)
    .filter((key) => !known.includes(key))
    .map((key) => `${JSON.stringify(key)} is not a setting of this backend.`);
  const words = wordsOf(settings);
  const usable =
    words.length > 0 && words.every((word) => typeof word === 'string' && !word.includes('\0')) && words[0] !== '';
  return usable ? faults : [...faults, 'command must be a program, or a list of a program and its arguments.'];
}

function wordsOf({command}: BackendContext['settings']): readonly string[] {
  return typeof command === 'string' ? [command] : Array.isArray(command) ? (command as string[]) : [];
}

async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const faults = checkSettings(context.settings);
  if (faults.length > 0) throw invalidSettings(faults);
  const request = Buffer.from(`${JSON.stringify({version: protocolVersion, action: 'read', ...folder})}\n`);
  const {code, stdout} = await runProgram(wordsOf(context.settings), request, context);
  try {
    return parseAnswer(stdout, code, folder, context.name);
  } finally {
    stdout.fill(0);
  }
}
