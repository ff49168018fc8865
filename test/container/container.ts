import {existsSync, readFileSync} from 'node:fs';
import type {ProcessIdentity} from '../../src/kernel/process.ts';
import {membersOfPidNamespace} from '../../src/kernel/process.ts';
import {until} from '../bed/until.ts';
import type {DockerEnded, DockerEngine, DockerOptions} from './engine.ts';
import {image} from './image.ts';

/** What README.md says that `docker run` needs; AppArmor's rules for containers forbid every mount. */
export const mayMountFuse = [
  ...['--cap-add', 'SYS_ADMIN', '--device', '/dev/fuse'],
  ...(hasAppArmor() ? ['--security-opt', 'apparmor=unconfined'] : []),
];

/** Runs a command in a container of its own to its end. */
export function runInContainer(
  engine: DockerEngine,
  flags: readonly string[],
  command: readonly string[],
  options?: DockerOptions,
): Promise<DockerEnded> {
  return engine.docker(['run', '--rm', '--interactive', '--network', 'host', ...flags, image, ...command], options);
}

/** A container with its login shell on a terminal. */
export type ContainerTerminal = {
  /** Types a line and Enter. */
  enter(line: string): void;
  /** Waits until what was written since the last match matches, and returns the match. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  /** The exit code of `docker run`. */
  readonly ended: Promise<number>;
};

/** `docker run -it`, on a terminal that script(1) makes. */
export function openContainer(engine: DockerEngine, name: string, flags: readonly string[]): ContainerTerminal {
  const run = ['docker', 'run', '-it', '--name', name, '--network', 'host', ...flags, image].join(' ');
  const script = engine.start([
    'script',
    '--quiet',
    '--return',
    '--command',
    `stty cols 100 rows 40; ${run}`,
    '/dev/null',
  ]);
  let written = '';
  let matched = 0;
  script.stdout!.setEncoding('utf8').on('data', (text: string) => (written += text));
  return {
    enter: (line) => void script.stdin!.write(`${line}\n`),
    shows: (pattern) =>
      until(
        `the container shows ${pattern.source}`,
        () => {
          const match = pattern.exec(written.slice(matched)) ?? undefined;
          if (match !== undefined) matched += match.index + match[0].length;
          return match;
        },
        {seen: () => written},
      ),
    ended: new Promise((resolve) => script.once('close', (code) => resolve(code ?? -1))),
  };
}

/** Every process in a container, as the machine sees them. */
export async function processesOf(engine: DockerEngine, name: string): Promise<ProcessIdentity[]> {
  const {stdout} = await engine.docker(['inspect', '--format', '{{.State.Pid}}', name]);
  return membersOfPidNamespace(Number(stdout));
}

function hasAppArmor(): boolean {
  const path = '/sys/module/apparmor/parameters/enabled';
  return existsSync(path) && readFileSync(path, 'utf8').startsWith('Y');
}
