import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseEnv} from 'node:util';
import dotenv from 'dotenv';

/** The variables that a file can set in these tests. */
export const names = ['A', 'B', 'C'] as const;

/** Name → value in hexadecimal, for those that are set; undefined where the reader refuses the file. */
export type Seen = Readonly<Record<string, string>> | undefined;

/** What each of the real readers makes of each file. */
export function readWithAll(files: readonly Buffer[]): Readonly<Record<string, readonly Seen[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-readers-'));
  try {
    for (const [index, bytes] of files.entries()) writeFileSync(join(folder, `${index}`), bytes);
    return {
      dotenv: files.map((bytes) => ofStrings(dotenv.parse(bytes))),
      node: files.map((bytes) => ofStrings(parseEnv(bytes.toString()))),
      python: readWithPython(folder, files.length),
      bash: readWithShell('bash', [], folder, files.length),
      dash: readWithShell('dash', [], folder, files.length),
      zsh: readWithShell('zsh', ['-f'], folder, files.length),
    };
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

const python = `
import sys, json
from dotenv import dotenv_values
for index in range(int(sys.argv[1])):
    try:
        with open(f"{sys.argv[2]}/{index}", encoding="utf-8") as stream:
            values = dotenv_values(stream=stream)
        seen = {name: value.encode().hex() for name, value in values.items() if value is not None}
    except Exception:
        seen = None
    print(json.dumps(seen))
`;

/** Each file in a shell of its own. It prints the value of each name that is set, and ends each word with a NUL. */
const shell = `
count=$0 folder=$1 index=0
while [ $index -lt $count ]; do
  (
    unset A B C
    exec 3>&1 >/dev/null 2>&1 </dev/null
    . "$folder/$index" || exit
    {
      for name in A B C; do
        eval "[ -n \\"\\\${$name+x}\\" ]" || continue
        eval "printf '$name%s\\\\0' \\"\\$$name\\""
      done
      printf 'read\\0'
    } >&3
  ) || printf 'refused\\0'
  index=$((index + 1))
done
`;

function readWithPython(folder: string, count: number): Seen[] {
  const lines = run('/usr/bin/python3', ['-c', python, String(count), folder])
    .toString()
    .trimEnd()
    .split('\n');
  return lines.map((line) => (JSON.parse(line) as Seen | null) ?? undefined);
}

function readWithShell(program: string, args: readonly string[], folder: string, count: number): Seen[] {
  const output = run(program, [...args, '-c', shell, String(count), folder]).toString('latin1');
  const seen: Seen[] = [];
  let values: Record<string, string> = {};
  for (const word of output.split('\0').slice(0, -1)) {
    if (word !== 'read' && word !== 'refused') {
      values[word[0]!] = Buffer.from(word.slice(1), 'latin1').toString('hex');
      continue;
    }
    seen.push(word === 'read' ? values : undefined);
    values = {};
  }
  if (seen.length !== count) throw new Error(`${program} gave ${seen.length} answers for ${count} files`);
  return seen;
}

function run(program: string, args: readonly string[]): Buffer {
  const environment = {PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8'};
  const {status, stdout, stderr} = spawnSync(program, args, {cwd: '/', env: environment, maxBuffer: 2 ** 26});
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.toString()}`);
  return stdout;
}

function ofStrings(values: Readonly<Record<string, string | undefined>>): Seen {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Buffer.from(value ?? '').toString('hex')]),
  );
}
