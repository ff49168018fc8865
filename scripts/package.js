// `npm run package`: the .deb and the tarball of this checkout, in packages/ or where --output says.
import {cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {buildWhenStale} from './build.js';
import {makeDebianPackage} from './package/debian.js';
import {makeTarball} from './package/tarball.js';
import {layOut} from './package/tree.js';
import {root} from './setup.js';
import {endWith, say, SetUpError} from './terminal.js';

const usage = 'npm run package -- [--only deb|tarball] [--output DIR] [--level 0-9]';

await endWith(() => {
  const {only, output, level} = readOptions();
  buildWhenStale();
  mkdirSync(output, {recursive: true});
  const folder = mkdtempSync(join(output, '.making-'));
  try {
    const tree = join(folder, 'tazpod');
    const {version, packages, sizeBytes} = layOut(tree);
    say(`TazPod ${version}: ${packages} npm packages and Node, ${mebibytes(sizeBytes)} installed`);
    const made = [
      ...(only === 'tarball' ? [] : [makeDebianPackage(tree, {version, sizeBytes, output, level})]),
      ...(only === 'deb' ? [] : [makeTarball(tree, {version, output, level})]),
    ];
    const bill = join(output, `tazpod-${version}.cdx.json`);
    cpSync(join(tree, 'sbom.cdx.json'), bill);
    for (const path of [...made, bill]) say(`${path} ${mebibytes(statSync(path).size)}`);
    return 0;
  } finally {
    if (existsSync(folder)) rmSync(folder, {recursive: true, force: true});
  }
});

function readOptions() {
  try {
    const {values} = parseArgs({
      options: {
        only: {type: 'string'},
        output: {type: 'string', default: 'packages'},
        level: {type: 'string', default: '6'},
      },
    });
    const {only, level} = values;
    if (only !== undefined && only !== 'deb' && only !== 'tarball') throw new Error(`--only ${only}`);
    if (!/^\d$/.test(level)) throw new Error(`--level ${level}`);
    return {only, level: Number(level), output: resolve(root, values.output)};
  } catch (error) {
    throw new SetUpError(64, `${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}`);
  }
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
