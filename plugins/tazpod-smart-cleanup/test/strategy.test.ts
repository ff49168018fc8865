import {expect} from 'chai';
import fc from 'fast-check';
import type {CleanupAction, Holder, ObservedVault} from 'tazpod/contract';
import strategy, {plan} from '../src/strategy.ts';

const nothing: ObservedVault = {
  image: '/home/dev/vault.img',
  ghosts: [],
  holders: [],
  mounts: [],
  mappings: [],
  loops: [],
};
const holder: Holder = {pid: 7, startTicks: 70, command: 'bash'};
const mount = {mountPoint: '/mnt/v', pid: 1, shared: true};
const mapping = {name: 'byhand', openCount: 1, deferredRemove: false};
const words = (actions: readonly CleanupAction[]) =>
  actions.map((action) =>
    action.do === 'signal' ? action.signal : action.do === 'unmount' && action.lazy ? 'lazy unmount' : action.do,
  );

describe('The smart strategy', () => {
  it('does nothing where nothing is left', () => {
    expect(strategy.contract).to.equal(1);
    expect(plan(nothing)).to.deep.equal([]);
  });

  it('is gentle first: sync, ask, unmount; then kill, unmount lazily, close, detach', () => {
    const everything = {
      ...nothing,
      holders: [holder],
      mounts: [mount],
      mappings: [mapping],
      loops: [{name: 'loop3', autoclear: false}],
    };
    expect(words(plan(everything))).to.deep.equal([
      ...['sync', 'SIGHUP', 'SIGTERM', 'wait', 'unmount'],
      ...['SIGKILL', 'wait', 'lazy unmount', 'close-mapping', 'detach-loop'],
    ]);
  });

  it('neither waits nor signals where no process is', () => {
    expect(words(plan({...nothing, loops: [{name: 'loop3', autoclear: false}]}))).to.deep.equal(['detach-loop']);
    expect(words(plan({...nothing, mounts: [mount]}))).to.deep.equal(['sync', 'unmount', 'lazy unmount']);
  });

  it('kills a ghost, which no other signal reaches, after its session was asked to end', () => {
    const ghost = {pid: 5, startTicks: 50, command: 'sh'};
    const actions = plan({...nothing, ghosts: [ghost], holders: [holder]});
    const to = (pid: number) =>
      words(actions.filter((action) => action.do === 'signal' && action.holder.pid === pid)).join(' ');
    expect([to(7), to(5)]).to.deep.equal(['SIGHUP SIGTERM SIGKILL', 'SIGKILL']);
  });

  it('takes a mount in another one first', () => {
    const inner = {...mount, mountPoint: '/mnt/v/inner'};
    const unmounts = plan({...nothing, mounts: [mount, inner]}).flatMap((action) =>
      action.do === 'unmount' && !action.lazy ? [action.mountPoint] : [],
    );
    expect(unmounts).to.deep.equal(['/mnt/v/inner', '/mnt/v']);
  });

  it('empties a mapping only when somebody has it open whom nobody sees', () => {
    const forced = (vault: ObservedVault) => words(plan(vault)).includes('force-remove-mapping');
    expect(forced({...nothing, mappings: [mapping]})).to.equal(true);
    expect(forced({...nothing, mappings: [{...mapping, openCount: 0}]})).to.equal(false);
    expect(forced({...nothing, mappings: [mapping], mounts: [mount]})).to.equal(false);
    expect(forced({...nothing, mappings: [mapping], holders: [holder]})).to.equal(false);
  });

  it('names what was observed and nothing else, and is pure', () => {
    const name = fc.stringMatching(/^[a-z]{1,5}$/);
    const process = fc.record({pid: fc.nat(), startTicks: fc.nat(), command: name});
    const vault: fc.Arbitrary<ObservedVault> = fc.record({
      image: name,
      ghosts: fc.array(process),
      holders: fc.array(process),
      mounts: fc.array(fc.record({mountPoint: name, pid: fc.nat(), shared: fc.boolean()})),
      mappings: fc.array(fc.record({name, openCount: fc.nat(), deferredRemove: fc.boolean()})),
      loops: fc.array(fc.record({name, autoclear: fc.boolean()})),
    });
    fc.assert(
      fc.property(vault, (observed) => {
        const before = structuredClone(observed);
        const actions = plan(observed);
        expect(observed).to.deep.equal(before);
        expect(plan(observed)).to.deep.equal(actions);
        for (const action of actions) {
          switch (action.do) {
            case 'signal':
              expect([...observed.holders, ...observed.ghosts]).to.include(action.holder);
              break;
            case 'sync':
            case 'unmount':
              expect(observed.mounts.map(({mountPoint}) => mountPoint)).to.include(action.mountPoint);
              break;
            case 'close-mapping':
            case 'force-remove-mapping':
              expect(observed.mappings.map((each) => each.name)).to.include(action.name);
              break;
            case 'detach-loop':
              expect(observed.loops.map((each) => each.name)).to.include(action.name);
              break;
            case 'wait':
          }
        }
      }),
    );
  });
});
