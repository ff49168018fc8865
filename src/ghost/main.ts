import {confirmOwnNamespace} from './enter.ts';
import {notByHand} from './failures.ts';
import {openVault} from './open.ts';
import {runProgram} from './program.ts';
import {enterPrivateGhost} from './session/join.ts';

/**
 * The privileged program that opens vaults. What it may be made to do by its caller is what a plan can say, and each of
 * that is argued where it is done:
 *
 * | operation | what it does as root | where |
 * |---|---|---|
 * | open | mounts the caller's own image in a mount namespace of its own | `open.ts`, `check-plan.ts` |
 * | open, with `create` | makes a new file, with the caller's ids | `image.ts` |
 * | open, with `adopt` | changes the owner of what is in the caller's own image | `adopt.ts` |
 * | enter | nothing: root is refused | `join.ts` |
 *
 * Vaults are locked and cleaned up by `cleaning/main.ts`, and keys are changed by `keys/main.ts`.
 */
runProgram(async (caller, plan, channel, began) => {
  switch (plan.operation) {
    case 'open':
      // A plain user may call without one, to enter.
      confirmOwnNamespace();
      return openVault(caller, plan, channel, began);
    case 'enter':
      return enterPrivateGhost(caller, plan, channel, began);
    default:
      // For another program.
      throw notByHand();
  }
});
