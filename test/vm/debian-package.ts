import {spawnSync} from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';

/** What is wanted of a package. */
export type PackageFiles = {
  /** The package, or one that does nothing but depend on it. */
  readonly name: string;
  /** The real name of a package that another one only depends on. */
  readonly dependency?: RegExp;
  /** Another release of Debian than the machine's, from the same mirror. */
  readonly release?: 'trixie';
  /** Patterns of tar(1), `./usr/bin/*`. */
  readonly files: readonly string[];
  /** Does once, in the directory, what else is to be done. */
  readonly finish?: (folder: string) => void;
};

/** Why a package cannot be had, as the reason of a skipped test. */
export class NoPackage extends Error {}

/**
 * The directory with files of a Debian package, which is not installed. It is downloaded by apt once and kept in the
 * user's cache; who wants a newer one removes it there. Throws a NoPackage when it cannot be had.
 */
export function unpackedPackage(wanted: PackageFiles): string {
  const cache = join(homedir(), '.cache/tazpod/vm');
  const folder = join(cache, wanted.release === undefined ? wanted.name : `${wanted.name}-${wanted.release}`);
  if (!existsSync(folder)) download(wanted, cache, folder);
  return folder;
}

function download(wanted: PackageFiles, cache: string, target: string): void {
  if (!isInstalled('apt-get') || !isInstalled('dpkg-deb')) throw new NoPackage(`there is no apt to get ${wanted.name}`);
  mkdirSync(cache, {recursive: true});
  const folder = mkdtempSync(join(cache, 'download-'));
  try {
    const apt = wanted.release === undefined ? [] : optionsFor(wanted.release, cache);
    // The lists may be missing, or older than what the mirror still has.
    if (!get(wanted, folder, apt) && !(update(apt) && get(wanted, folder, apt))) {
      throw new NoPackage(`apt could not download ${wanted.name}`);
    }
    const [file] = readdirSync(folder);
    const unpacked = join(folder, 'unpacked');
    unpack(join(folder, file!), unpacked, wanted.files);
    wanted.finish?.(unpacked);
    renameSync(unpacked, target);
  } catch (error) {
    // Another run of the tests may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

function get({name, dependency}: PackageFiles, folder: string, apt: readonly string[]): boolean {
  const real = dependency === undefined ? name : dependencyOf(name, dependency);
  return real !== undefined && spawnSync('apt-get', ['-qq', ...apt, 'download', real], {cwd: folder}).status === 0;
}

/**
 * Options that give apt lists of its own for another release. The machine's configuration stays as it is, and apt
 * verifies the signatures of the release as always.
 */
function optionsFor(release: string, cache: string): string[] {
  const folder = join(cache, `apt-${release}`);
  mkdirSync(join(folder, 'lists/partial'), {recursive: true});
  const sources = join(folder, 'sources.list');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(sources, `deb [signed-by=${keys}] ${debianMirror()} ${release} main\n`);
  return [
    ...[`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=/nonexistent'],
    ...[`Dir::State::lists=${join(folder, 'lists')}`, `Dir::Cache=${folder}`],
  ].flatMap((option) => ['-o', option]);
}

/** Where this machine gets Debian's packages from. */
function debianMirror(): string {
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const {stdout} = spawnSync('apt-get', ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(SITE)'], {
    encoding: 'utf8',
  });
  const targets = stdout.split('\n').map((line) => line.split(' '));
  const site = targets.find(([release, component]) => release === codename && component === 'main')?.[2];
  if (site === undefined) throw new NoPackage('apt knows no mirror of Debian');
  return site;
}

function dependencyOf(name: string, dependency: RegExp): string | undefined {
  const {stdout} = spawnSync('apt-cache', ['depends', name], {encoding: 'utf8'});
  return [...stdout.matchAll(/Depends: (\S+)/g)].map(([, found]) => found!).find((found) => dependency.test(found));
}

function update(apt: readonly string[]): boolean {
  return spawnSync('apt-get', ['-qq', ...apt, 'update']).status === 0;
}

function unpack(file: string, folder: string, files: readonly string[]): void {
  mkdirSync(folder);
  const tar = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" --wildcards "${@:3}"';
  const {status, stderr} = spawnSync('bash', ['-o', 'pipefail', '-c', tar, 'bash', file, folder, ...files], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`A package could not be unpacked: ${stderr}`);
}

/** Whether a program can be found where system programs are. */
export function isInstalled(program: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
