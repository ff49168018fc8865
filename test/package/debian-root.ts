import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {debianBase} from '../bed/debian-base.ts';
import {atTheEnd} from '../bed/made-by.ts';

/**
 * A Debian of its own, made by debootstrap: a root file system in memory, with namespaces for mounts and processes. A
 * chroot would not do, because the kernel gives no user namespace to a process in one.
 */
export type DebianRoot = {
  readonly suite: string;
  /** Runs a command as root there, to its end. */
  run(command: readonly string[], options?: RootOptions): RootEnded;
  /** Runs a line of a shell as the user `dev` there, in a login of its own, to its end. */
  asUser(line: string, options?: RootOptions): RootEnded;
  /** The words before a command that put it there, for one that runs beside the test. */
  readonly prefix: readonly string[];
  /** Copies a file or a directory of this machine to a path there. */
  put(from: string, to: string): void;
  stop(): Promise<void>;
};

export type RootOptions = {readonly env?: Readonly<Record<string, string>>; readonly input?: string};
export type RootEnded = {readonly code: number | null; readonly stdout: string; readonly stderr: string};

const making = `
  set -e
  mount -t tmpfs -o mode=755,size=3g tazpod-test "$1"
  tar --numeric-owner -C "$1" -xf "$2"
  cd "$1"
  mount --rbind /dev dev
  mount --rbind /sys sys
  mount -t proc proc proc
  mkdir .old
  pivot_root . .old
  umount -l .old
  rmdir .old
  echo ready
  # bash takes in what others have orphaned; the end of the input is the end of all.
  exec bash -c 'read -r _'
`;

/** Makes a Debian of a release, with a normal user `dev` in it. Throws NoDebian where it cannot be had. */
export async function startDebian(suite: string): Promise<DebianRoot> {
  const base = await debianBase(suite);
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-root-'));
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
  const script = ['sh', '-c', making, 'sh', folder, base];
  const holder = spawn('unshare', [...namespaces, ...script], {stdio: ['pipe', 'pipe', 'pipe']});
  atTheEnd(() => holder.kill('SIGKILL'));
  let words = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-600)));
  const ended = once(holder, 'exit');
  const first = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`${suite} does not start: ${words.trim()}`);

  // The first process of the namespaces is the child of unshare.
  const {stdout: children} = spawnSync('cat', [`/proc/${holder.pid}/task/${holder.pid}/children`], {encoding: 'utf8'});
  const namespacesOf = ['nsenter', `--target=${children.trim()}`, '--mount', '--pid', '--root', '--'];
  // nsenter would stay in the directory of the machine around it.
  const prefix = [...namespacesOf, 'env', '--chdir=/'];
  const proxies = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name)));
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    ...proxies,
  };
  const run = (command: readonly string[], {env = {}, input = ''}: RootOptions = {}): RootEnded => {
    const {status, stdout, stderr} = spawnSync(prefix[0]!, [...prefix.slice(1), ...command], {
      encoding: 'utf8',
      env: {...environment, ...env},
      input,
      maxBuffer: 64 * 1024 * 1024,
    });
    return {code: status, stdout, stderr};
  };
  const root: DebianRoot = {
    suite,
    prefix,
    run,
    asUser: (line, {env = {}, input} = {}) => {
      const variables = Object.entries({...env, LANG: 'C.UTF-8'}).map(([name, value]) => `${name}=${value}`);
      const login = ['setpriv', '--reuid=dev', '--regid=dev', '--init-groups', '--reset-env', 'env', ...variables];
      const options = input === undefined ? {} : {input};
      return run(['env', '--chdir=/home/dev', ...login, 'bash', '--login', '-c', line], options);
    },
    put: (from, to) => {
      // Through the namespaces' own view of their root.
      const inside = `/proc/${children.trim()}/root${to}`;
      cpSync(from, inside, {recursive: true});
    },
    stop: async () => {
      holder.stdin.end();
      await ended;
      rmSync(folder, {recursive: true, force: true});
    },
  };
  const prepared = run([
    'sh',
    '-ec',
    'useradd --create-home --shell /bin/bash dev; hostname >/dev/null; echo "127.0.1.1 $(hostname)" >>/etc/hosts',
  ]);
  if (prepared.code !== 0) throw new Error(`The root of ${suite} is not in order: ${prepared.stderr}`);
  writeFileSync(
    `/proc/${children.trim()}/root/etc/apt/apt.conf.d/99-tests`,
    'APT::Install-Recommends "false";\nDpkg::Use-Pty "0";\n',
  );
  return root;
}
