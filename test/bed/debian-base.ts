import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {packageSource} from './package-source.ts';

/** Why there is no such Debian on this machine, as the reason of a skipped test. */
export class NoDebian extends Error {}

/** Below node_modules, so that `npm ci` starts afresh. */
const cacheFolder = join(root, 'node_modules', '.cache', 'debian');

/** In memory, and nobody else sees the mount. What apt can fetch again is left out. */
const making = `
  mount -t tmpfs -o mode=755,size=2g tazpod-test "$1" || exit
  debootstrap --variant=minbase --components="$4" "$3" "$1/base" "$2" >&2 || exit
  exec tar --numeric-owner --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*' \\
    -C "$1/base" -c -f "$5" .
`;

/**
 * A minimal Debian or Ubuntu, made by debootstrap: the path of a tarball of its root file system. One is made for each
 * release, and serves every test of this checkout.
 *
 * @param suite the release. Default: that of this machine
 */
export async function debianBase(suite?: string): Promise<string> {
  const source = packageSource();
  if (source === undefined) throw new NoDebian('apt knows no source of packages for the release of this machine');
  const release = suite ?? source.suite;
  const path = join(cacheFolder, `${release}.tar`);
  if (existsSync(path)) return path;

  mkdirSync(cacheFolder, {recursive: true});
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-debian-'));
  const half = `${path}.${process.pid}`;
  const script = ['sh', '-c', making, 'sh', folder, source.uri, release, source.components, half];
  const child = spawn('unshare', ['--mount', '--propagation', 'private', ...script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-400)));
  const [code] = (await once(child, 'close')) as [number | null];
  rmdirSync(folder);
  if (code === 0) {
    renameSync(half, path);
    return path;
  }
  rmSync(half, {force: true});
  throw new NoDebian(`debootstrap makes no ${release} from ${source.uri}: ${words.trim()}`);
}
