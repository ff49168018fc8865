/** The environment of this process: where start-up files are, and what PATH finds. */
export function shellEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
