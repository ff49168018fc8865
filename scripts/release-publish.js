// `npm run release:publish`: publishes the core and every plugin whose version the registry does not have, with a
// statement of where it was built. Tells a GitHub workflow the core's version if that is new.
import {spawnSync} from 'node:child_process';
import {appendFileSync, existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {buildWhenStale} from './build.js';
import {projectNode, root} from './setup.js';
import {endWith, say, SetUpError} from './terminal.js';

await endWith(() => {
  buildWhenStale();
  const plugins = readdirSync(join(root, 'plugins')).map((name) => join(root, 'plugins', name));
  // The core comes last: a release that failed half-way is tried again as a whole.
  for (const directory of [...plugins, root].filter((each) => existsSync(join(each, 'package.json')))) {
    const {name, version} = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    if (npm(directory, ['view', `${name}@${version}`, 'version'], 'pipe').stdout.trim() === version) continue;
    const flags = ['--provenance', '--access=public', '--ignore-scripts'];
    if (npm(directory, ['publish', ...flags], 'inherit').status !== 0) {
      throw new SetUpError(70, `${name}@${version} could not be published.`);
    }
    say(`Published ${name}@${version}`);
    const outputs = process.env['GITHUB_OUTPUT'];
    if (directory === root && outputs !== undefined) appendFileSync(outputs, `version=${version}\n`);
  }
  return 0;
});

/**
 * @param {string} cwd
 * @param {string[]} args
 * @param {'pipe' | 'inherit'} output
 */
function npm(cwd, args, output) {
  const program = join(root, 'node_modules/npm/bin/npm-cli.js');
  return spawnSync(projectNode(), [program, ...args], {cwd, encoding: 'utf8', stdio: ['ignore', output, 'inherit']});
}
