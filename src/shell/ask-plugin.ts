import type {PluginIdentity} from '../extensions/contributions.ts';
import {shellPluginUnusable} from './failures.ts';

/**
 * What a plugin's function returns, if it is of the right kind. Throws a Failure (69) that names the plugin where
 * it throws or returns something else; what it has thrown is the `cause`, because it may hold anything.
 */
export function askPlugin(
  {name, version}: PluginIdentity,
  function_: string,
  ask: () => unknown,
  isRight: (text: string) => boolean = () => true,
): string {
  const refused = (why: string, cause?: unknown) => shellPluginUnusable(name, version, function_, why, cause);
  let answer: unknown;
  try {
    answer = ask();
  } catch (error) {
    throw refused('threw an error', error);
  }
  if (typeof answer === 'string' && isRight(answer)) return answer;
  throw refused('did not return what it must return');
}

/** A line of a start-up file. */
export function isOneLine(text: string): boolean {
  return text !== '' && !/[\n\r\0]/.test(text);
}
