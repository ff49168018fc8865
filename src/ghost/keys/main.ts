import {confirmOwnNamespace} from '../enter.ts';
import {notByHand} from '../failures.ts';
import {runProgram} from '../program.ts';
import {changeKeys} from './change-keys.ts';

/**
 * The program that lists and changes the keys of a vault: it rewrites the header of the caller's own image. It needs no
 * root, and nothing of what opens a vault; the user may have root run it where no user namespace is to be had.
 */
runProgram(async (caller, plan, channel, began) => {
  if (plan.operation !== 'keys') throw notByHand();
  confirmOwnNamespace();
  return changeKeys(caller, plan, channel, began);
});
