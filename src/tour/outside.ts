import {readdirSync} from 'node:fs';
import {run} from '../kernel/program.ts';
import type {SessionState} from '../vault/state.ts';

/** Something that was tried, and what came of it. */
export type Look = {readonly command: string; readonly output: string};

/** As root the look into /proc is taken by somebody without privileges; otherwise by a second process of the user. */
const nobody = {uid: 65534, gid: 65534};

/** Tries to see the vault from outside: the folder, and the session's processes through /proc. */
export async function lookFromOutside(session: SessionState, mountPoint: string): Promise<Look[]> {
  // The first of them lives as long as the session does.
  const [pid] = session.pids;
  const folder = readdirSync(mountPoint).join('  ') || '(empty)';
  return [
    {command: `ls ${mountPoint}`, output: folder},
    await attempt(`/proc/${pid}/root${mountPoint}/token`),
    await attempt(`/proc/${pid}/environ`),
  ];
}

async function attempt(path: string): Promise<Look> {
  const as = process.getuid!() === 0 ? {as: nobody} : {};
  const {code, stdout, stderr} = await run('cat', ['--', path], as);
  const said = stderr.toString('utf8').trim();
  return {
    command: `cat ${path}`,
    output: code === 0 ? `READABLE: ${stdout.length} bytes` : said.slice(said.lastIndexOf(':') + 1).trim(),
  };
}
