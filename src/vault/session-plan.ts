import {isatty} from 'node:tty';
import {readProcessStatus} from '../kernel/process-record.ts';
import {inForeground} from '../kernel/terminal.ts';
import type {SessionPlan} from '../lifecycle/plan.ts';
import {exactVariables} from './exact-words.ts';
import {currentFolder} from './location.ts';
import type {OpenRequest} from './open-request.ts';
import {environmentInside} from './outer-services.ts';

/** The session of a plan, as this process would run the command itself. Undefined if there is no command to run. */
export function sessionPlan(request: OpenRequest, terminal: string | undefined): SessionPlan | undefined {
  const {command, image, share = [], unattended = false} = request;
  if (command === undefined) return undefined;
  return {
    command,
    environment: {
      ...environmentInside(exactVariables(), share),
      // The variables must name the vault that a command inside is in.
      ...(process.env['TAZPOD_IMAGE'] ? {TAZPOD_IMAGE: image} : {}),
    },
    workingFolder: currentFolder(),
    // A relay sets the terminal, and the kernel stops a process that does that from the background.
    ownTerminal: !unattended && [0, 1, 2].every((descriptor) => isatty(descriptor)) && inForeground(),
    ...(unattended || terminal === undefined ? {} : {terminal}),
    ...callersUmask(),
  };
}

/** Read from the kernel: process.umask() sets it to read it. */
function callersUmask(): {umask?: number} {
  const umask = readProcessStatus('self')?.umask;
  return umask === undefined ? {} : {umask};
}
