import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {isWritable} from '../foundation/access.ts';

/** How this TazPod was installed, and how it is brought up to date. */
export type Installation = {
  readonly kind: 'deb' | 'tarball' | 'npm' | 'npx' | 'checkout' | 'unknown';
  /** The command that installs a version; a person can paste it. */
  readonly command: string;
  /** For an npm install that this user may change: the prefix for npm. */
  readonly npmPrefix?: string;
};

/**
 * Finds out how the TazPod in a directory was installed.
 *
 * @param root the directory that has package.json
 * @param version the version that the command is to install
 * @param repository the address of the source, where releases have their files
 */
export function describeInstallation(root: string, version: string, repository: string): Installation {
  if (existsSync(join(root, '.git')))
    return {kind: 'checkout', command: `git -C ${root} pull && npm --prefix ${root} start`};
  const fetchFile = (name: string) => `curl -fLO ${repository}/releases/download/v${version}/${name}`;
  if (root === '/usr/lib/tazpod' && existsSync('/var/lib/dpkg/info/tazpod.list')) {
    const name = `tazpod_${version}_${debianArchitecture()}.deb`;
    return {kind: 'deb', command: `${fetchFile(name)} && sudo apt install ./${name}`};
  }
  if (existsSync(join(root, 'sbom.cdx.json'))) {
    const name = `tazpod-${version}-linux-${process.arch}`;
    const install = `${isWritable(dirname(root)) ? '' : 'sudo '}./${name}/install.sh --prefix ${root}`;
    return {kind: 'tarball', command: `${fetchFile(`${name}.tar.xz`)} && tar -xJf ${name}.tar.xz && ${install}`};
  }
  if (/\/_npx\/[^/]+\/node_modules\/tazpod$/.test(root)) return {kind: 'npx', command: `npx tazpod@${version}`};
  const [, prefix] = /^(.*)\/lib\/node_modules\/tazpod$/.exec(root) ?? [];
  if (prefix === undefined) return {kind: 'unknown', command: `npm install tazpod@${version}`};
  const install = `npm install --global --ignore-scripts --prefix ${prefix} tazpod@${version}`;
  return isWritable(join(prefix, 'lib/node_modules'))
    ? {kind: 'npm', command: install, npmPrefix: prefix}
    : {kind: 'npm', command: `sudo ${install}`};
}

function debianArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}
