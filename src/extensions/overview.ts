import type {Interfaces} from '@oclif/core';
import {printable} from '../foundation/printable.ts';
import type {Contributions} from '../contract/index.ts';
import type {FoundContributions} from './contributions.ts';
import {moduleKinds} from './kinds.ts';

/** One plugin as `tazpod plugins` tells it. */
export type PluginOverview = {
  readonly name: string;
  readonly version: string;
  /** `user`: installed; `link`: a folder; `core`: TazPod's own. */
  readonly type: string;
  readonly root: string;
  /** The range or tag that it was installed by. */
  readonly tag?: string;
  /** The pack that brings it. */
  readonly parent?: string;
  /** Its `tazpod` section; absent where it has none, or one that is not in order. */
  readonly contributes?: Contributions;
  /** Ids of its commands. */
  readonly commands: readonly string[];
  /** Names of its hooks, which run with its own commands only. */
  readonly hooks: readonly string[];
};

/** What each plugin of this process is, and brings. */
export function overview(config: Interfaces.Config, found: FoundContributions): PluginOverview[] {
  return config.getPluginsList().map(({name, version, type, root, tag, parent, commandIDs, pjson}) => {
    const contributes = found.plugins.find(({plugin}) => plugin.name === name)?.contributions;
    return {
      name,
      version,
      type,
      root,
      ...(tag === undefined ? {} : {tag}),
      ...(parent === undefined ? {} : {parent: parent.name}),
      ...(contributes === undefined ? {} : {contributes}),
      commands: commandIDs,
      hooks: Object.keys(pjson.oclif.hooks ?? {}),
    };
  });
}

const words: Readonly<Record<(typeof moduleKinds)[number], string>> = {
  secretBackends: 'backends',
  shells: 'shells',
  cleanupStrategies: 'cleanup',
};

/** The same for people: a line for the plugin, and one for each kind of thing that it brings. */
export function renderOverview({
  name,
  version,
  type,
  tag,
  parent,
  contributes = {contract: 1},
  ...rest
}: PluginOverview): string {
  const {bridges = [], latches = [], defaults} = contributes;
  const lines: [string, readonly string[]][] = [
    ...moduleKinds.map((kind): [string, string[]] => [words[kind], Object.keys(contributes[kind] ?? {})]),
    ['bridges', bridges.map(({home, vault}) => `~/${home} → ${vault}`)],
    ['latches', latches.map(({command}) => command)],
    ['defaults', defaults === undefined ? [] : [defaults]],
    ['commands', rest.commands.map((id) => id.replaceAll(':', ' '))],
    [
      'hooks',
      rest.hooks.length === 0 || type === 'core' ? [] : [`${rest.hooks.join(', ')} (with its own commands only)`],
    ],
  ];
  const remarks = [
    ...(type === 'user' ? [] : [type === 'link' ? `linked: ${rest.root}` : type]),
    ...(tag === undefined || tag === 'latest' ? [] : [tag]),
    ...(parent === undefined ? [] : [`by ${parent}`]),
  ];
  return [
    `${name} ${version}${remarks.length === 0 ? '' : ` (${remarks.join('; ')})`}`,
    ...lines.flatMap(([what, values]) => (values.length === 0 ? [] : [`  ${what.padEnd(10)}${values.join(', ')}`])),
  ]
    .map((line) => printable(line, 4096))
    .join('\n');
}
