import {once} from 'node:events';
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {askMeanwhile, isForPeople, isNoticeDue, versionToAnnounce} from '../../src/update/notice.ts';
import {needsRoot} from '../bed/owner.ts';
import {tazpod} from '../bed/run.ts';
import {openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import {makeUser} from '../bed/user.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** A registry that says what the test wants, or nothing, and counts. */
type SmallRegistry = {readonly address: string; asked: string[]; answer: string | undefined; stop(): Promise<void>};

async function startSmallRegistry(): Promise<SmallRegistry> {
  const waiting = new Set<ServerResponse>();
  const server: Server = createServer((request, response) => {
    registry.asked.push(request.url!);
    if (registry.answer !== undefined) return void response.end(registry.answer);
    waiting.add(response);
    response.on('close', () => waiting.delete(response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry: SmallRegistry = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/npm`,
    asked: [],
    answer: undefined,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return registry;
}

describe('the notice of a new version', () => {
  let registry: SmallRegistry;

  before(async () => (registry = await startSmallRegistry()));

  after(() => registry.stop());

  describe('by itself', () => {
    let folder: string;

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'tazpod-notice-'));
      registry.asked = [];
      registry.answer = '{"latest": "0.2.0"}';
    });

    afterEach(() => rmSync(folder, {recursive: true}));

    const now = Date.now();
    const at = (nowMs: number) => ({folder, version: '0.1.0', registry: registry.address, nowMs});
    const remembered = () => JSON.parse(readFileSync(join(folder, 'new-version.json'), 'utf8')) as {newest?: string};

    async function ask(nowMs: number): Promise<void> {
      const before = readFileSync(join(folder, 'new-version.json'), {encoding: 'utf8', flag: 'a+'});
      askMeanwhile(at(nowMs));
      const noted = () => readFileSync(join(folder, 'new-version.json'), 'utf8');
      const soon = JSON.stringify(nowMs + 10 * minuteMs);
      await until('the answer is noted', () => noted() !== before && !noted().includes(soon), {seen: noted});
    }

    it('asks once a day, and shows the notice once a day', async () => {
      expect(await versionToAnnounce(at(now))).to.equal(undefined);
      await ask(now);
      expect(registry.asked).to.deep.equal(['/npm/-/package/tazpod/dist-tags']);

      expect(await versionToAnnounce(at(now + minuteMs))).to.equal('0.2.0');
      expect(await versionToAnnounce(at(now + 2 * minuteMs))).to.equal(undefined);
      expect(isNoticeDue(folder, now + 2 * minuteMs)).to.equal(false);
      askMeanwhile(at(now + dayMs - minuteMs))();
      expect(registry.asked).to.have.length(1);

      expect(await versionToAnnounce(at(now + dayMs + minuteMs))).to.equal('0.2.0');
      await ask(now + dayMs + minuteMs);
      expect(registry.asked).to.have.length(2);
    });

    it('is about newer versions only', async () => {
      for (const answer of ['{"latest": "0.1.0"}', '{"latest": "0.0.9"}', '{"latest": "0.1.0-rc.1"}']) {
        registry.answer = answer;
        rmSync(join(folder, 'new-version.json'), {force: true});
        await ask(now);
        expect(await versionToAnnounce(at(now + minuteMs)), answer).to.equal(undefined);
      }
    });

    it('is about nothing that is no version', async () => {
      const escape = String.raw`{"latest": "9.9.9\u001b[31m"}`;
      for (const answer of ['{}', '[]', escape, '{"latest": "9.9.9\\n"}', `{"latest": "9.9.${'9'.repeat(20_000)}"}`]) {
        registry.answer = answer;
        rmSync(join(folder, 'new-version.json'), {force: true});
        await ask(now);
        expect(remembered(), answer.slice(0, 60)).not.to.have.property('newest');
        expect(await versionToAnnounce(at(now + minuteMs)), answer.slice(0, 60)).to.equal(undefined);
      }
    });

    it('is given up with its command, and tried again after ten minutes', async () => {
      registry.answer = undefined;
      const giveUp = askMeanwhile(at(now));
      await until('the registry is asked', () => registry.asked.length === 1);
      giveUp();
      askMeanwhile(at(now + 9 * minuteMs))();
      expect(isNoticeDue(folder, now + 9 * minuteMs)).to.equal(false);

      registry.answer = '{"latest": "0.2.0"}';
      await ask(now + 11 * minuteMs);
      expect(registry.asked).to.have.length(2);
      expect(readdirSync(folder)).to.deep.equal(['new-version.json']);
    });

    it('does not trust what it finds: no JSON, another shape, a clock that was ahead', async () => {
      const ahead = JSON.stringify({newest: '0.2.0', nextAskMs: now + 2 * dayMs, nextTellMs: now + 2 * dayMs});
      for (const content of ['', '{', 'null', '[]', '{"nextAskMs": "x"}', ahead]) {
        writeFileSync(join(folder, 'new-version.json'), content);
        expect(isNoticeDue(folder, now), content).to.equal(true);
      }
      expect(await versionToAnnounce(at(now))).to.equal('0.2.0');
    });

    it('does nothing where nothing can be noted', () => {
      writeFileSync(join(folder, 'file'), '');
      askMeanwhile({...at(now), folder: join(folder, 'file/below')})();
      expect(registry.asked).to.deep.equal([]);
    });

    it('is for a person at a terminal: not for a script, CI, root or a session', () => {
      const terminal = {isTTY: true};
      const here = {env: {}, stdin: terminal, stdout: terminal, stderr: terminal} as unknown as typeof process;
      expect(isForPeople(here, 1000)).to.equal(true);
      for (const stream of ['stdin', 'stdout', 'stderr']) {
        expect(isForPeople({...here, [stream]: {}}, 1000), stream).to.equal(false);
      }
      expect(isForPeople({...here, env: {CI: 'true'}}, 1000)).to.equal(false);
      expect(isForPeople({...here, env: {TAZPOD_GHOST_MODE: 'true'}}, 1000)).to.equal(false);
      expect(isForPeople(here, 0)).to.equal(false);
    });
  });

  describe('in a terminal', function () {
    this.timeout(60_000);
    const open: TestTerminal[] = [];

    before(function () {
      needsRoot(this);
    });

    afterEach(() => open.splice(0).forEach((terminal) => terminal.close()));

    async function terminalOf(env: Record<string, string>): Promise<TestTerminal> {
      const user = makeUser();
      const settings = {TAZPOD_NPM_REGISTRY: registry.address, ...env};
      const terminal = await openTerminal(user, {env: settings});
      open.push(terminal);
      // The same environment, but no terminal.
      const {stderr} = await tazpod(user, ['vault', 'list'], {env: settings});
      expect(stderr).not.to.include('is available');
      expect(registry.asked, 'a script asks nobody').to.deep.equal([]);
      return terminal;
    }

    async function list(terminal: TestTerminal, suffix = ''): Promise<string> {
      terminal.clear();
      terminal.enter(`tazpod vault list${suffix}; echo "end""ed $?"`);
      await terminal.shows(/^ended 0$/m, 30_000);
      return terminal.screen();
    }

    beforeEach(() => (registry.asked = []));

    it('comes with the command after the one that asked, and delays none', async () => {
      const terminal = await terminalOf({TAZPOD_UPDATE_NOTICE: 'daily'});
      registry.answer = '{"latest": "99.0.0"}';
      expect(await list(terminal)).not.to.include('is available');
      // The command may have ended before the answer came; the registry is asked again ten minutes later, or in a longer one.
      terminal.enter('rm -f ~/.cache/tazpod/new-version.json; tazpod doctor; echo "look""ed"');
      await terminal.shows(/^looked$/m, 30_000);

      expect(await list(terminal)).to.match(/^TazPod 99\.0\.0 is available; this is .*\n\s*Next: tazpod update$/m);
      expect(await list(terminal)).not.to.include('is available');
    });

    it('does not wait for a registry that never answers', async () => {
      const terminal = await terminalOf({TAZPOD_UPDATE_NOTICE: 'daily'});
      registry.answer = undefined;
      const startedMs = Date.now();
      expect(await list(terminal)).not.to.include('is available');
      expect(Date.now() - startedMs).to.be.below(20_000);
    });

    it('is not asked for when the configuration says never', async () => {
      const terminal = await terminalOf({});
      registry.answer = '{"latest": "99.0.0"}';
      await list(terminal);
      expect(registry.asked).to.deep.equal([]);
    });
  });
});
