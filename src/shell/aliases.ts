import {basename, dirname, join, resolve} from 'node:path';
import {readdirSync, readFileSync} from 'node:fs';
import {findOwnHome} from '../config/own-home.ts';
import {shellEnvironment} from './environment.ts';

/** An alias that a shell puts in the place of a latched command, so that its latch is never called. */
export type ShadowingAlias = {readonly command: string; readonly file: string; readonly line: number};

const limitBytes = 1024 * 1024;

/**
 * The aliases of latched commands in the start-up files of a shell, and in files that these read. They are looked for
 * in the text: a start-up file is a program, and asking a shell would run it.
 */
export function shadowingAliases(
  shell: string,
  commands: readonly string[],
  home = findOwnHome().home,
): ShadowingAlias[] {
  const wanted = new Set([...commands, 'tazpod']);
  const waiting = startUpFiles(shell, home);
  const seen = new Set<string>();
  const found: ShadowingAlias[] = [];
  for (let file = waiting.shift(); file !== undefined && seen.size < 100; file = waiting.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const [index, text] of linesOf(file).entries()) {
      for (const [, words] of text.matchAll(/(?:^|[;&{]|\bthen|\bdo)\s*(?:builtin\s+)?alias\s+([^;#]*)/g)) {
        for (const name of namesIn(words!)) if (wanted.has(name)) found.push({command: name, file, line: index + 1});
      }
      const read = /(?:^|[;&]|\bthen)\s*(?:\.|source)\s+["']?([^\s"';]+)/.exec(text)?.[1];
      if (read !== undefined) waiting.push(resolve(dirname(file), read.replace(/^(~|\$HOME|\$\{HOME\})(?=\/)/, home)));
    }
  }
  return found;
}

function startUpFiles(shell: string, home: string): string[] {
  const {XDG_CONFIG_HOME: config, ZDOTDIR: zsh} = shellEnvironment();
  switch (basename(shell)) {
    case 'bash':
      return ['.bashrc', '.bash_aliases', '.bash_profile', '.bash_login', '.profile'].map((name) => join(home, name));
    case 'zsh':
      return ['.zshenv', '.zprofile', '.zshrc', '.zlogin'].map((name) => join(zsh || home, name));
    case 'fish': {
      const folder = join(config || join(home, '.config'), 'fish');
      return [...filesIn(join(folder, 'conf.d')), join(folder, 'config.fish')];
    }
    default:
      return [];
  }
}

/** `claude='claude --x' -g ll='ls -l'`, and `claude 'claude --x'` in fish. */
function namesIn(words: string): string[] {
  const names = [...words.matchAll(/(?:^|\s)["']?([\w.+-]+)["']?=/g)].map(([, name]) => name!);
  return names.length > 0 ? names : (/^(?:-\S+\s+)*["']?([\w.+-]+)["']?\s/.exec(words)?.slice(1) ?? []);
}

function linesOf(file: string): string[] {
  try {
    const text = readFileSync(file, 'utf8');
    return text.length > limitBytes ? [] : text.split('\n').map((line) => line.replace(/^\s*#.*/, ''));
  } catch {
    return [];
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.fish'))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
