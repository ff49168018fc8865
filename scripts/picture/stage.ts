import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {sudoersFile} from '../../src/doctor/sudoers.ts';
import {projectNode, root} from '../setup.js';
import {SetUpError} from '../terminal.js';
import type {Output} from './recording.ts';

/** The user in the picture, who is on no machine; a number that is nobody's. */
const user = {name: 'dev', uid: 64_000, home: '/home/dev'};
const installFolder = '/opt/tazpod';

/**
 * A stage in a mount namespace of its own, which ends with what is played on it: a home and an install of root's that
 * are nowhere else, a user, and the sudoers rule that `tazpod doctor` proposes.
 */
const setting = `
set -e
cd "$1"
for file in passwd group shadow; do grep -v '^${user.name}:' /etc/$file >$file || true; done
echo '${user.name}:x:${user.uid}:${user.uid}::${user.home}:/bin/sh' >>passwd
echo '${user.name}:x:${user.uid}:' >>group
echo '${user.name}:*:20000::::::' >>shadow
for file in passwd group shadow; do mount --bind $file /etc/$file; done
mount -t tmpfs -o mode=755 stage /home
mkdir -m 700 ${user.home}
chown ${user.uid}:${user.uid} ${user.home}
mount -t tmpfs -o mode=755 stage /opt
mkdir /opt/bin ${installFolder}
mount --bind "$2" ${installFolder}
touch /opt/bin/node
mount --bind "$3" /opt/bin/node
ln -s ${installFolder}/bin/run.js /opt/bin/tazpod
mount -t tmpfs -o mode=750 stage /etc/sudoers.d
install -m 0440 sudoers /etc/sudoers.d/tazpod
cd ${user.home}
shift 3
exec setpriv --reuid=${user.uid} --regid=${user.uid} --init-groups -- env -i "$@"
`;

/** Plays a command on a terminal of this size and returns what it wrote, with the times. */
export async function play(command: string, columns: number, rows: number): Promise<Output[]> {
  if (process.getuid!() !== 0) throw new SetUpError(77, 'The stage takes root, please type: sudo npm run picture');
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-stage-'));
  try {
    chmodSync(folder, 0o755);
    const securePath = ['/opt/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
    const entry = `${installFolder}/bin/tazpod-ghost`;
    writeFileSync(join(folder, 'sudoers'), sudoersFile({userName: user.name, uid: user.uid, entry, securePath})!);
    const environment = {HOME: user.home, LANG: 'C.UTF-8', PATH: securePath.join(':'), TERM: 'xterm-256color'};
    const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const script = `stty cols ${columns} rows ${rows}; ${command}`;
    const child = spawn(
      'unshare',
      [
        ...['--mount', '--propagation', 'private', 'sh', '-c', setting, 'sh', folder, root, projectNode()],
        ...[...words, 'script', '--quiet', '--return', '--command', script, '/dev/null'],
      ],
      {stdio: ['pipe', 'pipe', 'inherit']},
    );
    // Standard input stays open: script(1) would pass its end on to the terminal.
    const outputs: Output[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => outputs.push({ms: performance.now(), text}));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return outputs;
    throw new SetUpError(70, `${command} ended with ${code}:\n${outputs.map(({text}) => text).join('')}`);
  } finally {
    rmSync(folder, {recursive: true});
  }
}
