import {accessSync, constants} from 'node:fs';

/** Whether this process may run what a path leads to. False for nothing. */
export function isExecutable(path: string): boolean {
  return may(path, constants.X_OK);
}

/** Whether this process may write there. False for nothing. */
export function isWritable(path: string): boolean {
  return may(path, constants.W_OK);
}

function may(path: string, access: number): boolean {
  try {
    accessSync(path, access);
    return true;
  } catch {
    return false;
  }
}
