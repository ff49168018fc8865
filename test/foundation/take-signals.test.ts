import {expect} from 'chai';
import {takeSignals} from '../../src/foundation/take-signals.ts';
import {until} from '../bed/until.ts';

describe('Signals that are taken', () => {
  it('reach their taker instead of ending the process, until it lets the process have them again', async () => {
    const before = process.listenerCount('SIGUSR2');
    const taken: string[] = [];
    const stop = takeSignals(['SIGUSR2'], (signal) => taken.push(signal));
    process.kill(process.pid, 'SIGUSR2');
    await until('the signal', () => taken.length > 0);
    stop();
    expect(taken).to.deep.equal(['SIGUSR2']);
    expect(process.listenerCount('SIGUSR2')).to.equal(before);
  });
});
