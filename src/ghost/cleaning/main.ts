import {notByHand} from '../failures.ts';
import {lockVault} from '../lock.ts';
import {runProgram} from '../program.ts';
import {cleanVault, observeVault} from './clean.ts';

/**
 * The privileged program that closes vaults which other processes hold. It opens nothing:
 *
 * | operation | what it does as root | where |
 * |---|---|---|
 * | observe | looks at what there is of the caller's own image | `observe.ts` |
 * | clean | signals the caller's own processes, and takes away mounts and devices of the caller's own image | `clean.ts` |
 * | lock | signals the session of the caller's own image | `../lock.ts` |
 */
runProgram(async (caller, plan, channel) => {
  switch (plan.operation) {
    case 'observe':
      await observeVault(caller, plan, channel);
      return 0;
    case 'clean':
      await cleanVault(caller, plan, channel);
      return 0;
    case 'lock':
      await lockVault(caller, plan, (text) => channel.say({say: 'warning', text}));
      return 0;
    default:
      // For another program.
      throw notByHand();
  }
});
