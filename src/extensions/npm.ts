import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {execa} from 'execa';
import {printable} from '../foundation/printable.ts';
import type {Failure} from '../foundation/failure.ts';
import {npmFailed} from './failures.ts';

export type NpmOptions = {
  /** The folder that npm works in. */
  readonly folder: string;
  /** An address; absent: what npm is set to. */
  readonly registry?: string | undefined;
  /** Whether packages may run their install scripts. */
  readonly allowScripts?: boolean;
  /** Installs below the folder as npm does globally, instead of for the package in it. */
  readonly global?: boolean;
};

/** A registry that does not answer is given up after this time; npm itself would try for more than a minute. */
const answerLimitMs = 10_000;

/** A whole call of npm, with all that it downloads. */
const callLimitMs = 10 * 60_000;

/** A call of npm that went wrong, with the code that npm gave it: `E404`, `ETARGET`. */
export type NpmFailure = Failure & {readonly npmCode?: string};

/**
 * Runs the npm that the core brings, as the user, and returns the JSON that it answers with. No package's install
 * script runs unless it is asked for.
 *
 * Throws a Failure: 69 for a registry that cannot be reached, 66 for a package that is not there, 77 for one that the
 * registry does not give to this user.
 */
export async function npm(
  args: readonly string[],
  {folder, registry, allowScripts, global = false}: NpmOptions,
): Promise<unknown> {
  const [command, ...rest] = args;
  const {stdout, failed} = await execa(
    process.execPath,
    [
      npmProgram(),
      command!,
      // With any configuration, and below another npm, it works in the folder, and notes what it does.
      `--prefix=${folder}`,
      `--global=${global}`,
      '--save',
      '--install-strategy=hoisted',
      '--json',
      '--loglevel=error',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
      '--fetch-retries=0',
      `--fetch-timeout=${answerLimitMs}`,
      `--ignore-scripts=${allowScripts !== true}`,
      ...(registry === undefined ? [] : [`--registry=${registry}`]),
      ...rest,
    ],
    {cwd: folder, stdin: 'ignore', reject: false, timeout: callLimitMs, maxBuffer: 16 * 1024 * 1024},
  );
  const answer = parse(stdout);
  if (failed) throw failureOf((answer as {error?: NpmError} | undefined)?.error ?? {}, registry);
  return answer;
}

type NpmError = {readonly code?: string; readonly summary?: string};

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ERR_SOCKET_TIMEOUT',
  'ETIMEDOUT',
  'FETCH_ERROR',
]);

function failureOf({code = '', summary = ''}: NpmError, registry: string | undefined): NpmFailure {
  const at = registry === undefined ? 'that npm uses' : printable(withoutCredentials(registry), 200);
  return Object.assign(npmFailed(code, summary, at, unreachable.has(code)), {npmCode: code});
}

/** An address without a user and a password in it. */
function withoutCredentials(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}

function parse(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

/** The npm that the core depends on: none need be installed beside TazPod. */
function npmProgram(): string {
  const manifest = createRequire(import.meta.url).resolve('npm/package.json');
  const {bin} = JSON.parse(readFileSync(manifest, 'utf8')) as {bin: {npm: string}};
  return join(dirname(manifest), bin.npm);
}
