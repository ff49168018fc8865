// A software bill of materials in CycloneDX's JSON form: every npm package that is installed with TazPod or is
// part of its bundle, and Node.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {projectNode, root} from '../setup.js';
import {run} from './tree.js';

/**
 * @param {readonly string[]} packages the directories of node_modules that are carried or bundled
 * @returns {object} a CycloneDX document; the same one for the same commit
 */
export function billOfMaterials(packages) {
  const npm = join(root, 'node_modules/npm/bin/npm-cli.js');
  // Without "--omit=dev": npm would leave out what a tool of the build depends on as well.
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--workspaces=false'];
  const document = JSON.parse(run(projectNode(), [npm, ...args]));
  const carried = new Set(packages.map(purlOf));
  const node = nodeComponent();
  const components = document.components.filter((/** @type {{purl: string}} */ {purl}) => carried.has(purl));
  const known = new Set([document.metadata.component, ...components].map((component) => component['bom-ref']));
  const {serialNumber: _, ...rest} = document;
  return {
    ...rest,
    metadata: {...document.metadata, timestamp: new Date(sourceTimeMs()).toISOString()},
    components: [...components, node],
    dependencies: document.dependencies
      .filter((/** @type {{ref: string}} */ {ref}) => known.has(ref))
      .map((/** @type {{ref: string, dependsOn?: string[]}} */ {ref, dependsOn = []}) => ({
        ref,
        dependsOn: dependsOn.filter((other) => known.has(other)),
      })),
  };
}

/** When the source was written, in ms: `SOURCE_DATE_EPOCH`, or the time of the last commit. */
export function sourceTimeMs() {
  const given = process.env['SOURCE_DATE_EPOCH'];
  return 1000 * Number(given ?? run('git', ['log', '-1', '--format=%ct']).trim());
}

/** @param {string} path */
function purlOf(path) {
  const {name, version} = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function nodeComponent() {
  const {version} = JSON.parse(readFileSync(join(root, 'node_modules/node/package.json'), 'utf8'));
  return {
    'bom-ref': `node@${version}`,
    type: 'application',
    name: 'node',
    version,
    purl: `pkg:generic/node@${version}`,
    licenses: [{license: {id: 'MIT'}}],
  };
}
