/** The command that does what other tools call by another word. What was typed behind the word goes behind it. */
const commands: Readonly<Record<string, string>> = {
  open: 'unlock',
  enter: 'unlock',
  mount: 'unlock',
  join: 'unlock',
  attach: 'unlock',
  start: 'unlock',
  close: 'lock',
  unmount: 'lock',
  umount: 'lock',
  stop: 'lock',
  run: 'exec --',
  ls: 'vault list',
  list: 'vault list',
  ps: 'vault list',
  new: 'vault create',
  create: 'vault create',
  make: 'vault create',
  info: 'status',
  show: 'status',
  fetch: 'pull',
  import: 'vault absorb',
  check: 'doctor',
  password: 'passwd',
  passphrase: 'passwd',
  rekey: 'passwd',
  keys: 'vault key list',
  autocomplete: 'shell install',
  completion: 'shell install',
  completions: 'shell install',
  plugin: 'plugins',
  settings: 'config',
  'secrets ls': 'secrets list',
  'plugins ls': 'plugins',
  'plugins list': 'plugins',
  'config list': 'config',
  'config show': 'config',
};

/** What no command of TazPod does, because one program on one file does it. */
const onImage: Readonly<Record<string, (image: string) => {readonly why: string; readonly next: string}>> = {
  delete: (image) => ({why: 'A vault is one file. To delete the vault, delete the file.', next: `rm -i ${image}`}),
};

const wordsOnImage: Readonly<Record<string, string>> = {
  delete: 'delete',
  remove: 'delete',
  destroy: 'delete',
  rm: 'delete',
};

/** What somebody meant who typed words of another tool. */
export type Meant =
  {readonly command: string; readonly rest: readonly string[]} | {readonly why: string; readonly next: string};

/** What these words mean here, or undefined. `vault open` means what `open` means. */
export function meaningOf(words: readonly string[], image: () => string): Meant | undefined {
  const own = words[0] === 'vault' ? words.slice(1) : words;
  for (const length of [2, 1]) {
    const command = commands[own.slice(0, length).join(' ')];
    if (own.length >= length && command !== undefined) return {command, rest: own.slice(length)};
  }
  const kind = wordsOnImage[own[0] ?? ''];
  return kind === undefined ? undefined : onImage[kind]!(image());
}
