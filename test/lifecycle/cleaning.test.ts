import {expect} from 'chai';
import {isCleanAction} from '../../src/lifecycle/cleaning.ts';

const holder = {pid: 7, startTicks: 70, command: 'bash'};

describe('An action of a cleanup', () => {
  it('is one of the closed set, with its fields and no other', () => {
    const actions = [
      {do: 'sync', mountPoint: '/mnt', pid: 1},
      {do: 'signal', holder, signal: 'SIGKILL'},
      {do: 'wait', ms: 3000},
      {do: 'unmount', mountPoint: '/home/dev/a b', pid: 1, lazy: true},
      {do: 'close-mapping', name: 'luks-1', deferred: true},
      {do: 'force-remove-mapping', name: 'x'},
      {do: 'detach-loop', name: 'loop12'},
    ];
    for (const action of actions) {
      expect(isCleanAction(action), action.do).to.equal(true);
      expect(isCleanAction({...action, more: 1}), action.do).to.equal(false);
      for (const key of Object.keys(action)) {
        const {[key]: _left, ...rest} = action as Record<string, unknown>;
        expect(isCleanAction(rest), `${action.do} without ${key}`).to.equal(false);
        expect(isCleanAction({...action, [key]: {}}), `${action.do} with another ${key}`).to.equal(false);
      }
    }
  });

  const refused: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'sync'],
    ['a list', []],
    ['a word of every object', {do: 'constructor'}],
    ['an action on a FUSE connection', {do: 'abort-connection', id: '42'}],
    ['another signal', {do: 'signal', holder, signal: 'SIGSTOP'}],
    ['a process with more to it', {do: 'signal', holder: {...holder, uid: 0}, signal: 'SIGHUP'}],
    ['a negative pid, which would be a group', {do: 'signal', holder: {...holder, pid: -1}, signal: 'SIGHUP'}],
    ['a wait for ever', {do: 'wait', ms: 10 ** 9}],
    ['a relative path', {do: 'unmount', mountPoint: 'mnt', pid: 1, lazy: true}],
    ['a path that goes up', {do: 'unmount', mountPoint: '/mnt/../etc', pid: 1, lazy: true}],
    ['the root', {do: 'unmount', mountPoint: '/', pid: 1, lazy: true}],
    ['an option for a mapping', {do: 'close-mapping', name: '--force', deferred: true}],
    ['a path for a mapping', {do: 'close-mapping', name: 'a/b', deferred: true}],
    ['a path for a loop device', {do: 'detach-loop', name: '/dev/sda'}],
    ['an option for a loop device', {do: 'detach-loop', name: '--detach-all'}],
  ];
  for (const [what, value] of refused) {
    it(`is not ${what}`, () => {
      expect(isCleanAction(value)).to.equal(false);
    });
  }
});
