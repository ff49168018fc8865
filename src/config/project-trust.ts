import {existsSync, realpathSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {isBelow} from '../foundation/path-within.ts';
import {bytesOf} from '../foundation/size.ts';
import type {ConfigDocument} from './config-schema.ts';
import type {YamlPath} from './json-schema.ts';

/** A setting that a project may not make, and why: goes on after the name of the key. */
export type Distrust = {readonly path: YamlPath; readonly sentence: string};

/** The largest vault that a project can ask for: its space is taken from the disk at once. */
const sizeLimitGiB = 16;

/**
 * What a project's `config.yaml` asks for that only its user may. It comes with a repository that somebody has cloned,
 * so it can say what its own vault is like, and can neither reach out of its folder nor weaken anything:
 *
 * - `image`: a file in the project's folder. Another vault of the user's would be opened among the project's programs.
 * - `mount-point`: in the project's folder, or a `~/secrets…`. The project's vault over `~/bin` or `~/.ssh` would be
 *   code and keys of the project's choice.
 * - `default-vault`: never. The user's own vault would be opened among the project's programs.
 * - `isolation`: `sealed` only.
 * - `size`: no disk is filled by a file that came from elsewhere.
 * - `bridges`: never. A bridge moves a directory of the home into the vault, and the vault may be the project's own.
 * - `share`: never. It leads from the vault's session to the user's agents.
 * - `plugins.registry`: never. The file that names the registry chooses the code.
 * - `update-notice`: never. Whether TazPod asks a registry is the user's to say.
 * - `plugins.allow` is kept apart by its readers, and every list must allow a plugin: it can only narrow.
 * - `engine`, `latches`, `cleanup` and `shells` choose among what the machine and the user have.
 */
export function distrustProject(document: ConfigDocument, projectFolder: string, home: string): Distrust[] {
  const faults: Distrust[] = [];
  const refuse = (path: YamlPath, rule: string) => {
    faults.push({path, sentence: `${rule}; the user's own config.yaml, environment or flags can override this.`});
  };
  const project = resolved(projectFolder);
  const below = (path: string) => isBelow(resolved(path), project);
  const {image, 'mount-point': mountPoint, size} = document;
  if (image !== undefined && !below(image)) refuse(['image'], 'must be in the project’s directory');
  if (mountPoint !== undefined && !below(mountPoint) && !isSecretsFolder(resolved(mountPoint), resolved(home))) {
    refuse(['mount-point'], 'must be ~/secrets or ~/secrets-NAME, or be in the project’s directory');
  }
  if (document['default-vault'] !== undefined) refuse(['default-vault'], 'cannot be set in a project file');
  if (document.isolation === 'private') refuse(['isolation'], 'can only be "sealed" in a project file');
  if (size !== undefined && (bytesOf(size) ?? 0) > sizeLimitGiB * 2 ** 30) {
    refuse(['size'], `can be at most ${sizeLimitGiB}G in a project file`);
  }
  if (document.share !== undefined) refuse(['share'], 'cannot be set in a project file');
  if (document.bridges !== undefined) refuse(['bridges'], 'cannot be set in a project file');
  if (document.plugins?.registry !== undefined) refuse(['plugins', 'registry'], 'cannot be set in a project file');
  if (document['update-notice'] !== undefined) refuse(['update-notice'], 'cannot be set in a project file');
  return faults;
}

function isSecretsFolder(path: string, home: string): boolean {
  return dirname(path) === home && /^secrets(-[\w.-]+)?$/.test(basename(path));
}

/** The path with the links of what is there resolved. */
export function resolved(path: string): string {
  if (existsSync(path) || path === '/') return realpathSync(path);
  return join(resolved(dirname(path)), basename(path));
}
