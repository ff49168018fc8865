import {columns} from '../foundation/columns.ts';
import {type ConfigFile, type ConfigValues, formatOrigin, type Origin, type Reading} from './config.ts';

/** The `result` of `config --json`. */
export type ConfigResult = {
  readonly settings: readonly ExplainedSetting[];
  readonly files: readonly ConfigFile[];
  readonly projectFolder?: string;
};

/** One value, and where it is from. A list's elements are settings of their own. */
export type ExplainedSetting = {
  /** As in `config.yaml`: `plugins.allow`. */
  readonly key: string;
  /** Absent where nobody says anything: then `meaning` holds. */
  readonly value?: unknown;
  /** What holds without a value. */
  readonly meaning?: string;
  readonly from: 'environment' | 'project' | 'user' | 'pack' | 'built-in';
  /** `TAZPOD_SIZE`, `/home/dev/project/.tazpod/config.yaml:4`. */
  readonly where?: string;
};

/** What holds where nobody says anything. */
const meanings: Readonly<Partial<Record<keyof ConfigValues, string>>> = {
  image: '.tazpod-vault/vault.img, here or in a parent directory',
  'default-vault': 'none',
  'mount-point': '~/secrets',
  engine: 'the best that this machine supports',
  isolation: 'sealed if root or sudo is available',
  share: 'none',
  'cleanup.strategy': 'none',
  'plugins.registry': 'npm’s own setting',
  shells: 'the login shell',
  'update-notice': 'daily',
};

/** The configuration as data, each value with its origin. */
export function explain({configuration, files}: Reading): ConfigResult {
  const {values, origins, bridges, latches, policies, projectFolder} = configuration;
  const keys = Object.keys(origins) as (keyof ConfigValues)[];
  return {
    settings: [
      ...keys.map((key) => setting(key, values[key], origins[key], meanings[key])),
      ...bridges.map(({home, vault, origin}) => setting('bridges', {home, vault}, origin)),
      ...latches.map(({origin, ...latch}) => setting('latches', latch, origin)),
      ...policies.flatMap(({allow, origin}) => allow.map((entry) => setting('plugins.allow', entry, origin))),
    ],
    files,
    ...(projectFolder === undefined ? {} : {projectFolder}),
  };
}

/** The configuration for people: key and value, and where it is from where that is wanted. */
export function renderConfig({settings, files}: ConfigResult, withOrigins: boolean): string {
  const rows = settings.map(({key, value, meaning, from, where}) => [
    key,
    value === undefined ? `(${meaning ?? 'nothing'})` : renderValue(value),
    ...(withOrigins ? [where ?? from] : []),
  ]);
  const lines = columns(rows);
  if (!withOrigins) return lines.join('\n');
  const width = Math.max(...settings.map(({key}) => key.length));
  const places = files.map(
    ({from, state, path}) => `${from.padEnd(width)}  ${path ?? 'no config.yaml'}${notes[state]}`,
  );
  return [...lines, '', ...places].join('\n');
}

const notes: Readonly<Record<ConfigFile['state'], string>> = {
  absent: '',
  found: '',
  distrusted: ' (not read)',
  faulty: ' (wrong)',
};

function setting(key: string, value: unknown, origin: Origin, meaning?: string): ExplainedSetting {
  return {
    key,
    ...(value === undefined ? {} : {value}),
    ...(value !== undefined || meaning === undefined ? {} : {meaning}),
    from: origin.from,
    ...(origin.from === 'built-in' ? {} : {where: formatOrigin(origin)}),
  };
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.join(', ');
  return Object.values(value as object)
    .filter((each) => each !== undefined)
    .join('  ');
}
