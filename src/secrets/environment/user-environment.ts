/** The user's environment, for backends and for the command that replaces this process. */
export function userEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
