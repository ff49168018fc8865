import type {Command} from '@oclif/core';

/** What a value can be one of. Each is asked for only if the word that is typed is such a value. */
export type ValueSources = {
  /** The images of open vaults. */
  images(): readonly string[];
  /** The names of `tazpod vault add`. */
  vaults(): readonly string[];
  /** What `tazpod get` takes. */
  secrets(): readonly string[];
  /** The names of installed plugins. */
  plugins(): Promise<readonly string[]>;
  /** The shells for which a plugin is installed. */
  shells(): Promise<readonly string[]>;
  /** The backends in `secrets.yml`. */
  backends(): Promise<readonly string[]>;
};

type Source = keyof ValueSources;

/** Flags whose values are not in the declaration of the flag. */
const ofFlags: Readonly<Record<string, {readonly source: Source; readonly delimiter?: string}>> = {
  image: {source: 'images'},
  vault: {source: 'vaults'},
  only: {source: 'secrets', delimiter: ','},
};

const ofArguments: Readonly<Record<string, Source>> = {
  'secrets:get name': 'secrets',
  'vault:forget name': 'vaults',
  'secrets:login backend': 'backends',
  'secrets:logout backend': 'backends',
  'plugins:uninstall plugin': 'plugins',
  'plugins:update plugin': 'plugins',
  'shell:init shell': 'shells',
  'shell:install shell': 'shells',
  'shell:uninstall shell': 'shells',
};

/**
 * The words that the last one can become, if it is the value of a flag or an argument. Names of commands and of flags
 * are not among them: the shell knows those by itself. Empty where a file may be meant.
 *
 * @param words what is typed after `tazpod`; the last one is being typed, and may be empty
 */
export async function completeValue(
  words: readonly string[],
  commands: readonly Command.Loadable[],
  sources: ValueSources,
): Promise<string[]> {
  const found = commandOf(words, commands);
  if (found === undefined || words.slice(0, -1).includes('--')) return [];
  const {command, rest} = found;
  const current = rest.at(-1) ?? '';
  const [, inline, typed] = /^(--[\w-]+)=(.*)$/s.exec(current) ?? [];
  const flag = inline === undefined ? takesNext(command, rest.at(-2)) : flagOf(command, inline);
  if (flag !== undefined) {
    const values = flag.options ?? (await ask(ofFlags[flag.name]?.source, sources));
    const prefix = inline === undefined ? '' : `${inline}=`;
    return matching(values, typed ?? current, flag.delimiter).map((value) => `${prefix}${value}`);
  }
  if (current.startsWith('-')) return [];
  const [name, argument] = argumentAt(command, rest) ?? [];
  if (name === undefined) return [];
  return matching(argument?.options ?? (await ask(ofArguments[`${command.id} ${name}`], sources)), current);
}

async function ask(source: Source | undefined, sources: ValueSources): Promise<readonly string[]> {
  return source === undefined ? [] : sources[source]();
}

/** The values that begin with what is typed; of a list, with what is typed behind the last delimiter. */
function matching(values: readonly string[], typed: string, delimiter?: string): string[] {
  const before = delimiter === undefined ? '' : typed.slice(0, typed.lastIndexOf(delimiter) + 1);
  const taken = before.split(delimiter ?? '\0');
  const last = typed.slice(before.length);
  return values.filter((value) => value.startsWith(last) && !taken.includes(value)).map((value) => before + value);
}

/** The command with the longest name that is typed, and what follows the name. */
function commandOf(words: readonly string[], commands: readonly Command.Loadable[]) {
  const named = commands.flatMap((command) =>
    [command.id, ...command.aliases].map((id) => ({command, length: id.split(':').length, id})),
  );
  const best = named
    .filter(({id, length}) => length < words.length && words.slice(0, length).join(':') === id)
    .sort((one, other) => other.length - one.length)[0];
  // `vault:unlock` is one word.
  const joined = named.find(({id}) => words.length > 1 && id === words[0]);
  if (best !== undefined) return {command: best.command, rest: words.slice(best.length)};
  return joined === undefined ? undefined : {command: joined.command, rest: words.slice(1)};
}

type ValueFlag = {readonly name: string; readonly options?: readonly string[]; readonly delimiter?: string};

/** The flag of this word if it takes a value. */
function flagOf({flags}: Command.Loadable, word: string): ValueFlag | undefined {
  const flag = Object.values(flags).find(({name, char}) => word === `--${name}` || word === `-${char ?? ''}`);
  if (flag?.type !== 'option') return undefined;
  const delimiter = flag.delimiter ?? ofFlags[flag.name]?.delimiter;
  return {
    name: flag.name,
    ...(flag.options === undefined ? {} : {options: flag.options}),
    ...(delimiter === undefined ? {} : {delimiter}),
  };
}

function takesNext(command: Command.Loadable, word: string | undefined): ValueFlag | undefined {
  return word?.startsWith('-') ? flagOf(command, word) : undefined;
}

/** The argument that the last word is: not a flag before it, nor a value of one. */
function argumentAt(command: Command.Loadable, rest: readonly string[]) {
  const before = rest.slice(0, -1).filter((word, index) => {
    return !word.startsWith('-') && takesNext(command, rest[index - 1]) === undefined;
  });
  const all = Object.entries(command.args);
  // `strict: false` takes any number of the last one.
  return all[before.length] ?? (command.strict ? undefined : all.at(-1));
}
