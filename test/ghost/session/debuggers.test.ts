import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {withoutDebuggers} from '../../../src/ghost/session/debuggers.ts';

describe('The environment of a session', () => {
  const given = {PATH: '/usr/bin:/bin', TMPDIR: '/vault/tmp'};

  it('keeps runtimes from opening a door at a signal, and the user’s own words in it', () => {
    expect(withoutDebuggers(given)).to.deep.equal({
      ...given,
      ERL_CRASH_DUMP: '/vault/tmp/erl_crash.dump',
      JAVA_TOOL_OPTIONS: '-XX:+DisableAttachMechanism',
      NODE_OPTIONS: '--inspect-port=192.0.2.1:9229',
    });
    const own = {ERL_CRASH_DUMP: '/dumps/one', JAVA_TOOL_OPTIONS: '-Xmx1g', NODE_OPTIONS: '--require "/a  b.cjs"'};
    const both = withoutDebuggers({...given, ...own});
    expect(both).to.include({
      ERL_CRASH_DUMP: '/dumps/one',
      JAVA_TOOL_OPTIONS: '-XX:+DisableAttachMechanism -Xmx1g',
      NODE_OPTIONS: '--inspect-port=192.0.2.1:9229 --require "/a  b.cjs"',
    });
    expect(withoutDebuggers(both)).to.deep.equal(both);
  });

  it('is left as it is by TAZPOD_DEBUGGERS=1', () => {
    const switched = {...given, TAZPOD_DEBUGGERS: '1'};
    expect(withoutDebuggers(switched)).to.deep.equal(switched);
  });

  const nodes = [process.execPath, '/usr/bin/node'].filter((path) => existsSync(path));
  for (const node of nodes) {
    const version = spawnSync(node, ['--version'], {encoding: 'utf8'}).stdout.trim();

    it(`keeps a Node.js ${version} from listening at SIGUSR1, which goes on with its work`, async () => {
      // A port that no other program of this machine has, and the address that the environment says.
      expect(await signalled(node, withoutDebuggers(given))).to.match(
        /^Starting inspector on 192\.0\.2\.1:0 failed: address not available$/m,
      );
    });

    it(`a Node.js ${version} listens at SIGUSR1 without it`, async () => {
      expect(await signalled(node, given)).to.match(/^Debugger listening on ws:\/\/127\.0\.0\.1:/m);
    });
  }

  /** What a Node writes on standard error when it gets SIGUSR1. */
  async function signalled(node: string, env: Record<string, string>): Promise<string> {
    const script = 'console.log("up"); process.stdin.resume(); process.stdin.on("end", () => process.exit(0))';
    const child = spawn(node, ['--inspect-port=0', '-e', script], {env, stdio: ['pipe', 'pipe', 'pipe']});
    const said = text(child.stderr);
    await once(child.stdout, 'data');
    const answered = once(child.stderr, 'data');
    child.kill('SIGUSR1');
    await answered;
    child.stdin.end();
    await once(child, 'close');
    expect(child.exitCode).to.equal(0);
    return said;
  }
});
