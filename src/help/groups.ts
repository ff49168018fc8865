/** The commands of the root help by what somebody wants to do, each once and by its shortest name. */
export const commandGroups: readonly {readonly title: string; readonly commands: readonly string[]}[] = [
  {title: 'GET STARTED', commands: ['doctor', 'tour', 'init', 'vault create']},
  {title: 'DAILY USE', commands: ['unlock', 'exec', 'lock', 'status', 'vault list']},
  {
    title: 'SECRETS',
    commands: [
      ...['login', 'pull', 'get', 'env', 'logout'],
      ...['secrets list', 'secrets diff', 'secrets check', 'secrets log'],
    ],
  },
  {
    title: 'SHELLS AND PLUGINS',
    commands: [
      ...['shell install', 'shell uninstall', 'shell init'],
      ...['plugins', 'plugins install', 'plugins uninstall', 'plugins update', 'plugins create', 'plugins link'],
      ...['plugins reset'],
    ],
  },
  {
    title: 'CARE',
    commands: [
      ...['passwd', 'vault key list', 'vault key add', 'vault key remove', 'vault key rename'],
      ...['vault add', 'vault forget', 'config', 'config schema', 'vault check', 'vault backup', 'vault restore'],
      ...['vault adopt', 'vault absorb', 'vault clean', 'vault destroy', 'update', 'help'],
    ],
  },
];

/** What somebody does on the first day. */
export const examples: readonly (readonly [string, string])[] = [
  ['tazpod', 'Create, open or join the vault here'],
  ['tazpod exec -- kubectl get pods', 'Run one command in the vault'],
  ['tazpod lock', 'Close the vault from any other shell'],
];
