import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {readText} from '../config/read-text.ts';
import {resolveInPackage} from './contributions.ts';
import type {InstalledPackage} from './installed-packages.ts';
import {childrenOf} from './installed-packages.ts';
import type {AllowedPlugin, Policy} from './policy.ts';

/**
 * What the configuration says about which plugins may be used: each of its files that has `plugins.allow`. Where none
 * has, the packs' own word holds: what a pack allows, itself, and what it brings.
 *
 * Throws a Failure (78) for a file that cannot be read.
 */
export async function readPolicies(
  configFiles: readonly string[],
  installed: readonly InstalledPackage[],
): Promise<readonly Policy[]> {
  const own: Policy[] = [];
  for (const path of configFiles) {
    const allow = await readAllowed(path);
    if (allow !== undefined) own.push({source: path, allow});
  }
  if (own.length > 0) return own;
  const packs: Policy[] = [];
  for (const {name, root, pjson} of installed) {
    const {defaults} = (pjson as {tazpod?: {defaults?: unknown}}).tazpod ?? {};
    if (typeof defaults !== 'string') continue;
    const path = resolveInPackage(root, defaults);
    const allow = await readAllowed(path);
    const brings = [name, ...childrenOf(pjson)].map((each) => ({name: each}));
    if (allow !== undefined) packs.push({source: path, allow: [...brings, ...allow]});
  }
  if (packs.length === 0) return [];
  return [{source: packs.map(({source}) => source).join(', '), allow: packs.flatMap(({allow}) => allow)}];
}

/** The configuration's files of a folder: the nearest `.tazpod/config.yaml` upwards, and the user's own. */
export function configFilesOf(folder: string, configFolder: string): string[] {
  const project: string[] = [];
  for (let above = folder; project.length === 0; above = dirname(above)) {
    const path = join(above, '.tazpod/config.yaml');
    if (existsSync(path)) project.push(path);
    if (above === dirname(above)) break;
  }
  return [...project, join(configFolder, 'config.yaml')];
}

async function readAllowed(path: string): Promise<readonly AllowedPlugin[] | undefined> {
  const text = readText(path);
  // The libraries that read it cost more than the rest of a start, and few files say anything about plugins.
  if (text === undefined || !text.includes('allow')) return undefined;
  const [{parseYaml}, {z}] = await Promise.all([import('../config/yaml-file.ts'), import('zod')]);
  const entry = z.strictObject({name: z.string(), version: z.string().optional(), integrity: z.string().optional()});
  const schema = z.looseObject({plugins: z.looseObject({allow: z.array(entry).optional()}).optional()});
  return parseYaml(text, path, schema).value.plugins?.allow;
}
