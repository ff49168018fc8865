import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';

/** Where Debian's packages come from, as debootstrap wants to know it. */
export type PackageSource = {
  readonly uri: string;
  /** The release of this machine: `bookworm`. */
  readonly suite: string;
  /** `main,contrib` */
  readonly components: string;
};

/** Where apt gets the packages of this machine's own release from; undefined where it knows no such place. */
export function packageSource(): PackageSource | undefined {
  const release = readFileSync('/etc/os-release', 'utf8');
  const suite = /^VERSION_CODENAME="?(\w+)"?$/m.exec(release)?.[1];
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT)';
  const {stdout} = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const sources = stdout.split('\n').map((line) => line.split(' '));
  const own = sources.filter(([, codename]) => suite !== undefined && codename === suite);
  const [uri] = own[0] ?? [];
  if (uri === undefined) return undefined;
  const components = own.filter(([each]) => each === uri).map(([, , component]) => component);
  return {uri, suite: suite!, components: [...new Set(components)].join(',')};
}
