import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {plan} from '../../../plugins/tazpod-smart-cleanup/src/strategy.ts';
import type {Caller} from '../../../src/ghost/caller.ts';
import {cleanVault, observeVault} from '../../../src/ghost/cleaning/clean.ts';
import type {CliChannel} from '../../../src/ghost/cli-channel.ts';
import {readMappings} from '../../../src/kernel/device-mapper.ts';
import type {CleanAction, Observation} from '../../../src/lifecycle/cleaning.ts';
import type {GhostMessage} from '../../../src/lifecycle/message.ts';
import {LuksImage} from './image.ts';
import {expectNothing, kernelHas} from './left.ts';

const caller: Caller = {uid: 0, gid: 0, sessionUid: 0, sessionGid: 0, groups: [], isolation: 'sealed'};

describe('cleaning up after cryptsetup', () => {
  let image: LuksImage;
  let mountPoint: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    image = new LuksImage();
    mountPoint = join(image.folder, 'mounted');
    mkdirSync(mountPoint);
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    spawnSync('umount', ['--quiet', mountPoint]);
    await expectNothing(image.folder);
    image.remove();
  });

  function call(command: string, ...args: string[]): void {
    const {status, stderr} = spawnSync(command, args, {encoding: 'utf8'});
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  }

  function openAndMount(): string {
    const name = image.openByHand();
    call('mke2fs', '-q', '-F', `/dev/mapper/${name}`);
    call('mount', '-t', 'ext4', `/dev/mapper/${name}`, mountPoint);
    return name;
  }

  async function hold(script: string, cwd: string): Promise<ChildProcess> {
    const child = spawn('sh', ['-c', `${script}; echo ready; exec sleep 1000`], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  function channel(onMessage: (message: GhostMessage) => void): CliChannel {
    return {
      say: onMessage,
      claimTerminal: async () => {},
      onSignal: () => {},
      onResumed: () => {},
      gone: new AbortController().signal,
      close: async () => {},
    };
  }

  async function look(): Promise<Observation> {
    let seen: Observation | undefined;
    const listen = channel((message) => {
      if (message.say === 'observed') seen = message.vault;
    });
    await observeVault(caller, {version: 1, operation: 'observe', image: image.path}, listen);
    return seen!;
  }

  async function clean(actions: readonly CleanAction[]): Promise<string[]> {
    const told: string[] = [];
    const listen = channel((message) => {
      if (message.say === 'acted') told[message.index] = `${actions[message.index]!.do} ${message.outcome}`;
    });
    await cleanVault(caller, {version: 1, operation: 'clean', image: image.path, actions}, listen);
    return told;
  }

  it('finds the mapping, its mount and its user, and closes it gently', async () => {
    const name = openAndMount();
    const child = await hold('true', mountPoint);
    const seen = await look();
    expect(seen.mappings).to.deep.equal([{name, openCount: 1, deferredRemove: false}]);
    expect(seen.holders.map(({pid}) => pid)).to.deep.equal([child.pid]);
    expect(seen.mounts.map((each) => each.mountPoint)).to.deep.equal([mountPoint]);
    expect(seen.loops).to.have.length(1);
    expect((await clean(plan(seen))).filter((each) => /close|unmount/.test(each))).to.deep.equal([
      'unmount done',
      'unmount nothing',
      'close-mapping done',
    ]);
    await expectNothing(image.folder);
  });

  it('takes it from a user that does not listen', async () => {
    openAndMount();
    await hold("trap '' HUP TERM; exec 3>file", mountPoint);
    await clean(plan(await look()));
    await expectNothing(image.folder);
  });

  it('has a mapping removed by the kernel, when its last user releases it', async () => {
    const name = openAndMount();
    const child = await hold('exec 3>file', mountPoint);
    expect(
      await clean([
        {do: 'unmount', mountPoint, pid: 1, lazy: true},
        {do: 'close-mapping', name, deferred: false},
        {do: 'close-mapping', name, deferred: true},
      ]),
    ).to.deep.equal(['unmount done', 'close-mapping failed', 'close-mapping done']);
    expect((await look()).mappings).to.deep.equal([{name, openCount: 1, deferredRemove: true}]);
    child.kill('SIGKILL');
    await expectNothing(image.folder);
  });

  it('empties a mapping that an invisible process has open, and releases the image at once', async () => {
    const name = image.openByHand();
    const child = await hold(`exec 3</dev/mapper/${name}`, '/');
    const seen = await look();
    expect(seen).to.deep.include({holders: [], mounts: [], mappings: [{name, openCount: 1, deferredRemove: false}]});
    expect(await clean(plan(seen))).to.include('force-remove-mapping done');
    // The empty mapping is there as long as it is open; it holds neither key nor image.
    expect(readMappings().find((mapping) => mapping.name === name)?.slaves).to.deep.equal([]);
    expect(await look()).to.deep.include({mappings: [], loops: []});
    child.kill('SIGKILL');
    await expectNothing(image.folder);
  });

  it('leaves the mapping of another image alone, were it one of the same LUKS UUID', async () => {
    const other = new LuksImage();
    expect(other.luksUuid).to.equal(image.luksUuid);
    const name = other.openByHand();
    try {
      expect((await look()).mappings).to.deep.equal([]);
      expect(
        await clean([
          {do: 'close-mapping', name, deferred: true},
          {do: 'force-remove-mapping', name},
        ]),
      ).to.deep.equal(['close-mapping refused', 'force-remove-mapping refused']);
      expect(kernelHas(other.folder).join()).to.include(name);
    } finally {
      other.closeByHand(name);
      other.remove();
    }
  });
});
