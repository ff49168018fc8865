import {readdirSync} from 'node:fs';
import {join} from 'node:path';

/** An archive of a plugin that came with this TazPod, with everything that the plugin depends on inside. */
export type BundledArchive = {
  readonly path: string;
  readonly name: string;
  readonly version: string;
};

/** As `npm pack` names the archive of a package without a scope. */
const archiveName = /^(?<name>tazpod-[a-z0-9-]+)-(?<version>\d+\.\d+\.\d+(?:-[\w.]+)?)\.tgz$/;

/**
 * The archive that came with this TazPod for a package, where its version is what a tag or range asks for. A tag other
 * than `latest` is the registry's to explain. `folder` may be missing.
 */
export async function bundledArchive(folder: string, name: string, tag: string): Promise<BundledArchive | undefined> {
  const archive = list(folder).find((each) => each.name === name);
  if (archive === undefined || tag === 'latest') return archive;
  const {satisfies, validRange} = (await import('semver')).default;
  return validRange(tag) !== null && satisfies(archive.version, tag) ? archive : undefined;
}

function list(folder: string): BundledArchive[] {
  let files: string[];
  try {
    files = readdirSync(folder);
  } catch {
    return [];
  }
  return files.flatMap((file) => {
    const {name, version} = archiveName.exec(file)?.groups ?? {};
    return name === undefined || version === undefined ? [] : [{path: join(folder, file), name, version}];
  });
}
